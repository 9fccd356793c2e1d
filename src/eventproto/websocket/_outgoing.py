"""Messages to frames: masked, in fragments, and compressed, as it was agreed on."""

from __future__ import annotations

import math
from typing import Final

from eventproto._errors import LocalProtocolError
from eventproto._retry import Entropy
from eventproto.websocket._deflate import Compressor, Deflate
from eventproto.websocket._frames import encode_frame
from eventproto.websocket._heads import SHORT, SHORT_HEADS, Opcode, frame_head

__all__ = ["LARGE", "Outgoing", "checked", "encoded"]

LARGE: Final = 128 * 1024
"""Bytes of a payload from which on it is cheaper to write it apart than to copy it."""


class Outgoing:
    """Makes the frames of one side. What it raises has changed nothing.

    Args:
        compression: What was agreed on, or None.
        entropy: Where masking keys come from, on the side that masks; None on the other one.
    """

    __slots__ = ("_begun", "_compressor", "_entropy", "_threshold")

    def __init__(self, *, compression: Deflate | None, entropy: Entropy | None) -> None:
        self._entropy = entropy
        self._compressor = None if compression is None else Compressor(compression)
        self._threshold = math.inf if compression is None else compression.threshold
        self._begun: Opcode | None = None  # what the message is that is being sent in fragments

    def message(self, opcode: Opcode, payload: bytes) -> bytes:
        """A whole message.

        Raises:
            LocalProtocolError: One that is sent in fragments has not ended.
        """
        if self._begun is not None:
            msg = f"a {self._begun.name} message is being sent in fragments, and has not ended"
            raise LocalProtocolError(msg)
        if len(payload) >= self._threshold and self._compressor is not None:
            payload = self._compressor.compress(payload)
            return encode_frame(opcode, payload, rsv1=True, key=self._key())
        if self._entropy is not None:
            return encode_frame(opcode, payload, key=self._entropy(4))
        if len(payload) > SHORT:
            return encode_frame(opcode, payload)
        return SHORT_HEADS[opcode][len(payload)] + payload  # what that comes down to

    def large(self, opcode: Opcode, payload: bytes) -> tuple[bytes, ...]:
        """A whole message, of which the payload is not copied if it goes as it is: it comes second.

        Raises:
            LocalProtocolError: As `message` does.
        """
        if not self.plain or self._begun is not None:
            return (self.message(opcode, payload),)
        return frame_head(opcode, len(payload), 0, fin=True, rsv1=False), payload

    def fragment(self, opcode: Opcode, payload: bytes, *, fin: bool) -> bytes:
        """The next fragment of a message, or the first one, or the last.

        Raises:
            LocalProtocolError: It is not of the kind of those before it.
        """
        begun = self._begun
        if begun is None and fin:
            return self.message(opcode, payload)
        if begun not in {None, opcode}:
            msg = f"a fragment of a {opcode.name} message cannot go on with what is none"
            raise LocalProtocolError(msg)
        self._begun = None if fin else opcode
        rsv1 = False
        if self._compressor is not None:
            payload = self._compressor.compress(payload, fin=fin)
            rsv1 = begun is None
        if begun is not None:
            opcode = Opcode.CONTINUATION
        return encode_frame(opcode, payload, fin=fin, rsv1=rsv1, key=self._key())

    @property
    def amid_message(self) -> bool:
        """Whether a message that is sent in fragments has not ended."""
        return self._begun is not None

    @property
    def plain(self) -> bool:
        """Whether a message leaves as it would on any other plain connection."""
        return self._entropy is None and self._compressor is None

    def frame(self, opcode: Opcode, payload: bytes) -> bytes:
        """A frame that stands for itself, such as a control frame."""
        return encode_frame(opcode, payload, key=self._key())

    def _key(self) -> bytes | None:
        return None if self._entropy is None else self._entropy(4)


def encoded(text: str) -> bytes:
    """The payload of text; raises LocalProtocolError if it is none, or has none."""
    if not isinstance(text, str):
        msg = f"Text is a string, not {type(text).__name__}"
        raise LocalProtocolError(msg)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        msg = f"the text has half of a surrogate pair at index {error.start}"
        raise LocalProtocolError(msg) from error


def checked(data: object) -> bytes:
    """The same, if it is bytes; raises LocalProtocolError if it is not."""
    if not isinstance(data, bytes):
        msg = f"a payload is bytes, not {type(data).__name__}"
        raise LocalProtocolError(msg)
    return data
