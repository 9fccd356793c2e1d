"""What a task on asyncio waits for that goes on with it at once."""

from __future__ import annotations

import asyncio
import sys
from asyncio import tasks
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import pytest

from eventproto.asyncio._turn import Turn

NAME: ContextVar[str] = ContextVar("NAME", default="of nobody")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """This is asyncio's alone."""
    return "asyncio"


def pure(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
) -> Any:
    """A task that is not written in C, as on PyPy."""
    return tasks._PyTask(coroutine, loop=loop, **options)  # type: ignore[attr-defined]


KINDS: dict[str, Any] = {"C": None, "Python": pure}
if sys.version_info >= (3, 12):
    KINDS["eager"] = asyncio.eager_task_factory


@pytest.fixture(autouse=True, params=KINDS)
async def kind_of_task(request: pytest.FixtureRequest) -> None:
    """All that there are; in debug mode, which checks more."""
    loop = asyncio.get_running_loop()
    loop.set_task_factory(KINDS[request.param])
    loop.set_debug(True)


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
            assert asyncio.current_task() is self.task
            self.seen.append(f"{number} {NAME.get()}")

    async def started(self) -> Turn:
        await asyncio.sleep(0)
        (turn,) = self.line
        return turn


async def within_a_callback(function: Callable[[], object]) -> None:
    """Call a function as the event loop calls a transport."""
    done = asyncio.Event()
    errors: list[Exception] = []

    def callback() -> None:
        assert asyncio.current_task() is None
        try:
            function()
        except Exception as error:  # noqa: BLE001  # it is raised below
            errors.append(error)
        assert asyncio.current_task() is None
        done.set()

    asyncio.get_running_loop().call_soon(callback)
    await done.wait()
    for error in errors:
        raise error


async def test_the_task_goes_on_within_the_callback() -> None:
    """In its own context, until it waits again."""
    waiter = Waiter()
    turn = await waiter.started()
    assert asyncio.isfuture(turn)
    assert not turn.done()

    def callback() -> None:
        turn.come()
        assert waiter.seen == ["0 of the task"]
        turn.come()  # it comes once
        assert waiter.seen == ["0 of the task"]

    await within_a_callback(callback)
    assert turn.done()
    assert NAME.get() == "of nobody"
    (again,) = waiter.line
    again.come_soon()
    assert waiter.line == []
    await waiter.task
    assert waiter.seen == ["0 of the task", "1 of the task"]


async def test_a_task_that_is_cancelled_leaves_the_line() -> None:
    """The loop goes on with it, as with any other; its turn may come all the same."""
    waiter = Waiter()
    turn = await waiter.started()
    waiter.task.cancel("enough")
    assert waiter.line == []
    waiter.task.cancel()
    waiter.loop.call_soon(turn.come)
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await waiter.task
    assert waiter.seen == []
    assert not turn.cancel()


async def test_a_cancellation_and_the_turn_may_meet() -> None:
    """Whichever is first, the task is cancelled, once, as if it had waited for a future."""
    for soon in (False, True):
        waiter = Waiter()
        turn = await waiter.started()
        if soon:
            turn.come_soon()
        waiter.task.cancel("enough")
        if not soon:
            await within_a_callback(turn.come)
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await waiter.task
        assert waiter.seen == []
        await asyncio.sleep(0)
        assert turn.done()


async def test_a_task_may_be_cancelled_before_it_waits() -> None:
    """By itself; then waiting is what raises."""
    line: list[Turn] = []
    loop = asyncio.get_running_loop()

    async def give_up() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel("enough")
        line.append(Turn(loop, line))
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await line[0]
        return "it goes on"

    assert await asyncio.create_task(give_up()) == "it goes on"
    assert line == []


async def test_a_timeout_ends_the_waiting() -> None:
    """Which is a cancellation, too, and the task can wait again."""
    waiter = Waiter()
    with suppress(TimeoutError):
        await asyncio.wait_for(waiter.task, 0.01)
    assert waiter.task.cancelled()
    assert waiter.line == []

    line: list[Turn] = []
    loop = asyncio.get_running_loop()
    tired = asyncio.Event()

    async def impatient() -> str:
        line.append(Turn(loop, line))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await line[0]
        assert line == []
        line.append(Turn(loop, line))
        tired.set()
        async with asyncio.timeout(60):
            await line[0]
        return "its turn has come"

    task = asyncio.create_task(impatient())
    await tired.wait()
    (turn,) = line
    await within_a_callback(turn.come)
    assert await task == "its turn has come"


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
    await within_a_callback(line[0].come)
    assert task.done()
    assert isinstance(task.exception(), ZeroDivisionError)


async def test_one_task_may_have_another_one_cancelled() -> None:
    """Although its turn was to come in the same callback."""
    line: list[Turn] = []
    loop = asyncio.get_running_loop()

    async def wait() -> None:
        line.append(Turn(loop, line))
        await line[-1]

    async def wait_and_cancel() -> None:
        await wait()
        second.cancel()

    first = asyncio.create_task(wait_and_cancel())
    second = asyncio.create_task(wait())
    await asyncio.sleep(0)
    coming = line.copy()
    assert len(coming) == 2

    def callback() -> None:
        for turn in coming:
            turn.come()

    await within_a_callback(callback)
    assert first.done()
    assert second.cancelled()
    await asyncio.sleep(0)
    assert line == []
