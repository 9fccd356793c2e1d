"""The time, flags and tasks of trio: see `eventproto._drive._primitives.Primitives`."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from time import time as unix_time
from typing import Any, TypeVar

import trio

from eventproto._drive import _unwrapped
from eventproto._drive._primitives import Operation

__all__ = ["before", "first_of", "new_flag", "now", "open_tasks", "sleep", "unix_time", "unwrapped"]

T = TypeVar("T")

new_flag = trio.Event
now = trio.current_time
sleep = trio.sleep
unwrapped = partial(_unwrapped.unwrapped, trio.Cancelled)


async def before(deadline: float | None, operation: Callable[[], Awaitable[T]]) -> T | None:
    """See `Primitives`."""
    with trio.move_on_at(math.inf if deadline is None else deadline):
        return await operation()
    return None


async def first_of(one: Coroutine[Any, Any, object], other: Coroutine[Any, Any, object], /) -> None:
    """See `Primitives`."""

    async def do_other() -> None:
        await other
        nursery.cancel_scope.cancel()

    with unwrapped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(do_other)
            await one
            nursery.cancel_scope.cancel()


class NurseryTasks:
    """See `Tasks`."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    def start(self, operation: Operation) -> None:
        """See `Tasks`."""
        self._nursery.start_soon(operation)

    def cancel(self) -> None:
        """See `Tasks`."""
        self._nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_tasks() -> AsyncGenerator[NurseryTasks]:
    """See `Primitives`."""
    with unwrapped():
        async with trio.open_nursery() as nursery:
            tasks = NurseryTasks(nursery)
            try:
                yield tasks
            finally:
                tasks.cancel()
