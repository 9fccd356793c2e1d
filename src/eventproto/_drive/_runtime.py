"""What a runtime gives, so that everything above it is the same on each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from ssl import SSLContext
from typing import Protocol, TypeVar

from eventproto import CallMachine, Chunk, Machine, sse
from eventproto._address import AddressPolicy
from eventproto._drive._event_source import EventSource
from eventproto._drive._pool import Pool
from eventproto._drive._role import Role
from eventproto._drive._server import Server
from eventproto._drive._stream import StreamSession
from eventproto.http import Limits
from eventproto.proxy import Proxy
from eventproto.site import Site

__all__ = ["Contexts", "Runtime"]

CommandT = TypeVar("CommandT")
T = TypeVar("T")


class Contexts(Protocol):
    """One context at a time, which may be entered in one call and left in a later one."""

    async def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Enter a context; raises what entering it raises."""
        ...

    async def leave(self) -> None:
        """Leave in order the one that was entered, if any."""


class Runtime(Protocol):
    """What a runtime gives: the driver of each kind of wire, a server, and the time."""

    def connect(
        self,
        machine: Machine[CommandT, Chunk, Chunk],
        url: str,
        *,
        tls: SSLContext | None,
        policy: AddressPolicy,
        proxy: Proxy | None,
    ) -> AbstractAsyncContextManager[StreamSession[CommandT]]:
        """Drive a byte-stream machine."""
        ...

    def run(
        self, machine: CallMachine[CommandT], pool: Pool
    ) -> AbstractAsyncContextManager[Role[CommandT]]:
        """Drive a role; close its pool in the end."""
        ...

    def serve(
        self,
        site: Site,
        pools: Callable[[], Pool],
        *,
        host: str,
        port: int,
        tls: SSLContext | None,
        grace: float,
    ) -> AbstractAsyncContextManager[Server]:
        """Drive the connections of a server, and its roles."""
        ...

    def pool(
        self,
        *,
        limits: Limits,
        policy: AddressPolicy,
        tls: SSLContext | None,
        proxy: Proxy | None,
    ) -> Pool:
        """A pool of connections."""
        ...

    def event_source(self, machine: sse.Client, pool: Pool) -> EventSource:
        """Drive an SSE client."""
        ...

    def contexts(self) -> AbstractAsyncContextManager[Contexts]:
        """Hold a context for somebody; it is left, at the latest, when this one is."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Wait."""

    def now(self) -> float:
        """The time on the runtime's clock."""
        ...

    def unix_time(self) -> float:
        """The time on the wall."""
        ...
