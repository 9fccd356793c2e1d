"""permessage-deflate: how it is done, and the two directions of it (RFC 7692, section 7)."""

from __future__ import annotations

import math
import sys
import zlib
from typing import Any, Final

from eventproto._errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from eventproto._value import value
from eventproto.websocket._allowance import Allowance
from eventproto.websocket._close import CloseCode
from eventproto.websocket._limits import Limits

__all__ = ["WIDEST", "Compressor", "Decompressor", "Deflate"]

WIDEST: Final = 15
"""The bits of the largest window, which is the one that is meant if nothing is said."""

_NARROWEST: Final = 8


@value(kw_only=True)
class Deflate:
    """How to compress messages, and how the peer may: permessage-deflate (RFC 7692).

    What is said of the peer is a wish. A client that has one takes no compression on other terms:
    a server that agrees without it is rejected, one that does not know it declines. A server asks
    what it may ask of a client, and else takes what comes.

    To compress takes 2 to the power of `window_bits` + 2 and of `memory_level` + 9 bytes, 32 KiB
    by default; to undo it, 2 to the power of `peer_window_bits` and 7 KiB more, 39 KiB by default.
    None of it is taken before the first message that is compressed; and without context takeover,
    only while a message is on its way.

    What is secret must not be compressed together with what an attacker can choose: sizes would
    tell. Without `context_takeover`, each message is compressed for itself.

    Attributes:
        window_bits: The LZ77 window of what this side sends, as a power of two: 8 to 15. On the
            wire it is `server_max_window_bits` or `client_max_window_bits`, by the role. 12, which
            compresses nearly as well as 15 if messages are smaller than 4 KiB.
        context_takeover: Whether what this side has sent before helps to compress what it sends
            next. `False` is `server_no_context_takeover` or `client_no_context_takeover`.
        peer_window_bits: The LZ77 window of what the peer sends, at most. zlib cannot compress
            with 8. A server that uses it then declines compression; a client that does, refuses
            the whole connection. With 9, all of them agree.
        peer_context_takeover: Whether the peer may use what it has sent before.
        level: How hard zlib tries, 0 to 9.
        memory_level: How much memory zlib tries it with, 1 to 9.
        threshold: Bytes from which on a message is compressed. 128: what is smaller fits into any
            packet as it is. A message that is sent in fragments is always compressed.

    Raises:
        LocalProtocolError: A number is out of its range, or is none.
    """

    window_bits: int = 12
    context_takeover: bool = True
    peer_window_bits: int = WIDEST
    peer_context_takeover: bool = True
    level: int = 6
    memory_level: int = 5
    threshold: int = 128

    def __post_init__(self) -> None:
        for name, kind, least, most in _RANGES:
            number = getattr(self, name)
            if not isinstance(number, kind) or not least <= number <= most:
                msg = f"{name} must be from {least} to {most}, got {number!r}"
                raise LocalProtocolError(msg)


_RANGES: Final = (
    ("window_bits", int, _NARROWEST, WIDEST),
    ("peer_window_bits", int, _NARROWEST, WIDEST),
    ("level", int, 0, 9),
    ("memory_level", int, 1, 9),
    ("threshold", int | float, 0, math.inf),
)

_TAIL: Final = b"\x00\x00\xff\xff"  # an empty block, less its first byte
_EMPTY: Final = b"\x00"  # the first byte of one (7.2.3.6)
_LAST_BLOCK: Final = b"\x03\x00"  # an empty one that says that it is the last
# zlib copies what is behind a block that says that it is the last. After the first one of those,
# it is given no more than so much at a time, or many of them would cost square time.
_SLICE: Final = 1024
# And it begins anew behind each of them, which is as much work as to make so many bytes.
_ANEW: Final = 512
_MOST: Final = sys.maxsize - 1  # what zlib can be told


class Compressor:
    """Compresses the messages of one direction, one after the other (7.2.1).

    Args:
        deflate: How.
    """

    __slots__ = ("_deflate", "_stream")

    def __init__(self, deflate: Deflate) -> None:
        self._deflate = deflate
        self._stream: Any = None  # zlib's, which has no name to call it by

    def compress(self, payload: bytes, *, fin: bool = True) -> bytes:
        """The next fragment of a message, or the last one, or all of it."""
        stream = self._stream
        if stream is None:
            self._stream = stream = _compressor(self._deflate)
        data: bytes = stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)
        if not fin:
            return data
        if not self._deflate.context_takeover:
            self._stream = None
        return data[: -len(_TAIL)] or _EMPTY


class Decompressor:
    """Undoes what the peer's compressor did (7.2.2), and makes no more of it than it may.

    Args:
        deflate: How the peer compresses.
        limits: What a message may become, and how much of how little.
    """

    __slots__ = ("_allowance", "_credit", "_deflate", "_limits", "_made", "_stream")

    def __init__(self, deflate: Deflate, limits: Limits) -> None:
        self._deflate = deflate
        self._limits = limits
        self._stream: Any = None
        self._made = 0  # of this message
        self._credit = 0.0  # what may still be made of what has come of this message
        self._allowance = Allowance(limits.message_size)

    def decompress(self, data: bytes, now: float, *, fin: bool) -> bytes:
        """What the next bytes of a message become, or the last ones, or all of it.

        Raises:
            RemoteProtocolError: They are not what a compressor makes (1007).
            LimitExceeded: The message becomes too large (1009), or much of little too often (1008).
        """
        if data:  # or an infinite ratio would give no number
            self._credit += self._limits.inflation_ratio * len(data)
        try:
            made = self._inflate(data, now)
            if fin:
                self._end_message()
        except zlib.error as error:
            raise _corrupt(str(error)) from error
        return made

    def _inflate(self, data: bytes, now: float) -> bytes:
        by_size = self._limits.message_size - self._made
        by_ratio = self._credit + self._allowance.left(now)
        room = int(min(by_size, by_ratio, _MOST))
        parts: list[bytes] = []
        rest, size = memoryview(data), len(data)
        while rest:
            stream = self._stream or self._begin_stream()
            part = stream.decompress(rest[:size], room + 1)
            parts.append(part)
            room -= len(part)
            if room < 0:
                raise _too_big(self._limits) if by_size <= by_ratio else _too_much(self._limits)
            if stream.eof:  # a block that says that it is the last need not be (7.2.3.4)
                rest = rest[min(size, len(rest)) - len(stream.unused_data) :]
                size = _SLICE
                self._stream = None
                self._credit -= _ANEW
            else:
                rest = rest[size:]
        made = b"".join(parts)
        self._made += len(made)
        self._credit -= len(made)
        if self._credit < 0:
            if not self._allowance.take(-self._credit, now):
                raise _too_much(self._limits)
            self._credit = 0.0
        return made

    def _begin_stream(self) -> Any:  # noqa: ANN401  # zlib's, which has no name to call it by
        self._stream = zlib.decompressobj(-self._deflate.peer_window_bits)
        return self._stream

    def _end_message(self) -> None:
        """Read the empty block that every message ends with, and check that it does.

        If a block is cut off, zlib would wait for the rest of it, or take the tail for that.
        """
        stream = self._stream or self._begin_stream()
        made = stream.decompress(_TAIL, 1)
        keep = self._deflate.peer_context_takeover
        if stream.eof:  # the empty block said that it is the last
            complete = not made and not stream.unused_data
            keep = False
        else:
            probe = stream.copy() if keep else stream
            made += probe.decompress(_LAST_BLOCK, 1)
            complete = not made and probe.eof and not probe.unused_data
        if not complete:
            msg = "it ends within a block"
            raise zlib.error(msg)
        if not keep:
            self._stream = None
        self._made = 0
        self._credit = 0.0


def _compressor(deflate: Deflate) -> Any:  # noqa: ANN401  # zlib's, which has no name to call it by
    # zlib has no raw window of 8 bits. In one of 9 it looks back no more than 512 - 262 bytes, so
    # that what it makes can be read with one of 8 (checked in the tests).
    bits = max(deflate.window_bits, 9)
    return zlib.compressobj(deflate.level, zlib.DEFLATED, -bits, deflate.memory_level)


def _corrupt(why: str) -> RemoteProtocolError:
    msg = f"a compressed message that cannot be decompressed: {why}"
    return RemoteProtocolError(msg, code=CloseCode.INVALID_FRAME_PAYLOAD_DATA)


def _too_big(limits: Limits) -> LimitExceeded:
    msg = f"a compressed message that becomes more than {limits.message_size} bytes"
    return LimitExceeded(msg, code=CloseCode.MESSAGE_TOO_BIG, limit="message_size")


def _too_much(limits: Limits) -> LimitExceeded:
    msg = f"compressed messages that become more than {limits.inflation_ratio} times as large"
    return LimitExceeded(msg, code=CloseCode.POLICY_VIOLATION, limit="inflation_ratio")
