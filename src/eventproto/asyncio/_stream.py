"""Any byte-stream machine on asyncio: a Protocol, because callbacks need no task for each read.

The rules of a driver: touch the machine without awaiting, then await one thing. There is one
writer, here the transport's own buffer, so cancelling a `send` can never tear a frame. Output
stays in the machine while that buffer is full, reading stops while events wait to be taken, and
a lost connection is EOF to the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar, cast

from typing_extensions import override

from eventproto import EOF, Chunk, Closed, ClosedError, ConnectionLost, End, Event, Machine
from eventproto._drive._stream import StreamSession

__all__ = ["StreamConnection", "running"]

CommandT = TypeVar("CommandT")

_HIGH_WATER: Final = 64


class StreamConnection(asyncio.Protocol, StreamSession[CommandT]):
    """A machine on a transport: the transport's Protocol and the application's Session in one."""

    _transport: asyncio.Transport  # from connection_made on

    def __init__(self, machine: Machine[CommandT, Chunk, Chunk]) -> None:
        self.machine = machine
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._writable = True
        self._lost: Exception | None = None
        self._gone = asyncio.Event()

    # The application calls these.

    @override
    async def send(self, command: CommandT) -> None:
        self.post(command)
        while not self._writable:
            await self._wait()

    @override
    def post(self, command: CommandT) -> None:
        self.machine.send(command, self._loop.time())
        self._step()

    @override
    async def _take_event(self) -> Event:
        while (event := self.machine.next_event()) is None:
            if not self._write():  # asking may have made output, and output may be in the way
                await self._wait()
        self._step()
        if isinstance(event, Closed) and isinstance(event.error, ConnectionLost):
            event.error.__cause__ = self._lost
        return event

    @override
    async def wait_gone(self) -> None:
        await self._gone.wait()

    @override
    def abort(self) -> None:
        self._transport.abort()

    # The transport calls these.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._keep_time()

    @override
    def data_received(self, data: bytes) -> None:
        self.machine.receive(data, self._loop.time())
        self._step()

    @override
    def eof_received(self) -> bool:
        self.machine.receive(EOF, self._loop.time())
        self._step()
        # The machine decides when to close; but TLS has no connection that is half open.
        return self._transport.can_write_eof()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc
        self._writable = True
        self._gone.set()
        self.machine.receive(EOF, self._loop.time())
        self._step()

    @override
    def pause_writing(self) -> None:
        self._writable = False

    @override
    def resume_writing(self) -> None:
        self._writable = True
        self._step()

    # The only logic: let out what there is, then look at the doors again.

    def _step(self) -> None:
        """After any door in: let out what there is, look at the other doors, wake who waits."""
        self._write()
        if self.machine.finished:
            self._transport.close()
        elif self.machine.backlog >= _HIGH_WATER:
            self._transport.pause_reading()
        elif not self._transport.is_reading():
            self._transport.resume_reading()
        self._set_timer(None if self._gone.is_set() else self.machine.deadline)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _write(self) -> bool:
        """Write what there is, in one piece, if there is room; say whether there was anything."""
        if not self._writable:
            return False
        chunks: list[Chunk] = list(iter(self.machine.next_output, None))
        data = b"".join(chunk for chunk in chunks if chunk is not EOF)
        if data and not self._transport.is_closing():
            self._transport.write(data)
        if EOF in chunks:
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
        return bool(chunks)

    def _set_timer(self, deadline: float | None) -> None:
        # Firing early is harmless, so a deadline that moved later needs no new timer.
        if self._timer is not None:
            if deadline is not None and self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._keep_time)

    def _keep_time(self) -> None:
        self._timer = None
        self.machine.handle_timeout(self._loop.time())
        self._step()

    async def _wait(self) -> None:
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter


@asynccontextmanager
async def running(connection: StreamConnection[Any]) -> AsyncGenerator[None]:
    """End a connection with the block: in order if the block does, at once if it raises."""
    try:
        yield
        with suppress(ClosedError):
            await connection.send(End())
        while await connection.next_event() is not None:
            pass
        await connection.wait_gone()
    finally:
        connection.abort()
        await connection.wait_gone()
