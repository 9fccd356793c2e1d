"""Ways to cut bytes."""

from __future__ import annotations

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from eventproto.strategies import chunkings


@given(st.data(), st.binary(max_size=40), st.integers(0, 5))
def test_nothing_is_lost(data: st.DataObject, raw: bytes, max_cuts: int) -> None:
    """Pieces join to what was cut."""
    assert b"".join(data.draw(chunkings(raw, max_cuts=max_cuts))) == raw


@pytest.mark.parametrize("raw", [b"", b"a", b"x" * 100])
def test_every_way_is_among_them(raw: bytes) -> None:
    """Whole, byte by byte however many there are, in pairs, with an empty piece."""
    single = [raw[at : at + 1] for at in range(len(raw))] or [b""]
    pairs = [raw[at : at + 2] for at in range(0, len(raw), 2)] or [b""]
    for wanted in ([raw], single, pairs, [b"", raw], [raw, b""]):
        assert find(chunkings(raw), wanted.__eq__) == wanted
