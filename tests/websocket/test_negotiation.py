"""wsproto and websockets agree with us on compression, both ways, and keep to it as we do."""

from __future__ import annotations

from typing import Any

import pytest
import wsproto
import wsproto.events as theirs
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.protocol import Protocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri
from wsproto.extensions import PerMessageDeflate

from eventproto import Event
from eventproto.testing import feed
from eventproto.websocket import Binary, ClientConnection, Deflate, Opened, ServerConnection, Text

URL = "ws://example.com/"
BITS = st.integers(9, 15)  # the others have no 8 to compress with
SAID: list[Text | Binary] = [Text("Hello" * 100), Binary(b""), Text("Hello" * 100)]
Machine = ClientConnection | ServerConnection


def ours() -> st.SearchStrategy[Deflate]:
    return st.builds(
        Deflate,
        window_bits=BITS,
        context_takeover=st.booleans(),
        peer_window_bits=BITS,
        peer_context_takeover=st.booleans(),
        threshold=st.just(0),
    )


def wishes(**further: Any) -> st.SearchStrategy[dict[str, Any]]:
    """What the constructors of the others take; each of the four may be left out."""
    takeover, bits = st.booleans(), st.none() | BITS
    return st.fixed_dictionaries(
        {
            "server_no_context_takeover": takeover,
            "client_no_context_takeover": takeover,
            "server_max_window_bits": bits,
            "client_max_window_bits": bits,
        }
        | further
    )


def ask_websockets(machine: ServerConnection, **wished: Any) -> ClientProtocol:
    """Let a client of websockets ask us, and read what we answer."""
    factory = ClientPerMessageDeflateFactory(**wished)
    other = ClientProtocol(parse_uri(URL), extensions=[factory], max_size=None)
    other.send_request(other.connect())
    other.receive_data(feed(machine, other.data_to_send()).output)
    return other


def answer_with_websockets(machine: ClientConnection, **wished: Any) -> ServerProtocol:
    """Let a server of websockets answer us, and read that; the connection opens."""
    factory = ServerPerMessageDeflateFactory(**wished)
    other = ServerProtocol(extensions=[factory], max_size=None)
    other.receive_data(feed(machine, []).output)
    (request,) = other.events_received()
    other.send_response(other.accept(request))  # type: ignore[arg-type]
    (opened,) = feed(machine, other.data_to_send()).events
    assert isinstance(opened, Opened)
    return other


def heard(machine: Machine, data: bytes = b"") -> list[Event]:
    return [event for event in feed(machine, [data]).events if not isinstance(event, Opened)]


def written(machine: Machine) -> bytes:
    for event in SAID:
        machine.send(event, 0)
    return feed(machine, []).output


# websockets.


def talk_to_websockets(machine: Machine, other: Protocol) -> None:
    """Check that both sides read what the other one compresses."""
    for event in SAID * 2:
        if isinstance(event, Text):
            other.send_text(event.text.encode())
        else:
            other.send_binary(event.data)
    assert heard(machine, b"".join(other.data_to_send())) == SAID * 2
    other.receive_data(written(machine) + written(machine))
    expected = [e.text.encode() if isinstance(e, Text) else e.data for e in SAID * 2]
    assert [bytes(frame.data) for frame in other.events_received()] == expected  # type: ignore[union-attr]


@given(ours(), wishes(client_max_window_bits=st.none() | st.just(value=True) | BITS))
def test_a_client_of_websockets(deflate: Deflate, wished: dict[str, Any]) -> None:
    """Takes whatever our server answers to its offer."""  # WebSocket P8, P13
    machine = ServerConnection(compression=deflate)
    other = ask_websockets(machine, **wished)
    assert other.handshake_exc is None
    other.events_received()
    assert [extension.name for extension in other.extensions] == ["permessage-deflate"]
    talk_to_websockets(machine, other)


@given(ours(), wishes())
def test_a_server_of_websockets(deflate: Deflate, wished: dict[str, Any]) -> None:
    """Answers our offer by something that our client takes."""  # WebSocket P12, P13
    machine = ClientConnection(URL, compression=deflate)
    other = answer_with_websockets(machine, **wished)
    assert [extension.name for extension in other.extensions] == ["permessage-deflate"]
    talk_to_websockets(machine, other)


def test_8_bits_are_too_few_for_websockets() -> None:
    """RFC 7692, 7.1.2: they are the least. zlib has no such window, so who uses it cannot agree."""
    small = Deflate(peer_window_bits=8)
    assert not answer_with_websockets(ClientConnection(URL, compression=small)).extensions
    refusal = ask_websockets(ServerConnection(compression=small)).handshake_exc
    assert isinstance(refusal, NegotiationError)
    other = ask_websockets(ServerConnection(compression=Deflate(window_bits=8)))
    assert other.extensions


# wsproto.


def talk_to_wsproto(machine: Machine, other: wsproto.WSConnection) -> None:
    """Likewise."""
    wire = b"".join(
        other.send(
            theirs.TextMessage(event.text)
            if isinstance(event, Text)
            else theirs.BytesMessage(event.data)
        )
        for event in SAID * 2
    )
    assert heard(machine, wire) == SAID * 2
    other.receive_data(written(machine) + written(machine))
    expected = [event.text if isinstance(event, Text) else event.data for event in SAID * 2]
    assert [message.data for message in other.events()] == expected  # type: ignore[attr-defined]


@given(ours(), wishes())
def test_a_client_of_wsproto(deflate: Deflate, wished: dict[str, Any]) -> None:
    """Takes whatever our server answers to its offer."""  # WebSocket P8, P13
    machine = ServerConnection(compression=deflate)
    extension = PerMessageDeflate(**wished)
    other = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    request = theirs.Request(host="example.com", target="/", extensions=[extension])
    other.receive_data(feed(machine, [other.send(request)]).output)
    (accepted,) = other.events()
    assert isinstance(accepted, theirs.AcceptConnection)
    assert extension.enabled()
    talk_to_wsproto(machine, other)


@pytest.mark.parametrize("forgets", [False, True])
@given(ours(), BITS)
def test_a_server_of_wsproto(forgets: bool, deflate: Deflate, bits: int) -> None:
    """Answers our offer by something that our client takes."""  # WebSocket P12, P13
    machine = ClientConnection(URL, compression=deflate)
    extension = PerMessageDeflate(forgets, bits, forgets, bits)
    other = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    other.receive_data(feed(machine, []).output)
    list(other.events())
    (opened,) = feed(machine, [other.send(theirs.AcceptConnection(extensions=[extension]))]).events
    assert isinstance(opened, Opened)
    assert extension.enabled()
    talk_to_wsproto(machine, other)
