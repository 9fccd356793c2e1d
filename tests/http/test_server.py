"""The server's end of an HTTP/1.1 connection: requests, and how large they may be."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Chunk,
    Closed,
    LimitExceeded,
    RemoteProtocolError,
)
from eventproto._machine import DEFAULT_BACKLOG
from eventproto.http import (
    Call,
    Limits,
    Request,
    Response,
    Result,
    ServerConnection,
)
from eventproto.strategies import chunkings
from eventproto.strategies._http import (
    MALFORMED,
    malformed_requests,
    request_bytes,
)
from eventproto.testing import check_chunking, feed
from tests.http.serving import (
    GET,
    HEAD,
    OK,
    POST,
    serve,
    take,
    whole,
    written,
)


@given(request_bytes(), st.data())
def test_requests_are_read(drawn: tuple[bytes, Request], data: st.DataObject) -> None:
    """However a client writes a request, and however it is cut, it is the same call."""
    wire, request = drawn
    events = check_chunking(ServerConnection, wire, data.draw(chunkings(wire)), eof=False)
    assert events == (Call(1, request),)


@given(request_bytes())
def test_h11_reads_the_same(drawn: tuple[bytes, Request]) -> None:
    """The bytes of the strategy are what h11 takes them for."""
    wire, request = drawn
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(wire.lstrip(b"\r\n"))
    head = peer.next_event()
    assert isinstance(head, h11.Request)
    assert head.method.decode() == request.method
    assert head.target.decode() in {request.url, request.target}
    body = b""
    while isinstance(event := peer.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert body == request.body


@pytest.mark.parametrize(
    ("secure", "line", "host", "url"),
    [
        (False, "GET /a?b=c", "x", "http://x/a?b=c"),
        (True, "GET /a?b=c", "x:8443", "https://x:8443/a?b=c"),
        (False, "GET //x/y", "[::1]:80", "http://[::1]:80//x/y"),
        (False, "GET http://y:81/a", "x", "http://y:81/a"),
        (False, "GET HTTP://y", "x", "HTTP://y"),
        (False, "GET http://y?a@b", "", "http://y?a@b"),
        (True, "GET http://y/", "x", "http://y/"),
        (True, "GET https://y/", "x", "https://y/"),
        (False, "GET /?a\\b", "x", "http://x/?a\\b"),
        (False, "OPTIONS *", "x", "http://x"),
    ],
)
def test_the_url_is_absolute(secure: bool, line: str, host: str, url: str) -> None:
    """RFC 9112, 3.3."""
    # HTTP B8, B13, B16
    wire = f"{line} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    (call,) = feed(ServerConnection(secure=secure), [wire]).events
    assert isinstance(call, Call)
    assert call.request.url == url


def test_old_clients_may_leave_out_the_host() -> None:
    """If the target says it (RFC 9112, 3.2.2); else nobody knows what is asked for."""
    # HTTP B5
    (call,) = feed(ServerConnection(), [b"GET http://y/a HTTP/1.0\r\n\r\n"]).events
    assert isinstance(call, Call)
    assert call.request.url == "http://y/a"


@pytest.mark.parametrize("lines", [b"\r\n", b"\n", b"\n\r\n\n"])
def test_blank_lines_before_a_request(lines: bytes) -> None:
    """Some clients send one too many (RFC 9112, 2.2)."""
    # HTTP A5
    (call,) = check_chunking(ServerConnection, lines + GET, eof=False)
    assert isinstance(call, Call)


@pytest.mark.parametrize("head", [GET.replace(b"\r\n", b"\n"), GET])
def test_lines_end_in_one_way(head: bytes) -> None:
    """LF may end them (RFC 9112, 2.2), but not one here and there: a proxy may not have seen it."""
    # HTTP A2
    (call,) = check_chunking(ServerConnection, head, eof=False)
    assert isinstance(call, Call)
    mixed = head.replace(b"\n", b"\nX: y\n" if b"\r" in head else b"\r\nX: y\n", 1)
    check_refusal([mixed], 400)


@pytest.mark.parametrize("start", [b"\r", b"\r\r\n", b"\n\r"])
def test_a_lone_cr_before_a_request(start: bytes) -> None:
    """It ends no line."""
    # HTTP A3
    (closed,) = check_chunking(ServerConnection, start + GET)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, RemoteProtocolError)


def test_half_of_a_blank_line() -> None:
    """Then the connection ended: nothing was asked."""
    assert feed(ServerConnection(), [b"\r", EOF]).events == (Closed(),)


def test_pipelined_requests_wait_for_their_turn() -> None:
    """The next request is reported when the one before has its answer; tokens count."""
    # HTTP F8
    machine = ServerConnection()
    machine.receive(POST + b"\r\n" + GET, 0)
    (first,) = take(machine)
    machine.send(Result(1, OK), 0)
    (second,) = take(machine)
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert (first.token, first.request.method, first.request.body) == (1, "POST", b"abc")
    assert (second.token, second.request.method, second.request.body) == (2, "GET", b"")


@given(st.lists(request_bytes(), min_size=1, max_size=4), st.data())
def test_a_pipeline_cut_anywhere(drawn: list[tuple[bytes, Request]], data: st.DataObject) -> None:
    """Requests that follow each other do not touch each other."""
    # HTTP C9, F8
    wire = b"".join(each for each, _ in drawn)
    machine = ServerConnection()
    calls = []
    for chunk in data.draw(chunkings(wire)):
        machine.receive(chunk, 0)
        while isinstance(event := machine.next_event(), Call):
            calls.append(event.request)
            machine.send(Result(event.token, OK), 0)
    assert calls == [request for _, request in drawn]


@pytest.mark.parametrize("version", [b"1.0", b"1.2", b"1.9"])
def test_minor_versions(version: bytes) -> None:
    """Any HTTP/1 is understood (RFC 9110, 2.5)."""
    # HTTP A9
    (call,) = feed(ServerConnection(), [GET.replace(b"1.1", version)]).events
    assert isinstance(call, Call)


def test_expect_is_answered_before_the_body() -> None:
    """A client that waits for permission gets it at once, if the body may come."""
    # HTTP H1
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    machine = ServerConnection()
    machine.receive(head, 0)
    assert written(machine) == b"HTTP/1.1 100 Continue\r\n\r\n"
    machine.receive(b"abc", 0)
    (call,) = take(machine)
    assert isinstance(call, Call)
    assert call.request.body == b"abc"


def test_expect_of_an_old_client_means_nothing() -> None:
    """RFC 9110, 10.1.1: it could not read the answer."""
    # HTTP G4, H2
    head = b"POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    transcript = feed(ServerConnection(), [head + b"abc"])
    assert isinstance(transcript.events[0], Call)
    assert transcript.output == b""


@given(malformed_requests(), st.data())
def test_malformed_requests(drawn: tuple[bytes, int], data: st.DataObject) -> None:
    """Each is answered with its status, then the connection ends; no chunking changes that."""
    # HTTP A3, C6
    wire, status = drawn
    check_refusal(data.draw(chunkings(wire)), status)


@pytest.mark.parametrize(("wire", "status"), MALFORMED)
def test_each_malformed_request(wire: bytes, status: int) -> None:
    """All of those that the strategy knows by heart."""
    check_refusal([wire], status)


def check_refusal(chunks: list[bytes], status: int) -> None:
    transcript = feed(ServerConnection(), [*chunks, EOF])
    head, _, body = transcript.output.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close" in head
    assert 0 < len(body) < 300
    assert transcript.ended
    (closed,) = transcript.events
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, RemoteProtocolError)
    assert closed.error.code == status
    assert transcript.machine.finished


def test_a_refusal_does_not_depend_on_how_the_input_was_cut() -> None:
    """h11 quotes as much of what is wrong behind a chunk as has come."""
    wire = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxPOST"

    (closed,) = check_chunking(ServerConnection, wire)

    assert isinstance(closed, Closed)
    assert str(closed.error) == "a chunk of a body is not followed by CRLF"


def test_a_refusal_says_what_is_wrong() -> None:
    """To whoever debugs a client."""
    output = feed(ServerConnection(), [b"nonsense\r\n\r\n"]).output
    assert output.endswith(b"\r\n\r\nillegal request line: b'nonsense'\n")


def test_a_refused_head_request_gets_no_body() -> None:
    """Not even the text that explains."""
    output = feed(ServerConnection(), [HEAD.replace(b"Host: ", b"Host: ?")]).output
    assert output.startswith(b"HTTP/1.1 400 ")
    assert output.endswith(b"\r\n\r\n")


def test_what_was_valid_comes_first() -> None:
    """A call is reported, and can be answered, before the garbage behind it is looked at."""
    output, events, _ = serve(GET + b"garbage\r\n\r\n", whole(OK))
    assert isinstance(events[0], Call)
    assert output.index(b"HTTP/1.1 200") < output.index(b"HTTP/1.1 400")


@given(st.lists(st.binary() | st.sampled_from([GET, POST[:40], b"\r\n", EOF])))
def test_no_input_makes_an_untyped_exception(chunks: list[Chunk]) -> None:
    """Whatever comes, and in whatever order."""
    # HTTP J6
    machine = ServerConnection(limits=Limits(body_size=100, head_size=200))
    for event in feed(machine, chunks).events:
        assert isinstance(event, Call | Closed)


@pytest.mark.parametrize(
    "hostile",
    [
        b"X:" + b" " * 32_000 + b"\0\r\n\r\n",
        b"X: y\r\n" + b" " * 32_000 + b"\x0b\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1;" + b" " * 900 + b"\n" + b" " * 90_000 + b"\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nX:" + b" " * 30_000 + b"\0\r\n\r\n",
    ],
)
def test_spaces_do_not_cost_quadratic_time(hostile: bytes) -> None:
    """h11 alone needs seconds for each of these."""
    # HTTP J6
    transcript = feed(ServerConnection(), [b"POST / HTTP/1.1\r\nHost: a\r\n" + hostile, EOF])
    assert transcript.output.startswith(b"HTTP/1.1 4")


# -- limits ----------------------------------------------------------------------------------------


def closed_by_limit(data: bytes, limits: Limits) -> str | None:
    """Feed whole and byte by byte; the name of the limit that ended it, or None."""
    last = check_chunking(lambda: ServerConnection(limits=limits), data + b"", eof=True)[-1]
    assert isinstance(last, Closed)
    return last.error.limit if isinstance(last.error, LimitExceeded) else None


def test_head_size_to_the_byte() -> None:
    """A head of just that size is fine, whole or in pieces."""
    # HTTP C8
    assert closed_by_limit(GET, Limits(head_size=len(GET))) is None
    assert closed_by_limit(GET, Limits(head_size=len(GET) - 1)) == "head_size"


def test_header_count() -> None:
    """Lines are counted."""
    # HTTP C8
    data = GET.replace(b"\r\n\r\n", b"\r\nA: b\r\nC: d\r\n\r\n")
    assert closed_by_limit(data, Limits(header_count=3)) is None
    assert closed_by_limit(data, Limits(header_count=2)) == "header_count"


@pytest.mark.parametrize("framing", [b"3;%s\r\nabc\r\n0\r\n\r\n", b"0\r\n%s: y\r\n\r\n"])
def test_framing_size(framing: bytes) -> None:
    """Chunk extensions and trailers are bounded, and no bytes of a body are counted."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"5DC\r\n" + b"a" * 1500 + b"\r\n"
    assert closed_by_limit(head + body + framing % (b"x" * 90), Limits(framing_size=100)) is None
    over = closed_by_limit(head + body + framing % (b"x" * 101), Limits(framing_size=100))
    assert over == "framing_size"


def test_body_size() -> None:
    """Declared or not, a body of just that size is fine."""
    # HTTP J3
    chunked = (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    for data in (POST, chunked):
        assert closed_by_limit(data, Limits(body_size=3)) is None
        assert closed_by_limit(data, Limits(body_size=2)) == "body_size"


def test_a_body_that_is_declared_too_large_is_not_waited_for() -> None:
    """Nor permitted with 100."""
    # HTTP H1
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    output = feed(ServerConnection(limits=Limits(body_size=2)), [head]).output
    assert output.startswith(b"HTTP/1.1 413 ")


def test_too_much_while_a_call_is_unanswered() -> None:
    """A client that pipelines without end is cut off, and told nothing it could mistake."""
    # HTTP J4
    limits = Limits(head_size=50, body_size=50)
    machine = ServerConnection(limits=limits)
    machine.receive(GET + b"x" * 100, 0)
    assert isinstance(machine.next_event(), Call)
    assert machine.next_event() is None
    machine.receive(b"x", 0)
    assert machine.backlog == 1
    (closed,) = take(machine)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, LimitExceeded)
    assert machine.finished


def test_too_much_but_answered_in_time() -> None:
    """The answer goes out first, then the refusal."""
    machine = ServerConnection(limits=Limits(head_size=50, body_size=50))
    machine.receive(GET + b"x" * 101, 0)
    assert isinstance(machine.next_event(), Call)
    machine.send(Result(1, OK), 0)
    assert machine.next_event() is None
    output = written(machine)
    assert output.startswith(b"HTTP/1.1 200 ")
    assert b"helloHTTP/1.1 413 " in output


def test_a_client_that_reads_no_answers_may_ask_no_more() -> None:
    """Answers that were not written count as backlog, and parsing stops until they are."""
    # HTTP J4
    machine = ServerConnection()
    machine.receive(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" * 1000, 0)
    answered = 0
    while isinstance(call := machine.next_event(), Call):
        machine.send(Result(call.token, Response(204)), 0)
        answered += 1

    assert answered == machine.backlog == DEFAULT_BACKLOG

    while machine.next_output() is not None:
        pass
    assert isinstance(machine.next_event(), Call)
