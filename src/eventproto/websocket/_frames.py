"""Frames to bytes and back (RFC 6455, section 5)."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

from eventproto._errors import LimitExceeded, RemoteProtocolError
from eventproto.websocket._close import CloseCode
from eventproto.websocket._heads import (
    BETWEEN_COMPRESSED,
    BETWEEN_MESSAGES,
    FIN,
    LENGTH_16,
    LENGTH_64,
    MASK,
    SHORT,
    SHORT_HEADS,
    WITHIN_MESSAGE,
    Opcode,
    extended_size,
    frame_head,
    malformed,
    unexpected,
)
from eventproto.websocket._limits import Limits
from eventproto.websocket._mask import apply_mask, mask, unmask

__all__ = ["Frame", "FrameDecoder", "encode_frame"]


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
    mask_bit = 0 if key is None else MASK
    if size <= SHORT and fin and not rsv1:
        head = SHORT_HEADS[opcode][mask_bit | size]
    else:
        head = frame_head(opcode, size, mask_bit, fin=fin, rsv1=rsv1)
    if key is None:
        return head + payload
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
        "_head_size",
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
        self._mask = MASK if masked else 0
        self._head_size = 6 if masked else 2  # of a short frame
        # The chunk that is being read, up to where it was read, and those that came behind it.
        self._data = b""
        self._at = 0
        self._waiting: deque[bytes] | None = None  # until there are any, for it takes 760 bytes
        self._ended = False
        # What may come next: which first bytes, and how large a data frame.
        self._between = BETWEEN_COMPRESSED if rsv1 else BETWEEN_MESSAGES
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

    def receive(self, data: bytes, at_most: int = sys.maxsize) -> list[Frame]:
        """Take the next bytes, and return the frames that they bring.

        Args:
            data: The next bytes.
            at_most: How many frames to return; what is left stays bytes until `frames` is called.

        Raises:
            RemoteProtocolError: The peer broke the protocol (1002), and everything before that
                was returned.
            LimitExceeded: A frame or a message is too large (1009); likewise.
        """
        self.feed(data)
        return self.frames(at_most)

    def short_message(self, data: bytes) -> tuple[Opcode, bytes] | None:
        """Take the next bytes if they are one whole message of at most 125 bytes, without RSV1.

        Most reads of most connections are. None if they are not; then nothing has changed.
        """
        size = len(data) - self._head_size
        if 0 <= size <= SHORT and data[1] == self._mask | size and size <= self._room:
            opcode = _SHORT_MESSAGES.get(data[0])
            if (
                opcode is not None
                and self._kinds is self._between
                and not (self._data or self._left or self._waiting or self._ended)
            ):
                return opcode, unmask(data, 6, size + 6) if self._mask else data[2:]
        return None

    def feed(self, data: bytes) -> None:
        """Take the next bytes, and keep them as bytes until `frames` is called."""
        if self._data or self._waiting:
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append(data)
        elif not self._ended:
            self._data = data

    def frames(self, at_most: int = sys.maxsize) -> list[Frame]:
        """Return the frames that stand next in what was fed; raises what `receive` raises."""
        if self.error is not None:
            raise self.error
        frames: list[Frame] = []
        try:
            while self._read(frames, at_most) and self._waiting:
                self._data += self._waiting.popleft()
        except RemoteProtocolError as error:
            self.error = error
            self._end()
            if not frames:
                raise
        return frames

    def _read(self, frames: list[Frame], at_most: int) -> bool:
        """Read what there is of the chunk; return whether more is wanted."""
        # Half of the time that a connection costs is spent here, hence the local names.
        data, at, kinds, room, mask_bit = self._data, self._at, self._kinds, self._room, self._mask
        end = len(data)
        wanted = at_most - len(frames)
        if self._left and wanted and at < end:
            at = self._read_piece(frames, at)
            wanted -= 1
        head_size = self._head_size
        while wanted and at + 2 <= end:
            kind = kinds[data[at]]
            if kind is None:
                raise unexpected(data[at], kinds)
            opcode, fin, rsv1, ordinary = kind
            start = at + head_size
            size = data[at + 1] ^ mask_bit  # above 127 if the mask bit is not what it must be
            if size > SHORT:
                if size > LENGTH_64 or opcode >= _CONTROL:
                    raise malformed(opcode, size, mask_bit)
                wide = 2 if size == LENGTH_16 else 8
                if at + 2 + wide > end:
                    break
                start += wide
                size = extended_size(data[at + 2 : at + 2 + wide])
            if size > room and opcode < _CONTROL and not (rsv1 and self._has_room(size)):
                raise _too_big(size, self._before, self._limits)
            stop = start + size
            if stop <= end:
                payload = unmask(data, start, stop) if mask_bit else data[start:stop]
                frames.append(_new(Frame, (opcode, payload, fin, rsv1)))
                wanted -= 1
                at = stop
            elif start <= end and opcode < _CONTROL:
                self._opcode, self._fin, self._rsv1 = opcode, fin, rsv1
                self._key = data[start - 4 : start]
                self._left = size
                at = start
            else:
                break
            if not ordinary:
                if opcode is _CLOSE:
                    self._end()
                    return False
                if fin:
                    kinds, room = self._between, self._begin_anew()
                else:
                    kinds, room = WITHIN_MESSAGE, self._go_on(size, rsv1=rsv1)
            if stop > end:
                if at < end:
                    at = self._read_piece(frames, at)
                break
        self._kinds, self._room = kinds, room
        if wanted:
            self._data, self._at = data[at:], 0
        else:  # there may be much left, too much to copy each time
            self._at = at
        return wanted > 0

    def _read_piece(self, frames: list[Frame], at: int) -> int:
        """Hand on what there is of a frame; return where the next one begins, if it is all."""
        piece = self._data[at : at + self._left]
        self._left -= len(piece)
        opcode, self._opcode = self._opcode, _CONTINUATION
        rsv1, self._rsv1 = self._rsv1, False
        at += len(piece)
        if self._mask:
            key, turn = self._key, len(piece) % 4
            piece, self._key = mask(piece, key), key[turn:] + key[:turn]
        frames.append(Frame(opcode, piece, self._fin and not self._left, rsv1))
        return at

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
        self._waiting = None
        self._data = b""
        self._at = self._left = 0


# Under names of their own because these are looked up for each frame.
_CONTINUATION: Final = Opcode.CONTINUATION
_CLOSE: Final = Opcode.CLOSE
_CONTROL: Final = 8
_SHORT_MESSAGES: Final = {FIN | opcode: opcode for opcode in (Opcode.TEXT, Opcode.BINARY)}
# What `Frame(...)` comes down to, in half of the time.
_new: Final[Callable[[type[Frame], tuple[Opcode, bytes, bool, bool]], Frame]] = cast(
    "Any", tuple
).__new__


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
