"""Which Pings wait for their Pongs, and how long the last answer took (RFC 6455, 5.5.2)."""

from __future__ import annotations

from typing import Final

__all__ = ["Pings"]

_MOST: Final = 64  # a peer need not answer all of them, and those before the newest do not matter


class Pings:
    """The Pings of one side.

    Attributes:
        latency: Seconds between the newest Ping that was answered and its Pong; None before.
    """

    __slots__ = ("_waiting", "latency")

    def __init__(self) -> None:
        self.latency: float | None = None
        # A list, as it is short and most often empty, where a deque takes 760 bytes.
        self._waiting: list[tuple[bytes, float, bool]] = []

    def sent(self, payload: bytes, now: float, *, own: bool = False) -> None:
        """Wait for an answer to this one, which is the machine's `own` or the application's."""
        self._waiting.append((payload, now, own))
        del self._waiting[:-_MOST]

    def answered(self, payload: bytes, now: float) -> bool:
        """Take a Pong; return whether it answers one of the machine's own.

        A peer may answer only the newest of several Pings (5.5.3), so those before it are not
        waited for any more. A Pong that answers none is no error.
        """
        for index, (each, at, own) in enumerate(self._waiting):
            if each == payload:
                self.latency = now - at
                del self._waiting[: index + 1]
                return own
        return False

    def waiting(self, payload: bytes) -> bool:
        """Whether one with this payload may still be answered."""
        return any(each == payload for each, _, _ in self._waiting)
