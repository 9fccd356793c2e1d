"""What waits for a peer: in order, within bounds, and what gives way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError
from eventproto._overflow import OutputQueue, Overflow


def queue(overflow: Overflow, *, count: int = 3, size: int = 100) -> OutputQueue[bytes]:
    return OutputQueue(overflow, count=count, size=size)


@pytest.mark.parametrize("overflow", Overflow)
def test_first_in_first_out(overflow: Overflow) -> None:
    waiting = queue(overflow)
    assert waiting.take() is None
    assert waiting.put(b"a")
    assert waiting.put(b"b")
    assert len(waiting) == 2
    assert waiting.take() == b"a"
    assert waiting.put(b"c")
    assert waiting.take_all() == [b"b", b"c"]
    assert waiting.take_all() == []
    assert not waiting


@pytest.mark.parametrize("overflow", [Overflow.DISCONNECT, Overflow.COALESCE])
def test_disconnect_has_no_room_above_the_count(overflow: Overflow) -> None:
    waiting = queue(overflow, count=2)
    assert [waiting.put(item) for item in (b"a", b"b", b"c")] == [True, True, False]
    assert waiting.take_all() == [b"a", b"b"]
    assert waiting.dropped == 0
    assert waiting.put(b"d")


def test_disconnect_has_no_room_above_the_size() -> None:
    waiting = queue(Overflow.DISCONNECT, size=10)
    assert waiting.put(b"12345")
    assert not waiting.put(b"123456")
    assert waiting.put(b"12345")
    waiting.take()
    assert waiting.put(b"12345")
    waiting.clear()
    assert waiting.put(b"1234567890")


@pytest.mark.parametrize("overflow", Overflow)
def test_an_empty_queue_has_room_for_anything(overflow: Overflow) -> None:
    waiting = queue(overflow, size=1)
    assert waiting.put(b"much too large", "key")
    assert waiting.put(b"just as large", "key") is (overflow is not Overflow.DISCONNECT)
    assert len(waiting) == 1


def test_drop_oldest_counts_what_gave_way() -> None:
    waiting = queue(Overflow.DROP_OLDEST, count=2)
    assert all(waiting.put(item, "same key") for item in (b"a", b"b", b"c", b"d"))
    assert waiting.dropped == 2
    assert waiting.take_all() == [b"c", b"d"]


def test_drop_oldest_makes_room_for_a_large_one() -> None:
    waiting = queue(Overflow.DROP_OLDEST, size=10)
    for item in (b"1234", b"12", b"1"):
        assert waiting.put(item)
    assert waiting.put(b"1234567")
    assert waiting.dropped == 1
    assert waiting.take_all() == [b"12", b"1", b"1234567"]


def test_coalesce_keeps_the_newest_of_each_key_and_the_order() -> None:
    waiting = queue(Overflow.COALESCE, count=4)
    for item, key in ((b"a1", "a"), (b"b1", "b"), (b"x", None), (b"a2", "a"), (b"y", None)):
        assert waiting.put(item, key)
    assert waiting.dropped == 0
    assert waiting.take_all() == [b"b1", b"x", b"a2", b"y"]


def test_coalesce_has_room_for_what_replaces() -> None:
    waiting = queue(Overflow.COALESCE, count=2, size=10)
    assert waiting.put(b"12345", "a")
    assert waiting.put(b"12345", "b")
    assert waiting.put(b"54321", "a")
    assert waiting.take_all() == [b"12345", b"54321"]


def test_coalesce_forgets_the_keys_of_what_was_taken() -> None:
    waiting = queue(Overflow.COALESCE)
    waiting.put(b"1", "a")
    assert waiting.take() == b"1"
    waiting.put(b"2", "a")
    assert waiting.take_all() == [b"2"]


def test_the_policy_is_checked() -> None:
    policy: Any = "disconnect"
    with pytest.raises(LocalProtocolError, match="member of Overflow"):
        OutputQueue(policy, count=1, size=1)


@given(
    st.sampled_from(Overflow),
    st.lists(st.one_of(st.none(), st.tuples(st.binary(max_size=4), st.sampled_from("ab")))),
)
def test_bounds_hold_and_order_is_kept(
    overflow: Overflow, steps: list[tuple[bytes, str] | None]
) -> None:
    waiting: OutputQueue[tuple[int, bytes]] = OutputQueue(overflow, count=3, size=6)
    put: list[tuple[int, bytes]] = []
    taken: list[tuple[int, bytes]] = []
    for number, step in enumerate(steps):
        if step is None:
            if (item := waiting.take()) is not None:
                taken.append(item)
        elif waiting.put((number, step[0]), step[1]):
            put.append((number, step[0]))
        assert len(waiting) <= 3
    taken += waiting.take_all()
    assert taken == sorted(set(taken) & set(put))
    if overflow is Overflow.DISCONNECT:
        assert taken == put
    if overflow is Overflow.DROP_OLDEST:
        assert len(taken) + waiting.dropped == len(put)
