"""Cancels an operation wherever it can be cancelled, one place after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import sniffio
import trio

__all__ = ["Operation", "cancel_everywhere", "nothing_is_left"]

Operation: TypeAlias = Callable[[], Coroutine[Any, Any, object]]

_ENDLESS = 500


async def cancel_everywhere(operation: Operation) -> int:
    """Run an operation again and again, and cancel it the first, second, third... time it waits.

    Up to the run that comes to its end, before it could be cancelled. On asyncio once more, with
    what it waits for having happened just before: trio cancels nobody then.

    Returns:
        How many runs that took.
    """
    runs = 0
    for late in (False, True) if sniffio.current_async_library() == "asyncio" else (False,):
        cancelled, step = True, 0
        while cancelled:
            step += 1
            assert step < _ENDLESS, "it waits, and waits"
            with anyio.fail_after(20):
                cancelled = await _was_cancelled(operation, step, late=late)
        runs += step
    return runs


async def _was_cancelled(operation: Operation, step: int, *, late: bool) -> bool:
    if sniffio.current_async_library() == "trio":
        with trio.CancelScope() as scope:
            await _Stepped(operation(), step, scope.cancel, late=False)
        return scope.cancelled_caught

    async def run() -> None:
        await _Stepped(operation(), step, task.cancel, late=late)

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    try:
        task.result()  # which lets go of the error, and so of what it was raised by
    except asyncio.CancelledError:
        return True
    return False


class _Stepped:
    """A coroutine that is watched whenever it waits."""

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, object],
        step: int,
        cancel: Callable[[], object],
        *,
        late: bool,
    ) -> None:
        self._coroutine = coroutine
        self._step = step
        self._cancel = cancel
        self._late = late

    def __await__(self) -> Generator[Any, Any, None]:
        go_on: Callable[[Any], Any] = self._coroutine.send
        value: Any = None
        while True:
            try:
                awaited = go_on(value)
            except StopIteration:
                return
            finally:
                value = None  # or an error would keep itself, and what raised it, alive
            self._step -= 1
            if self._step == 0 and not self._late:
                self._cancel()
            try:
                value = yield awaited
                go_on = self._coroutine.send
            except BaseException as error:  # noqa: BLE001  # whatever the runtime throws in
                go_on, value = self._coroutine.throw, error
            else:
                if self._step == 0 and self._late:
                    go_on, value = self._coroutine.throw, asyncio.CancelledError()


@asynccontextmanager
async def nothing_is_left(count_tasks: Callable[[], int]) -> AsyncIterator[None]:
    """No task, and no socket, outlives the block."""
    await anyio.sleep(0.2)  # until all that was closed before is gone
    before = count_tasks(), _count_sockets()
    yield
    with anyio.move_on_after(5):  # what the peers have
        while (count_tasks(), _count_sockets()) != before:  # noqa: ASYNC110  # not ours to tell
            await anyio.sleep(0.005)
    assert (count_tasks(), _count_sockets()) == before


def _count_sockets() -> int:
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            count += str(each.readlink()).startswith("socket:")
        except FileNotFoundError:  # the one that lists them
            continue
    return count
