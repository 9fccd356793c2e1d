"""The server's end of an HTTP/1.1 connection: patience, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import (
    EOF,
    Closed,
    ClosedError,
    ConnectionLost,
    End,
    PeerTimeout,
)
from eventproto.http import (
    Body,
    Call,
    Limits,
    Response,
    Result,
    ServerConnection,
)
from eventproto.testing import feed
from tests.http.serving import (
    GET,
    OK,
    OLD,
    POST,
    serve,
    streamed,
    take,
    written,
)


def test_idle_time() -> None:
    """A connection with nothing to do ends in order."""
    # HTTP J2
    machine = ServerConnection(limits=Limits(idle_time=5))
    machine.handle_timeout(100)
    assert machine.deadline == 105
    machine.handle_timeout(104.9)
    assert take(machine) == []
    machine.handle_timeout(105)
    assert take(machine) == [Closed()]
    assert machine.deadline is None
    assert machine.finished


@pytest.mark.parametrize("part", [GET[:1], GET[:-1], POST[:-1]])
def test_request_time(part: bytes) -> None:
    """It runs from the first byte to the last, and a byte now and then does not help."""
    # HTTP A5, J1
    machine = ServerConnection(limits=Limits(request_time=5))
    machine.handle_timeout(0)
    machine.receive(b"\r\n" + part[:1], 10)
    machine.receive(part[1:], 14)
    assert machine.deadline == 15
    machine.handle_timeout(15)
    assert machine.next_event() is None
    assert written(machine).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    machine.receive(EOF, 15)
    (closed,) = take(machine)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, PeerTimeout)


def test_no_time_runs_while_the_application_thinks() -> None:
    """It is not the client that is slow; the idle time begins when the answer is complete."""
    machine = ServerConnection(limits=Limits(idle_time=5))
    machine.receive(GET, 0)
    assert isinstance(machine.next_event(), Call)
    assert machine.deadline is None
    machine.send(Result(1, Response(200), more=True), 50)
    assert machine.deadline is None
    machine.send(Body(1, EOF), 100)
    assert machine.deadline == 105


def test_linger_time() -> None:
    """A refused client may read its answer while it still sends, but not for ever."""
    # HTTP F11
    machine = ServerConnection(limits=Limits(linger_time=5))
    machine.receive(b"garbage\r\n\r\n", 10)
    assert machine.next_event() is None
    assert b" 400 " in written(machine)
    assert (machine.finished, machine.deadline) == (False, 15)
    machine.receive(b"more" * 10000, 12)
    with pytest.raises(ClosedError) as raised:
        machine.send(Result(1, OK), 12)
    machine.handle_timeout(15)
    (closed,) = take(machine)
    assert isinstance(closed, Closed)
    assert closed.error is raised.value.reason
    assert machine.finished


# -- the ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [b"", b"\r\n"])
def test_eof_between_requests_is_a_clean_end(before: bytes) -> None:
    """Nothing was lost."""
    assert feed(ServerConnection(), [before, EOF]).events == (Closed(),)


@pytest.mark.parametrize("part", [GET[:1], GET[:-1], POST[:-1]])
def test_eof_in_a_request(part: bytes) -> None:
    """There is nobody left to answer."""
    # HTTP D11
    transcript = feed(ServerConnection(), [part, EOF])
    (closed,) = transcript.events
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, ConnectionLost)
    assert transcript.output == b""


def test_a_client_that_goes_away_is_noticed() -> None:
    """Before the answer, and while it is streamed."""
    # HTTP F12
    streaming: list[Any] = [Result(1, Response(200), more=True), Body(1, b"x")]
    for commands in ([], streaming):
        machine = ServerConnection()
        machine.receive(GET, 0)
        assert isinstance(machine.next_event(), Call)
        for command in commands:
            machine.send(command, 0)
        machine.receive(EOF, 0)
        (closed,) = take(machine)
        assert isinstance(closed, Closed)
        assert isinstance(closed.error, ConnectionLost)
        with pytest.raises(ClosedError):
            machine.send(Result(1, OK), 0)


def test_a_client_that_only_has_no_more_to_ask() -> None:
    """All that is answered before the next event is asked for is written."""
    # HTTP F12
    machine = ServerConnection()
    machine.receive(GET + POST, 0)
    machine.receive(EOF, 0)
    for token in (1, 2):
        assert isinstance(machine.next_event(), Call)
        machine.send(Result(token, OK), 0)
    assert take(machine) == [Closed()]
    assert written(machine).count(b"HTTP/1.1 200 OK") == 2


def test_eof_behind_the_last_answer() -> None:
    """The end that was coming anyway is a clean one."""
    machine = ServerConnection()
    machine.receive(OLD, 0)
    machine.receive(EOF, 0)
    assert isinstance(machine.next_event(), Call)
    machine.send(Result(1, OK), 0)
    assert take(machine) == [Closed()]


def test_end_when_idle() -> None:
    """At once."""
    machine = ServerConnection()
    machine.send(End(), 0)
    assert (take(machine), machine.finished) == ([Closed()], True)
    with pytest.raises(ClosedError):
        machine.send(End(), 0)


@pytest.mark.parametrize("cut", [1, len(GET)])
def test_end_while_a_request_is_on_its_way(cut: int) -> None:
    """It is answered, and the answer says that it is the last one."""
    machine = ServerConnection()
    machine.receive(GET[:cut], 0)
    machine.send(End(), 0)
    machine.receive(GET[cut:], 0)
    assert isinstance(machine.next_event(), Call)
    machine.send(Result(1, OK), 0)
    assert b"Connection: close" in written(machine)
    assert take(machine) == [Closed()]


def test_end_while_streaming() -> None:
    """The stream may go on to its end."""
    _, _, machine = serve(GET, streamed(b"x"))
    machine.send(End(), 0)
    assert take(machine) == []
    machine.send(Body(1, EOF), 0)
    assert take(machine) == [Closed()]
