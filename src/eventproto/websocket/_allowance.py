"""How much a peer may ask for at once, and how soon again."""

from __future__ import annotations

from typing import Final

__all__ = ["Allowance"]


class Allowance:
    """So much at once, and as much again within a second.

    Args:
        most: How much; what is not used up is not saved beyond that.
    """

    __slots__ = ("_at", "_left", "_most")

    def __init__(self, most: float) -> None:
        self._most: Final = most
        self._left = most
        self._at = 0.0

    def left(self, now: float) -> float:
        """How much there is, at this time in seconds."""
        if now > self._at:
            self._left = min(self._most, self._left + (now - self._at) * self._most)
            self._at = now
        return self._left

    def take(self, amount: float, now: float) -> bool:
        """Use some of it; if there is not so much, use nothing and return False."""
        if amount > self.left(now):
            return False
        self._left -= amount
        return True
