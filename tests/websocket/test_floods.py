"""Hostile peers: what they send costs time linear in its bytes, and is refused at a bound.

Time is counted, in calls of functions, so that no clock decides.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from eventproto import EOF, Closed, LimitExceeded
from eventproto.testing import feed
from eventproto.websocket import Binary, Connection, Fragment, Frame, Limits, Opcode, Ping, Text
from tests.websocket.peer import LARGE, error_of, events, more, sent, server, text, written

MEGABYTES = 12 * 1024 * 1024
CHUNK = 64 * 1024
PING = Frame(Opcode.PING)


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """How many functions were called, of Python and of C."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield lambda: calls
    finally:
        sys.setprofile(before)


def flood(connection: Connection, first: bytes, each: bytes, size: int) -> int:
    """Send `first` and then `each` up to a size, take what is reported; return how many came."""
    chunk = each * (CHUNK // len(each))
    connection.receive(first, 0)
    reported = 0
    for _ in range(size // len(chunk)):
        connection.receive(chunk, 0)
        while connection.next_event() is not None:
            reported += 1
        while connection.next_output() is not None:
            pass
    return reported


EMPTY = sent(more("", fin=False))


def test_empty_fragments_are_refused() -> None:
    """After as many as a message may have; what follows is not even looked at."""  # WebSocket Y4
    connection = server()
    with counted() as calls:
        assert flood(connection, sent(text("", fin=False)), EMPTY, MEGABYTES) == 0
    assert calls() < 50 * connection._limits.fragments  # of two million that were sent
    error = error_of(feed(connection, [EOF]))
    assert isinstance(error, LimitExceeded)
    assert (error.limit, error.code) == ("fragments", 1009)


def test_pings_are_refused() -> None:
    """After as many as may come at once; those before are answered, the newest of each read."""
    connection = server()
    with counted() as calls:
        assert flood(connection, b"", sent(PING), MEGABYTES) == 1000
    assert calls() < 100 * 1000  # likewise
    error = error_of(feed(connection, [EOF]))
    assert isinstance(error, LimitExceeded)
    assert (error.limit, error.code) == ("control_rate", 1008)


def test_pongs_are_refused_too() -> None:
    """Nobody needs to send many, asked for or not."""
    error = error_of(feed(server(), [sent(Frame(Opcode.PONG)) * 1001, EOF]))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "control_rate"


def test_a_second_later_there_may_be_as_many_again() -> None:
    """Whoever sends a few each second is never refused."""
    connection = server(Limits(control_rate=10))
    for second in range(5):
        connection.receive(sent(*[PING] * 10), second)
        assert events(connection) == [Ping()] * 10
    connection.receive(sent(*[PING] * 6), 4.5)
    assert events(connection) == [Ping()] * 5
    assert written(connection)[-2].payload[:2] == (1008).to_bytes(2, "big")


@pytest.mark.parametrize(
    ("first", "each", "fragments"),
    [
        (sent(text("", fin=False)), EMPTY, False),
        (sent(text("", fin=False)), EMPTY, True),
        (sent(text("", fin=False)), sent(more("x", fin=False)), False),
        (sent(text("", fin=False)), sent(more("x", fin=False)), True),
        (sent(text("", fin=False)), sent(more("\u20ac", fin=False))[:-1], False),
        (b"", sent(text("")), False),
        (b"", sent(text("x")), True),
        (b"", sent(PING), False),
        (b"", sent(Frame(Opcode.PONG)), False),
    ],
)
def test_floods_cost_linear_time(first: bytes, each: bytes, fragments: bool) -> None:
    """Twice as much of them costs twice as much, if there were no bound."""
    boundless = Limits(message_size=2**60, frame_size=2**60, fragments=2**60, control_rate=2**60)

    def cost(size: int) -> int:
        connection = server(boundless, fragments=fragments)
        with counted() as calls:
            flood(connection, first, each, size)
        return calls()

    once, twice = cost(CHUNK), cost(2 * CHUNK)
    assert once > 0
    assert twice <= 2.1 * once


def test_a_flood_in_one_read_is_not_copied_again_and_again() -> None:
    """What is left of a read while events are taken stays where it is."""
    wire = sent(text("x")) * 50_000
    connection = server()
    connection.receive(wire, 0)
    kept = connection._decoder._data
    for _ in range(10_000):
        assert connection.next_event() == Text("x")
    assert connection._decoder._data is kept
    assert len(events(connection)) == 40_000


def test_a_frame_byte_by_byte_costs_linear_time() -> None:
    """Nothing of it is held, or looked at twice."""

    def cost(size: int) -> int:
        wire = sent(Frame(Opcode.BINARY, bytes(size)))
        connection = server()
        with counted() as calls:
            for at in range(len(wire)):
                connection.receive(wire[at : at + 1], 0)
        assert events(connection) == [Binary(bytes(size))]
        return calls()

    assert cost(8000) <= 2.1 * cost(4000)


def test_empty_messages_wait_until_they_are_taken() -> None:
    """No more of them become events than are to be read ahead, and a driver stops to read."""
    connection = server()
    wire = sent(text("")) * 10_000
    for at in range(0, len(wire), 6000):
        connection.receive(wire[at : at + 6000], 0)
    assert connection.backlog >= 256
    assert len(connection._events) == 256
    assert events(connection) == [Text("")] * 10_000


def test_few_large_messages_count_as_many() -> None:
    """So that a driver stops to read before they fill the memory."""
    connection = server()
    message = sent(Frame(Opcode.BINARY, bytes(2**20)))
    connection.receive(message, 0)
    connection.receive(message, 0)
    assert len(connection._events) == 2
    assert connection.backlog > 64
    assert len(events(connection)) == 2
    assert connection.backlog == 0


def test_what_is_still_coming_does_not_count() -> None:
    """Nobody could take it."""
    connection = server(LARGE)
    connection.receive(sent(Frame(Opcode.BINARY, bytes(2**22)))[:-1], 0)
    assert connection.backlog == 0


def test_the_number_of_events_is_a_limit() -> None:
    """Of its own."""
    connection = server(Limits(backlog=3))
    connection.receive(sent(*[text("x")] * 10), 0)
    assert connection.backlog == 3
    assert len(events(connection)) == 10


def test_autobahn_can_be_admitted() -> None:
    """Messages of 16 MiB, and of 65,536 fragments."""  # Autobahn 9.1.6, 9.3.1
    limits = Limits(message_size=2**24, frame_size=2**24, fragments=2**17)
    connection = server(limits, fragments=True)
    wire = sent(text("", fin=False)) + EMPTY * 65_534 + sent(more("x"))
    connection.receive(wire, 0)
    connection.receive(sent(Frame(Opcode.BINARY, bytes(2**24))), 0)
    assert events(connection) == [Fragment("x"), Fragment(bytes(2**24))]
    assert not isinstance(connection.next_event(), Closed)
