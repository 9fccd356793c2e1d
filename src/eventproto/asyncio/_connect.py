"""Connections on asyncio: to where a request goes, or through a proxy to there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from socket import SOCK_STREAM
from typing import Any, Final, TypeVar, cast

from typing_extensions import override

from eventproto import EOF, Chunk
from eventproto._address import AddressPolicy
from eventproto._drive._tunnel import open_tunnel, tunnel_to
from eventproto.asyncio._stream import StreamConnection
from eventproto.http import Limits, Request
from eventproto.proxy import Proxy

__all__ = ["open_connection"]

SessionT = TypeVar("SessionT", bound=StreamConnection[Any])

_LIMITS: Final = Limits()


async def open_connection(
    session: SessionT,
    request: Request,
    *,
    tls: ssl.SSLContext | None,
    policy: AddressPolicy,
    proxy: Proxy | None = None,
    limits: Limits = _LIMITS,
) -> SessionT:
    """Put a session on a connection to the origin of a request.

    The name is resolved once, and the connection goes to an address that the policy has seen. It
    may take as long as an answer may take, a tunnel included.

    Raises:
        OSError: No address can be reached, or none may be.
        EventprotoError: The proxy opens no tunnel.
    """
    context = (tls or ssl.create_default_context()) if request.secure else None
    patience = asyncio.timeout(limits.response_time)
    try:
        async with patience:
            if proxy is None:
                await _connect(lambda: session, request.host, request.port, context, policy)
            else:
                tunnel = tunnel_to(proxy, request, policy, limits)
                outer = (tls or ssl.create_default_context()) if proxy.secure else None
                early = _Early()
                await _connect(lambda: early, proxy.host, proxy.port, outer, policy)
                try:
                    early.arrived = await open_tunnel(tunnel, early, secure=request.secure)
                    if context is not None:
                        await early.start_tls(context, request.host)
                    early.hand_over(session)
                except BaseException:
                    early.transport.abort()
                    raise
    except TimeoutError as error:
        if not patience.expired():
            raise
        msg = f"no connection within {limits.response_time} seconds"
        raise TimeoutError(msg) from error
    return session


async def _connect(
    protocol: Callable[[], asyncio.BaseProtocol],
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    policy: AddressPolicy,
) -> None:
    """Connect to the first address that can be reached of those that the policy permits."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=SOCK_STREAM)
    except ValueError as error:
        # A name that cannot be looked up at all: a label too long, or empty.
        msg = f"{host!r} is no host name: {error}"
        raise OSError(msg) from error
    failure = OSError("no address")
    for address in policy.choose([str(each[4][0]) for each in found]):
        try:
            await loop.create_connection(
                protocol, address, port, ssl=context, server_hostname=host if context else None
            )
        except OSError as error:
            failure = error
        else:
            return
    raise failure


class _Early(asyncio.Protocol):
    """Keeps what arrives before there is a session on the connection."""

    transport: asyncio.Transport  # from connection_made on

    def __init__(self) -> None:
        self.arrived: list[Chunk] = []
        self._loop = asyncio.get_running_loop()
        self._moved = asyncio.Event()
        self._gone = False

    # The tunnel's wire.

    async def send(self, data: bytes) -> None:
        """See `Wire`."""
        self.transport.write(data)

    async def receive(self) -> Chunk:
        """See `Wire`."""
        while not self.arrived:
            self._moved.clear()
            await self._moved.wait()
        return self.arrived.pop(0)

    def now(self) -> float:
        """See `Wire`."""
        return self._loop.time()

    # What follows the tunnel.

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from now on."""
        secured = await self._loop.start_tls(self.transport, self, context, server_hostname=host)
        self.transport = cast("asyncio.Transport", secured)

    def hand_over(self, session: StreamConnection[Any]) -> None:
        """Give the connection to a session, with what has arrived for it."""
        if self._gone:
            msg = "the connection was lost as soon as it stood"
            raise ConnectionResetError(msg)
        self.transport.set_protocol(session)
        for chunk in self.arrived:
            session.machine.receive(chunk, self.now())
        session.connection_made(self.transport)

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
