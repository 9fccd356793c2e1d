"""Requests that a server decides on, and refusals as the client sees them."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import (
    EOF,
    Accept,
    Closed,
    ConnectionLost,
    End,
    HandshakeRejected,
    LimitExceeded,
    LocalProtocolError,
)
from eventproto.http import Headers, Response, Result
from eventproto.testing import Wire, feed
from eventproto.websocket import (
    ClientConnection,
    Close,
    Deflate,
    Fragment,
    Limits,
    Opened,
    Requested,
    ServerConnection,
    Text,
)

URL = "ws://example.com/chat?x=y"
CALM = Limits(ping_interval=1000)
ASK = (
    b"GET /chat?x=y HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def both(**options: Any) -> tuple[ClientConnection, ServerConnection, Wire]:
    left = ClientConnection(URL, limits=CALM, **options)
    right = ServerConnection(ask=True, limits=CALM, **options)
    wire = Wire(left, right)
    wire.run(until=0)
    return left, right, wire


def asked(wire: Wire, server: ServerConnection) -> Requested:
    event = wire.events(server)[-1]
    assert isinstance(event, Requested)
    return event


def rejection(wire: Wire, client: ClientConnection) -> HandshakeRejected:
    (closed,) = wire.events(client)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, HandshakeRejected)
    return closed.error


def test_an_application_may_accept() -> None:
    """After as long as it takes; then the connection is as any other."""  # WebSocket S13
    left, right, wire = both()
    request = asked(wire, right)
    assert request.request.path == "/chat"
    wire.run(until=5)
    wire.send(right, Accept(request.token), "hello")
    wire.run(until=6)
    opened, hello = wire.events(left)
    assert isinstance(opened, Opened)
    assert hello == Text("hello")
    assert [type(event) for event in wire.events(right)] == [Requested, Opened]
    wire.send(left, End())
    wire.run()
    assert wire.events(right)[2:] == [Close(1000), Closed()]


@pytest.mark.parametrize(
    ("response", "body"),
    [
        (Response(401, Headers({"WWW-Authenticate": "Basic"}), b"who are you?"), b"who are you?"),
        (Response(302, Headers({"Location": "/elsewhere"})), b""),
        (Response(200, Headers({"Content-Type": "text/html"}), b"<p>hello"), b"<p>hello"),
        (Response(503, Headers({"Retry-After": "5"}), bytes(500_000)), bytes(500_000)),
    ],
)
def test_an_application_may_answer_anything_else(response: Response, body: bytes) -> None:
    """Headers and body reach the client, which may act on them."""  # WebSocket H19, S13, S14
    left, right, wire = both()
    wire.send(right, Result(asked(wire, right).token, response))
    wire.run(until=0)
    error = rejection(wire, left)
    assert error.code == error.response.status == response.status
    assert error.response.body == body
    for name, content in response.headers:
        assert error.response.headers[name] == content
    assert left.finished


def test_what_accept_refuses_is_refused() -> None:
    """A request that is none is not asked about twice; the client may ask again."""
    server = ServerConnection(ask=True)
    feed(server, [ASK.replace(b": 13", b": 8")])
    server.send(Accept(1), 0)
    transcript = feed(server, [ASK])
    assert transcript.output.startswith(b"HTTP/1.1 426 ")
    (again,) = transcript.events
    assert again == Requested(2, again.request)  # type: ignore[attr-defined]
    server.send(Accept(2), 0)
    (opened,) = feed(server, []).events
    assert isinstance(opened, Opened)


@pytest.mark.parametrize(
    "command",
    [
        Accept(2),
        Result(2, Response(403)),
        Result(1, Response(101)),
        Result(1, ConnectionLost()),
        Result(1, Response(200), more=True),
        "hello",
    ],
)
def test_what_is_no_answer(command: Any) -> None:
    """Changes nothing."""
    server = ServerConnection(ask=True)
    feed(server, [ASK])
    with pytest.raises(LocalProtocolError):
        server.send(command, 0)
    server.send(Accept(1), 0)
    with pytest.raises(LocalProtocolError, match="no request 1 waits"):
        server.send(Accept(1), 0)
    (opened,) = feed(server, []).events
    assert isinstance(opened, Opened)


def test_nobody_is_asked_unless_that_is_wanted() -> None:
    """Then there is nothing to answer."""
    server = ServerConnection()
    feed(server, [])
    with pytest.raises(LocalProtocolError, match="no request 1 waits"):
        server.send(Accept(1), 0)


def test_a_client_that_does_not_wait() -> None:
    """Is not answered any more."""
    server = ServerConnection(ask=True)
    requested, closed = feed(server, [ASK, EOF]).events
    assert isinstance(requested, Requested)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, ConnectionLost)


def test_a_refusal_may_not_be_endless() -> None:
    """The client reads as much of it as of any body."""
    client = ClientConnection(URL)
    head = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    (closed,) = feed(client, [head, *[bytes(65536)] * 17]).events
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, LimitExceeded)


def test_options_reach_the_connection() -> None:
    """On both sides."""
    left, right, wire = both(compression=Deflate(), fragments=True)
    wire.send(right, Accept(asked(wire, right).token))
    wire.run(until=0)
    wire.send(left, "a" * 1000)
    wire.send(right, b"b" * 1000)
    wire.run(until=1)
    assert wire.events(right)[-1] == Fragment("a" * 1000)
    (opened, fragment) = wire.events(left)
    assert isinstance(opened, Opened)
    answer = opened.response.headers["Sec-WebSocket-Extensions"]
    assert answer.startswith("permessage-deflate")
    assert fragment == Fragment(b"b" * 1000)


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (ASK.replace(b"HTTP/1.1", b"HTTP/1.0"), b"426"),  # WebSocket S2
        (ASK.replace(b"GET", b"POST"), b"405"),
        (ASK.replace(b"Host: example.com\r\n", b""), b"400"),  # WebSocket S3
        (ASK.replace(b"Host: example.com\r\n", b"Host: a\r\nHost: b\r\n"), b"400"),
        (ASK.replace(b"/chat?x=y", b"http://example.com/chat"), b"101"),
        (ASK.replace(b"/chat?x=y", b"\xff"), b"400"),
        (b"\x16\x03\x01", b"400"),
    ],
)
def test_what_the_http_must_be(ask: bytes, status: bytes) -> None:
    """An HTTP/1.1 GET with a host, of a path or of a whole URL."""
    assert feed(ServerConnection(), [ask]).output.split()[1] == status
