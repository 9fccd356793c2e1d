"""What a cursor looks like: which log and topic it is of, then a position.

A position is the time of the append in microseconds, or one more than the last position if that is
later. So it says how old a record is, and a store that was restored from a copy never gives a
position again that it gave after the copy was made: readers who saw it get a gap instead of a
hole. What a cursor is of comes from an epoch, which every new store draws, and the topic: a cursor
means nothing in a store that was flushed, and nothing in another topic, to which a message may be
copied with its cursor for an id.
"""

from __future__ import annotations

from base64 import b32encode
from hashlib import blake2b
from typing import Final, Self

from eventproto.engine._values import Retention

__all__ = ["EPOCH_SIZE", "TAG_SIZE", "Cursors", "age_of", "oldest_of", "position_of", "tag"]

EPOCH_SIZE: Final = 16
"""How many random bytes make an epoch."""

TAG_SIZE: Final = 5
"""How many bytes make a tag, of eight letters and digits."""

_DIGITS: Final = 16  # microseconds until the year 2255
_LATEST: Final = 2**53 - 1  # the largest whole number that is exact in every store


class Cursors:
    """The cursors of one topic.

    Args:
        tag: What all of them begin with.
    """

    __slots__ = ("_prefix",)

    def __init__(self, tag: str) -> None:
        self._prefix = tag + "-"

    @classmethod
    def of(cls, epoch: bytes, topic: str) -> Self:
        """Those of a topic, in a store that has one epoch for all its topics."""
        return cls(tag(blake2b(topic.encode(), key=epoch, digest_size=TAG_SIZE).digest()))

    def write(self, position: int) -> str:
        """The cursor of a position."""
        return f"{self._prefix}{position:0{_DIGITS}d}"

    def read(self, text: str) -> int | None:
        """The position of a cursor; None for what is no cursor of this epoch and topic."""
        digits = text[len(self._prefix) :]
        if not text.startswith(self._prefix) or len(digits) != _DIGITS:
            return None
        return int(digits) if digits.isascii() and digits.isdigit() else None


def tag(seed: bytes) -> str:
    """A tag of `TAG_SIZE` bytes."""
    return b32encode(seed).decode().lower()


def position_of(now: float) -> int:
    """The position of a record that would be the first one ever."""
    return max(0, min(int(now * 1e6), _LATEST))


def age_of(retention: Retention) -> int | None:
    """How far behind the present the positions may be that are kept."""
    return None if retention.age is None else int(min(retention.age * 1e6, _LATEST))


def oldest_of(now: int, retention: Retention) -> int:
    """The last position that is too old to be kept; -1 if there is none."""
    age = age_of(retention)
    return -1 if age is None else max(-1, now - age)
