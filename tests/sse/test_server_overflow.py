"""A client that is too slow: what waits for it is bounded, in number, size and time."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import (
    EOF,
    Chunk,
    Closed,
    ClosedError,
    LimitExceeded,
    Overflow,
    PeerTimeout,
)
from eventproto.sse import Comment, Encoded, Gap, Limits, ServerSentEvent, ServerStream, encode


def written(stream: ServerStream) -> list[Chunk]:
    return list(iter(stream.next_output, None))


def started(overflow: Overflow = Overflow.DISCONNECT, **limits: Any) -> ServerStream:
    stream = ServerStream(last_event_id="0", overflow=overflow, limits=Limits(**limits))
    stream.handle_timeout(0)
    return stream


def event(number: int, key: str | None = None) -> Encoded:
    return Encoded.of(ServerSentEvent("x", id=str(number)), key)


def error_of(stream: ServerStream) -> Exception | None:
    closed = stream.next_event()
    assert isinstance(closed, Closed)
    return closed.error


@pytest.mark.parametrize("overflow", [Overflow.DISCONNECT, Overflow.COALESCE])
def test_too_many_events_end_the_stream(overflow: Overflow) -> None:
    """What waits is dropped: the client comes back with its last id and loses nothing."""
    stream = started(overflow, output_count=2)
    for number in (1, 2, 3):
        stream.send(event(number), 0)
    error = error_of(stream)
    assert isinstance(error, LimitExceeded)
    assert error.limit == "output_count"
    assert written(stream) == []
    assert stream.finished
    assert stream.deadline is None
    with pytest.raises(ClosedError):
        stream.send(event(4), 0)


def test_too_many_bytes_end_the_stream() -> None:
    """However few events they are."""
    stream = started(output_size=30)
    stream.send(event(1), 0)
    stream.send(Comment("c" * 30), 0)
    error = error_of(stream)
    assert isinstance(error, LimitExceeded)
    assert error.limit == "output_size"


def test_one_event_is_never_too_large() -> None:
    """Or it could never be sent."""
    stream = started(output_size=1)
    for number in (1, 2, 3):
        stream.send(event(number), 0)
        assert written(stream) == [event(number).data]


def test_the_oldest_give_way_and_the_client_is_told() -> None:
    """Once, however many they are, and behind what it has."""
    stream = started(Overflow.DROP_OLDEST, output_count=2)
    stream.send(event(1), 0)
    assert written(stream) == [event(1).data]
    for number in range(2, 100):
        stream.send(event(number), 0)
    gap = encode(Gap("1", "overflow").event())
    assert written(stream) == [gap + event(98).data + event(99).data]
    stream.send(event(100), 0)
    assert written(stream) == [event(100).data]
    for number in (101, 102, 103):
        stream.send(event(number), 0)
    gap = encode(Gap("100", "overflow").event())
    assert written(stream) == [gap + event(102).data + event(103).data]


def test_a_gap_stands_behind_where_the_client_was() -> None:
    """Events without an id do not move it."""
    stream = started(Overflow.DROP_OLDEST, output_count=1)
    stream.send(Comment(), 0)
    written(stream)
    stream.send(event(1), 0)
    stream.send(event(2), 0)
    assert written(stream) == [encode(Gap("0", "overflow").event()) + event(2).data]


def test_the_newest_of_each_key_is_left() -> None:
    """In order, and without a gap: what is newer says all that the older one did."""
    stream = started(Overflow.COALESCE, output_count=3)
    for number in range(99):
        stream.send(event(number, "ab"[number % 2]), 0)
    stream.send(Comment(), 0)
    assert written(stream) == [event(97).data + event(98).data + b": \n"]


def test_a_client_that_takes_nothing_is_given_up() -> None:
    """From when the first event waited, not the last."""
    stream = started(stall_time=60)
    stream.send(event(1), 10)
    for now in range(11, 70):
        stream.send(event(now), now)
        stream.handle_timeout(now)
    assert stream.deadline == 70
    stream.handle_timeout(70)
    assert isinstance(error_of(stream), PeerTimeout)
    assert written(stream) == []
    assert stream.finished


def test_a_client_that_takes_what_waits_has_its_time_anew() -> None:
    """And an idle one is not stalled."""
    stream = started(stall_time=60)
    stream.send(event(1), 10)
    stream.handle_timeout(69)
    written(stream)
    stream.handle_timeout(1000)
    assert stream.next_event() is None
    stream.handle_timeout(1059)  # the heartbeat waits, too
    assert stream.next_event() is None
    stream.handle_timeout(1060)
    assert isinstance(error_of(stream), PeerTimeout)


def test_a_client_that_never_takes_anything() -> None:
    """Not even what it is told at the beginning."""
    stream = ServerStream(retry=1, limits=Limits(stall_time=5))
    stream.handle_timeout(0)
    assert stream.deadline == 5
    stream.handle_timeout(5)
    assert isinstance(error_of(stream), PeerTimeout)


def test_a_client_that_takes_a_part_of_what_waits() -> None:
    """It has its time anew for the rest, and not for ever."""
    stream = ServerStream(retry=1, limits=Limits(stall_time=10))
    stream.handle_timeout(0)
    stream.send(event(1), 4)
    assert stream.next_output() == b"retry: 1\n"
    stream.handle_timeout(13)
    assert stream.next_event() is None
    stream.handle_timeout(14)
    assert isinstance(error_of(stream), PeerTimeout)


def test_what_waits_when_the_client_goes() -> None:
    """It was accepted, so whoever has the wire decides."""
    stream = started()
    stream.send(event(1), 0)
    stream.receive(EOF, 0)
    assert written(stream) == [event(1).data]
