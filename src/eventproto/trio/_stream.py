"""Any byte-stream machine on trio: one task reads, one writes, one keeps the time.

The rules of a driver: touch the machine without awaiting, then await one thing. There is one
writer, so cancelling a `send` can never tear a frame. A peer that takes nothing for long is
dropped, reading stops while events wait to be taken, and a lost connection is EOF to the machine.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias, TypeVar

import trio
from typing_extensions import override

from eventproto import EOF, Chunk, Closed, ClosedError, End, Event, Machine
from eventproto._drive._stream import PIECE, StreamSession
from eventproto._drive._unwrapped import unwrapped

__all__ = ["BROKEN", "AnyStream", "StreamConnection", "running", "socket_of"]

CommandT = TypeVar("CommandT")

AnyStream: TypeAlias = trio.SocketStream | trio.SSLStream[Any]
"""A connection, over TLS or not; over TLS within TLS where an `https` proxy leads to its target."""

_HIGH_WATER: Final = 64
_TCP_USER_TIMEOUT: Final[int | None] = getattr(trio.socket, "TCP_USER_TIMEOUT", None)
BROKEN: Final = (trio.BrokenResourceError, trio.ClosedResourceError)


class StreamConnection(StreamSession[CommandT]):
    """A machine on a stream: the application's session, and the tasks that serve it."""

    def __init__(self, machine: Machine[CommandT, Chunk, Chunk], stream: AnyStream) -> None:
        self.machine = machine
        self._stream = stream
        self._writing = False
        self._gone = trio.Event()
        self._alarm = trio.CancelScope()
        # The writer waits for work; all others wait here and look again at what they need.
        self._work = trio.lowlevel.ParkingLot()
        self._moved = trio.lowlevel.ParkingLot()
        self._heard = trio.lowlevel.ParkingLot()

    @override
    async def send(self, command: CommandT) -> None:
        self.post(command)
        while self._writing:
            await self._moved.park()

    @override
    def post(self, command: CommandT) -> None:
        self.machine.send(command, trio.current_time())
        self._writing = not self._gone.is_set()
        self._step()

    @override
    async def _take_event(self) -> Event:
        while (event := self.machine.next_event()) is None:
            self._let_out()  # asking may have made output
            await self._moved.park()
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
            await self._heard.park()

    @override
    async def wait_until(self, done: Callable[[], bool]) -> None:
        while not (done() or self._gone.is_set()):
            await self._moved.park()

    @override
    def abort(self) -> None:
        socket_of(self._stream).close()

    @override
    def bound_silence(self, seconds: float) -> None:
        if _TCP_USER_TIMEOUT is not None:
            with suppress(OSError):  # it is gone already
                raw = socket_of(self._stream)
                raw.setsockopt(trio.socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(seconds * 1000))

    def _step(self) -> None:
        """After any door in: have everybody look again."""
        self._let_out()
        self._moved.unpark_all()

    def _let_out(self) -> None:
        """Have the two tasks look again that serve the doors out."""
        self._work.unpark_all()
        deadline = self.machine.deadline
        self._alarm.deadline = math.inf if deadline is None else deadline

    async def read(self) -> None:
        """Bring what the stream brings, until it ends: the first of the three tasks."""
        chunk: Chunk = b""
        while chunk is not EOF:
            while self.machine.backlog >= _HIGH_WATER:
                await self._moved.park()
            try:
                chunk = bytes(await self._stream.receive_some()) or EOF
            except BROKEN as error:
                self._lost = self._lost or error  # the first one is the reason
                chunk = EOF
            self._receive(chunk)

    def _receive(self, chunk: Chunk) -> None:
        self.machine.receive(chunk, trio.current_time())
        self._step()
        self._heard.unpark_all()

    async def write(self) -> None:
        """Write what the machine writes, until it has finished: the second."""
        try:
            while not self.machine.finished:
                chunks: list[Chunk] = list(iter(self.machine.next_output, None))
                await self._send_all(b"".join(chunk for chunk in chunks if chunk is not EOF))
                if EOF in chunks:
                    if not isinstance(self._stream, trio.SocketStream):
                        break  # TLS has no connection that is half open
                    await self._stream.send_eof()
                if chunks:
                    self._moved.unpark_all()  # unwritten output may have been in the way
                else:
                    await self._wait_for_work()
            await self._stream.aclose()
        except BROKEN as error:
            self._lost = self._lost or error
        except trio.TooSlowError:
            self._lost = self._stalled()
        finally:
            self._writing = False
            self._gone.set()
            self._receive(EOF)
            self.abort()

    async def _send_all(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            with trio.fail_after(self._stall_time):
                await self._stream.send_all(memoryview(data)[at : at + PIECE])

    async def _wait_for_work(self) -> None:
        # Others are woken for a reason only, or two tasks would wake each other for ever.
        if self._writing:
            self._writing = False
            self._moved.unpark_all()
        await self._work.park()

    async def keep_time(self) -> None:
        """Do what is due when it is due, for ever, also while the writer has no room: the third."""
        while True:
            self.machine.handle_timeout(trio.current_time())
            with trio.CancelScope() as self._alarm:
                self._step()
                await trio.sleep_forever()


@asynccontextmanager
async def running(connection: StreamConnection[Any]) -> AsyncGenerator[None]:
    """Serve a connection for the time of the block, and end it with the block."""
    with unwrapped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.read)
            nursery.start_soon(connection.write)
            nursery.start_soon(connection.keep_time)
            try:
                yield
                with suppress(ClosedError):
                    connection.post(End())  # a peer that does not read must not hold up the end
                while await connection.next_event() is not None:
                    pass
                await connection.wait_gone()
            finally:
                connection.abort()
                nursery.cancel_scope.cancel()


def socket_of(stream: AnyStream) -> trio.socket.SocketType:
    """The socket under a stream; closing it needs no waiting."""
    while not isinstance(stream, trio.SocketStream):
        stream = stream.transport_stream
    return stream.socket
