"""Frames to bytes and back (RFC 6455, section 5)."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from enum import IntEnum
from typing import Any, Final, NamedTuple, TypeAlias, cast

from eventproto._errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from eventproto.websocket._close import CloseCode
from eventproto.websocket._limits import Limits
from eventproto.websocket._mask import apply_mask

__all__ = ["Frame", "FrameDecoder", "Opcode", "encode_frame"]


class Opcode(IntEnum):
    """What a frame is for; those from 8 on are control frames."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class Frame(NamedTuple):
    """One frame, unmasked; a tuple, because nothing is made and taken apart more often.

    Attributes:
        opcode: What it is for.
        payload: What it carries.
        fin: Whether it is the last one of its message.
        rsv1: Whether its reserved bit RSV1 is set, which on the first frame of a message says
            that the message is compressed (RFC 7692, 6).
    """

    opcode: Opcode
    payload: bytes = b""
    fin: bool = True
    rsv1: bool = False


def encode_frame(
    opcode: Opcode,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv1: bool = False,
    key: bytes | None = None,
) -> bytes:
    """One frame as bytes.

    Args:
        opcode: What it is for.
        payload: What it carries, unmasked.
        fin: Whether it is the last one of its message.
        rsv1: Whether to set the reserved bit RSV1.
        key: Four unpredictable bytes to mask it with, as a client must; None to leave it
            unmasked, as a server must.

    Raises:
        LocalProtocolError: A control frame that is fragmented, is compressed or has more than 125
            bytes; or a key of another size.
    """
    size = len(payload)
    if opcode >= _CONTROL and (size > _SHORT or rsv1 or not fin):
        msg = f"a control frame is whole and has at most {_SHORT} bytes, got {size}, {fin=} {rsv1=}"
        raise LocalProtocolError(msg)
    first = _FIN | opcode if fin else opcode
    if rsv1:
        first |= _RSV1
    mask = 0 if key is None else _MASK
    if size <= _SHORT:
        head = bytes((first, mask | size))
    elif size < 2**16:
        head = bytes((first, mask | _16_BITS)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask | _64_BITS)) + size.to_bytes(8, "big")
    if key is None:
        return head + payload
    if len(key) != 4:
        msg = f"a masking key has 4 bytes, got {len(key)}"
        raise LocalProtocolError(msg)
    return b"".join((head, key, apply_mask(payload, key)))


class FrameDecoder:
    """Reads the frames of one peer, as they come after the opening handshake.

    A data frame that has not arrived whole is handed on in pieces, as if the peer had fragmented
    it there, which any intermediary may do (RFC 6455, 5.4). So nothing is held but the head of a
    frame or an unfinished control frame. Payloads are not looked into.

    What stands before a violation is delivered first: `receive` and `frames` raise at once if
    they have nothing to return, else the next time, and from then on. What follows a violation or
    a Close frame is thrown away.

    Args:
        masked: Whether the peer must mask, because it is a client, or must not.
        rsv1: Whether an extension gives RSV1 a meaning on the first frame of a message.
        limits: The bounds of frames and messages. What comes with RSV1 is compressed, so it may
            be more than `message_size` by what compression costs in the worst case; who inflates
            it has to see to the rest.

    Attributes:
        error: What `receive` and `frames` will raise, or None.
    """

    __slots__ = (
        "_at",
        "_before",
        "_between",
        "_data",
        "_ended",
        "_fin",
        "_fragments",
        "_key",
        "_kinds",
        "_left",
        "_limits",
        "_mask",
        "_most",
        "_opcode",
        "_room",
        "_rsv1",
        "_waiting",
        "error",
    )

    def __init__(self, *, masked: bool, rsv1: bool = False, limits: Limits = Limits()) -> None:
        self.error: RemoteProtocolError | None = None
        self._limits = limits
        self._mask = _MASK if masked else 0
        # The chunk that is being read, up to where it was read, and those that came behind it.
        self._data = b""
        self._at = 0
        self._waiting: deque[bytes] = deque()
        self._ended = False
        # What may come next: which first bytes, and how large a data frame.
        self._between = _BETWEEN_COMPRESSED if rsv1 else _BETWEEN_MESSAGES
        self._kinds = self._between
        self._before = 0  # how much of a fragmented message has come
        self._fragments = 0  # in how many frames
        self._most = limits.message_size  # how much of it may come
        self._room = min(limits.frame_size, limits.message_size)
        # The data frame that is being handed on in pieces.
        self._left = 0
        self._opcode = _CONTINUATION  # of the next piece
        self._fin = True  # of the last piece
        self._rsv1 = False  # of the next piece
        self._key = b""  # from the next byte on

    def receive(self, data: bytes) -> list[Frame]:
        """Take the next bytes, and return the frames that they bring.

        Raises:
            RemoteProtocolError: The peer broke the protocol (1002), and everything before that
                was returned.
            LimitExceeded: A frame or a message is too large (1009); likewise.
        """
        self.feed(data)
        return self.frames()

    def feed(self, data: bytes) -> None:
        """Take the next bytes, and keep them as bytes until `frames` is called."""
        if not self._ended:
            self._waiting.append(data)

    def frames(self, at_most: int = sys.maxsize) -> list[Frame]:
        """Return the frames that stand next in what was fed; raises what `receive` raises."""
        if self.error is not None:
            raise self.error
        frames: list[Frame] = []
        try:
            self._read(frames, at_most)
        except RemoteProtocolError as error:
            self.error = error
            self._end()
            if not frames:
                raise
        return frames

    def _read(self, frames: list[Frame], at_most: int) -> None:
        # Half of the time that a connection costs is spent here, hence the local names.
        data, at, left = self._data, self._at, self._left
        kinds, room, mask = self._kinds, self._room, self._mask
        while True:
            end = len(data)
            while at_most:
                if left:
                    piece = data[at : at + left]
                    if not piece:
                        break
                    at += len(piece)
                    left -= len(piece)
                    at_most -= 1
                    frames.append(self._piece(piece, fin=self._fin and not left))
                    continue
                if at + 2 > end:
                    break
                kind = kinds[data[at]]
                if kind is None:
                    raise _unexpected(data[at], kinds)
                opcode, fin, rsv1 = kind
                start = at + 2
                size = data[at + 1] ^ mask  # above 127 if the mask bit is not what it must be
                if size > _SHORT:
                    if size > _64_BITS or opcode >= _CONTROL:
                        raise _malformed(opcode, size, mask)
                    start += 2 if size == _16_BITS else 8
                    if start > end:
                        break
                    size = _extended_size(data[at + 2 : start])
                if size > room and opcode < _CONTROL and not (rsv1 and self._has_room(size)):
                    raise _too_big(size, self._before, self._limits)
                if mask:
                    start += 4
                stop = start + size
                if stop <= end:
                    payload = data[start:stop]
                    if mask:
                        payload = apply_mask(payload, data[start - 4 : start])
                    at = stop
                    at_most -= 1
                    frames.append(_new(Frame, (opcode, payload, fin, rsv1)))
                elif start <= end and opcode < _CONTROL:
                    self._opcode, self._fin, self._rsv1 = opcode, fin, rsv1
                    if mask:
                        self._key = data[start - 4 : start]
                    left = size
                    at = start
                else:
                    break
                if not fin:
                    kinds = _WITHIN_MESSAGE
                    room = self._go_on(size, rsv1=rsv1)
                elif opcode is _CONTINUATION:
                    kinds = self._between
                    room = self._begin_anew()
                elif opcode is _CLOSE:
                    self._end()
                    return
            if not at_most or not self._waiting:
                break
            data = data[at:] + self._waiting.popleft()
            at = 0
        if at_most:  # else there may be much left, too much to copy each time
            data = data[at:]
            at = 0
        self._data, self._at, self._left = data, at, left
        self._kinds, self._room = kinds, room

    def _piece(self, piece: bytes, *, fin: bool) -> Frame:
        opcode, self._opcode = self._opcode, _CONTINUATION
        rsv1, self._rsv1 = self._rsv1, False
        if self._mask:
            key, turn = self._key, len(piece) % 4
            piece, self._key = apply_mask(piece, key), key[turn:] + key[:turn]
        return Frame(opcode, piece, fin, rsv1)

    def _has_room(self, size: int) -> bool:
        """Whether a message of this size may come that is compressed."""
        return size <= min(self._limits.frame_size, _most_compressed(self._limits))

    def _go_on(self, size: int, *, rsv1: bool) -> int:
        """Count a frame of a message that is not its last; return how large the next may be."""
        if rsv1:
            self._most = _most_compressed(self._limits)
        self._before += size
        self._fragments += 1
        if self._fragments >= self._limits.fragments:
            raise _too_many(self._limits)
        return min(self._limits.frame_size, self._most - self._before)

    def _begin_anew(self) -> int:
        """Forget the message that is complete; return how large the next frame may be."""
        self._before = self._fragments = 0
        self._most = self._limits.message_size
        return min(self._limits.frame_size, self._most)

    def _end(self) -> None:
        self._ended = True
        self._waiting.clear()
        self._data = b""
        self._at = self._left = 0


_Kinds: TypeAlias = tuple[tuple[Opcode, bool, bool] | None, ...]

_FIN: Final = 0x80
_RSV1: Final = 0x40
_MASK: Final = 0x80
_SHORT: Final = 125
_16_BITS: Final = 126
_64_BITS: Final = 127

# Under names of their own because these are looked up for each frame.
_CONTINUATION: Final = Opcode.CONTINUATION
_CLOSE: Final = Opcode.CLOSE
_CONTROL: Final = 8
# What `Frame(...)` comes down to, in half of the time.
_new: Final[Callable[[type[Frame], tuple[Opcode, bytes, bool, bool]], Frame]] = cast(
    "Any", tuple
).__new__


def _kinds(
    whole: AbstractSet[Opcode],
    fragmented: AbstractSet[Opcode],
    compressed: AbstractSet[Opcode] = frozenset(),
) -> _Kinds:
    """Opcode, FIN and RSV1 for each first byte that a frame may have."""
    kinds = {_FIN | opcode: (opcode, True, False) for opcode in whole}
    kinds |= {int(opcode): (opcode, False, False) for opcode in fragmented}
    kinds |= {_RSV1 | _FIN | opcode: (opcode, True, True) for opcode in compressed}
    kinds |= {_RSV1 | opcode: (opcode, False, True) for opcode in compressed}
    return tuple(kinds.get(first) for first in range(256))


_FIRST: Final = {Opcode.TEXT, Opcode.BINARY}
_ALWAYS: Final = {Opcode.CLOSE, Opcode.PING, Opcode.PONG}
_BETWEEN_MESSAGES: Final = _kinds(_FIRST | _ALWAYS, _FIRST)
_BETWEEN_COMPRESSED: Final = _kinds(_FIRST | _ALWAYS, _FIRST, _FIRST)
_WITHIN_MESSAGE: Final = _kinds({Opcode.CONTINUATION} | _ALWAYS, {Opcode.CONTINUATION})


def _unexpected(first: int, kinds: _Kinds) -> RemoteProtocolError:
    """Why this cannot be the first byte of a frame now."""
    opcode = first & 0x0F
    if first & 0x70:
        msg = f"a frame with reserved bits {first >> 4 & 7:03b}, which mean nothing there"
    elif opcode not in set(Opcode):
        msg = f"a frame with opcode {opcode}, which is reserved"
    elif opcode >= _CONTROL:
        msg = f"a {Opcode(opcode).name} frame that is fragmented (RFC 6455, 5.5)"
    elif kinds is _WITHIN_MESSAGE:
        msg = f"a {Opcode(opcode).name} frame within a fragmented message (RFC 6455, 5.4)"
    else:
        msg = "a CONTINUATION frame with nothing to continue (RFC 6455, 5.4)"
    return RemoteProtocolError(msg, code=CloseCode.PROTOCOL_ERROR)


def _malformed(opcode: Opcode, size: int, mask: int) -> RemoteProtocolError:
    """Why this cannot be the second byte of a frame."""
    if size > _64_BITS:
        msg = f"a frame that is {'not ' if mask else ''}masked (RFC 6455, 5.1)"
    else:
        msg = f"a {opcode.name} frame of more than {_SHORT} bytes (RFC 6455, 5.5)"
    return RemoteProtocolError(msg, code=CloseCode.PROTOCOL_ERROR)


def _extended_size(field: bytes) -> int:
    size = int.from_bytes(field, "big")
    if size <= (_SHORT if len(field) == 2 else 0xFFFF) or size >= 2**63:
        msg = f"a frame whose length is coded as {field.hex()}, against RFC 6455, 5.2"
        raise RemoteProtocolError(msg, code=CloseCode.PROTOCOL_ERROR)
    return size


def _too_big(size: int, before: int, limits: Limits) -> LimitExceeded:
    if size > limits.frame_size:
        limit, what, most = "frame_size", f"a frame of {size}", limits.frame_size
    else:
        limit, what, most = "message_size", f"a message of {before + size}", limits.message_size
    msg = f"{what} bytes where {most} are allowed"
    return LimitExceeded(msg, code=CloseCode.MESSAGE_TOO_BIG, limit=limit)


def _too_many(limits: Limits) -> LimitExceeded:
    msg = f"a message in more frames than the {limits.fragments} that are allowed"
    return LimitExceeded(msg, code=CloseCode.MESSAGE_TOO_BIG, limit="fragments")


def _most_compressed(limits: Limits) -> int:
    """Bytes that a compressed message may have.

    DEFLATE adds less than an eighth in the worst case, and each fragment the head of a block.
    """
    return 2 * limits.message_size + 1024
