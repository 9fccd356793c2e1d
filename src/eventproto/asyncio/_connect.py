"""Connections on asyncio: what `eventproto._drive._connect.Network` asks for."""

from __future__ import annotations

import asyncio
import ssl
from socket import SOCK_STREAM
from typing import Any, TypeVar, cast

from typing_extensions import override

from eventproto import EOF, Chunk
from eventproto.asyncio._primitives import (
    before,
    first_of,
    new_flag,
    now,
    open_tasks,
    sleep,
    unix_time,
)
from eventproto.asyncio._stream import StreamConnection

__all__ = [
    "Wire",
    "before",
    "first_of",
    "new_flag",
    "now",
    "open_tasks",
    "reach",
    "resolve",
    "sleep",
    "unix_time",
]

SessionT = TypeVar("SessionT", bound=StreamConnection[Any])


async def resolve(host: str, port: int) -> list[str]:
    """See `Network`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return [str(each[4][0]) for each in found]


async def reach(address: str, port: int) -> Wire:
    """See `Network`."""
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(Wire, address, port))[1]


class Wire(asyncio.Protocol):
    """See `eventproto._drive._connect.Wire`."""

    transport: asyncio.Transport  # from connection_made on

    def __init__(self) -> None:
        self.arrived: list[Chunk] = []
        self._loop = asyncio.get_running_loop()
        self._moved = asyncio.Event()
        self._gone = False

    async def send(self, data: bytes) -> None:
        """See `Wire`."""
        self.transport.write(data)

    async def receive(self) -> Chunk:
        """See `Wire`."""
        while not self.arrived:
            self._moved.clear()
            await self._moved.wait()
        return self.arrived.pop(0)

    async def secure(self, host: str, tls: ssl.SSLContext | None) -> None:
        """See `Wire`."""
        context = tls or ssl.create_default_context()
        secured = await self._loop.start_tls(self.transport, self, context, server_hostname=host)
        self.transport = cast("asyncio.Transport", secured)

    def abort(self) -> None:
        """See `Wire`."""
        self.transport.abort()

    def now(self) -> float:
        """See `Wire`."""
        return self._loop.time()

    def hand_over(self, session: SessionT) -> SessionT:
        """Have a session drive the connection.

        Raises:
            ConnectionResetError: There is nothing left to drive.
        """
        if self._gone:
            msg = "the connection was lost as soon as it stood"
            raise ConnectionResetError(msg)
        self.transport.set_protocol(session)
        for chunk in self.arrived:
            session.machine.receive(chunk, self.now())
        session.connection_made(self.transport)
        return session

    # The transport calls these.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._take(data)

    @override
    def eof_received(self) -> bool:
        self._take(EOF)
        return self.transport.can_write_eof()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._take(EOF)

    def _take(self, chunk: Chunk) -> None:
        self.arrived.append(chunk)
        self._moved.set()
