"""What a byte-stream machine on a connection offers beyond a session."""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, TypeVar

from eventproto import Closed, ConnectionLost, PeerTimeout
from eventproto._drive._session import Session

__all__ = ["PIECE", "StreamSession"]

CommandT = TypeVar("CommandT")

PIECE: Final = 64 * 1024
"""Bytes that are written at a time, so that a driver sees whether the peer takes any."""


class StreamSession(Session[CommandT]):
    """A session that has a connection of its own."""

    _stall_time = 60.0
    """Seconds in which the peer must take a piece before the connection is dropped.

    A peer that reads nothing, but lives, would hold a connection for ever: no machine sees what
    the transport still has. 60, as nginx.
    """

    _lost: Exception | None = None
    """Why the connection is gone, as far as the runtime or the driver can say."""

    @abstractmethod
    def post(self, command: CommandT) -> None:
        """Hand a command to the machine like `send`, without waiting for room."""

    @abstractmethod
    def abort(self) -> None:
        """Drop the connection now; what was not written yet is lost."""

    @abstractmethod
    async def wait_gone(self) -> None:
        """Wait until the connection is gone, whatever events are left."""

    def _stalled(self) -> TimeoutError:
        """What is wrong when the peer has not taken a piece in time."""
        return TimeoutError(f"the peer read nothing for {self._stall_time} seconds")

    def _see_last(self, closed: Closed) -> None:
        """The machine has reported its last event."""
        if isinstance(closed.error, ConnectionLost):
            closed.error.__cause__ = self._lost
        elif isinstance(closed.error, PeerTimeout):
            self.abort()  # it was given up, so nobody waits until it reads what is left
