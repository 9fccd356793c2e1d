"""The opening handshake has a time of its own, whatever a server does with it."""

from __future__ import annotations

from eventproto import Closed, PeerTimeout
from eventproto.testing import feed
from eventproto.websocket import ClientConnection, Limits


def test_a_server_that_dawdles_is_given_up() -> None:
    """A refusal that comes byte by byte keeps nobody waiting for longer than that."""
    machine = ClientConnection("ws://a.test/", limits=Limits(open_time=10))
    feed(machine, [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
    for now in range(1, 10):
        machine.receive(b"x", float(now))
        assert machine.next_event() is None

    assert machine.deadline == 10
    machine.handle_timeout(10)

    event = machine.next_event()
    assert isinstance(event, Closed)
    assert isinstance(event.error, PeerTimeout)
    while machine.next_output() is not None:
        pass
    assert machine.finished
    assert machine.deadline is None
