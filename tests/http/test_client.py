"""The client's end of an HTTP/1.1 connection: requests, and answers to them."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Closed,
    ClosedError,
    End,
    RemoteProtocolError,
)
from eventproto.http import (
    Body,
    Call,
    ClientConnection,
    Headers,
    Limits,
    Request,
    Response,
    Result,
)
from eventproto.strategies import chunkings
from eventproto.strategies._http import (
    requests,
    responses,
)
from eventproto.testing import feed
from tests.http.asking import (
    CHUNKED,
    CLOSING,
    CONNECT,
    GET,
    OK,
    SWITCHING,
    UPGRADE,
    asking,
    events_of,
    take,
    written,
)


@pytest.mark.parametrize(
    ("request_", "wire"),
    [
        (GET, b"GET /b?c HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        (Request("GET", "https://u@A:443"), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (Request("DELETE", "ws://[::1]:81/#f"), b"DELETE / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n"),
        (
            Request("POST", "http://a/", Headers({"X-Y": "é"})),
            b"POST / HTTP/1.1\r\nHost: a\r\nX-Y: \xc3\xa9\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            Request("GET", "http://a/", body=b"abc"),
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        ),
        (
            Request("GET", "http://a/", Headers({"host": "A", "content-length": "0"})),
            b"GET / HTTP/1.1\r\nHost: a\r\ncontent-length: 0\r\n\r\n",
        ),
    ],
)
def test_requests_are_written_whole(request_: Request, wire: bytes) -> None:
    """In one piece, with Host and Content-Length."""
    machine = asking(request_)
    assert machine.next_output() == wire
    assert machine.next_output() is None


def test_what_is_asked_of_a_server_as_a_whole() -> None:
    """RFC 9112, 3.2.4: there is no path."""
    # HTTP B12
    for url, target in (("http://a", b"*"), ("http://a/", b"/"), ("http://a?b", b"/?b")):
        assert written(asking(Request("OPTIONS", url))).startswith(b"OPTIONS %b HTTP" % target)


@given(requests())
def test_h11_reads_what_is_written(request_: Request) -> None:
    """A peer finds the same method, target, headers and body."""
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(written(asking(request_)))
    head = peer.next_event()
    assert isinstance(head, h11.Request)
    found = Headers.decode(head.headers.raw_items()).without("Content-Length")
    assert head.method.decode() == request_.method
    assert head.target.decode() == request_.target
    assert found["Host"] == request_.authority
    assert found.without("Host") == request_.headers
    body = b""
    while isinstance(event := peer.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert body == request_.body


# -- answers ---------------------------------------------------------------------------------------


@given(responses(), st.data())
def test_h11_writes_what_is_read(response: Response, data: st.DataObject) -> None:
    """The answer of a peer is the same here, however it is cut."""
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(written(asking()))
    peer.next_event()
    headers = response.headers.encode()
    head = h11.Response(status_code=response.status, headers=headers)
    wire = b"".join(
        peer.send(event) or b"" for event in (head, h11.Data(response.body), h11.EndOfMessage())
    )
    (result,) = feed(asking(), data.draw(chunkings(wire))).events
    assert result == Result("t", response)


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (OK, b"hello"),
        (CHUNKED, b"abcde"),
        (b"HTTP/1.1 200\nContent-Length: 1\n\nx", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", b"x"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: <x>\r\n\r\n" + OK, b"hello"),
    ],
)
def test_whole_answers(data: bytes, body: bytes) -> None:
    """Whatever frames the body, and whatever comes before the answer."""
    (result,) = events_of(data)
    assert isinstance(result, Result)
    assert isinstance(result.outcome, Response)
    assert (result.token, result.outcome.body, result.more) == ("t", body, False)
    assert "Transfer-Encoding" not in result.outcome.headers


def test_an_answer_to_head_has_no_body() -> None:
    """But the length of the one that a GET would have."""
    # HTTP D1
    request = Request("HEAD", "http://a/")
    (result,) = events_of(OK.removesuffix(b"hello"), request=request)
    assert result == Result("t", Response(200, Headers({"Content-Length": "5"})))


@pytest.mark.parametrize("data", [CLOSING, b"HTTP/1.0 200 OK\r\n\r\nabcde"])
def test_a_body_up_to_the_end_of_the_connection(data: bytes) -> None:
    """Its end is no accident."""
    # HTTP D12
    assert events_of(data, EOF) == (Result("t", Response(200, body=b"abcde")), Closed())


@pytest.mark.parametrize("data", [OK, CHUNKED, CLOSING])
def test_streamed_answers(data: bytes) -> None:
    """The head, the pieces as they come, EOF."""
    for chunks in ([data], [data[at : at + 1] for at in range(len(data))]):
        events = feed(asking(stream=True), [*chunks, EOF]).events
        assert isinstance(events[0], Result)
        assert isinstance(events[0].outcome, Response)
        assert events[0].more
        pieces = [each.chunk for each in events if isinstance(each, Body)]
        assert b"".join(each for each in pieces if each is not EOF) in {b"hello", b"abcde"}
        assert events[-2:] == (Body("t", EOF), Closed())


def test_a_stream_pauses_when_nobody_takes_it() -> None:
    """Bytes stay bytes, and are all there when events are taken again."""
    machine = asking(stream=True)
    machine.receive(CHUNKED.partition(b"3;")[0] + b"1\r\nx\r\n" * 1000, 0)
    machine.receive(b"0\r\n\r\n" + OK, 0)
    assert machine.backlog == 256
    events = take(machine)
    assert [each.chunk for each in events if isinstance(each, Body)] == [b"x"] * 1000 + [EOF]
    assert isinstance(events[-1], Closed)  # because of the answer that nobody had asked for


def test_switching() -> None:
    """101 is the result, and the wire is another machine's, with what came behind it."""
    # HTTP H11
    machine = asking(UPGRADE)
    machine.receive(SWITCHING + b"xyz", 0)
    assert take(machine) == [Result("t", Response(101, Headers({"Upgrade": "x"})))]
    assert (machine.switched, machine.reusable, machine.deadline) == (True, False, None)
    assert machine.arrived == [b"xyz"]
    machine.receive(EOF, 0)
    assert machine.arrived == [b"xyz", EOF]
    assert take(machine) == []
    machine.send(End(), 0)
    assert take(machine) == [Closed()]


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_tunnel(head: bytes) -> None:
    """A success of CONNECT has no body, whatever it says (RFC 9110, 9.3.6)."""
    # HTTP B10, D2
    machine = asking(CONNECT)
    assert written(machine) == b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n"
    machine.receive(head + b"xyz", 0)
    (result,) = take(machine)
    assert isinstance(result, Result)
    assert isinstance(result.outcome, Response)
    assert result.outcome.ok
    assert (machine.switched, machine.deadline) == (True, None)
    assert machine.arrived == [b"xyz"]


def test_a_tunnel_may_be_declined() -> None:
    """The answer is whole, and the connection goes on."""
    machine = asking(CONNECT)
    machine.receive(b"HTTP/1.1 407 No\r\nContent-Length: 3\r\n\r\nwho", 0)
    (result,) = take(machine)
    assert isinstance(result, Result)
    assert isinstance(result.outcome, Response)
    assert (result.outcome.status, result.outcome.body) == (407, b"who")
    assert (machine.switched, machine.reusable) == (False, True)


def test_an_upgrade_may_be_declined() -> None:
    """Then the connection goes on."""
    machine = asking(UPGRADE)
    machine.receive(OK, 0)
    assert isinstance(machine.next_event(), Result)
    assert (machine.switched, machine.reusable) == (False, True)


# -- one call after another ------------------------------------------------------------------------


def test_reuse() -> None:
    """When an answer is complete, the next call may be made."""
    # HTTP F1
    machine = ClientConnection()
    for token in ("a", "b"):
        assert machine.reusable
        machine.send(Call(token, GET), 0)
        assert not machine.reusable
        machine.receive(OK, 0)
        (result,) = take(machine)
        assert isinstance(result, Result)
        assert result.token == token


@pytest.mark.parametrize(
    ("request_", "data"),
    [
        (GET, OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")),
        (GET, OK.replace(b"1.1", b"1.0")),
        (Request("GET", "http://a/", Headers({"Connection": "close"})), OK),
    ],
)
def test_no_reuse(request_: Request, data: bytes) -> None:
    """One of the sides does not want to."""
    # HTTP F1, F5
    machine = asking(request_)
    machine.receive(data, 0)
    assert isinstance(machine.next_event(), Result)
    assert machine.next_event() == Closed()
    assert (machine.reusable, machine.finished) == (False, False)
    written(machine)
    assert machine.finished


def test_an_answer_that_nobody_asked_for() -> None:
    """Between calls the server has nothing to say; it could be taken for the next answer."""
    # HTTP D20
    machine = asking()
    machine.receive(OK + OK, 0)
    assert not machine.reusable
    with pytest.raises(ClosedError) as raised:
        machine.send(Call("u", GET), 0)
    result, closed = take(machine)
    assert isinstance(result, Result)
    assert isinstance(closed, Closed)
    assert closed.error is raised.value.reason
    assert isinstance(closed.error, RemoteProtocolError)


def test_idle_time() -> None:
    """Before the first call and between calls, a connection ends in order."""
    # HTTP J2
    machine = ClientConnection(limits=Limits(idle_time=5))
    machine.handle_timeout(0)
    assert machine.deadline == 5
    machine.send(Call("t", GET), 4)
    machine.receive(OK, 6)
    assert isinstance(machine.next_event(), Result)
    assert machine.deadline == 11
    machine.handle_timeout(11)
    assert take(machine) == [Closed()]


def test_a_connection_is_reusable_when_its_answer_was_taken() -> None:
    """Or the next caller would get what is left of an answer that nobody wanted to the end."""
    # HTTP F7
    machine = ClientConnection()
    machine.send(Call(1, GET, stream=True), 0)
    machine.receive(b"HTTP/1.1 307 Moved\r\nContent-Length: 3\r\n\r\nnow", 0)
    assert isinstance(machine.next_event(), Result)
    assert not machine.reusable

    while machine.next_event() is not None:
        pass
    assert machine.reusable
