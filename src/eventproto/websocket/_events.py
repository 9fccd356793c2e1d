"""What the two ends say to each other, and that the connection is open."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, TypeAlias

from typing_extensions import override

from eventproto._event import PLAIN_TEXT, Event, Message, new_message
from eventproto._value import value
from eventproto.http import Request, Response

__all__ = [
    "Binary",
    "Close",
    "Fragment",
    "Opened",
    "Ping",
    "Pong",
    "Requested",
    "Sendable",
    "Text",
]


_BYTES: Final = "application/octet-stream"


@value()
class Text(Event):
    """A message of text: received, or to be sent."""

    text: str

    @override
    def message(self) -> Message:
        """The text as UTF-8, with content type `text/plain;charset=utf-8`."""
        try:
            return new_message(data=self.text.encode(), content_type=PLAIN_TEXT)
        except UnicodeEncodeError:
            return Message.of_text(self.text)  # which says what is wrong with it


@value()
class Binary(Event):
    """A message of bytes: received, or to be sent."""

    data: bytes

    @override
    def message(self) -> Message:
        """The bytes, with content type `application/octet-stream`."""
        if self.data.__class__ is bytes:
            return new_message(data=self.data, content_type=_BYTES)
        return Message(data=self.data, content_type=_BYTES)


@value()
class Fragment(Event):
    """A part of a message: received, where fragments were asked for, or to be sent.

    The parts of a message follow each other, with nothing but `Ping`, `Pong` and the end between
    them. How a message is cut means nothing: the network may cut it anew.

    Attributes:
        data: A string if the message is text, bytes if it is not; the same for all its parts.
        fin: Whether it is the last part. It may be empty, as others are not.
    """

    data: str | bytes
    fin: bool = True


@value()
class Ping(Event):
    """The peer asks for a sign of life, which it gets at once; or is to be asked.

    Attributes:
        payload: At most 125 bytes, which come back in the Pong.
    """

    payload: bytes = b""


@value()
class Pong(Event):
    """The peer gives a sign of life; or is to be given one that it has not asked for.

    Attributes:
        payload: At most 125 bytes: those of a Ping, if it answers one.
    """

    payload: bytes = b""


@value()
class Close(Event):
    """The peer has nothing more to say, and no other message follows; or this side has.

    Attributes:
        code: See `CloseCode`. 1005 stands for a Close without a code, either way.
        reason: For people to read; at most 123 bytes of UTF-8 to be sent.
    """

    code: int = 1000
    reason: str = ""


@value()
class Requested(Event):
    """A client asks for a WebSocket, and waits to be answered.

    Attributes:
        token: Goes into the answer.
        request: What it asks.
    """

    token: Hashable
    request: Request


@value()
class Opened(Event):
    """The opening handshake is done.

    Attributes:
        subprotocol: What both sides have agreed to speak, or None.
        request: What the client asked.
        response: What the server answered.
    """

    subprotocol: str | None
    request: Request
    response: Response


Sendable: TypeAlias = Text | Binary | Fragment | Ping | Pong | Close | Message | str | bytes
"""What an open connection can be told to send."""
