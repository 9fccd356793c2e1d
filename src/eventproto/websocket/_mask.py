"""Masking (RFC 6455, 5.3): the one place that knows how, where an accelerator can come in."""

from __future__ import annotations

from typing import Final

__all__ = ["apply_mask"]


def apply_mask(data: bytes, key: bytes) -> bytes:
    """XOR `data` with a key that repeats; to do it again undoes it.

    Args:
        data: A payload, or a piece of one.
        key: Four bytes, the first of them for the first byte of `data`.
    """
    # Python has no XOR of bytes, but one of integers, in C; all conversions here are linear.
    size = len(data)
    mask = (key * (size // 4 + 1))[:size]
    return (_number(data, "little") ^ _number(mask, "little")).to_bytes(size, "little")


_number: Final = int.from_bytes
