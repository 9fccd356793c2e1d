"""Fragments to messages, and whether they are the text that they claim to be."""

from __future__ import annotations

from codecs import utf_8_decode
from functools import lru_cache
from typing import Any, Final, cast

from eventproto._errors import RemoteProtocolError
from eventproto._event import Message
from eventproto.http import MediaType
from eventproto.websocket._close import CloseCode
from eventproto.websocket._deflate import Decompressor
from eventproto.websocket._events import Binary, Fragment, Text
from eventproto.websocket._frames import Frame
from eventproto.websocket._heads import Opcode
from eventproto.websocket._outgoing import checked, encoded

__all__ = ["Assembly", "Passage", "carriage", "framed", "is_text", "whole"]


class _Incoming:
    """Takes the fragments of one message after the other, and undoes their compression.

    Text is cut between characters, and is checked as it comes, up to the last byte, so that no
    more of what cannot be UTF-8 is waited for. If it was compressed, that waits for the end of the
    message: a message that comes in one read is decompressed before it is looked at, and what is
    wrong with it must not depend on how it is cut.

    Args:
        decompressor: Where compression was agreed on.
    """

    __slots__ = ("_at", "_compressed", "_decompressor", "_error", "_rest", "_text", "inflated")

    def __init__(self, decompressor: Decompressor | None = None) -> None:
        self._decompressor = decompressor
        self._text = False
        self._compressed = False
        self._at = 0  # how much of the text is known to be characters
        self._rest = b""  # and the beginning of one behind that
        self._error: RemoteProtocolError | None = None  # of compressed text that has not ended
        self.inflated = 0
        """Bytes that were made of the last fragment, if it was compressed."""

    def _content(self, frame: Frame, now: float) -> str | bytes:
        """Note what a message is at its first frame; return what a frame adds to it."""
        opcode, payload, fin, rsv1 = frame
        if opcode is not Opcode.CONTINUATION:
            self._text = opcode is Opcode.TEXT
            self._compressed = rsv1
            self.inflated = 0
        if self._compressed and self._decompressor is not None:
            payload = self._decompressor.decompress(payload, now, fin=fin)
            self.inflated = len(payload)
            return self._inflated_characters(payload, fin=fin) if self._text else payload
        return self._characters(payload, fin=fin) if self._text else payload

    def _inflated_characters(self, payload: bytes, *, fin: bool) -> str:
        if self._error is None:
            try:
                return self._characters(payload, fin=fin)
            except RemoteProtocolError as error:
                self._error = error
        if fin:
            raise self._error
        return ""

    def _characters(self, payload: bytes, *, fin: bool) -> str:
        """The characters that are complete with this."""
        payload = self._rest + payload
        try:
            text, size = utf_8_decode(payload, "strict", fin)
        except UnicodeDecodeError as error:
            raise _not_text(self._at + error.start) from error
        # Half of a surrogate pair: Python waits for its third byte before it says no.
        if b"\xed\xa0" <= payload[size : size + 2] <= b"\xed\xbf":
            raise _not_text(self._at + size)
        self._rest = payload[size:]
        self._at = 0 if fin else self._at + size
        return text


class Assembly(_Incoming):
    """Joins the fragments of messages."""

    __slots__ = ("_parts",)

    def __init__(self, decompressor: Decompressor | None = None) -> None:
        super().__init__(decompressor)
        self._parts: list[Any] = []  # str or bytes, of a message that comes in fragments

    def add(self, frame: Frame, now: float) -> Text | Binary | None:
        """Take the next fragment, and return the message if it is the last one.

        Raises:
            RemoteProtocolError: The text is not UTF-8, or what was compressed cannot be
                decompressed (1007).
            LimitExceeded: As `Decompressor` does.
        """
        content: Any = self._content(frame, now)
        if self._parts or not frame.fin:
            self._keep(content)
            if not frame.fin:
                return None
            content = ("" if self._text else b"").join(self._parts)
            self._parts.clear()
        return Text(content) if self._text else Binary(content)

    def _keep(self, content: Any) -> None:  # noqa: ANN401  # as above
        parts = self._parts
        parts.append(content)
        # Large ones are copied once, in the end. Small ones are joined as they come, or a peer that
        # sends one byte at a time would be paid for with fifty.
        while len(parts) > 1 and len(parts[-2]) <= len(parts[-1]) < _LARGE:
            last = parts.pop()
            parts[-1] += last


class Passage(_Incoming):
    """Passes fragments on as they come."""

    __slots__ = ()

    def add(self, frame: Frame, now: float) -> Fragment | None:
        """Take the next fragment, and return what it adds to its message, or ends of it.

        Raises:
            RemoteProtocolError: As `Assembly` does.
            LimitExceeded: Likewise.
        """
        content = self._content(frame, now)
        return Fragment(content, frame.fin) if content or frame.fin else None


def whole(opcode: Opcode, payload: bytes) -> Text | Binary:
    """A message that came in one frame and was not compressed.

    Raises:
        RemoteProtocolError: It is TEXT, and not UTF-8 (1007).
    """
    # What `Text(...)` and `Binary(...)` come down to, as nothing is made more often.
    if opcode is not _TEXT:
        binary = _new(Binary)
        _set_data(binary, payload)
        return binary
    text = _new(Text)
    try:
        _set_text(text, payload.decode())
    except UnicodeDecodeError as error:
        raise _not_text(error.start) from error
    return text


def carriage(message: Message) -> Text | Binary:
    """What carries a Message, see `is_text`."""
    return Text(message.data.decode()) if is_text(message) else Binary(message.data)


def framed(message: object) -> tuple[Opcode, bytes]:
    """What a whole message is sent as: a `Text`, `Binary` or `Message`, a string, or bytes.

    Raises:
        LocalProtocolError: It is none, or cannot be sent.
    """
    match message:
        case Message():
            return _TEXT if is_text(message) else _BINARY, message.data
        case Text():
            return _TEXT, encoded(message.text)
        case Binary():
            return _BINARY, checked(message.data)
        case str():
            return _TEXT, encoded(message)
        case _:
            return _BINARY, checked(message)


def is_text(message: Message) -> bool:
    """Whether a Message goes as text: if its content type says so, and it is UTF-8."""
    if not _names_text(message.content_type):
        return False
    if message.data.isascii():
        return True
    try:
        message.data.decode()
    except UnicodeDecodeError:
        return False
    return True


_LARGE: Final = 16 * 1024
_TEXT: Final = Opcode.TEXT
_BINARY: Final = Opcode.BINARY
_new: Final = object.__new__
_set_text: Final = cast("Any", Text).text.__set__
_set_data: Final = cast("Any", Binary).data.__set__
_TEXTUAL: Final = ("/json", "+json", "/xml", "+xml")


@lru_cache(maxsize=64)  # applications use few, and send many messages of each
def _names_text(content_type: str | None) -> bool:
    media_type = MediaType.parse(content_type)
    if media_type is None:
        return False
    charset = media_type.parameters.get("charset", "utf-8").lower()
    textual = media_type.essence.startswith("text/") or media_type.essence.endswith(_TEXTUAL)
    return textual and charset in {"utf-8", "us-ascii"}


def _not_text(at: int) -> RemoteProtocolError:
    """What is wrong with text that is not UTF-8 at this byte."""
    msg = f"a message of text that is not UTF-8 at byte {at}"
    return RemoteProtocolError(msg, code=CloseCode.INVALID_FRAME_PAYLOAD_DATA)
