"""Every way to cut bytes into the chunks that a network delivers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

__all__ = ["chunkings"]


def chunkings(data: bytes, *, max_cuts: int = 20) -> st.SearchStrategy[list[bytes]]:
    """Ways to cut `data`: into pieces that join to it again, some of them possibly empty.

    Args:
        data: What to cut.
        max_cuts: The largest number of cuts.
    """
    places = st.lists(st.integers(0, len(data)), max_size=max_cuts).map(sorted)
    return places.map(lambda cuts: _cut(data, cuts))


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *cuts, len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
