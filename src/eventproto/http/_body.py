"""The body of a message, cut out of what the wire brought (RFC 9112, 6 and 7)."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, Protocol

from typing_extensions import override

from eventproto._errors import LimitExceeded, RemoteProtocolError
from eventproto._machine import EOF, Chunk
from eventproto.http._grammar import TOKEN

__all__ = ["ChunkedBody", "ClosingBody", "Reader", "SizedBody"]


class Reader(Protocol):
    """Knows where a body ends."""

    def read(self, waiting: bytearray, *, ended: bool) -> Chunk | None:
        """Take the next piece of the body off the front.

        Args:
            waiting: What has come and was not used.
            ended: Whether nothing comes behind it.

        Returns:
            Bytes, at least one; EOF behind the last ones; or None if more must come.

        Raises:
            RemoteProtocolError: It is no body; `code` is 400.
            LimitExceeded: There is more around it than there may be; `code` is 431.
        """
        ...


class SizedBody(Reader):
    """A body whose length was declared.

    Args:
        size: The number of its bytes.
    """

    def __init__(self, size: int) -> None:
        self._left = size

    @override
    def read(self, waiting: bytearray, *, ended: bool) -> Chunk | None:
        if not self._left:
            return EOF
        chunk = _taken(waiting, self._left)
        self._left -= len(chunk)
        return chunk or None


class ClosingBody(Reader):
    """A body up to the end of the connection, as only responses have it."""

    @override
    def read(self, waiting: bytearray, *, ended: bool) -> Chunk | None:
        return _taken(waiting, len(waiting)) or (EOF if ended else None)


class _Part(Enum):
    SIZE = auto()  # the line before a chunk
    DATA = auto()
    DATA_END = auto()  # the CRLF behind it
    TRAILERS = auto()
    END = auto()


class ChunkedBody(Reader):
    """A body in chunks. Their extensions are ignored, and trailers are dropped.

    Both can be sent without end. So besides the bound for each, chunks may have 16 times as much
    in all, beyond what honest ones need: 16 bytes each, and two for each byte of data.

    Args:
        framing_size: The number of bytes that the line before a chunk may have, and the trailers.
    """

    def __init__(self, framing_size: int) -> None:
        self._framing_size = framing_size
        self._part = _Part.SIZE
        self._left = 0  # of the chunk
        self._excess = 0
        self._room = framing_size  # for the next line
        self._searched = 0  # how much is known to have no end of a line

    @override
    def read(self, waiting: bytearray, *, ended: bool) -> Chunk | None:
        while True:
            match self._part:
                case _Part.SIZE:
                    moved = self._read_size(waiting)
                case _Part.DATA:
                    chunk = _taken(waiting, self._left)
                    self._left -= len(chunk)
                    if not self._left:
                        self._part = _Part.DATA_END
                    return chunk or None
                case _Part.DATA_END:
                    moved = self._read_data_end(waiting)
                case _Part.TRAILERS:
                    moved = self._read_trailer(waiting)
                case _:
                    return EOF
            if not moved:
                return None

    def _read_size(self, waiting: bytearray) -> bool:
        line = self._read_line(waiting)
        if line is None:
            return False
        found = _SIZE(line)
        if found is None:
            msg = f"the line before a chunk begins with its size, got {line[:_LONGEST_QUOTE]!r}"
            raise RemoteProtocolError(msg, code=400)
        self._left = int(found[1], 16)
        self._excess = max(0, self._excess + len(line) - 16 - 2 * self._left)
        if self._excess > 16 * self._framing_size:
            raise self._too_much()
        self._part = _Part.DATA if self._left else _Part.TRAILERS
        return True

    def _read_data_end(self, waiting: bytearray) -> bool:
        if not _CRLF.startswith(waiting[:2]):
            msg = "a chunk of a body is not followed by CRLF"
            raise RemoteProtocolError(msg, code=400)
        if len(waiting) < 2:
            return False
        del waiting[:2]
        self._part = _Part.SIZE
        return True

    def _read_trailer(self, waiting: bytearray) -> bool:
        line = self._read_line(waiting)
        if line is None:
            return False
        if line == _CRLF:
            self._part = _Part.END
        elif _TRAILER(line) is None:
            msg = f"a trailer is a name, a colon and a value, got {line[:_LONGEST_QUOTE]!r}"
            raise RemoteProtocolError(msg, code=400)
        self._room -= len(line)
        return True

    def _read_line(self, waiting: bytearray) -> bytes | None:
        end = waiting.find(b"\n", self._searched) + 1
        if (end or len(waiting)) > self._room:
            raise self._too_much()
        self._searched = 0 if end else len(waiting)
        return _taken(waiting, end) if end else None

    def _too_much(self) -> LimitExceeded:
        size = self._framing_size
        msg = f"too much around the chunks of a body; a line and the trailers may have {size} bytes"
        return LimitExceeded(msg, code=431, limit="framing_size")


_CRLF: Final = b"\r\n"
_LONGEST_QUOTE: Final = 100
# Without the lone CR, which others may take for the end of a line.
_TEXT: Final = rb"[^\x00-\x08\x0a-\x1f\x7f]*"
# White space without an extension is not in the grammar, but there are servers that send it.
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;" + _TEXT + rb")?\r\n").fullmatch
_TRAILER: Final = re.compile(TOKEN.encode() + rb":" + _TEXT + rb"\r\n").fullmatch


def _taken(waiting: bytearray, size: int) -> bytes:
    taken = bytes(waiting[:size])
    del waiting[:size]
    return taken
