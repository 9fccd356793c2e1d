"""What the fuzzer runs, without the fuzzer: seeds, and seeds that somebody has spoilt."""

from __future__ import annotations

import random

import pytest

from fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_targets(name: str) -> None:
    target, seeds = TARGETS[name]
    dice = random.Random(name)
    for seed in seeds:
        target(seed)
        for _ in range(50):
            target(_spoilt(seed, dice))


def _spoilt(data: bytes, dice: random.Random) -> bytes:
    """Some pieces of it, in any order, with other bytes between them."""
    pieces = []
    for _ in range(dice.randint(1, 4)):
        start, end = sorted(dice.choices(range(len(data) + 1), k=2))
        pieces += [data[start:end], dice.randbytes(dice.randrange(3))]
    return b"".join(pieces)
