"""Every way to cut bytes into the chunks that a network delivers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import strategies as st

__all__ = ["chunkings"]


def chunkings(data: bytes, *, max_cuts: int = 20) -> st.SearchStrategy[list[bytes]]:
    """Ways to cut `data`: into pieces that join to it again, some of them possibly empty.

    Cuts are anywhere, or after every so many bytes, as few as one.

    Args:
        data: What to cut.
        max_cuts: The largest number of cuts where they are anywhere.
    """
    places = st.lists(st.integers(0, len(data)), max_size=max_cuts).map(sorted)
    steps = st.integers(1, max(1, len(data)))
    anywhere = places.map(lambda cuts: _cut(data, cuts))
    return anywhere | steps.map(lambda step: _cut(data, range(step, len(data), step)))


def _cut(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *cuts, len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
