"""Any byte-stream machine on trio: one task reads, one writes, one keeps the time.

What the kernel takes at once is written at once, without a task; the writer has the rest. The
rules are in `eventproto._drive._stream`.
"""

from __future__ import annotations

import math
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias, TypeVar

import trio
from typing_extensions import override

from eventproto import EOF, Chunk, Machine
from eventproto._drive._stream import HIGH_WATER, StreamSession, user_timeout
from eventproto.trio._primitives import unwrapped

__all__ = ["BROKEN", "AnyStream", "StreamConnection", "running", "socket_of"]

CommandT = TypeVar("CommandT")
ConnectionT = TypeVar("ConnectionT", bound="StreamConnection[Any]")

AnyStream: TypeAlias = trio.SocketStream | trio.SSLStream[Any]
"""A connection, over TLS or not; over TLS within TLS where an `https` proxy leads to its target."""

_TCP_USER_TIMEOUT: Final[int | None] = getattr(trio.socket, "TCP_USER_TIMEOUT", None)
_TURN: Final = 16  # how much may be sent before others have their turn, which is slow
BROKEN: Final = (trio.BrokenResourceError, trio.ClosedResourceError)


class StreamConnection(StreamSession[CommandT]):
    """A machine on a stream: the application's session, and the tasks that serve it."""

    def __init__(self, machine: Machine[CommandT, Chunk, Chunk], stream: AnyStream) -> None:
        super().__init__(machine)
        self._now = trio.current_time
        self._stream = stream
        self._socket = socket_of(stream)
        # On Windows, a socket is no file.
        self._direct = isinstance(stream, trio.SocketStream) and os.name == "posix"
        self._rest: list[bytes | memoryview] = []  # of what was to be written: the writer has it
        self._unbroken = 0  # how often something was sent without letting others run
        self._gone = trio.Event()
        self._alarm = trio.CancelScope()
        self._wake_at = math.inf  # when that fires
        # The writer waits for work; others wait here for an event, for a step, and for the peer.
        self._work = trio.lowlevel.ParkingLot()
        self._takers = trio.lowlevel.ParkingLot()
        self._moved = trio.lowlevel.ParkingLot()
        self._heard = trio.lowlevel.ParkingLot()

    @override
    async def send(self, command: CommandT) -> None:
        await super().send(command)
        self._unbroken += 1
        if self._unbroken >= _TURN:
            self._unbroken = 0
            await trio.lowlevel.checkpoint()

    @override
    async def wait_gone(self) -> None:
        await self._gone.wait()

    @override
    async def wait_heard(self) -> None:
        if not self.machine.backlog and not self._gone.is_set():
            await self._heard.park()

    @override
    async def wait_until(self, done: Callable[[], bool]) -> None:
        while not (done() or self._gone.is_set()):
            await self._moved.park()

    @override
    def abort(self) -> None:
        self._socket.close()

    @override
    def bound_silence(self, seconds: float) -> None:
        if _TCP_USER_TIMEOUT is not None:
            with suppress(OSError):  # it is gone already
                self._socket.setsockopt(
                    trio.socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, user_timeout(seconds)
                )

    # The tasks that serve it.

    async def read(self) -> None:
        """Bring what the stream brings, until it ends: the first of the three tasks."""
        chunk: Chunk = b""
        while chunk is not EOF:
            while self.machine.backlog >= HIGH_WATER:
                await self._moved.park()
            try:
                chunk = bytes(await self._stream.receive_some()) or EOF
            except BROKEN as error:
                self._lost = self._lost or error  # the first one is the reason
                chunk = EOF
            self._receive(chunk)

    async def write(self) -> None:
        """Write what could not be written at once, until the machine has finished: the second."""
        try:
            while True:
                if not self._writable:
                    await self._send_rest()
                    if self._ending and not isinstance(self._stream, trio.SocketStream):
                        break  # TLS has no connection that is half open
                    self._writable = True
                self._due_step()
                if self._writable:
                    if self.machine.finished:
                        break
                    await self._work.park()
            await self._stream.aclose()
        except BROKEN as error:
            self._lost = self._lost or error
        except trio.TooSlowError:
            self._lost = self._stalled()
        finally:
            self._writable = True
            self._gone.set()
            self._receive(EOF)
            self.abort()

    async def _send_rest(self) -> None:
        while self._rest:
            with trio.fail_after(self._stall_time):
                await self._stream.send_all(self._rest.pop(0))
        if self._ending and isinstance(self._stream, trio.SocketStream):
            self._ending = False
            await self._stream.send_eof()

    async def keep_time(self) -> None:
        """Do what is due when it is due, for ever, also while the writer has no room: the third."""
        while True:
            self.machine.handle_timeout(trio.current_time())
            with trio.CancelScope() as self._alarm:
                self._wake_at = math.inf
                self._after_door()
                await trio.sleep_forever()

    # The only logic: let out what there is, then look at the doors again.

    def _receive(self, chunk: Chunk) -> None:
        self.machine.receive(chunk, trio.current_time())
        self._after_door()
        self._heard.unpark_all()

    def _after_door(self) -> None:
        """After a door in that is not the application's: there may be an event."""
        if self._on_event is not None:
            self._report(self._on_event, self._now())
        self._takers.unpark_all()
        self._step()

    @override
    def _step(self) -> None:
        moved = self._write()
        if self.machine.finished:
            self._work.unpark_all()
        # Firing early is harmless, so a deadline that moved later needs no new alarm.
        deadline = self.machine.deadline
        if deadline is not None and deadline < self._wake_at:
            self._alarm.deadline = self._wake_at = deadline
        self._moved.unpark_all()
        if moved and self.machine.backlog:
            self._takers.unpark_all()  # output was in the way

    @override
    def _step_soon(self) -> None:
        self._work.unpark_all()

    @override
    def _write(self) -> bool:
        if not self._writable or self._gone.is_set() or not self._collect():
            return False
        rest = self._take_pieces() if self._chunks else []
        if self._direct:
            with suppress(OSError):  # full; or broken, as the writer will see
                while rest:
                    written = os.write(self._socket.fileno(), rest[0])
                    if written < len(rest[0]):
                        rest[0] = memoryview(rest[0])[written:]
                        break
                    del rest[0]
        if rest or self._ending:
            self._rest = rest
            self._writable = False
            self._work.unpark_all()
        return True

    @override
    def _wait(self) -> Awaitable[None]:
        return self._moved.park()

    @override
    def _wait_for_event(self) -> Awaitable[None]:
        return self._takers.park()

    @override
    def _new_flag(self) -> trio.Event:
        return trio.Event()


@asynccontextmanager
async def running(connection: ConnectionT) -> AsyncGenerator[ConnectionT]:
    """Serve a connection; end it with the block: in order if the block does, else at once."""
    with unwrapped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.read)
            nursery.start_soon(connection.write)
            nursery.start_soon(connection.keep_time)
            try:
                yield connection
                await connection.end()
            finally:
                connection.abort()
                nursery.cancel_scope.cancel()


def socket_of(stream: AnyStream) -> trio.socket.SocketType:
    """The socket under a stream; closing it needs no waiting."""
    while not isinstance(stream, trio.SocketStream):
        stream = stream.transport_stream
    return stream.socket
