"""How a thread that waits for a disk reaches the event loop of those who wait for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

__all__ = ["Event", "Soon", "Threads"]

Soon: TypeAlias = Callable[[Callable[[], object]], None]
"""Has a function called in an event loop; may itself be called from any thread."""


class Event(Protocol):
    """What a task waits for; `asyncio.Event` and `trio.Event` are such."""

    def set(self) -> object:
        """Wake who waits, in the event loop."""
        ...

    async def wait(self) -> object:
        """Wait until it is set."""
        ...


class Threads(Protocol):
    """What a runtime gives to an engine that has threads.

    It is `eventproto.asyncio.Threads` or `eventproto.trio.Threads`.
    """

    def event(self) -> Event:
        """Make an event that is not set."""
        ...

    def soon(self) -> Soon:
        """How to reach the event loop that this is called in, until that has ended."""
        ...
