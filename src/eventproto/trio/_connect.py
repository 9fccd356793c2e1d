"""Connections on trio: what `eventproto._drive._connect.Network` asks for."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

import trio

from eventproto import EOF, Chunk, Machine
from eventproto.trio._primitives import (
    before,
    first_of,
    new_flag,
    now,
    open_tasks,
    sleep,
    unix_time,
)
from eventproto.trio._stream import BROKEN, AnyStream, socket_of

__all__ = [
    "Wire",
    "before",
    "first_of",
    "new_flag",
    "now",
    "open_tasks",
    "reach",
    "resolve",
    "shake_hands",
    "sleep",
    "unix_time",
]


async def resolve(host: str, port: int) -> list[str]:
    """See `Network`."""
    found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


async def reach(address: str, port: int) -> Wire:
    """See `Network`."""
    # Not `open_tcp_stream`, whose errors say nothing of what is wrong.
    raw = trio.socket.socket(trio.socket.AF_INET6 if ":" in address else trio.socket.AF_INET)
    try:
        await raw.connect((address, port))
    except BaseException:
        raw.close()
        raise
    return Wire(trio.SocketStream(raw))


class Wire:
    """See `eventproto._drive._connect.Wire`."""

    def __init__(self, stream: AnyStream) -> None:
        self.arrived: list[Chunk] = []
        self._stream = stream

    async def send(self, data: bytes) -> None:
        """See `Wire`."""
        with suppress(*BROKEN):
            await self._stream.send_all(data)

    async def receive(self) -> Chunk:
        """See `Wire`."""
        try:
            return bytes(await self._stream.receive_some()) or EOF
        except BROKEN:
            return EOF

    async def secure(self, host: str, tls: ssl.SSLContext | None) -> None:
        """See `Wire`."""
        context = tls or ssl.create_default_context()
        stream = trio.SSLStream(self._stream, context, server_hostname=host, https_compatible=True)
        await shake_hands(stream)
        self._stream = stream

    def abort(self) -> None:
        """See `Wire`."""
        socket_of(self._stream).close()

    def now(self) -> float:
        """See `Wire`."""
        return trio.current_time()

    def hand_over(self, machine: Machine[Any, Chunk, Chunk]) -> AnyStream:
        """Have a machine drive the connection: the stream, as the machine was given the rest."""
        for chunk in self.arrived:
            machine.receive(chunk, trio.current_time())
        return self._stream


async def shake_hands(stream: trio.SSLStream[Any]) -> None:
    """Do what TLS begins with.

    Raises:
        OSError: That cannot be, and why.
    """
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise error.__cause__ from None
        msg = f"no TLS connection: {error.__cause__ or error}"
        raise OSError(msg) from error
