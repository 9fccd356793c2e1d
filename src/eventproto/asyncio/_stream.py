"""Any byte-stream machine on asyncio: a Protocol, because callbacks need no task for each read.

The rules of a driver: touch the machine without awaiting, then await one thing. There is one
writer, here the transport's own buffer, so cancelling a `send` can never tear a frame. Output
stays in the machine while that buffer is full, a peer that takes none of it for long is dropped,
reading stops while events wait to be taken, and a lost connection is EOF to the machine.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar, cast

from typing_extensions import override

from eventproto import EOF, Chunk, Closed, ClosedError, End, Event, Machine
from eventproto._drive._stream import PIECE, StreamSession

__all__ = ["StreamConnection", "running"]

CommandT = TypeVar("CommandT")

_HIGH_WATER: Final = 64
_TCP_USER_TIMEOUT: Final[int | None] = getattr(socket, "TCP_USER_TIMEOUT", None)


class StreamConnection(asyncio.Protocol, StreamSession[CommandT]):
    """A machine on a transport: the transport's Protocol and the application's Session in one."""

    _transport: asyncio.Transport  # from connection_made on

    def __init__(self, machine: Machine[CommandT, Chunk, Chunk]) -> None:
        self.machine = machine
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._listener: asyncio.Future[None] | None = None
        self._writable = True
        self._rest = memoryview(b"")  # of the output: what the transport has had no room for
        self._ending = False
        self._patience: asyncio.TimerHandle | None = None
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
        if isinstance(event, Closed):
            self._see_last(event)
        return event

    @override
    async def wait_gone(self) -> None:
        await self._gone.wait()

    @override
    async def wait_heard(self) -> None:
        if not self.machine.backlog and not self._gone.is_set():
            self._listener = self._loop.create_future()
            await self._listener

    @override
    async def wait_until(self, done: Callable[[], bool]) -> None:
        while not (done() or self._gone.is_set()):
            await self._wait()

    @override
    def abort(self) -> None:
        if not self._gone.is_set():  # a transport that has closed may trip over it
            self._transport.abort()

    @override
    def bound_silence(self, seconds: float) -> None:
        raw = self._transport.get_extra_info("socket")
        if _TCP_USER_TIMEOUT is not None and raw is not None:
            with suppress(OSError):  # it is gone already
                raw.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(seconds * 1000))

    # The transport calls these.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._keep_time()

    @override
    def data_received(self, data: bytes) -> None:
        self._receive(data)

    @override
    def eof_received(self) -> bool:
        self._receive(EOF)
        # The machine decides when to close; but TLS has no connection that is half open.
        return self._transport.can_write_eof()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc or self._lost
        self._gone.set()
        self.resume_writing()
        self._receive(EOF)

    @override
    def pause_writing(self) -> None:
        self._writable = False
        self._lose_patience_later()

    @override
    def resume_writing(self) -> None:
        self._writable = True
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._step()

    def _receive(self, chunk: Chunk) -> None:
        self.machine.receive(chunk, self._loop.time())
        self._step()
        if self._listener is not None and not self._listener.done():
            self._listener.set_result(None)

    # The only logic: let out what there is, then look at the doors again.

    def _step(self) -> None:
        """After any door in: let out what there is, look at the other doors, wake who waits."""
        self._write()
        if self.machine.finished and not self._rest:
            # Not at once: a transport that is closed within `resume_writing` is lost twice.
            self._loop.call_soon(self._transport.close)
            self._lose_patience_later()
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
        """Write what there is, as far as there is room; say whether there was anything."""
        moved = False
        while self._writable and (self._rest or self._take_output()):
            moved = True
            if self._rest and not self._transport.is_closing():
                self._transport.write(self._rest[:PIECE])
            self._rest = self._rest[PIECE:]
        if self._ending and not self._rest:
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
        return moved

    def _take_output(self) -> bool:
        """Take all output of the machine, to be written at once; say whether there was any."""
        chunks: list[Chunk] = list(iter(self.machine.next_output, None))
        self._ending |= EOF in chunks
        self._rest = memoryview(b"".join(chunk for chunk in chunks if chunk is not EOF))
        return bool(chunks)

    def _lose_patience_later(self) -> None:
        if self._patience is None and not self._gone.is_set():
            self._patience = self._loop.call_later(self._stall_time, self._lose_patience)

    def _lose_patience(self) -> None:
        self._lost = self._stalled()
        self.abort()

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
            connection.post(End())  # a peer that does not read must not hold up the end
        while await connection.next_event() is not None:
            pass
        await connection.wait_gone()
    finally:
        connection.abort()
        await connection.wait_gone()
