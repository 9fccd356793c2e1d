"""The heads of frames: what their first bytes mean, and what is wrong with them (RFC 6455, 5.2)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import IntEnum
from typing import Final, TypeAlias

from eventproto._errors import LocalProtocolError, RemoteProtocolError
from eventproto.websocket._close import CloseCode

__all__ = [
    "BETWEEN_COMPRESSED",
    "BETWEEN_MESSAGES",
    "FIN",
    "LENGTH_16",
    "LENGTH_64",
    "MASK",
    "SHORT",
    "SHORT_HEADS",
    "WITHIN_MESSAGE",
    "Kinds",
    "Opcode",
    "extended_size",
    "frame_head",
    "malformed",
    "unexpected",
]


class Opcode(IntEnum):
    """What a frame is for; those from 8 on are control frames."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


FIN: Final = 0x80
"""A bit of the first byte."""

MASK: Final = 0x80
"""A bit of the second byte."""

SHORT: Final = 125
"""The longest payload whose length is in the second byte."""

LENGTH_16: Final = 126
"""What stands there if the length is in the next two bytes."""

LENGTH_64: Final = 127
"""What stands there if it is in the next eight bytes."""

_RSV1: Final = 0x40
_CONTROL: Final = 8

SHORT_HEADS: Final = {
    opcode: tuple(bytes((FIN | opcode, second)) for second in range(256)) for opcode in Opcode
}
"""The heads of whole frames, by opcode and second byte: to make one costs more than all else."""


def frame_head(opcode: Opcode, size: int, mask_bit: int, *, fin: bool, rsv1: bool) -> bytes:
    """The head of any frame, without a key.

    Raises:
        LocalProtocolError: A control frame that is fragmented, is compressed or is too long.
    """
    if opcode >= _CONTROL and (size > SHORT or rsv1 or not fin):
        msg = f"a control frame is whole and has at most {SHORT} bytes, got {size}, {fin=} {rsv1=}"
        raise LocalProtocolError(msg)
    first = (FIN if fin else 0) | (_RSV1 if rsv1 else 0) | opcode
    if size <= SHORT:
        return bytes((first, mask_bit | size))
    if size < 2**16:
        return bytes((first, mask_bit | LENGTH_16)) + size.to_bytes(2, "big")
    return bytes((first, mask_bit | LENGTH_64)) + size.to_bytes(8, "big")


_Kind: TypeAlias = tuple[Opcode, bool, bool, bool]
Kinds: TypeAlias = tuple[_Kind | None, ...]
"""What each first byte says of its frame, or None if it may not come.

Its opcode, FIN and RSV1, and whether the frames after it may be the same as before.
"""


def _kinds(
    whole: AbstractSet[Opcode],
    fragmented: AbstractSet[Opcode],
    compressed: AbstractSet[Opcode] = frozenset(),
) -> Kinds:
    kinds: dict[int, _Kind] = {}
    for opcode in whole:
        ordinary = opcode not in {Opcode.CONTINUATION, Opcode.CLOSE}
        kinds[FIN | opcode] = (opcode, True, False, ordinary)
    for opcode in fragmented:
        kinds[opcode] = (opcode, False, False, False)
    for opcode in compressed:
        kinds[FIN | _RSV1 | opcode] = (opcode, True, True, True)
        kinds[_RSV1 | opcode] = (opcode, False, True, False)
    return tuple(kinds.get(first) for first in range(256))


_FIRST: Final = {Opcode.TEXT, Opcode.BINARY}
_ALWAYS: Final = {Opcode.CLOSE, Opcode.PING, Opcode.PONG}
BETWEEN_MESSAGES: Final = _kinds(_FIRST | _ALWAYS, _FIRST)
BETWEEN_COMPRESSED: Final = _kinds(_FIRST | _ALWAYS, _FIRST, _FIRST)
WITHIN_MESSAGE: Final = _kinds({Opcode.CONTINUATION} | _ALWAYS, {Opcode.CONTINUATION})


def unexpected(first: int, kinds: Kinds) -> RemoteProtocolError:
    """Why this cannot be the first byte of a frame now."""
    opcode = first & 0x0F
    if first & 0x70:
        msg = f"a frame with reserved bits {first >> 4 & 7:03b}, which mean nothing there"
    elif opcode not in set(Opcode):
        msg = f"a frame with opcode {opcode}, which is reserved"
    elif opcode >= _CONTROL:
        msg = f"a {Opcode(opcode).name} frame that is fragmented (RFC 6455, 5.5)"
    elif kinds is WITHIN_MESSAGE:
        msg = f"a {Opcode(opcode).name} frame within a fragmented message (RFC 6455, 5.4)"
    else:
        msg = "a CONTINUATION frame with nothing to continue (RFC 6455, 5.4)"
    return RemoteProtocolError(msg, code=CloseCode.PROTOCOL_ERROR)


def malformed(opcode: Opcode, size: int, mask: int) -> RemoteProtocolError:
    """Why this cannot be the second byte of a frame."""
    if size > LENGTH_64:
        msg = f"a frame that is {'not ' if mask else ''}masked (RFC 6455, 5.1)"
    else:
        msg = f"a {opcode.name} frame of more than {SHORT} bytes (RFC 6455, 5.5)"
    return RemoteProtocolError(msg, code=CloseCode.PROTOCOL_ERROR)


def extended_size(field: bytes) -> int:
    """The length of a payload that has a field of its own, 2 or 8 bytes.

    Raises:
        RemoteProtocolError: It is not coded in the shortest way, or has 64 bits (1002).
    """
    size = int.from_bytes(field, "big")
    if size <= (SHORT if len(field) == 2 else 0xFFFF) or size >= 2**63:
        msg = f"a frame whose length is coded as {field.hex()}, against RFC 6455, 5.2"
        raise RemoteProtocolError(msg, code=CloseCode.PROTOCOL_ERROR)
    return size
