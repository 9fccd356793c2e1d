"""What a byte-stream machine on a connection offers beyond a session."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Final, TypeVar

from eventproto import Chunk, Closed, ConnectionLost, Machine, PeerTimeout
from eventproto._drive._session import Session

__all__ = ["PIECE", "StreamSession"]

CommandT = TypeVar("CommandT")

PIECE: Final = 64 * 1024
"""Bytes that are written at a time, so that a driver sees whether the peer takes any."""


class StreamSession(Session[CommandT]):
    """A session that has a connection of its own."""

    machine: Machine[CommandT, Chunk, Chunk]
    """What speaks on it."""

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
    def bound_silence(self, seconds: float) -> None:
        """Have the system give the peer up that acknowledges nothing for so long.

        For who only sends, and little: what a peer that lost its power does not acknowledge would
        be sent again for a quarter of an hour. Only where the system has `TCP_USER_TIMEOUT`.
        """

    @abstractmethod
    async def wait_gone(self) -> None:
        """Wait until the connection is gone, whatever events are left."""

    @abstractmethod
    async def wait_heard(self) -> None:
        """Wait until the peer has sent something or is gone, or do not wait if there is an event.

        Who only sends, and waits for no other event than the last one, is not woken by each
        thing that leaves, as `next_event` is.
        """

    @abstractmethod
    async def wait_until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so, or the connection is gone.

        It is looked at again whenever anything has come to the machine or has left it.
        """

    def _stalled(self) -> TimeoutError:
        """What is wrong when the peer has not taken a piece in time."""
        return TimeoutError(f"the peer read nothing for {self._stall_time} seconds")

    def _see_last(self, closed: Closed) -> None:
        """The machine has reported its last event."""
        if isinstance(closed.error, ConnectionLost):
            closed.error.__cause__ = self._lost
        elif isinstance(closed.error, PeerTimeout):
            self.abort()  # it was given up, so nobody waits until it reads what is left
