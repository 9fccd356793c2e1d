"""An event loop in a thread of its own, so that what is not asynchronous can drive what is."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from queue import SimpleQueue
from typing import Any, Final, Literal, Protocol, TypeVar

from typing_extensions import override

__all__ = ["Loop", "loop_of"]

T = TypeVar("T")

_PATIENCE: Final = 60.0  # seconds; what takes longer hangs


class _Event(Protocol):
    def set(self) -> object: ...

    async def wait(self) -> object: ...


@contextmanager
def loop_of(runtime: Literal["asyncio", "trio"]) -> Generator[Loop]:
    """Run an event loop for the time of the block."""
    loop: Loop = _AsyncioLoop() if runtime == "asyncio" else _TrioLoop()
    thread = threading.Thread(target=loop.run, name=f"{runtime} loop")
    thread.start()
    try:
        loop.started.get(timeout=_PATIENCE)
        yield loop
    finally:
        loop.end()
        thread.join()


class Loop(ABC):
    """What drives it stands in another thread."""

    def __init__(self) -> None:
        self.started: SimpleQueue[None] = SimpleQueue()

    def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run one asynchronous function to its end."""
        return self.together(function)[0]

    def together(self, *functions: Callable[[], Awaitable[T]]) -> list[T]:
        """Run several at once; what they return, in their order."""
        results: list[T | BaseException | None] = [None] * len(functions)
        done: SimpleQueue[None] = SimpleQueue()

        async def run(place: int) -> None:
            try:
                results[place] = await functions[place]()
            except Exception as error:  # noqa: BLE001  # raised below, where the caller is
                results[place] = error
            done.put(None)

        for place in range(len(functions)):
            self._start(run, place)
        for _ in functions:
            done.get(timeout=_PATIENCE)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results  # type: ignore[return-value]  # there is no error among them

    def enter(self, context: AbstractAsyncContextManager[T]) -> tuple[T, Callable[[], None]]:
        """Enter a context in a task that stays in it; what it gives, and how to leave it."""
        told: SimpleQueue[Any] = SimpleQueue()
        leave = self._event()

        async def stay() -> None:
            with suppress(Exception):  # told to whom it concerns
                try:
                    async with context as entered:
                        told.put(entered)
                        await leave.wait()
                except BaseException as error:
                    told.put(error)
                    raise
                told.put(None)

        def end() -> None:
            self._soon(leave.set)
            if (error := told.get(timeout=_PATIENCE)) is not None:
                raise error

        self._start(stay)
        if isinstance(entered := told.get(timeout=_PATIENCE), BaseException):
            raise entered
        return entered, end

    @abstractmethod
    def run(self) -> None:
        """Run until `end`; the target of the thread."""

    @abstractmethod
    def end(self) -> None:
        """Have `run` return."""

    @abstractmethod
    def _start(self, function: Callable[..., Awaitable[None]], *args: object) -> None: ...

    @abstractmethod
    def _soon(self, function: Callable[[], object]) -> None: ...

    @abstractmethod
    def _event(self) -> _Event: ...


class _AsyncioLoop(Loop):
    @override
    def run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.started.put(None)
        await self._ended.wait()

    @override
    def end(self) -> None:
        self._soon(self._ended.set)

    @override
    def _start(self, function: Callable[..., Awaitable[None]], *args: object) -> None:
        async def run() -> None:
            await function(*args)

        def start() -> None:
            task = self._loop.create_task(run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._soon(start)

    @override
    def _soon(self, function: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(function)

    @override
    def _event(self) -> _Event:
        return asyncio.Event()


class _TrioLoop(Loop):
    def __init__(self) -> None:
        import trio  # noqa: PLC0415  # an extra

        super().__init__()
        self._trio = trio

    @override
    def run(self) -> None:
        self._trio.run(self._main)

    async def _main(self) -> None:
        self._token = self._trio.lowlevel.current_trio_token()
        async with self._trio.open_nursery() as self._nursery:
            self.started.put(None)
            await self._trio.sleep_forever()

    @override
    def end(self) -> None:
        self._soon(self._nursery.cancel_scope.cancel)

    @override
    def _start(self, function: Callable[..., Awaitable[None]], *args: object) -> None:
        self._soon(lambda: self._nursery.start_soon(function, *args))

    @override
    def _soon(self, function: Callable[[], object]) -> None:
        self._token.run_sync_soon(function)

    @override
    def _event(self) -> _Event:
        return self._trio.Event()
