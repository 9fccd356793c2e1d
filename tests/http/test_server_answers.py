"""The server's end of an HTTP/1.1 connection: answers, upgrades, and the caller's mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Chunk,
    Closed,
    ClosedError,
    ConnectionLost,
    End,
    LimitExceeded,
    LocalProtocolError,
    Message,
)
from eventproto.http import (
    Body,
    Call,
    Headers,
    Limits,
    Response,
    Result,
    ServerConnection,
)
from eventproto.strategies._http import (
    responses,
)
from eventproto.testing import feed
from tests.http.serving import (
    GET,
    HEAD,
    OK,
    OLD,
    UPGRADE,
    serve,
    streamed,
    take,
    whole,
    written,
)

SWITCHING = Response(101, Headers({"Connection": "upgrade", "Upgrade": "X"}))


def test_a_whole_answer() -> None:
    """Status, reason, headers, length and body, in one piece; no Date, as there is no clock."""
    # HTTP G6
    output, _, machine = serve(GET, whole(OK))
    assert output == b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\nhello"
    assert not machine.finished


@pytest.mark.parametrize("wire", [GET, HEAD, OLD, GET.replace(b"Host: ", b"Host: ?")])
@pytest.mark.parametrize("answer", [whole(OK), streamed(b"x", EOF)])
def test_with_a_clock_answers_are_dated(wire: bytes, answer: Any) -> None:
    """Whoever has one must say so (RFC 9110, 6.6.1), also where it refuses."""
    # HTTP G6
    machine = ServerConnection(clock_offset=784111777 - 100.5)
    machine.receive(wire, 101.3)
    call = machine.next_event()
    for command in answer(call) if isinstance(call, Call) else ():
        machine.send(command, 101.3)
    assert written(machine).count(b"\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n") == 1


def test_a_date_of_the_application_stays() -> None:
    """It may have made the answer earlier; and an upgrade is no answer yet."""
    dated = Response(200, Headers({"date": "then"}))
    assert serve(GET, whole(dated), clock_offset=0)[0].lower().count(b"date: ") == 1
    assert b"Date" not in serve(UPGRADE, whole(SWITCHING), clock_offset=0)[0]


def test_a_streamed_answer() -> None:
    """Chunked, and an empty piece is no end."""
    # HTTP D7
    output, _, machine = serve(GET, streamed(b"abc", b"", b"de", EOF))
    assert output == (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    machine.receive(GET, 0)
    assert isinstance(machine.next_event(), Call)


def test_a_streamed_answer_to_http_1_0() -> None:
    """The end of the connection is the end of the body."""
    # HTTP D17
    output, events, machine = serve(OLD, streamed(b"abc", b"de", EOF))
    assert output == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde"
    assert events[-1] == Closed()
    assert machine.finished


@pytest.mark.parametrize("answer", [whole(OK), streamed(b"hello", EOF, A="b")])
def test_head(answer: Callable[[Call], Iterable[Any]]) -> None:
    """The headers of a GET, without the body."""
    # HTTP D19, G9
    get, _, _ = serve(GET, answer)
    head, _, machine = serve(HEAD, answer)
    assert head == get.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    machine.receive(GET, 0)
    assert isinstance(machine.next_event(), Call)


@pytest.mark.parametrize(
    ("request_bytes", "response", "head"),
    [
        (GET, Response(204, Headers({"Content-Length": "0"})), b"204 No Content\r\n"),
        (GET, Response(205), b"205 Reset Content\r\nContent-Length: 0\r\n"),
        (GET, Response(304), b"304 Not Modified\r\n"),
        (
            GET,
            Response(304, Headers({"Content-Length": "9"})),
            b"304 Not Modified\r\nContent-Length: 9\r\n",
        ),
        (HEAD, Response(200, Headers({"Content-Length": "9"})), b"200 OK\r\nContent-Length: 9\r\n"),
        (HEAD, Response(200), b"200 OK\r\nTransfer-Encoding: chunked\r\n"),  # RFC 9110, 8.6
        (HEAD, Response(205), b"205 Reset Content\r\nContent-Length: 0\r\n"),
        (GET, Response(299), b"299 \r\nContent-Length: 0\r\n"),
        (GET, Response(200, Headers({"Content-Length": "0"})), b"200 OK\r\nContent-Length: 0\r\n"),
    ],
)
def test_answers_without_body(request_bytes: bytes, response: Response, head: bytes) -> None:
    """Content-Length says what RFC 9110, 8.6 lets it say."""
    # HTTP D17, D18, D19, G1
    output, _, _ = serve(request_bytes, whole(response))
    assert output == b"HTTP/1.1 " + head + b"\r\n"


@given(responses(), st.sampled_from(["GET", "HEAD", "POST"]))
def test_h11_reads_what_is_written(response: Response, method: str) -> None:
    """A peer finds the same status, headers and body."""
    peer = h11.Connection(h11.CLIENT)
    ask = peer.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    assert ask is not None
    peer.send(h11.EndOfMessage())
    output, _, _ = serve(ask, whole(response))
    peer.receive_data(output)
    head = peer.next_event()
    assert isinstance(head, h11.Response)
    found = Headers.decode(head.headers.raw_items()).without("Content-Length")
    found = found.without("Transfer-Encoding")
    assert (head.status_code, found) == (response.status, response.headers)
    body = b""
    while isinstance(event := peer.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert body == (b"" if method == "HEAD" else response.body)


def test_the_client_may_want_to_close() -> None:
    """`Connection: close` on either side ends the connection after the answer."""
    # HTTP F1, F3, F4
    closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    output, events, machine = serve(closing + GET, whole(OK))
    assert output.count(b"HTTP/1.1 200") == 1  # what comes behind it is not looked at
    assert b"\r\nConnection: close\r\n" in output
    assert (events[-1], machine.finished) == (Closed(), True)
    _, events, _ = serve(GET, whole(Response(200, Headers({"Connection": "close"}))))
    assert events[-1] == Closed()


@given(st.lists(st.binary(max_size=20)), st.sampled_from(["GET", "HEAD"]), st.booleans())
def test_streams_are_framed_as_h11_frames_them(chunks: list[bytes], method: str, old: bool) -> None:
    """To the byte, for old clients too."""
    # HTTP E6
    request = (OLD if old else GET).replace(b"GET", method.encode())
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(request)
    assert isinstance(peer.next_event(), h11.Request)
    peer.send(h11.Response(status_code=200, reason=b"OK", headers=[]))
    body = [] if method == "HEAD" else chunks
    expected = b"".join(peer.send(h11.Data(chunk)) or b"" for chunk in body)
    expected += peer.send(h11.EndOfMessage()) or b""
    output, _, _ = serve(request, streamed(*chunks, EOF))
    assert output.partition(b"\r\n\r\n")[2] == expected


def test_a_stream_that_breaks_off_does_not_look_complete() -> None:
    """The last chunk is missing, and the connection ends."""
    # HTTP F13
    error = ConnectionLost("upstream")
    answer = [Result(1, Response(200), more=True), Body(1, b"abc"), Body(1, EOF, error)]
    output, events, machine = serve(GET, lambda call: answer)
    assert output.endswith(b"3\r\nabc\r\n")
    assert (events[-1], machine.finished) == (Closed(error), True)


# -- upgrade ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunks", "arrived"),
    [
        ([UPGRADE], []),
        ([UPGRADE + b"xyz"], [b"xyz"]),
        ([UPGRADE, b"x", b"yz", EOF], [b"xyz", EOF]),
        ([UPGRADE, EOF], [EOF]),
    ],
)
def test_switching(chunks: list[Chunk], arrived: list[Chunk]) -> None:
    """After 101 the wire is another machine's, with what has come behind the request."""
    # HTTP H7, H11
    machine = ServerConnection()
    for chunk in chunks:
        machine.receive(chunk, 0)
    assert isinstance(machine.next_event(), Call)
    machine.send(Result(1, SWITCHING), 0)
    assert written(machine) == (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: X\r\n\r\n"
    )
    assert machine.switched
    assert machine.arrived == arrived
    assert machine.deadline is None


def test_after_switching() -> None:
    """What still comes here is kept, within bounds; End ends it."""
    _, _, machine = serve(UPGRADE, whole(SWITCHING), limits=Limits(head_size=100, body_size=100))
    machine.receive(b"x" * 200, 0)
    machine.receive(EOF, 0)
    assert machine.arrived == [b"x" * 200, EOF]
    with pytest.raises(LocalProtocolError):
        machine.send(Result(1, OK), 0)
    assert take(machine) == []
    machine.send(End(), 0)
    assert take(machine) == [Closed()]


def test_too_much_after_switching() -> None:
    """Nobody took over, and the client goes on."""
    limits = Limits(head_size=100, body_size=100)
    _, _, machine = serve(UPGRADE, whole(SWITCHING), limits=limits)
    machine.receive(b"x" * 201, 0)
    (closed,) = take(machine)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, LimitExceeded)
    assert written(machine) == b""


def test_an_upgrade_that_waits_for_permission() -> None:
    """It gets 100 before 101 (RFC 9110, 7.8)."""
    # HTTP H8
    asking = b"\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    output, _, machine = serve(UPGRADE.replace(b"\r\n\r\n", asking), whole(SWITCHING))
    assert output.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 ")
    assert machine.switched


def test_an_upgrade_may_be_declined() -> None:
    """Any other answer goes on as plain HTTP."""
    output, _, machine = serve(UPGRADE + GET, whole(OK))
    assert output.count(b"HTTP/1.1 200 OK") == 2
    assert not machine.switched


def test_http_1_0_cannot_upgrade() -> None:
    """Its `Upgrade` is ignored (RFC 9110, 7.8)."""
    # HTTP H9
    (call,) = feed(ServerConnection(), [UPGRADE.replace(b"1.1", b"1.0")]).events
    assert isinstance(call, Call)
    assert "Upgrade" not in call.request.headers


# -- the caller's mistakes -------------------------------------------------------------------------


MISTAKES: list[tuple[bytes, list[Any], Any]] = [
    (b"", [], Result(1, OK)),
    (GET[:-1], [], Result(1, OK)),
    (GET, [], Result(2, OK)),
    (GET, [], Result("1", OK)),
    (GET, [], Result(1, ConnectionLost("no answer"))),
    (GET, [], Body(1, b"x")),
    (GET, [], Message(data=b"x")),
    (GET, [], Result(1, Response(100))),
    (GET, [], Result(1, SWITCHING)),
    (UPGRADE, [], Result(1, Response(101, Headers({"Connection": "upgrade"})))),
    (UPGRADE, [], Result(1, Response(101, Headers({"Upgrade": "x"})))),
    (UPGRADE, [], Result(1, Response(101, SWITCHING.headers + {"Upgrade": "y"}))),
    (UPGRADE, [], Result(1, Response(101, SWITCHING.headers, b"x"))),
    (UPGRADE, [], Result(1, SWITCHING, more=True)),
    (UPGRADE, [], Result(1, Response(101, SWITCHING.headers + {"Content-Length": "0"}))),
    (GET, [], Result(1, Response(204, body=b"x"))),
    (GET, [], Result(1, Response(304, body=b"x"))),
    (GET, [], Result(1, Response(204), more=True)),
    (GET, [], Result(1, OK, more=True)),
    (GET, [], Result(1, Response(200, Headers({"Transfer-Encoding": "chunked"})))),
    (GET, [], Result(1, Response(200, Headers({"Content-Length": "1"})))),
    (GET, [], Result(1, Response(200, Headers({"Content-Length": "1"})), more=True)),
    (HEAD, [], Result(1, Response(200, Headers({"Content-Length": "x"})))),
    (
        HEAD,
        [],
        Result(1, Response(200, Headers([("Content-Length", "1"), ("Content-Length", "2")]))),
    ),
    (HEAD, [], Result(1, Response(200, Headers({"Content-Length": "1"}), b"ab"))),
    (GET, [Result(1, OK)], Result(1, OK)),
    (GET, [Result(1, OK)], Body(1, b"x")),
    (GET, [Result(1, Response(200), more=True)], Result(1, OK)),
    (GET, [Result(1, Response(200), more=True)], Body(2, b"x")),
    (GET, [Result(1, Response(200), more=True), Body(1, EOF)], Body(1, b"x")),
    *(
        (request, [Result(1, Response(200), more=True)], Body(1, chunk))  # type: ignore[arg-type]
        for request in (GET, OLD, HEAD)
        for chunk in ("x", bytearray(b"x"), None, 1)
    ),
]


@pytest.mark.parametrize(("data", "before", "mistake"), MISTAKES)
def test_mistakes_change_nothing(data: bytes, before: list[Any], mistake: Any) -> None:
    """The connection goes on like one that nobody had asked for it."""
    # HTTP D16, D18, H6, H7
    mistaken, other = ServerConnection(), ServerConnection()
    for machine in (mistaken, other):
        machine.receive(data, 0)
        take(machine)
        for command in before:
            machine.send(command, 0)
    with pytest.raises(LocalProtocolError):
        mistaken.send(mistake, 0)
    for machine in (mistaken, other):
        machine.receive(GET, 0)
        take(machine)
        for command in (Body(1, EOF), Result(1, OK), Result(2, OK)):
            with suppress(LocalProtocolError, ClosedError):
                machine.send(command, 0)
    assert written(mistaken) == written(other)
    assert take(mistaken) == take(other)
    assert mistaken.deadline == other.deadline
