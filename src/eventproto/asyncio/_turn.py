"""What a task waits for that is to go on at once, and not in the next turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any

__all__ = ["Turn"]


class Turn:
    """The turn of one task, in a line of those who wait for the same.

    A task waits for it as for a future, by the protocol that asyncio has for what is like one (see
    `asyncio.isfuture`). But a future has the event loop go on with the task some time later,
    which costs more than most messages do. `come` goes on with it right there, in what the loop
    is doing already.

    What a task does until it waits again, it does within `come`. So only a callback of the event
    loop may call that: no two tasks of a loop can run within each other, and whoever is in the
    midst of something must not find that another one was there too.

    Args:
        loop: That of the task.
        line: Those who wait. Whoever has the task wait adds it, and it leaves by itself.

    Attributes:
        taken: Whether somebody waits for it, or is about to.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_callback",
        "_cancelled",
        "_context",
        "_line",
        "_loop",
        "taken",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, line: list[Turn]) -> None:
        self._loop = loop
        self._line = line
        self._callback: Callable[[Turn], object] | None = None
        self._context: Context
        self._cancelled: tuple[object, ...] | None = None  # what the CancelledError says
        self._asyncio_future_blocking = False
        self.taken = False

    def __await__(self) -> Generator[Turn]:
        self._asyncio_future_blocking = True
        yield self

    def come(self) -> None:
        """Leave the line, and go on with the task if it still waits."""
        if self in self._line:
            self._line.remove(self)
        callback, self._callback = self._callback, None
        self.taken = self._cancelled is not None
        if callback is not None:
            self._context.run(callback, self)

    def come_soon(self) -> None:
        """Leave the line, and have the event loop go on with the task."""
        if self in self._line:
            self._line.remove(self)
        self._loop.call_soon(self.come)

    # The task calls these.

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """See `asyncio.Future`."""
        return self._loop

    def add_done_callback(self, callback: Callable[[Turn], object], *, context: Context) -> None:
        """See `asyncio.Future`."""
        self._callback, self._context = callback, context

    def cancel(self, msg: Any = None) -> bool:  # noqa: ANN401  # as asyncio has it
        """See `asyncio.Future`."""
        if self._callback is None or self._cancelled is not None:
            return False
        self._cancelled = () if msg is None else (msg,)
        self.come_soon()
        return True

    def done(self) -> bool:
        """See `asyncio.Future`."""
        return self._callback is None

    def result(self) -> None:
        """See `asyncio.Future`."""
        if self._cancelled is not None:
            raise asyncio.CancelledError(*self._cancelled)
