"""Calls on trio: connections to call over, roles to run, and an SSE client."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

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

_PIECE: Final = 64 * 1024  # bytes that are read, or written, at a time


class _HttpConnection(HttpSession):
    """A client connection that is pulled: whoever waits for the answer reads, and writes meanwhile.

    Nothing is torn by cancelling it: whoever waits anew goes on where the one before was.
    """

    def __init__(self, machine: ClientConnection, stream: AnyStream) -> None:
        self.machine = machine
        self._socket = socket_of(stream)
        self._outbox = _Outbox(self._socket)
        self._stream: trio.abc.Stream = self._outbox
        if isinstance(stream, trio.SSLStream):
            self._stream = innermost = stream
            while isinstance(innermost.transport_stream, trio.SSLStream):
                innermost = innermost.transport_stream
            innermost.transport_stream = self._outbox
        self.machine.handle_timeout(trio.current_time())

    @property
    @override
    def usable(self) -> bool:
        self.machine.handle_timeout(trio.current_time())  # nobody else keeps its idle time
        # An idle connection has nothing to read, unless the server has closed it; and what is
        # still to be written is of a call that was answered before it was read.
        busy = self._outbox.waiting or self._socket.is_readable()
        return self.machine.reusable and not busy

    @override
    async def send(self, command: Call | End) -> None:
        self.machine.send(command, trio.current_time())

    @override
    async def _take_event(self) -> Event:
        while (event := self.machine.next_event()) is None:
            deadline = self.machine.deadline
            with trio.move_on_at(math.inf if deadline is None else deadline):
                await self._pull()
            self.machine.handle_timeout(trio.current_time())
        return event

    async def _pull(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()  # while no output has left the machine
        while (chunk := self.machine.next_output()) is not None:
            if chunk is not EOF:
                with suppress(*BROKEN):  # the server may have answered before it stopped reading
                    await self._stream.send_all(chunk)
                await trio.lowlevel.checkpoint_if_cancelled()
        if not self._outbox.waiting:
            await self._read()
            return
        with unwrapped():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._outbox.flush)
                await self._read()
                nursery.cancel_scope.cancel()

    async def _read(self) -> None:
        try:
            chunk: Chunk = bytes(await self._stream.receive_some()) or EOF
        except BROKEN:
            self.machine.broken = True
            chunk = EOF
        self.machine.receive(chunk, trio.current_time())

    @override
    def abort(self) -> None:
        self._socket.close()


class _Outbox(trio.abc.Stream):
    """A socket that is written to without waiting, under TLS or without; `flush` does the waiting.

    Cancelling a write of `trio.SSLStream` tears it, and a writer that is not cancelled would be a
    task that outlives the waiting for an answer.
    """

    def __init__(self, socket: trio.socket.SocketType) -> None:
        self._socket = socket
        self.waiting = bytearray()

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.waiting += data

    @override
    async def wait_send_all_might_not_block(self) -> None:
        pass

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            return await self._socket.recv(max_bytes or _PIECE)
        except OSError as error:
            raise trio.BrokenResourceError from error

    @override
    async def aclose(self) -> None:
        self._socket.close()

    async def flush(self) -> None:
        """Write what waits, as far as it goes; being cancelled leaves the rest."""
        with suppress(OSError, trio.ClosedResourceError):  # reading tells what there is to say
            while self.waiting:
                del self.waiting[: await self._socket.send(self.waiting[:_PIECE])]


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
