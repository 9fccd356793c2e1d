"""Small proxies that are not ours, on real sockets: HTTP CONNECT and SOCKS 5."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

__all__ = ["HttpProxy", "SocksProxy", "proxy"]

Behaviour: TypeAlias = Callable[[Any], Awaitable[None]]


@asynccontextmanager
async def proxy(
    behave: Behaviour, scheme: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """A proxy, over TLS if there is a context for it; gives its URL without a user."""
    listener: Any = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    if tls is not None:
        listener = TLSListener(listener, tls, standard_compatible=False)

    async def attend(stream: ByteStream) -> None:
        with suppress(anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
            async with stream:
                await behave(stream)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, attend)
        yield f"{scheme}://localhost:{port}"
        tasks.cancel_scope.cancel()


class HttpProxy:
    """Opens tunnels; `asked` is what it was asked, `early` what it sends behind its answer."""

    def __init__(self, *, credentials: str | None = None, early: bytes = b"") -> None:
        self.asked: list[str] = []
        self._credentials = credentials
        self._early = early

    async def __call__(self, stream: ByteStream) -> None:
        head = await BufferedByteReceiveStream(stream).receive_until(b"\r\n\r\n", 65536)
        line, *fields = head.decode().split("\r\n")
        self.asked.append(line)
        wanted = f"Proxy-Authorization: Basic {self._credentials}"
        if self._credentials is not None and wanted not in fields:
            refusal = b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\n"
            await stream.send(refusal + b"who?")
            return
        host, _, port = line.split(" ")[1].rpartition(":")
        async with await anyio.connect_tcp(host, int(port)) as target:
            await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n" + self._early)
            await relay(stream, target)


class SocksProxy:
    """Opens tunnels for whoever has the credentials; `asked` is what it was asked."""

    def __init__(self, *, credentials: tuple[bytes, bytes] | None = None, reply: int = 0) -> None:
        self.asked: list[tuple[bytes, int]] = []
        self._credentials = credentials
        self._reply = reply

    async def __call__(self, stream: ByteStream) -> None:
        reader = BufferedByteReceiveStream(stream)
        _, count = await reader.receive_exactly(2)
        methods = await reader.receive_exactly(count)
        method = 0 if self._credentials is None else 2
        if method not in methods:
            await stream.send(b"\x05\xff")
            return
        await stream.send(bytes([5, method]))
        if self._credentials is not None:
            _, size = await reader.receive_exactly(2)
            user = await reader.receive_exactly(size)
            (size,) = await reader.receive_exactly(1)
            taken = (user, await reader.receive_exactly(size)) == self._credentials
            await stream.send(b"\x01" + (b"\x00" if taken else b"\x01"))
            if not taken:
                return
        _, _, _, kind, size = await reader.receive_exactly(5)
        assert kind == 3, "only names are for the proxy to resolve"
        host = await reader.receive_exactly(size)
        port = int.from_bytes(await reader.receive_exactly(2), "big")
        self.asked.append((host, port))
        if self._reply:
            await stream.send(bytes([5, self._reply]) + bytes(8))
            return
        async with await anyio.connect_tcp(host.decode(), port) as target:
            await stream.send(b"\x05\x00\x00\x01" + bytes(6))
            await relay(stream, target)


async def relay(one: ByteStream, other: ByteStream) -> None:
    """Carry bytes both ways until one side has ended."""

    async def carry(source: ByteStream, sink: ByteStream) -> None:
        try:
            async for data in source:
                await sink.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
            pass
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(carry, one, other)
        tasks.start_soon(carry, other, one)
