"""Schedules: when to try again."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Backoff, LocalProtocolError, Schedule, Steps

positive = st.floats(min_value=0.001, max_value=1e6)
shares = st.floats(min_value=0, max_value=1)


def never(count: int) -> bytes:
    """Entropy that chance gives at one end."""
    return b"\x00" * count


def always(count: int) -> bytes:
    """And at the other."""
    return b"\xff" * count


def test_backoff_grows_to_its_ceiling() -> None:
    """Exponentially, and without jitter exactly."""
    backoff = Backoff(initial=1, factor=3, ceiling=20, jitter=0)
    assert [backoff.delay(attempt, never) for attempt in range(1, 6)] == [1, 3, 9, 20, 20]
    assert backoff.delay(10_000, never) == 20
    assert Backoff(jitter=0).delay(10_000, never) == 60  # more than a float can hold


def test_backoff_gives_up_after_its_attempts() -> None:
    """The last attempt has no delay behind it."""
    backoff = Backoff(attempts=3, jitter=0)
    assert [backoff.delay(attempt, never) for attempt in range(1, 6)] == [1, 2, None, None, None]


def test_steps() -> None:
    """One delay after the other, then the end."""
    steps = Steps((5, 1, 9))
    assert [steps.delay(attempt, never) for attempt in range(1, 6)] == [5, 1, 9, None, None]
    assert Steps(()).delay(1, never) is None


@pytest.mark.parametrize("schedule", [Backoff(initial=10, jitter=0.5), Steps((10,), jitter=0.5)])
def test_jitter_is_a_share_of_the_delay(schedule: Schedule) -> None:
    """It only makes delays shorter, so that the ceiling holds."""
    assert schedule.delay(1, never) == 10
    assert schedule.delay(1, always) == pytest.approx(5)


@given(positive, st.floats(min_value=1, max_value=10), positive, shares, st.integers())
def test_delays_stay_in_bounds(
    initial: float, factor: float, ceiling: float, jitter: float, seed: int
) -> None:
    """Never negative, never above the ceiling, never falling before chance comes in."""
    backoff = Backoff(initial, factor, ceiling, jitter=jitter)
    entropy = random.Random(seed).randbytes
    for attempt in range(1, 40):
        delay = backoff.delay(attempt, entropy)
        assert delay is not None
        assert 0 <= delay <= ceiling
    steady = Backoff(initial, factor, ceiling, jitter=0)
    delays = [steady.delay(attempt, entropy) for attempt in range(1, 40)]
    assert all(
        first is not None and second is not None and first <= second
        for first, second in pairwise(delays)
    )


def test_the_same_entropy_gives_the_same_delays() -> None:
    """Simulations repeat themselves."""
    first, second = (
        [Backoff().delay(attempt, entropy) for attempt in range(1, 9)]
        for entropy in (random.Random(1).randbytes, random.Random(1).randbytes)
    )
    assert first == second
    assert len(set(first)) > 1


@pytest.mark.parametrize(
    "wrong",
    [
        *({"initial": 0}, {"initial": -1}, {"factor": 0.5}, {"ceiling": 0}, {"jitter": -0.1}),
        *({"jitter": 1.1}, {"initial": float("nan")}, {"jitter": float("nan")}),
    ],
)
def test_a_backoff_is_checked(wrong: dict[str, Any]) -> None:
    """A schedule that would be none is refused where it is made."""
    with pytest.raises(LocalProtocolError):
        Backoff(**wrong)


@pytest.mark.parametrize("delays", [(0,), (1, -1), (float("nan"),)])
def test_steps_are_checked(delays: tuple[float, ...]) -> None:
    """As above."""
    with pytest.raises(LocalProtocolError):
        Steps(delays)
    with pytest.raises(LocalProtocolError):
        Steps((1,), jitter=2)
