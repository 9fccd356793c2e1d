"""How what a client follows leaves on each protocol: a record, a gap, and a place."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sized
from dataclasses import replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from typing_extensions import override

from eventproto import sse, websocket
from eventproto._event import Message
from eventproto._value import value
from eventproto.bridge import Carriage, to_sse
from eventproto.cloudevents import to_json
from eventproto.site._logs import LogSocket, LogStream
from eventproto.websocket import Opcode, encode_frame

__all__ = ["EncodedT", "Form", "SocketForm", "StreamForm", "form_of"]

EncodedT = TypeVar("EncodedT", bound=Sized)
"""What any number of connections of one protocol can be told to send."""


class Form(ABC, Generic[EncodedT]):
    """What is made of each thing that a client is told."""

    __slots__ = ()

    @abstractmethod
    def body(self, message: Message, channel: str | None, topic: str) -> bytes:
        """All of a record but the place: the same for everybody.

        Args:
            message: What was appended.
            channel: The name under which it is told where it is from, or None for not at all.
            topic: Where it is from.

        Raises:
            LocalProtocolError: There is no form for this message.
        """

    @abstractmethod
    def record(self, body: bytes, place: str, key: Hashable) -> EncodedT:
        """A record, and the place behind it."""

    @abstractmethod
    def gap(self, gap: sse.Gap) -> EncodedT:
        """Records are missing."""

    @abstractmethod
    def place(self, place: str) -> EncodedT:
        """A place, where no record brings one."""

    @abstractmethod
    def commands(self, pieces: Iterable[EncodedT]) -> Iterable[Any]:
        """What tells a connection to send these."""


def form_of(endpoint: LogStream | LogSocket) -> Form[Any]:
    """The form in which an endpoint replays its log."""
    if isinstance(endpoint, LogSocket):
        return SocketForm(endpoint.source)
    return StreamForm(endpoint.carriage)


@value()
class StreamForm(Form[sse.Encoded]):
    """Server-Sent Events: the place is the id.

    Attributes:
        carriage: How much of a message is in an event.
    """

    carriage: Carriage

    @override
    def body(self, message: Message, channel: str | None, topic: str) -> bytes:
        event = to_sse(message, self.carriage)
        kind = event.event
        if channel is not None:
            kind = channel if kind == "message" else f"{channel}:{kind}"
        return sse.encode(sse.ServerSentEvent(event.data, kind))

    @override
    def record(self, body: bytes, place: str, key: Hashable) -> sse.Encoded:
        return sse.Encoded(b"id: %b\n%b" % (place.encode(), body), place, key)

    @override
    def gap(self, gap: sse.Gap) -> sse.Encoded:
        return sse.Encoded.of(gap)

    @override
    def place(self, place: str) -> sse.Encoded:
        return sse.Encoded(b"id: %b\n\n" % place.encode(), place)

    @override
    def commands(self, pieces: Iterable[sse.Encoded]) -> Iterable[Any]:
        return (tuple(pieces),)  # all of them in one chunk


@value()
class SocketForm(Form[websocket.Encoded]):
    """CloudEvents in JSON, each a text message: the place is an attribute.

    Attributes:
        source: What the source of a message begins with that has none.
    """

    source: str

    @override
    def body(self, message: Message, channel: str | None, topic: str) -> bytes:
        extensions = dict(message.extensions)
        extensions.pop("lasteventid", None)
        if channel is not None:
            extensions["channel"] = channel
        source = message.source or f"{self.source}{quote(topic, safe='')}"
        return to_json(replace(message, source=source, extensions=extensions))

    @override
    def record(self, body: bytes, place: str, key: Hashable) -> websocket.Encoded:
        written = json.dumps(place, ensure_ascii=False).encode()
        return _told(b'{"lasteventid":%b,%b' % (written, body[1:]), place, key)

    @override
    def gap(self, gap: sse.Gap) -> websocket.Encoded:
        behind = "/".join(quote(each, safe="") for each in (gap.channel, gap.after) if each)
        said = Message.of_json(
            json.loads(gap.event().data), type="gap", id=f"gap:{behind}", source=self.source
        )
        # Without a place of its own, or a client that is cut off behind it would not see it again.
        return _told(to_json(said), gap.after)

    @override
    def place(self, place: str) -> websocket.Encoded:
        said = Message(data=b"", type="place", id=f"place:{quote(place)}", source=self.source)
        return self.record(to_json(said), place, None)

    @override
    def commands(self, pieces: Iterable[websocket.Encoded]) -> Iterable[Any]:
        return pieces

    def missing(self, place: str, taken: websocket.Encoded | None) -> websocket.Encoded:
        """Records gave way in the queue of a connection.

        Args:
            place: Where the client was when it came.
            taken: What left last. What a handler has sent to many says nothing of a place.
        """
        if taken is not None:
            place = taken.place if isinstance(taken, _Told) else ""
        return self.gap(sse.Gap(place, "overflow"))


@value()
class _Told(websocket.Encoded):
    """What a client of a log is told, and where it is with it."""

    place: str = ""


def _told(payload: bytes, place: str, key: Hashable = None) -> _Told:
    return _Told(Opcode.TEXT, payload, encode_frame(Opcode.TEXT, payload), key, place)
