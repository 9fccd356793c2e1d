"""Listening on asyncio: see `eventproto._drive._listen.Listening`."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from eventproto import Chunk, Machine
from eventproto.asyncio._stream import StreamConnection

__all__ = ["Listener", "drive", "listen"]


class Listener:
    """See `eventproto._drive._listen.Listener`."""

    def __init__(self, raw: socket.socket) -> None:
        self.port: int = raw.getsockname()[1]
        self._raw = raw
        self._loop = asyncio.get_running_loop()

    async def accept(self) -> socket.socket:
        """See `Listener`."""
        while True:
            try:
                accepted, _ = self._raw.accept()
            except (BlockingIOError, InterruptedError):
                try:
                    await self._readable()
                except NotImplementedError:  # by the event loop of Windows
                    accepted, _ = await self._loop.sock_accept(self._raw)
                    return accepted
            else:
                return accepted

    async def _readable(self) -> None:
        # Rather than `sock_accept`: being cancelled, that may lose what it has accepted.
        readable = asyncio.Event()
        self._loop.add_reader(self._raw, readable.set)
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(self._raw)

    def close(self) -> None:
        """See `Listener`."""
        self._raw.close()


async def listen(address: str, port: int) -> Listener:
    """See `Listening`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    raw = socket.create_server((address, port), family=family, backlog=socket.SOMAXCONN)
    raw.setblocking(False)  # noqa: FBT003  # its only parameter
    return Listener(raw)


async def drive(
    machine: Machine[Any, Chunk, Chunk],
    raw: socket.socket,
    use: Callable[[StreamConnection[Any]], Awaitable[None]],
    *,
    tls: ssl.SSLContext | None,
    handshake_time: float,
) -> None:
    """See `Listening`."""
    connection = StreamConnection(machine)
    raw.setblocking(False)  # noqa: FBT003  # its only parameter
    try:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: connection,
            raw,
            ssl=tls,
            ssl_handshake_timeout=handshake_time if tls else None,
        )
    except BaseException:
        raw.close()
        raise
    try:
        await use(connection)
    finally:
        connection.abort()
        await connection.wait_gone()
