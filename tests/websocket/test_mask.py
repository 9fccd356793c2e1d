"""Masking, against its definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventproto.websocket import apply_mask

KEYS = st.binary(min_size=4, max_size=4)


@given(st.binary(), KEYS)
def test_mask_is_that_of_the_rfc(data: bytes, key: bytes) -> None:
    """Octet i of the one is octet i of the other XOR octet i modulo 4 of the key (5.3)."""
    assert apply_mask(data, key) == bytes(byte ^ key[i % 4] for i, byte in enumerate(data))


@given(st.binary(), KEYS)
def test_mask_undoes_itself(data: bytes, key: bytes) -> None:
    """The same algorithm both ways (5.3)."""
    assert apply_mask(apply_mask(data, key), key) == data
