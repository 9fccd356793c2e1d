"""Any byte-stream machine on asyncio: a Protocol, because callbacks need no task for each read.

The one writer is the transport's own buffer. The rules are in `eventproto._drive._stream`.

All connections of a thread are read through one buffer. Without it, asyncio allocates 256 KiB for
each read and gives most of it back, and both are calls of the kernel with most allocators.
"""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar, cast

from typing_extensions import override

from eventproto import EOF, Chunk, Machine
from eventproto._drive._stream import HIGH_WATER, PIECE, StreamSession, user_timeout
from eventproto.asyncio._turn import Turn

__all__ = ["StreamConnection", "running"]

CommandT = TypeVar("CommandT")
ConnectionT = TypeVar("ConnectionT", bound="StreamConnection[Any]")

_MANY: Final = 16
_BUFFER_SIZE: Final = 256 * 1024
_TCP_USER_TIMEOUT: Final[int | None] = getattr(socket, "TCP_USER_TIMEOUT", None)


class StreamConnection(asyncio.BufferedProtocol, StreamSession[CommandT]):
    """A machine on a transport: the transport's Protocol and the application's Session in one."""

    _transport: asyncio.Transport  # from connection_made on

    def __init__(self, machine: Machine[CommandT, Chunk, Chunk]) -> None:
        super().__init__(machine)
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        if type(self._loop).time is asyncio.BaseEventLoop.time:
            self._now = time.monotonic  # which is all that it calls
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = math.inf  # when that fires
        # Who waits for an event, for a step, and for the peer.
        self._takers: list[Turn] = []
        self._turn = Turn(self._loop, self._takers)  # the newest, and most often the only one
        self._waiters: list[asyncio.Future[None]] = []
        self._listener: asyncio.Future[None] | None = None
        self._buffer = _buffers.buffer
        self._reading = True
        # Of what was to be written: the transport has had no room.
        self._rest: list[bytes | memoryview] = []
        self._patience: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()

    # The application calls these.

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
                raw.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, user_timeout(seconds))

    # The transport calls these.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._keep_time()

    @override
    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    @override
    def buffer_updated(self, nbytes: int) -> None:
        # Before anybody else can read: transports ask for the buffer, fill it and call this.
        self._receive(self._buffer[:nbytes].tobytes())

    def _receive(self, chunk: Chunk) -> None:
        now = self._now()
        self.machine.receive(chunk, now)
        self._after_door(now)
        if self._listener is not None and not self._listener.done():
            self._listener.set_result(None)

    @override
    def eof_received(self) -> bool:
        self._receive(EOF)
        # The machine decides when to close; but TLS has no connection that is half open.
        return self._transport.can_write_eof()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc or self._lost
        self._gone.set()
        if self._timer is not None:
            self._timer.cancel()
        self._wake_at = -math.inf
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
        self._make_due()  # not now: a transport that is closed in here loses its connection twice

    # The only logic: let out what there is, then look at the doors again.

    def _after_door(self, now: float) -> None:
        """After a door in that is not the application's: there may be an event."""
        if self._on_event is not None:
            self._report(self._on_event, now)
        elif self._takers:
            self._wake_takers(now)
        self._step()

    @override
    def _step(self) -> None:
        machine = self.machine
        moved = self._write()
        backlog = machine.backlog
        if (backlog or self._over) and machine.finished and not self._rest:
            self._close_transport()
            self._lose_patience_later()
        elif backlog >= HIGH_WATER:
            if self._reading:
                self._reading = False
                self._transport.pause_reading()
        elif not self._reading:
            self._reading = True
            self._transport.resume_reading()
        # Firing early is harmless, so a deadline that moved later needs no new timer.
        deadline = machine.deadline
        if deadline is not None and deadline < self._wake_at:
            self._set_timer(deadline)
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        if moved and self._takers and backlog:
            self._wake_takers_soon()  # output was in the way

    @override
    def _step_soon(self) -> None:
        self._loop.call_soon(self._due_step)

    @override
    def _write(self) -> bool:
        if not self._writable:
            return False
        moved = bool(self._rest)
        if moved:
            self._write_rest()
        if not self._rest and self._collect():
            moved = True
            if self._size > PIECE:
                self._rest = self._take_pieces()
                self._write_rest()
            else:
                output = b"".join(self._chunks)
                self._chunks.clear()
                self._size = 0
                if not self._transport.is_closing():
                    self._transport.write(output)
        if self._ending and not self._rest:
            self._ending = False
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._close_transport()
        return moved

    def _close_transport(self) -> None:
        # Once: one of TLS that is told twice cannot be aborted any more.
        if not self._transport.is_closing():
            self._transport.close()

    def _write_rest(self) -> None:
        while self._rest and self._writable:
            piece = self._rest.pop(0)
            if not self._transport.is_closing():
                self._transport.write(piece)

    def _lose_patience_later(self) -> None:
        if self._patience is None and not self._gone.is_set():
            self._patience = self._loop.call_later(self._stall_time, self._lose_patience)

    def _lose_patience(self) -> None:
        self._lost = self._stalled()
        self.abort()

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._keep_time)
        self._wake_at = deadline

    def _keep_time(self) -> None:
        self._timer = None
        self._wake_at = math.inf
        now = self._now()
        self.machine.handle_timeout(now)
        self._after_door(now)

    @override
    def _wait(self) -> asyncio.Future[None]:
        if len(self._waiters) >= _MANY:
            self._waiters = [each for each in self._waiters if not each.done()]  # or cancelled
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        return waiter

    @override
    def _wait_for_event(self) -> Turn:
        turn = self._turn
        if turn.taken:
            turn = self._turn = Turn(self._loop, self._takers)
        turn.taken = True
        self._takers.append(turn)
        return turn

    @override
    def _new_flag(self) -> asyncio.Event:
        return asyncio.Event()

    def _wake_takers(self, now: float) -> None:
        """Go on with who waits for an event, within the callback that has brought it."""
        if asyncio.current_task(self._loop) is not None:
            self._wake_takers_soon()
            return
        # What they say before they wait again leaves in the step that follows.
        due, self._due, self._due_since = self._due, True, now
        try:
            for taker in self._takers.copy():  # and not those who come again
                taker.come()
        finally:
            self._due = due

    def _wake_takers_soon(self) -> None:
        for taker in self._takers.copy():
            taker.come_soon()


class _Buffers(threading.local):
    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(_BUFFER_SIZE))


_buffers: Final = _Buffers()


@asynccontextmanager
async def running(connection: ConnectionT) -> AsyncGenerator[ConnectionT]:
    """End a connection with the block: in order if the block does, else at once."""
    try:
        yield connection
        await connection.end()
    finally:
        connection.abort()
        await connection.wait_gone()
