"""Opening a connection: to where a request goes, or through a proxy to there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from ssl import SSLContext
from typing import Any, Final, Protocol, TypeVar

from eventproto import Chunk
from eventproto._address import AddressPolicy
from eventproto._drive._primitives import Primitives
from eventproto._drive._tunnel import Wire as TunnelWire
from eventproto._drive._tunnel import open_tunnel, tunnel_to
from eventproto.http import Limits, Request
from eventproto.proxy import Proxy

__all__ = ["Network", "Wire", "open_connection"]

_LIMITS: Final = Limits()
_HEAD_START: Final = 0.25  # seconds that an address has before the next one is tried (RFC 8305, 5)


class Wire(TunnelWire, Protocol):
    """A connection that is not driven yet.

    Attributes:
        arrived: What has come for who will drive it.
    """

    arrived: list[Chunk]

    async def secure(self, host: str, tls: SSLContext | None) -> None:
        """Speak TLS from now on, as a client; with the system's trust by default.

        Raises:
            OSError: That cannot be, and why.
        """

    def abort(self) -> None:
        """Drop the connection now."""


WireT = TypeVar("WireT", bound=Wire)
WireT_co = TypeVar("WireT_co", bound=Wire, covariant=True)


class Network(Primitives, Protocol[WireT_co]):
    """What a runtime gives to who connects."""

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host, the best one first.

        Raises:
            OSError: There is none.
            ValueError: It is no host name.
        """
        ...

    async def reach(self, address: str, port: int) -> WireT_co:
        """Connect to an address.

        Raises:
            OSError: That cannot be.
        """
        ...


async def open_connection(
    network: Network[WireT],
    request: Request,
    *,
    tls: SSLContext | None,
    policy: AddressPolicy,
    proxy: Proxy | None = None,
    limits: Limits = _LIMITS,
) -> WireT:
    """Open a connection to the origin of a request.

    The name is resolved once, and the connection goes to an address that the policy has seen. It
    may take as long as an answer may take, a tunnel included.

    Raises:
        OSError: No address can be reached, or none may be.
        EventprotoError: The proxy opens no tunnel.
    """
    opening = partial(_open, network, request, tls=tls, policy=policy, proxy=proxy, limits=limits)
    wire = await network.before(network.now() + limits.response_time, opening)
    if wire is None:
        msg = f"no connection within {limits.response_time} seconds"
        raise TimeoutError(msg)
    return wire


async def _open(
    network: Network[WireT],
    request: Request,
    *,
    tls: SSLContext | None,
    policy: AddressPolicy,
    proxy: Proxy | None,
    limits: Limits,
) -> WireT:
    host, port, tunnel = request.host, request.port, None
    if proxy is not None:
        tunnel = tunnel_to(proxy, request, policy, limits)
        host, port = proxy.host, proxy.port
    wire = await _reach(network, await _resolve(network, host, port, policy), port)
    try:
        if proxy is not None and tunnel is not None:
            if proxy.secure:
                await wire.secure(proxy.host, tls)
            wire.arrived = await open_tunnel(tunnel, wire, secure=request.secure)
        if request.secure:
            await wire.secure(request.host, tls)
    except BaseException:
        wire.abort()
        raise
    return wire


async def _resolve(network: Network[Any], host: str, port: int, policy: AddressPolicy) -> list[str]:
    """The addresses of a host that the policy permits."""
    try:
        found = await network.resolve(host, port)
    except ValueError as error:
        # A name that cannot be looked up at all: a label too long, or empty.
        msg = f"{host!r} is no host name: {error}"
        raise OSError(msg) from error
    return policy.choose(found)


async def _reach(network: Network[WireT], addresses: Sequence[str], port: int) -> WireT:
    """Connect to one of the addresses; those that do not answer hold up nobody (RFC 8305)."""
    if len(addresses) == 1:
        return await network.reach(addresses[0], port)
    reached: list[WireT] = []
    failures: list[OSError] = []
    moved = network.new_flag()

    async def attempt(address: str) -> None:
        try:
            wire = await network.reach(address, port)
        except OSError as error:
            failures.append(error)
        else:
            if reached:
                wire.abort()
            else:
                reached.append(wire)
        moved.set()

    try:
        async with network.open_tasks() as tasks:
            left = list(addresses)
            while not reached and len(failures) < len(addresses):
                moved = network.new_flag()
                if left:
                    tasks.start(partial(attempt, left.pop(0)))
                await network.before(network.now() + _HEAD_START if left else None, moved.wait)
    except BaseException:
        for wire in reached:
            wire.abort()
        raise
    if not reached:
        raise failures[0]
    return reached[0]
