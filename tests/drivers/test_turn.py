"""What a task on asyncio waits for that goes on with it at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import ContextVar

import pytest

from eventproto.asyncio._turn import Turn

NAME: ContextVar[str] = ContextVar("NAME", default="of nobody")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """This is asyncio's alone."""
    return "asyncio"


class Waiter:
    """A task that waits for its turn twice, and notes what it sees."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.line: list[Turn] = []
        self.seen: list[str] = []
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        NAME.set("of the task")
        for number in range(2):
            turn = Turn(self.loop, self.line)
            self.line.append(turn)
            await turn
            self.seen.append(f"{number} {NAME.get()}")

    async def started(self) -> Turn:
        await asyncio.sleep(0)
        return self.line.pop()


async def test_the_task_goes_on_within_the_callback() -> None:
    """In its own context, until it waits again."""
    waiter = Waiter()
    turn = await waiter.started()
    assert asyncio.isfuture(turn)
    assert not turn.done()
    seen_within: list[list[str]] = []

    def callback() -> None:
        turn.come()
        seen_within.append(list(waiter.seen))

    waiter.loop.call_soon(callback)
    await asyncio.sleep(0)
    assert seen_within == [["0 of the task"]]
    assert turn.done()
    assert NAME.get() == "of nobody"
    turn.come()  # it comes once
    waiter.line.pop().come_soon()
    await waiter.task
    assert waiter.seen == ["0 of the task", "1 of the task"]


async def test_a_task_that_is_cancelled_leaves_the_line() -> None:
    """The loop goes on with it, as with any other; its turn may come all the same."""
    waiter = Waiter()
    await asyncio.sleep(0)
    (turn,) = waiter.line
    waiter.task.cancel("enough")
    assert waiter.line == []
    waiter.task.cancel()
    waiter.loop.call_soon(turn.come)
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await waiter.task
    assert waiter.seen == []
    assert not turn.cancel()


async def test_a_timeout_ends_the_waiting() -> None:
    """Which is a cancellation, too."""
    waiter = Waiter()
    with suppress(TimeoutError):
        await asyncio.wait_for(waiter.task, 0.01)
    assert waiter.task.cancelled()
    assert waiter.line == []


async def test_what_the_task_raises_stays_in_it() -> None:
    """The callback that goes on with it does not see it."""
    line: list[Turn] = []
    loop = asyncio.get_running_loop()

    async def fail() -> None:
        line.append(Turn(loop, line))
        await line[0]
        raise ZeroDivisionError

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    loop.call_soon(line.pop().come)
    await asyncio.sleep(0)
    assert task.done()
    assert isinstance(task.exception(), ZeroDivisionError)
