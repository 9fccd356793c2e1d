"""Getting a tunnel through a proxy, before there is a session to drive."""

from __future__ import annotations

from typing import Protocol

from eventproto import EOF, Chunk, Closed, ConnectionLost, LocalProtocolError
from eventproto._address import AddressPolicy
from eventproto.http import Limits, Request
from eventproto.proxy import Proxy, Tunnel

__all__ = ["Wire", "open_tunnel", "tunnel_to"]


class Wire(Protocol):
    """A connection to a proxy."""

    async def send(self, data: bytes) -> None:
        """Write something; a proxy that reads nothing may have answered all the same."""

    async def receive(self) -> Chunk:
        """Wait for what comes next; EOF if the connection is gone."""
        ...

    def now(self) -> float:
        """The time on the runtime's clock."""
        ...


def tunnel_to(proxy: Proxy, request: Request, policy: AddressPolicy, limits: Limits) -> Tunnel:
    """What asks a proxy for a connection to the origin of a request.

    Raises:
        OSError: The policy does not permit the target, or the proxy cannot be told of it.
    """
    proxy.check_target(request.host, policy)
    try:
        return proxy.tunnel(request.host, request.port, limits=limits)
    except LocalProtocolError as error:
        msg = f"{request.host!r} is no host name: {error}"
        raise OSError(msg) from error


async def open_tunnel(tunnel: Tunnel, wire: Wire, *, secure: bool) -> list[Chunk]:
    """Have a tunnel opened, and return what came behind the proxy's answer.

    Its time is for the caller to watch.

    Args:
        tunnel: What asks for it.
        wire: Where to ask.
        secure: Whether TLS follows, in which the server never speaks first.

    Raises:
        EventprotoError: There is none, and why.
        OSError: Something came that TLS would not have begun with.
    """
    tunnel.handle_timeout(wire.now())
    while (event := tunnel.next_event()) is None:
        while (chunk := tunnel.next_output()) is not None:
            if chunk is not EOF:
                await wire.send(chunk)
        tunnel.receive(await wire.receive(), wire.now())
    if isinstance(event, Closed):
        raise event.error or ConnectionLost("the tunnel was closed before it was open")
    if secure and tunnel.arrived:
        msg = "the proxy sent something, or hung up, before TLS could begin"
        raise OSError(msg)
    return tunnel.arrived
