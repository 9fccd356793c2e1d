"""What a byte-stream machine on a connection offers beyond a session."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from eventproto._drive._session import Session

__all__ = ["StreamSession"]

CommandT = TypeVar("CommandT")


class StreamSession(Session[CommandT]):
    """A session that has a connection of its own."""

    @abstractmethod
    def post(self, command: CommandT) -> None:
        """Hand a command to the machine like `send`, without waiting for room."""

    @abstractmethod
    def abort(self) -> None:
        """Drop the connection now; what was not written yet is lost."""

    @abstractmethod
    async def wait_gone(self) -> None:
        """Wait until the connection is gone, whatever events are left."""
