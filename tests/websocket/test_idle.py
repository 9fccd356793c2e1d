"""A connection on which nobody says anything, closed if that was asked for."""

from __future__ import annotations

import math
from typing import Any

import pytest

from eventproto import EOF, Closed
from eventproto.testing import Wire, feed
from eventproto.websocket import (
    Close,
    Connection,
    Fragment,
    Frame,
    Limits,
    Opcode,
    Ping,
    Pong,
    State,
    Text,
)
from tests.websocket.peer import client, close, events, more, sent, server, text, written

IDLE = Limits(ping_interval=math.inf, idle_time=30)


def opened() -> Connection:
    connection = server(IDLE)
    connection.handle_timeout(100)
    return connection


def test_silence_ends_in_order() -> None:
    """With a Close that says why, and no error."""
    connection = opened()
    assert connection.deadline == 130
    connection.handle_timeout(130)
    assert written(connection) == [close(1001, "no message for 30 seconds")]
    assert connection.close_sent == Close(1001, "no message for 30 seconds")
    assert feed(connection, [sent(close(1001)), EOF], now=131).events == (Close(1001), Closed())


@pytest.mark.parametrize("command", ["a", b"a", Fragment("a", fin=False)])
def test_what_is_sent_is_no_silence(command: Any) -> None:
    """A part of a message is enough."""
    connection = opened()
    connection.send(command, 120)
    connection.handle_timeout(130)
    assert (connection.state, connection.deadline) == (State.OPEN, 150)
    connection.handle_timeout(150)
    assert connection.state is State.CLOSE_SENT


@pytest.mark.parametrize(
    "wire",
    [
        sent(text("a")),
        sent(text("a", fin=False)),
        sent(text("a"))[:-1] + b"x",
        sent(text("a"), Frame(Opcode.PONG)),
        sent(text("abcdef"))[:9],
    ],
)
def test_what_comes_is_no_silence(wire: bytes) -> None:
    """In front of whatever else came in the same read."""
    connection = opened()
    connection.receive(wire, 120)
    events(connection)
    connection.handle_timeout(130)
    assert (connection.state, connection.deadline) == (State.OPEN, 150)


def test_signs_of_life_are_no_messages() -> None:
    """They keep the connection alive for nothing."""
    connection = opened()
    connection.send(Ping(), 120)
    connection.send(Pong(), 120)
    connection.receive(sent(Frame(Opcode.PING), Frame(Opcode.PONG)), 120)
    events(connection)
    connection.handle_timeout(130)
    assert connection.state is State.CLOSE_SENT


def test_a_slow_application_is_not_silent() -> None:
    """What it has not taken may keep it busy for long."""
    connection = opened()
    connection.receive(sent(text("a")), 100)
    connection.handle_timeout(130)
    assert connection.deadline == 160
    assert events(connection) == [Text("a")]
    connection.handle_timeout(160)
    assert connection.state is State.CLOSE_SENT


def test_both_sides_may_be_tired_of_it() -> None:
    """At the same time."""
    left, right = client(IDLE), server(IDLE)
    wire = Wire(left, right, delay=1)
    wire.send(left, "a")
    wire.run()
    assert wire.events(right)[0] == Text("a")
    assert wire.events(left)[-1] == wire.events(right)[-1] == Closed()
    assert wire.now < 40


def test_a_connection_may_be_silent_for_ever() -> None:
    """Unless it is said that it may not."""
    connection = server(Limits(ping_interval=math.inf))
    connection.receive(sent(text("a", fin=False), more("b")), 0)
    assert connection.deadline is None
