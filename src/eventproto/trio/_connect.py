"""Connections on trio: to where a request goes, or through a proxy to there."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any, Final

import trio

from eventproto import EOF, Chunk, Machine
from eventproto._address import AddressPolicy
from eventproto._drive._tunnel import open_tunnel, tunnel_to
from eventproto.http import Limits, Request
from eventproto.proxy import Proxy
from eventproto.trio._stream import BROKEN, AnyStream, socket_of

__all__ = ["open_connection"]

_LIMITS: Final = Limits()


async def open_connection(
    machine: Machine[Any, Chunk, Chunk],
    request: Request,
    *,
    tls: ssl.SSLContext | None,
    policy: AddressPolicy,
    proxy: Proxy | None = None,
    limits: Limits = _LIMITS,
) -> AnyStream:
    """Open a connection to the origin of a request, for a machine.

    The name is resolved once, and the connection goes to an address that the policy has seen. It
    may take as long as an answer may take, a tunnel included. The machine is given what has
    arrived by then.

    Raises:
        OSError: No address can be reached, or none may be.
        EventprotoError: The proxy opens no tunnel.
    """
    try:
        with trio.fail_after(limits.response_time):
            if proxy is None:
                stream = await _connect(request.host, request.port, policy)
                return await _secured(stream, request.host, tls) if request.secure else stream
            tunnel = tunnel_to(proxy, request, policy, limits)
            stream = await _connect(proxy.host, proxy.port, policy)
            if proxy.secure:
                stream = await _secured(stream, proxy.host, tls)
            try:
                arrived = await open_tunnel(tunnel, _Wire(stream), secure=request.secure)
            except BaseException:
                socket_of(stream).close()
                raise
            for chunk in arrived:
                machine.receive(chunk, trio.current_time())
            return await _secured(stream, request.host, tls) if request.secure else stream
    except trio.TooSlowError as error:
        msg = f"no connection within {limits.response_time} seconds"
        raise TimeoutError(msg) from error


async def _connect(host: str, port: int, policy: AddressPolicy) -> AnyStream:
    """Connect to the first address that can be reached of those that the policy permits."""
    try:
        found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    except ValueError as error:
        # A name that cannot be looked up at all: a label too long, or empty.
        msg = f"{host!r} is no host name: {error}"
        raise OSError(msg) from error
    failure = OSError("no address")
    for address in policy.choose(str(each[4][0]) for each in found):
        try:
            return await trio.open_tcp_stream(address, port)
        except OSError as error:
            # It says only that all attempts failed; there was one, and that says why.
            attempts = getattr(error.__cause__, "exceptions", ())
            failure = next((each for each in attempts if isinstance(each, OSError)), error)
    raise failure


async def _secured(stream: AnyStream, host: str, tls: ssl.SSLContext | None) -> AnyStream:
    """Speak TLS over a stream; it is closed if that cannot be."""
    context = tls or ssl.create_default_context()
    secured = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    try:
        await secured.do_handshake()
    except trio.BrokenResourceError as error:
        socket_of(stream).close()
        if isinstance(error.__cause__, ssl.SSLError):
            raise error.__cause__ from None
        msg = f"no TLS connection to {host}: {error.__cause__ or error}"
        raise OSError(msg) from error
    except BaseException:
        socket_of(stream).close()
        raise
    return secured


class _Wire:
    """A stream on which a tunnel is asked for; see `eventproto._drive._tunnel.Wire`."""

    def __init__(self, stream: AnyStream) -> None:
        self._stream = stream

    async def send(self, data: bytes) -> None:
        with suppress(*BROKEN):
            await self._stream.send_all(data)

    async def receive(self) -> Chunk:
        try:
            return bytes(await self._stream.receive_some()) or EOF
        except BROKEN:
            return EOF

    def now(self) -> float:
        return trio.current_time()
