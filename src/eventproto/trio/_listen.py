"""Listening on trio: see `eventproto._drive._listen.Listening`."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from eventproto import Chunk, Machine
from eventproto.trio._connect import shake_hands
from eventproto.trio._stream import AnyStream, StreamConnection, running

__all__ = ["Listener", "drive", "listen"]


class Listener:
    """See `eventproto._drive._listen.Listener`."""

    def __init__(self, raw: trio.socket.SocketType) -> None:
        self.port: int = raw.getsockname()[1]
        self._raw = raw

    async def accept(self) -> trio.socket.SocketType:
        """See `Listener`."""
        accepted, _ = await self._raw.accept()
        return accepted

    def close(self) -> None:
        """See `Listener`."""
        self._raw.close()


async def listen(address: str, port: int) -> Listener:
    """See `Listening`."""
    (listener,) = await trio.open_tcp_listeners(port, host=address)
    return Listener(listener.socket)


async def drive(
    machine: Machine[Any, Chunk, Chunk],
    raw: trio.socket.SocketType,
    use: Callable[[StreamConnection[Any]], Awaitable[None]],
    *,
    tls: ssl.SSLContext | None,
    handshake_time: float,
) -> None:
    """See `Listening`."""
    stream: AnyStream = trio.SocketStream(raw)
    try:
        if tls is not None:
            stream = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
            with trio.fail_after(handshake_time):
                await shake_hands(stream)
    except trio.TooSlowError as error:
        raw.close()
        msg = f"no TLS within {handshake_time} seconds"
        raise TimeoutError(msg) from error
    except BaseException:
        raw.close()
        raise
    async with running(StreamConnection(machine, stream)) as connection:
        await use(connection)
