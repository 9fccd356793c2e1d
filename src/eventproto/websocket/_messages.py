"""Fragments to messages, and whether they are the text that they claim to be."""

from __future__ import annotations

from codecs import utf_8_decode
from typing import Final

from eventproto._errors import RemoteProtocolError
from eventproto._event import Message
from eventproto.http import MediaType
from eventproto.websocket._close import CloseCode
from eventproto.websocket._events import Binary, Text
from eventproto.websocket._frames import Frame, Opcode

__all__ = ["Assembly", "carriage", "decode_text"]


class Assembly:
    """Joins the fragments of one message after the other.

    Text is checked as it comes, up to the last byte, so that no more of what cannot be UTF-8 is
    waited for.
    """

    __slots__ = ("_checked", "_payload", "_text")

    def __init__(self) -> None:
        self._text = False
        self._payload = bytearray()
        self._checked = 0  # how much of the text is known to be characters

    def add(self, frame: Frame) -> Text | Binary | None:
        """Take the next fragment, and return the message if it is the last one.

        Raises:
            RemoteProtocolError: Whatever follows, the text is not UTF-8 (1007).
        """
        if frame.opcode is not Opcode.CONTINUATION:
            self._text = frame.opcode is Opcode.TEXT
        self._payload += frame.payload
        if self._text:
            self._check(fin=frame.fin)
        if not frame.fin:
            return None
        payload, self._payload, self._checked = self._payload, bytearray(), 0
        return Text(payload.decode()) if self._text else Binary(bytes(payload))

    def _check(self, *, fin: bool) -> None:
        with memoryview(self._payload) as payload:
            try:
                self._checked += utf_8_decode(payload[self._checked :], "strict", fin)[1]
            except UnicodeDecodeError as error:
                raise _not_text(self._checked + error.start) from error
            # Half of a surrogate pair: Python waits for its third byte before it says no.
            if b"\xed\xa0" <= bytes(payload[self._checked : self._checked + 2]) <= b"\xed\xbf":
                raise _not_text(self._checked)


def decode_text(payload: bytes) -> str:
    """The text of a whole message.

    Raises:
        RemoteProtocolError: It is not UTF-8 (1007).
    """
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise _not_text(error.start) from error


def carriage(message: Message) -> Text | Binary:
    """What carries a Message: text if its content type says that it is text, and if it is UTF-8."""
    media_type = MediaType.parse(message.content_type)
    if media_type is not None and _is_text(media_type):
        try:
            return Text(message.data.decode())
        except UnicodeDecodeError:
            pass
    return Binary(message.data)


_TEXTUAL: Final = ("/json", "+json", "/xml", "+xml")


def _is_text(media_type: MediaType) -> bool:
    charset = media_type.parameters.get("charset", "utf-8").lower()
    textual = media_type.essence.startswith("text/") or media_type.essence.endswith(_TEXTUAL)
    return textual and charset in {"utf-8", "us-ascii"}


def _not_text(at: int) -> RemoteProtocolError:
    msg = f"a message of text that is not UTF-8 at byte {at}"
    return RemoteProtocolError(msg, code=CloseCode.INVALID_FRAME_PAYLOAD_DATA)
