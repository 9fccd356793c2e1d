"""Peers that are not ours, on real sockets."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio
from anyio.abc import SocketAttribute, SocketStream

Peer: TypeAlias = Callable[[SocketStream], Awaitable[None]]


@asynccontextmanager
async def peer(behave: Peer) -> AsyncIterator[str]:
    """A TCP server; gives its URL."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    # Or the kernel takes many megabytes, and nobody ever has to wait.
    raw = listener.extra(SocketAttribute.raw_socket)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)

    async def attend(stream: SocketStream) -> None:
        async with stream:
            await behave(stream)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, attend)
        yield f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        tasks.cancel_scope.cancel()


async def read_all(stream: SocketStream) -> bytes:
    """Everything up to the end."""
    return b"".join([data async for data in stream])


async def read_request(stream: SocketStream) -> bytes:
    """One HTTP request without a body, or nothing at the end."""
    raw = b""
    while not raw.endswith(b"\r\n\r\n"):
        try:
            raw += await stream.receive()
        except anyio.EndOfStream:
            return b""
    return raw
