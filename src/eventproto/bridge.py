"""Messages over any of the four protocols: what each carries of one, and how to carry it all.

============  =============================  =========  ============  ===================
column        SSE                            WebSocket  WebSub        webhook
============  =============================  =========  ============  ===================
data          data lines (binary as base64)  payload    body          body
type          event
id            id                                                      the scheme's header
content_type                                            Content-Type  Content-Type
============  =============================  =========  ============  ===================

That is native carriage (`NATIVE_COLUMNS`). A receiver may see more than a sender can say: the
source of WebSub content is its topic, the time of a webhook is when it was signed, and its type is
what the payload says. What was connected to only a driver knows: the messages of `connect_sse` and
`connect_websocket` have that as their source.

Where an empty place would lose something, CloudEvents carriage fills it: the message becomes an
event in JSON (`eventproto.cloudevents`), and that is the data which is carried natively, under
the type and the id of the message. It is never spread over header fields, because neither WebSub
nor webhooks sign those.

What a `to_` function returns is a command of the machine that sends it; what a `from_` function
takes is an event of the machine that received it. Both ends have to know the carriage: on a
WebSocket they agree on it by the subprotocol `cloudevents.json`, elsewhere out of band.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from eventproto._errors import LocalProtocolError, RemoteProtocolError
from eventproto._event import Message
from eventproto.cloudevents import CONTENT_TYPE, from_json, to_json
from eventproto.sse import ServerSentEvent
from eventproto.webhook import Received
from eventproto.websocket import Binary, Text
from eventproto.websocket._messages import carriage as text_or_binary
from eventproto.websub import ContentReceived

__all__ = [
    "NATIVE_COLUMNS",
    "Carriage",
    "from_sse",
    "from_webhook",
    "from_websocket",
    "from_websub",
    "to_sse",
    "to_webhook",
    "to_websocket",
    "to_websub",
]


class Carriage(Enum):
    """How much of a message goes over the wire."""

    NATIVE = "native"
    """What the protocol has a place for, readable for everybody who speaks it."""

    CLOUDEVENTS = "cloudevents"
    """All of it, for those who read CloudEvents. It needs an id and a source."""


NATIVE_COLUMNS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "sse": frozenset({"data", "type", "id"}),
        "websocket": frozenset({"data"}),
        "websub": frozenset({"data", "content_type"}),
        "webhook": frozenset({"data", "id", "content_type"}),
    }
)
"""The attributes of a `Message` that native carriage brings over as they are, by protocol."""


def to_sse(message: Message, carriage: Carriage = Carriage.NATIVE) -> ServerSentEvent:
    """What a `sse.ServerStream` sends.

    The type and the id of the message are those of the event in both carriages, so that listeners
    for a type and `Last-Event-ID` work.

    Raises:
        LocalProtocolError: Under CloudEvents carriage, the message is no CloudEvent.
    """
    carried = _put(message, carriage)
    return ServerSentEvent(_text_or_bytes(carried.data), carried.type, carried.id)


def from_sse(event: ServerSentEvent, carriage: Carriage = Carriage.NATIVE) -> Message:
    """What a `sse.Client` or `sse.Decoder` received.

    Raises:
        RemoteProtocolError: Under CloudEvents carriage, the data is no event in JSON.
    """
    return _get(event.message(), carriage)


def to_websocket(message: Message, carriage: Carriage = Carriage.NATIVE) -> Text | Binary:
    """What a `websocket.Connection` sends.

    Raises:
        LocalProtocolError: Under CloudEvents carriage, the message is no CloudEvent.
    """
    return text_or_binary(_put(message, carriage))


def from_websocket(event: Text | Binary, carriage: Carriage = Carriage.NATIVE) -> Message:
    """What a `websocket.Connection` received.

    Raises:
        RemoteProtocolError: Under CloudEvents carriage, it is no event in JSON; 1007 answers it.
    """
    try:
        return _get(event.message(), carriage)
    except RemoteProtocolError as error:
        raise RemoteProtocolError(str(error), code=1007) from error


def to_websub(
    message: Message, carriage: Carriage = Carriage.NATIVE, *, topic: str | None = None
) -> Message:
    """What a `websub.Hub` distributes or a `websub.Publisher` publishes.

    Args:
        message: What is said.
        carriage: How.
        topic: Whose subscribers a hub sends it to; the `source` of the message unless given.

    Raises:
        LocalProtocolError: Under CloudEvents carriage, the message is no CloudEvent.
    """
    carried = _put(message, carriage)
    return carried if topic is None else replace(carried, source=topic)


def from_websub(event: ContentReceived, carriage: Carriage = Carriage.NATIVE) -> Message:
    """What a `websub.Subscriber` received.

    No signature covers the content type; under CloudEvents carriage it is not looked at.

    Raises:
        RemoteProtocolError: Under CloudEvents carriage, the body is no event in JSON.
    """
    return _get(event.message(), carriage)


def to_webhook(message: Message, carriage: Carriage = Carriage.NATIVE) -> Message:
    """What a `webhook.Sender` delivers.

    Under CloudEvents carriage any id will do: the `webhook-id`, in which most characters are
    forbidden, is a percent-encoded copy.

    Raises:
        LocalProtocolError: Under CloudEvents carriage, the message is no CloudEvent.
    """
    carried = _put(message, carriage)
    if carriage is Carriage.NATIVE or carried.id is None:
        return carried
    return replace(carried, id=quote(carried.id, safe="").replace(".", "%2E"))


def from_webhook(event: Received, carriage: Carriage = Carriage.NATIVE) -> Message:
    """What a `webhook.Receiver` received.

    No signature covers the content type; under CloudEvents carriage it is not looked at.

    Raises:
        RemoteProtocolError: Under CloudEvents carriage, the body is no event in JSON.
    """
    return _get(event.message(), carriage)


def _put(message: Message, carriage: Carriage) -> Message:
    """A message to be carried natively, so that the given one is carried as wanted."""
    if _is_native(carriage):
        return message
    return replace(message, data=to_json(message), content_type=CONTENT_TYPE)


def _get(carried: Message, carriage: Carriage) -> Message:
    return carried if _is_native(carriage) else from_json(carried.data)


def _is_native(carriage: Carriage) -> bool:
    if not isinstance(carriage, Carriage):
        msg = f"a carriage is Carriage.NATIVE or Carriage.CLOUDEVENTS, got {carriage!r:.80}"
        raise LocalProtocolError(msg)
    return carriage is Carriage.NATIVE


def _text_or_bytes(data: bytes) -> str | bytes:
    # Text with carriage returns does not come out of a stream as it went in.
    with suppress(UnicodeDecodeError):
        if b"\r" not in data:
            return data.decode()
    return data
