"""Calls on trio: a pool of connections to call over."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, Final, cast

import trio
from typing_extensions import override

from eventproto import EOF, Chunk, End, Event
from eventproto._drive._pool import HttpSession, Pool
from eventproto.http import Call, ClientConnection, Request
from eventproto.trio import _connect
from eventproto.trio._primitives import unwrapped
from eventproto.trio._stream import BROKEN, AnyStream, socket_of

__all__ = ["ConnectionPool"]

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
        if not isinstance(stream, trio.SocketStream):
            self._stream = outermost = stream
            while not isinstance(outermost.transport_stream, trio.SocketStream):
                outermost = cast("trio.SSLStream[Any]", outermost.transport_stream)
            outermost.transport_stream = self._outbox
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
        if self._outbox.ended and self._stream is not self._outbox:
            self.machine.broken = True  # TLS ends before its connection does (RFC 9112, 9.8)
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
        self.ended = False

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.waiting += data

    @override
    async def wait_send_all_might_not_block(self) -> None:
        pass

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            data = await self._socket.recv(max_bytes or _PIECE)
        except OSError as error:
            raise trio.BrokenResourceError from error
        self.ended = not data
        return data

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
        wire = await self.open(_connect, request)
        return _HttpConnection(machine, wire.hand_over(machine))
