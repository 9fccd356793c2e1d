"""So much at once, and as much again within a second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventproto.websocket._allowance import Allowance


def test_it_is_used_up_and_comes_back() -> None:
    """Not more of it than there was."""
    allowance = Allowance(10)
    assert allowance.left(100) == 10
    assert allowance.take(8, 100)
    assert not allowance.take(3, 100)
    assert allowance.take(2, 100)
    assert allowance.left(100.5) == 5
    assert allowance.left(100.25) == 5  # what runs backwards is no time
    assert allowance.left(200) == 10


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 20))))
def test_no_second_gives_more_than_twice(takes: list[tuple[float, float]]) -> None:
    """All at once, and all again while it passes."""
    allowance = Allowance(10)
    now = 0.0
    taken: list[tuple[float, float]] = []
    for pause, amount in takes:
        now += pause
        if allowance.take(amount, now):
            taken.append((now, amount))
    for start, _ in taken:
        assert sum(amount for at, amount in taken if start <= at <= start + 1) <= 20 + 1e-6
