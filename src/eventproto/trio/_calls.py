"""Calls on trio: connections to call over, roles to run, and an SSE client."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import trio
from typing_extensions import override

from eventproto import EOF, CallMachine, Chunk, End, Event
from eventproto._drive._event_source import EventSource
from eventproto._drive._pool import HttpSession, Pool
from eventproto._drive._role import Flag, Role
from eventproto._drive._unwrapped import unwrapped
from eventproto.http import Call, ClientConnection, Request
from eventproto.trio._connect import open_connection
from eventproto.trio._stream import BROKEN, AnyStream, socket_of

__all__ = ["ConnectionPool", "PulledEventSource", "RunningRole", "run"]

CommandT = TypeVar("CommandT")
T = TypeVar("T")


class _HttpConnection(HttpSession):
    """A client connection that is pulled: whoever waits for the answer does the reading."""

    def __init__(self, machine: ClientConnection, stream: AnyStream) -> None:
        self.machine = machine
        self._stream = stream
        self.machine.handle_timeout(trio.current_time())

    @property
    @override
    def usable(self) -> bool:
        self.machine.handle_timeout(trio.current_time())  # nobody else keeps its idle time
        # An idle connection has nothing to read, unless the server has closed it.
        return self.machine.reusable and not socket_of(self._stream).is_readable()

    @override
    async def send(self, command: Call | End) -> None:
        self.machine.send(command, trio.current_time())

    @override
    async def _take_event(self) -> Event:
        while (event := self.machine.next_event()) is None:
            deadline = self.machine.deadline
            with trio.move_on_at(math.inf if deadline is None else deadline):
                with suppress(*BROKEN):  # the server may have answered before it stopped reading
                    await self._write()
                self.machine.receive(await self._read(), trio.current_time())
            self.machine.handle_timeout(trio.current_time())
        return event

    async def _write(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()  # while no output has left the machine
        while (chunk := self.machine.next_output()) is not None:
            if chunk is not EOF:
                try:
                    await self._stream.send_all(chunk)
                except trio.Cancelled:
                    self.abort()  # the call is torn, and whoever waits anew must not wait long
                    raise

    async def _read(self) -> Chunk:
        try:
            return bytes(await self._stream.receive_some()) or EOF
        except BROKEN:
            return EOF

    @override
    def abort(self) -> None:
        socket_of(self._stream).close()


class ConnectionPool(Pool):
    """A `Pool` on trio."""

    @override
    async def connect(self, request: Request) -> HttpSession:
        machine = ClientConnection(limits=self._limits)
        stream = await open_connection(
            machine,
            request,
            tls=self._tls,
            policy=self._policy,
            proxy=self._proxy,
            limits=self._limits,
        )
        return _HttpConnection(machine, stream)


class RunningRole(Role[CommandT]):
    """A `Role` on trio."""

    def __init__(self, machine: CallMachine[CommandT], pool: Pool, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._deadline = math.inf
        self._alarm = trio.CancelScope()
        super().__init__(machine, pool)

    async def keep_time(self) -> None:
        """Do what is due when it is due, for ever."""
        while True:
            self._keep_time()
            with trio.CancelScope(deadline=self._deadline) as self._alarm:
                await trio.sleep_forever()

    @override
    def _now(self) -> float:
        return trio.current_time()

    @override
    def _unix_time(self) -> float:
        return time.time()

    @override
    def _new_flag(self) -> Flag:
        return trio.Event()

    @override
    def _set_timer(self, deadline: float | None) -> None:
        self._alarm.deadline = self._deadline = math.inf if deadline is None else deadline

    @override
    def _spawn(self, task: Callable[[Call], Coroutine[Any, Any, None]], call: Call) -> None:
        self._nursery.start_soon(task, call)


@asynccontextmanager
async def run(machine: CallMachine[CommandT], pool: Pool) -> AsyncGenerator[RunningRole[CommandT]]:
    """Run a role for the time of the block."""
    with unwrapped():
        async with trio.open_nursery() as nursery:
            role = RunningRole(machine, pool, nursery)
            nursery.start_soon(role.keep_time)
            try:
                yield role
            finally:
                nursery.cancel_scope.cancel()
                pool.close()


class PulledEventSource(EventSource):
    """An `EventSource` on trio."""

    @override
    def _now(self) -> float:
        return trio.current_time()

    @override
    def _unix_time(self) -> float:
        return time.time()

    @override
    def _new_flag(self) -> Flag:
        return trio.Event()

    @override
    async def _before(
        self, deadline: float | None, operation: Callable[[], Awaitable[T]]
    ) -> T | None:
        with trio.move_on_at(math.inf if deadline is None else deadline):
            return await operation()
        return None
