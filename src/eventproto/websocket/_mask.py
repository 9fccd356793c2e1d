"""Masking (RFC 6455, 5.3): the one place that knows how, in C where that was built."""

from __future__ import annotations

from typing import Final

from typing_extensions import Buffer

from eventproto._errors import LocalProtocolError

__all__ = ["apply_mask", "mask", "unmask"]


def apply_mask(data: Buffer, key: Buffer) -> bytes:
    """XOR `data` with a key that repeats; to do it again undoes it.

    Args:
        data: A payload, or a piece of one.
        key: Four bytes, the first of them for the first byte of `data`.

    Raises:
        LocalProtocolError: The key has another size.
    """
    try:
        return mask(data, key)
    except ValueError as error:
        raise LocalProtocolError(str(error)) from error


def _mask(data: Buffer, key: Buffer) -> bytes:
    """`apply_mask`, but the error is a ValueError."""
    # Python has no XOR of bytes, but one of integers, in C; all conversions here are linear.
    data, key = memoryview(data).cast("B"), memoryview(key).tobytes()
    if len(key) != 4:
        msg = f"a masking key has 4 bytes, got {len(key)}"
        raise ValueError(msg)
    size = len(data)
    keys = (key * (size // 4 + 1))[:size]
    return (_number(data, "little") ^ _number(keys, "little")).to_bytes(size, "little")


def _unmask(data: Buffer, start: int, stop: int) -> bytes:
    """The payload at `start` to `stop` of a frame, with its key right before it."""
    data = memoryview(data).cast("B")
    if not 4 <= start <= stop <= len(data):
        msg = f"no key and payload at {start} to {stop} of {len(data)} bytes"
        raise ValueError(msg)
    return _mask(data[start:stop], data[start - 4 : start])


_number: Final = int.from_bytes

try:
    from eventproto.websocket._mask_accelerator import mask, unmask
except ImportError:
    mask, unmask = _mask, _unmask
