"""Bytes in, bytes out, from the first byte on a TCP connection."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Closed,
    ConnectionLost,
    End,
    HandshakeRejected,
    LimitExceeded,
    LocalProtocolError,
    PeerTimeout,
)
from eventproto.strategies import chunkings, websocket_streams
from eventproto.testing import Wire, check_chunking, feed
from eventproto.websocket import (
    ClientConnection,
    Close,
    Limits,
    Opened,
    ServerConnection,
    Text,
)
from tests.websocket.peer import close, sent, text

URL = "ws://example.com/chat?x=y"
CALM = Limits(ping_interval=math.inf, open_time=3)
ASK = (
    b"GET /chat?x=y HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def client(url: str = URL, **options: Any) -> ClientConnection:
    def entropy(size: int) -> bytes:
        return b"the sample nonce"[:size]

    return ClientConnection(url, entropy=entropy, limits=CALM, **options)


def server(**options: Any) -> ServerConnection:
    return ServerConnection(limits=CALM, **options)


def closed_with(transcript: Any) -> Exception | None:
    last = transcript.events[-1]
    assert isinstance(last, Closed)
    return last.error


@pytest.mark.parametrize("pieces", [1, 1000])
def test_two_ends(pieces: int) -> None:
    """From nothing to the end of the TCP connection."""
    left, right = client(subprotocols=["a", "b"]), server(subprotocols=["b"])

    def split(chunk: bytes) -> list[bytes]:
        return [chunk[at : at + pieces] for at in range(0, len(chunk), pieces)]

    wire = Wire(left, right, delay=0.1, split=split)
    wire.answer(right, lambda event: ["hello"] if isinstance(event, Opened) else [])
    wire.run()
    (opened, hello) = wire.events(left)
    assert isinstance(opened, Opened)
    assert (opened.subprotocol, opened.response.status) == ("b", 101)
    assert hello == Text("hello")
    (opened,) = wire.events(right)
    assert isinstance(opened, Opened)
    assert (opened.subprotocol, opened.request.path) == ("b", "/chat")
    wire.send(left, "bye", End())
    wire.run()
    assert wire.events(left)[2:] == [Close(1000), Closed()]
    assert wire.events(right)[1:] == [Text("bye"), Close(1000), Closed()]
    assert left.finished
    assert right.finished


@given(websocket_streams(masked=True), st.data())
def test_a_server_reads_on_behind_the_request(stream: Any, data: st.DataObject) -> None:
    """However it is cut; a client may write before it was answered, at its own risk."""
    wire, expected = stream
    wire = ASK + wire + sent(close())
    opened, *found = check_chunking(server, wire, data.draw(chunkings(wire)))
    assert isinstance(opened, Opened)
    assert found == [*expected, Close(1000), Closed()]


@given(websocket_streams(masked=False), st.data())
def test_a_client_reads_on_behind_the_answer(stream: Any, data: st.DataObject) -> None:
    """However it is cut."""
    wire, expected = stream
    wire = ANSWER + wire + sent(close(), key=None)
    opened, *found = check_chunking(client, wire, data.draw(chunkings(wire)))
    assert isinstance(opened, Opened)
    assert found == [*expected, Close(1000), Closed()]


def test_the_request_of_a_client() -> None:
    """Is there as soon as the clock runs."""
    output = feed(client(), []).output
    assert sorted(output.split(b"\r\n")) == sorted(ASK.split(b"\r\n"))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("ws://example.com:80/", b"example.com"),
        ("wss://example.com:443/", b"example.com"),
        ("ws://example.com:443/", b"example.com:443"),
        ("wss://[::1]:8443/", b"[::1]:8443"),
    ],
)
def test_ports_in_the_request(url: str, host: bytes) -> None:
    """Only if it is not the one of the scheme."""  # WebSocket H9
    assert b"\r\nHost: " + host + b"\r\n" in feed(client(url), []).output


def test_the_answer_of_a_server() -> None:
    """Is what the RFC has in section 1.3."""
    assert feed(server(), [ASK]).output == ANSWER


def test_a_refusal_is_seen_whole() -> None:
    """The client can read why."""
    response = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX: y\r\n\r\nwhy"
    for chunks in ([response], [response[:30], response[30:]]):
        transcript = feed(client(), chunks)
        (closed,) = transcript.events
        assert isinstance(closed, Closed)
        assert isinstance(closed.error, HandshakeRejected)
        assert closed.error.response.headers["X"] == "y"
        assert closed.error.response.body == b"why"
        assert transcript.machine.finished


def test_an_answer_that_is_none_is_rejected() -> None:
    """The server may be one that switches to whatever it is asked for."""
    error = closed_with(feed(client(), [ANSWER.replace(b"s3pP", b"AAAA") + b"\xff"]))
    assert isinstance(error, HandshakeRejected)
    assert error.code == 101


def test_a_client_that_is_refused_may_ask_again() -> None:
    """On the same connection, with the version that it was told."""
    transcript = feed(server(), [ASK.replace(b": 13", b": 8"), ASK])
    (opened,) = transcript.events
    assert isinstance(opened, Opened)
    assert transcript.output.startswith(b"HTTP/1.1 426 ")
    assert b"Sec-WebSocket-Version: 13\r\n" in transcript.output
    assert b"HTTP/1.1 101 " in transcript.output


def test_origins_and_limits_of_a_server() -> None:
    """They are those of `accept`."""
    ask = ASK.replace(b"\r\n\r\n", b"\r\nOrigin: https://evil.example\r\n\r\n")
    transcript = feed(server(origins=["https://example.com"]), [ask])
    assert transcript.events == ()
    assert transcript.output.startswith(b"HTTP/1.1 403 ")
    machine = ServerConnection(limits=Limits(message_size=3))
    error = closed_with(feed(machine, [ASK, sent(text("abcd")), EOF, EOF]))
    assert isinstance(error, LimitExceeded)


def test_nothing_is_sent_before_it_is_open() -> None:
    """But it may be ended."""
    for machine in (client(), server()):
        machine.handle_timeout(0)
        with pytest.raises(LocalProtocolError, match="Opened"):
            machine.send("a", 0)
        machine.send(End(), 0)
        assert machine.next_event() == Closed()
        while machine.next_output() is not None:
            pass
        assert machine.finished


def test_a_server_that_hangs_up_or_is_slow() -> None:
    """Before it has answered."""
    assert isinstance(closed_with(feed(client(), [ANSWER[:20], EOF])), ConnectionLost)
    machine = client()
    machine.handle_timeout(0)
    assert machine.deadline == 3
    machine.handle_timeout(3)
    (closed,) = iter(machine.next_event, None)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, PeerTimeout)


def test_an_application_that_is_slow_to_look_is_no_slow_server() -> None:
    """What has come in time is reported, however late anybody asks."""
    machine = client()
    machine.receive(ANSWER, 1)
    machine.handle_timeout(10)
    assert isinstance(machine.next_event(), Opened)
    machine.send("hello", 10)
    refused = client()
    refused.receive(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 1)
    refused.handle_timeout(10)
    closed = refused.next_event()
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, HandshakeRejected)


def test_a_client_that_says_nothing() -> None:
    """Has asked for nothing, so nothing went wrong."""
    machine = server()
    machine.handle_timeout(0)
    machine.handle_timeout(3)
    assert machine.next_event() == Closed()


def test_a_client_that_is_slow() -> None:
    """To say all of it: it is told so, and need not be waited for."""
    machine = server()
    machine.receive(ASK[:20], 0)
    machine.handle_timeout(3)
    assert feed(machine, [], now=3).output.startswith(b"HTTP/1.1 408 ")
    machine.handle_timeout(10)
    assert isinstance(closed_with(feed(machine, [], now=10)), PeerTimeout)


def test_secure_servers_say_so() -> None:
    """The URL of the request has the scheme that was used."""
    (opened,) = feed(server(secure=True), [ASK]).events
    assert isinstance(opened, Opened)
    assert opened.request.url == "https://example.com/chat?x=y"
