"""The WebSocket binding: what both sides agree on, and what then goes over the wire."""

from __future__ import annotations

import pytest
from hypothesis import given

from eventproto import Message
from eventproto.bridge import Carriage, from_websocket, to_websocket
from eventproto.cloudevents import WEBSOCKET_SUBPROTOCOL, to_json
from eventproto.strategies import cloud_events
from eventproto.websocket import Binary, Text, accept, connect
from tests.cloudevents.events import EVENT

URL = "wss://events.example/"


@pytest.mark.parametrize(
    "offered", [["cloudevents.json"], ["cloudevents.avro", "cloudevents.json"]]
)
def test_the_subprotocol_is_agreed_on(offered: list[str]) -> None:
    """By the header in which clients offer, and the one in which a server chooses."""
    # CE E1, E2, E3, E8
    request, handshake = connect(URL, subprotocols=offered)
    assert request.headers["Sec-WebSocket-Protocol"] == ", ".join(offered)
    response, server = accept(request, subprotocols=[WEBSOCKET_SUBPROTOCOL])
    assert server is not None
    assert response.headers["Sec-WebSocket-Protocol"] == "cloudevents.json"
    assert handshake.finish(response).subprotocol == server.subprotocol == "cloudevents.json"


def test_a_server_that_has_no_format_in_common_says_nothing() -> None:
    """And the client knows that nothing was agreed on."""
    # CE E4
    request, handshake = connect(URL, subprotocols=["cloudevents.avro"])
    response, server = accept(request, subprotocols=[WEBSOCKET_SUBPROTOCOL])
    assert server is not None
    assert "Sec-WebSocket-Protocol" not in response.headers
    assert handshake.finish(response).subprotocol is None


@given(cloud_events())
def test_events_are_messages_of_text(message: Message) -> None:
    """In the JSON event format, whatever their data is."""
    # CE E5, E6, E7
    sent = to_websocket(message, Carriage.CLOUDEVENTS)
    assert isinstance(sent, Text)
    assert sent.text.encode() == to_json(message)
    assert from_websocket(sent, Carriage.CLOUDEVENTS) == message


def test_an_event_in_a_message_of_bytes_is_read() -> None:
    """To send text is for senders; there is nothing to be confused with."""
    # CE E5
    assert from_websocket(Binary(to_json(EVENT)), Carriage.CLOUDEVENTS) == EVENT
