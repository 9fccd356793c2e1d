"""Strings kept in order while many come and go."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final

__all__ = ["SortedStrings"]

_FULL: Final = 512  # as many as are moved faster than found in another way


class SortedStrings:
    """A sorted set of strings, in short lists: adding to one long list would cost its length."""

    __slots__ = ("_firsts", "_lists")

    def __init__(self) -> None:
        # `_lists[0]` may be empty and is the home of what is smaller than all others.
        self._firsts = [""]
        self._lists: list[list[str]] = [[]]

    def add(self, text: str) -> None:
        """Add a string that is not in it."""
        at = self._home(text)
        home = self._lists[at]
        insort(home, text)
        if len(home) > _FULL:
            upper = home[_FULL // 2 :]
            del home[_FULL // 2 :]
            self._lists.insert(at + 1, upper)
            self._firsts.insert(at + 1, upper[0])

    def remove(self, text: str) -> None:
        """Remove a string that is in it."""
        at = self._home(text)
        home = self._lists[at]
        del home[bisect_left(home, text)]
        if not home and at > 0:
            del self._lists[at], self._firsts[at]

    def starting(self, begin: str) -> Iterator[str]:
        """All that are not smaller than `begin`, in order; it must not change meanwhile."""
        at = self._home(begin)
        yield from self._lists[at][bisect_left(self._lists[at], begin) :]
        for each in self._lists[at + 1 :]:
            yield from each

    def _home(self, text: str) -> int:
        at = bisect_left(self._firsts, text)
        return at if at < len(self._firsts) and self._firsts[at] == text else at - 1
