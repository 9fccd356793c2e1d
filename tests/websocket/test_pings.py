"""Pings that wait for their Pongs, and how long they have waited."""

from __future__ import annotations

from eventproto.websocket import Frame, Limits, Opcode, Ping, Pong
from eventproto.websocket._pings import Pings
from tests.websocket.peer import events, sent, server, written


def test_a_pong_answers_its_ping() -> None:
    """And those before it, which a peer need not answer."""  # WebSocket C11
    pings = Pings()
    for number in range(4):
        pings.sent(bytes([number]), number)
    assert pings.latency is None
    pings.answered(b"\x01", 10)
    assert pings.latency == 9
    pings.answered(b"\x00", 20)
    assert pings.latency == 9
    pings.answered(b"\x03", 20)
    assert pings.latency == 17
    pings.answered(b"\x03", 30)
    assert pings.latency == 17


def test_a_pong_may_answer_none() -> None:
    """It is a sign of life."""  # WebSocket C12
    pings = Pings()
    assert not pings.answered(b"", 5)
    assert pings.latency is None


def test_pings_of_the_machine_are_told_from_those_of_the_application() -> None:
    """By what they carry."""
    pings = Pings()
    pings.sent(b"a", 0)
    pings.sent(b"b", 0, own=True)
    assert not pings.answered(b"a", 1)
    assert pings.answered(b"b", 1)


def test_a_peer_that_never_answers_costs_no_memory() -> None:
    """Only so many Pings are waited for, the newest."""
    pings = Pings()
    for number in range(1000):
        pings.sent(number.to_bytes(2, "big"), number)
    assert len(pings._waiting) == 64
    pings.answered((999).to_bytes(2, "big"), 1000)
    assert pings.latency == 1
    assert len(pings._waiting) == 0


def test_a_connection_says_how_long_its_peer_takes() -> None:
    """To answer the Pings of either."""
    connection = server(Limits(ping_interval=20))
    connection.handle_timeout(0)
    assert connection.latency is None
    connection.send(Ping(b"mine"), 1)
    assert connection.awaits_pong(b"mine")
    assert not connection.awaits_pong(b"yours")
    connection.receive(sent(Frame(Opcode.PONG, b"mine")), 1.25)
    assert not connection.awaits_pong(b"mine")
    assert events(connection) == [Pong(b"mine")]
    assert connection.latency == 0.25
    connection.handle_timeout(21.25)
    _, ping = written(connection)
    assert connection.latency == 0.25
    connection.receive(sent(Frame(Opcode.PONG, ping.payload)), 21.75)
    assert events(connection) == []
    assert connection.latency == 0.5
