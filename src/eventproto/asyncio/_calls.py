"""Calls on asyncio: connections to call over, roles to run, and an SSE client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from typing_extensions import override

from eventproto import CallMachine, End
from eventproto._drive._event_source import EventSource
from eventproto._drive._pool import HttpSession, Pool
from eventproto._drive._role import Flag, Role
from eventproto._drive._unwrapped import unwrapped
from eventproto.asyncio._connect import open_connection
from eventproto.asyncio._stream import StreamConnection
from eventproto.http import Call, ClientConnection, Request

__all__ = ["ConnectionPool", "PulledEventSource", "RunningRole", "run"]

CommandT = TypeVar("CommandT")
T = TypeVar("T")


class _HttpConnection(StreamConnection[Call | End], HttpSession):
    def __init__(self, machine: ClientConnection) -> None:
        super().__init__(machine)
        self._http = machine

    @property
    @override
    def usable(self) -> bool:
        if not self._http.reusable or self._transport.is_closing():  # then it knows no sizes
            return False
        # What is still to be written is of a call that was answered before it was read.
        return not (self._rest or self._transport.get_write_buffer_size())

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._http.broken = (exc or self._lost) is not None
        super().connection_lost(exc)

    @override
    async def send(self, command: Call | End) -> None:
        self.post(command)  # without waiting: the answer may come before the call was read


class ConnectionPool(Pool):
    """A `Pool` on asyncio."""

    @override
    async def connect(self, request: Request) -> HttpSession:
        session = _HttpConnection(ClientConnection(limits=self._limits))
        return await open_connection(
            session,
            request,
            tls=self._tls,
            policy=self._policy,
            proxy=self._proxy,
            limits=self._limits,
        )


class RunningRole(Role[CommandT]):
    """A `Role` on asyncio."""

    def __init__(
        self, machine: CallMachine[CommandT], pool: Pool, tasks: asyncio.TaskGroup
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks = tasks
        self._calls: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        super().__init__(machine, pool)
        self._keep_time()

    def cancel(self) -> None:
        """Drop the calls that are under way, and stop the clock."""
        self._set_timer(None)
        for call in self._calls:
            call.cancel()

    @override
    def _now(self) -> float:
        return self._loop.time()

    @override
    def _unix_time(self) -> float:
        return time.time()

    @override
    def _new_flag(self) -> Flag:
        return asyncio.Event()

    @override
    def _set_timer(self, deadline: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._keep_time)

    @override
    def _spawn(self, task: Callable[[Call], Coroutine[Any, Any, None]], call: Call) -> None:
        running = self._tasks.create_task(task(call))
        self._calls.add(running)
        running.add_done_callback(self._calls.discard)


@asynccontextmanager
async def run(machine: CallMachine[CommandT], pool: Pool) -> AsyncGenerator[RunningRole[CommandT]]:
    """Run a role for the time of the block."""
    with unwrapped():
        async with asyncio.TaskGroup() as tasks:
            role = RunningRole(machine, pool, tasks)
            try:
                yield role
            finally:
                role.cancel()
                pool.close()


class PulledEventSource(EventSource):
    """An `EventSource` on asyncio."""

    @override
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @override
    def _unix_time(self) -> float:
        return time.time()

    @override
    def _new_flag(self) -> Flag:
        return asyncio.Event()

    @override
    async def _before(
        self, deadline: float | None, operation: Callable[[], Awaitable[T]]
    ) -> T | None:
        try:
            async with asyncio.timeout_at(deadline):
                return await operation()
        except TimeoutError:
            return None
