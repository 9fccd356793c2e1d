"""The peers that everybody uses, in memory: wsproto and websockets, both ways and in both roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import wsproto
import wsproto.events as theirs
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.protocol import Protocol, Side
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from eventproto import EOF, Closed, End, RemoteProtocolError
from eventproto.strategies import broken_websocket_streams, websocket_streams
from eventproto.testing import feed
from eventproto.websocket import (
    ClientConnection,
    Close,
    Connection,
    Opened,
    ServerConnection,
    Text,
)
from tests.websocket.oracles import Websockets, Wsproto
from tests.websocket.peer import client, server

URL = "ws://example.com/chat?x=y"


PEERS = [Wsproto, Websockets]
AnyPeer = Callable[..., Any]


@pytest.mark.parametrize("peer", PEERS)
@given(st.data(), st.booleans())
def test_they_read_what_we_read(peer: AnyPeer, data: st.DataObject, masked: bool) -> None:
    """The same events of the same bytes, fragmented and all."""
    wire, expected = data.draw(websocket_streams(masked=masked))
    assert peer(is_client=not masked).read(wire) == expected


@pytest.mark.parametrize("peer", PEERS)
@given(st.data(), st.booleans())
def test_we_read_what_they_write(peer: AnyPeer, data: st.DataObject, masked: bool) -> None:
    """Down to the Close."""
    _, said = data.draw(websocket_streams(masked=masked))
    said = [*said, Close(1000, "bye")]
    other = peer(is_client=masked)
    wire = b"".join(other.write(event) for event in said)
    connection = server() if masked else client()
    assert feed(connection, [wire, EOF]).events == (*said, Closed())


@pytest.mark.parametrize("peer", PEERS)
@given(st.data(), st.booleans())
def test_they_read_what_we_write(peer: AnyPeer, data: st.DataObject, masked: bool) -> None:
    """Down to the Close."""
    _, said = data.draw(websocket_streams(masked=masked))
    said = [*said, Close(1000, "bye")]
    connection = client() if masked else server()
    for event in said:
        connection.send(event, 0)  # type: ignore[arg-type]
    assert peer(is_client=not masked).read(feed(connection, []).output) == said


@given(st.data(), st.booleans())
def test_wsproto_finds_the_same_violations(data: st.DataObject, masked: bool) -> None:
    """And answers them with the same code; what is too big is beyond what it looks at."""
    wire, expected, code = data.draw(broken_websocket_streams(masked=masked))
    if code != 1009:
        rest_of_head = bytes(12)  # which it waits for, whatever the first two bytes say
        *found, last = Wsproto(is_client=not masked).read(wire + rest_of_head)
        assert isinstance(last, Close)
        assert last.code == code
        assert found == expected


def test_opening_with_wsproto_as_server() -> None:
    """It takes our request, and we take its answer."""
    ours = ClientConnection(URL, subprotocols=["chat"])
    other = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    other.receive_data(feed(ours, []).output)
    (request,) = other.events()
    assert isinstance(request, theirs.Request)
    assert (request.host, request.target) == ("example.com", "/chat?x=y")
    answer = other.send(theirs.AcceptConnection(subprotocol="chat"))
    answer += other.send(theirs.TextMessage(data="hello"))
    opened, hello = feed(ours, [answer]).events
    assert isinstance(opened, Opened)
    assert opened.subprotocol == "chat"
    assert hello == Text("hello")
    ours.send(End(), 0)
    other.receive_data(feed(ours, []).output)
    (close,) = other.events()
    assert isinstance(close, theirs.CloseConnection)
    assert feed(ours, [other.send(close.response()), EOF]).events == (Close(1000), Closed())


def test_opening_with_wsproto_as_client() -> None:
    """We take its request, and it takes our answer."""
    ours = ServerConnection(subprotocols=["chat"])
    other = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    request = theirs.Request(host="example.com", target="/chat", subprotocols=["x", "chat"])
    transcript = feed(ours, [other.send(request)])
    (opened,) = transcript.events
    assert isinstance(opened, Opened)
    other.receive_data(transcript.output)
    (accepted,) = other.events()
    assert isinstance(accepted, theirs.AcceptConnection)
    assert accepted.subprotocol == opened.subprotocol == "chat"
    assert feed(ours, [other.send(theirs.TextMessage(data="hello"))]).events == (Text("hello"),)


def test_opening_with_websockets_as_server() -> None:
    """It takes our request, and we take its answer."""
    ours = ClientConnection(URL, subprotocols=["chat"], origin="https://example.com")
    other = ServerProtocol(origins=["https://example.com"], subprotocols=["chat"])  # type: ignore[list-item]
    other.receive_data(feed(ours, []).output)
    (request,) = other.events_received()
    other.send_response(other.accept(request))  # type: ignore[arg-type]
    (opened,) = feed(ours, other.data_to_send()).events
    assert isinstance(opened, Opened)
    assert opened.subprotocol == other.subprotocol == "chat"


def test_opening_with_websockets_as_client() -> None:
    """We take its request, extensions and all, and it takes our answer."""
    ours = ServerConnection(subprotocols=["chat"])
    other = ClientProtocol(parse_uri(URL), subprotocols=["chat"])  # type: ignore[list-item]
    other.send_request(other.connect())
    transcript = feed(ours, other.data_to_send())
    (opened,) = transcript.events
    assert isinstance(opened, Opened)
    other.receive_data(transcript.output)
    assert other.handshake_exc is None
    assert other.subprotocol == opened.subprotocol == "chat"


@pytest.mark.parametrize("is_client", [True, False])
def test_websockets_sees_why_it_was_failed(is_client: bool) -> None:
    """The code and the reason of our last words."""
    connection: Connection = server() if is_client else client()
    transcript = feed(connection, [b"\xff\xff"])
    other = Protocol(Side.CLIENT if is_client else Side.SERVER)
    other.receive_data(transcript.output)
    assert other.close_rcvd is not None
    assert other.close_rcvd.code == 1002
    last = feed(connection, [EOF]).events[-1]
    assert isinstance(last, Closed)
    assert isinstance(last.error, RemoteProtocolError)
    assert other.close_rcvd.reason == str(last.error)
