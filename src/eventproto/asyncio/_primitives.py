"""The time, flags and tasks of asyncio: see `eventproto._drive._primitives.Primitives`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from time import time as unix_time
from typing import Any, TypeVar

from eventproto._drive._primitives import Operation
from eventproto._drive._unwrapped import unwrapped

__all__ = ["before", "first_of", "new_flag", "now", "open_tasks", "sleep", "unix_time"]

T = TypeVar("T")

new_flag = asyncio.Event
sleep = asyncio.sleep


def now() -> float:
    """See `Primitives`."""
    return asyncio.get_running_loop().time()


async def before(deadline: float | None, operation: Callable[[], Awaitable[T]]) -> T | None:
    """See `Primitives`."""
    patience = asyncio.timeout_at(deadline)
    try:
        async with patience:
            return await operation()
    except TimeoutError:
        if not patience.expired():
            raise
        return None


async def first_of(one: Coroutine[Any, Any, object], other: Coroutine[Any, Any, object], /) -> None:
    """See `Primitives`."""
    tasks = asyncio.create_task(one), asyncio.create_task(other)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        errors = [task.exception() for task in tasks if not task.cancelled()]
        for error in filter(None, errors):
            raise error  # also instead of a cancellation, as a `TaskGroup` does


class GroupTasks:
    """See `Tasks`."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running: set[asyncio.Task[None]] = set()

    def start(self, operation: Operation) -> None:
        """See `Tasks`."""
        task = self._group.create_task(operation())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def cancel(self) -> None:
        """See `Tasks`."""
        for task in self._running:
            task.cancel()


@asynccontextmanager
async def open_tasks() -> AsyncGenerator[GroupTasks]:
    """See `Primitives`."""
    with unwrapped():
        async with asyncio.TaskGroup() as group:
            tasks = GroupTasks(group)
            try:
                yield tasks
            finally:
                tasks.cancel()
