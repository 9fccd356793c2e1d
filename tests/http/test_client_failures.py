"""The client's end of an HTTP/1.1 connection: what goes wrong, on either side."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Chunk,
    Closed,
    ConnectionLost,
    End,
    LimitExceeded,
    LocalProtocolError,
    Message,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto.http import (
    Body,
    Call,
    ClientConnection,
    Headers,
    Limits,
    Request,
    Result,
    Unanswered,
)
from eventproto.testing import feed
from tests.http.asking import (
    CHUNKED,
    GET,
    OK,
    SWITCHING,
    asking,
    events_of,
    failure,
    take,
)


def test_nothing_was_answered() -> None:
    """The error says so, that the call may be repeated."""
    assert isinstance(failure(b"", EOF), Unanswered)


@pytest.mark.parametrize(
    "data",
    [
        *(OK[:1], OK[:30], OK[:-1], CHUNKED[:-1], CHUNKED[:-30], CHUNKED.partition(b"3;")[0]),
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_an_answer_that_is_cut_short(data: bytes) -> None:
    """It is lost; but something was answered."""
    # HTTP D11
    error = failure(data, EOF)
    assert isinstance(error, ConnectionLost)
    assert not isinstance(error, Unanswered)


def test_a_stream_that_is_cut_short() -> None:
    """Everything before the cut is delivered."""
    # HTTP D11
    events = events_of(CHUNKED.partition(b"0\r\nT")[0], EOF, stream=True)
    *_, before, last, closed = events
    assert before == Body("t", b"de")
    assert isinstance(last, Body)
    assert isinstance(last.error, ConnectionLost)
    assert closed == Closed(last.error)


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_that_breaks_ends_no_answer(*, stream: bool) -> None:
    """Not even one whose length nothing declares, which the end in order would end."""
    # HTTP D12
    connection = asking(stream=stream)
    connection.receive(b"HTTP/1.1 200 OK\r\n\r\nabc", 0.0)
    connection.broken = True
    connection.receive(EOF, 0.0)
    *_, last, closed = take(connection)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, ConnectionLost)
    assert last == (Body("t", EOF, closed.error) if stream else Result("t", closed.error))


def test_an_answer_that_was_complete_before_the_connection_broke() -> None:
    """It stays so."""
    connection = asking()
    connection.receive(OK, 0.0)
    connection.broken = True
    connection.receive(EOF, 0.0)
    [result, closed] = take(connection)
    assert isinstance(result, Result)
    assert not isinstance(result.outcome, Exception)
    assert closed == Closed()


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n",
        b"\x15\x03\x03",
        b"\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/1.1 600 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        SWITCHING,
    ],
)
def test_garbage(data: bytes) -> None:
    """What is no answer is the outcome, and the end."""
    assert isinstance(failure(data), RemoteProtocolError)


@pytest.mark.parametrize(
    ("data", "limits", "name"),
    [
        (OK, Limits(head_size=len(OK) - 6), "head_size"),
        (OK.replace(b"\r\n\r\n", b"\r\nA: b\r\n\r\n"), Limits(header_count=1), "header_count"),
        (OK, Limits(body_size=4), "body_size"),
        (CHUNKED, Limits(body_size=4), "body_size"),
        (CHUNKED.replace(b";x=y", b";" + b"x" * 99), Limits(framing_size=100), "framing_size"),
    ],
)
def test_limits(data: bytes, limits: Limits, name: str) -> None:
    """An answer that is too large in any way is the outcome, and the end."""
    # HTTP J3
    error = failure(data, limits=limits)
    assert isinstance(error, LimitExceeded)
    assert error.limit == name


def test_a_streamed_body_has_no_limit() -> None:
    """It is not held."""
    *_, last = events_of(OK, limits=Limits(body_size=1), stream=True)
    assert last == Body("t", EOF)


@pytest.mark.parametrize("part", [b"", OK[:1], OK[:-1]])
def test_response_time(part: bytes) -> None:
    """A server that is silent is not waited for."""
    # HTTP J5
    machine = asking(limits=Limits(response_time=5))
    machine.receive(part, 0)
    assert machine.deadline == 5
    machine.handle_timeout(5)
    result, closed = take(machine)
    assert isinstance(result, Result)
    assert isinstance(result.outcome, PeerTimeout)
    assert closed == Closed(result.outcome)


def test_response_time_of_the_body() -> None:
    """It begins anew with the body, and with no piece of it; a stream may take any time."""
    # HTTP J5
    machine = asking(limits=Limits(response_time=5))
    machine.receive(OK[:10], 4)
    assert machine.deadline == 5
    machine.receive(OK[10:-3], 4.5)
    assert machine.deadline == 9.5
    machine.receive(OK[-3:-2], 9)
    assert machine.deadline == 9.5
    machine.handle_timeout(9.5)
    result, _ = take(machine)
    assert isinstance(result, Result)
    assert isinstance(result.outcome, PeerTimeout)
    stream = asking(stream=True)
    stream.receive(OK[:-3], 4)
    assert stream.deadline is None


def test_eof_between_calls_is_a_clean_end() -> None:
    """Nothing was lost."""
    assert feed(ClientConnection(), [EOF]).events == (Closed(),)


def test_end() -> None:
    """At once; an open call ends with it, and nobody waits for its answer for ever."""
    machine = ClientConnection()
    machine.send(End(), 0)
    assert take(machine) == [Closed()]
    machine = asking()
    machine.send(End(), 0)
    result, closed = take(machine)
    assert isinstance(result, Result)
    assert isinstance(result.outcome, ConnectionLost)
    assert closed == Closed()
    machine = asking(stream=True)
    machine.receive(OK[:-1], 0)
    machine.send(End(), 0)
    _, _, last, closed = take(machine)
    assert isinstance(last, Body)
    assert isinstance(last.error, ConnectionLost)
    assert closed == Closed()


@given(
    st.lists(st.binary() | st.sampled_from([OK, OK[:30], CHUNKED, SWITCHING, EOF])), st.booleans()
)
def test_a_call_has_exactly_one_result(chunks: list[Chunk], stream: bool) -> None:
    """Whatever comes, and nothing raises."""
    # HTTP J6
    machine = asking(stream=stream)
    events = [*feed(machine, [*chunks, EOF]).events]
    assert sum(isinstance(each, Result) for each in events) == 1
    assert isinstance(events[-1], Closed) or machine.switched


# -- the caller's mistakes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mistake",
    [
        Message(data=b"x"),
        Call(1, None),  # type: ignore[arg-type]
        Call(1, Request("CONNECT", "http://a/", body=b"x")),
        Call(1, Request("TRACE", "http://a/", body=b"x")),
        Call(1, Request("POST", "http://a/", Headers({"Expect": "100-continue"}))),
        Call(1, Request("GET", "http://a/", Headers({"Upgrade": "x"}))),
        Call(1, Request("GET", "http://a/", Headers({"Host": "b"}))),
        Call(1, Request("GET", "http://a/", Headers({"Content-Length": "1"}))),
        Call(1, Request("GET", "http://a/", Headers({"Transfer-Encoding": "chunked"}), b"x")),
    ],
)
def test_mistakes_change_nothing(mistake: Any) -> None:
    """Another call can be made."""
    machine = ClientConnection()
    machine.handle_timeout(0)
    before = machine.deadline
    with pytest.raises(LocalProtocolError):
        machine.send(mistake, 1)
    assert (machine.reusable, machine.next_output(), machine.deadline) == (True, None, before)


def test_one_call_at_a_time() -> None:
    """Pipelining is for servers to bear, not for this client to do."""
    # HTTP F9
    machine = asking()
    with pytest.raises(LocalProtocolError, match="'t'"):
        machine.send(Call("u", GET), 0)
    machine.receive(OK, 0)
    (result,) = take(machine)
    assert isinstance(result, Result)
    assert result.token == "t"
