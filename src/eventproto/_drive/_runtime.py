"""What a runtime gives, so that everything above it is the same on each."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from ssl import SSLContext
from typing import Protocol, TypeVar

from eventproto import Chunk, Machine
from eventproto._address import AddressPolicy
from eventproto._drive._listen import Listening
from eventproto._drive._pool import Pool
from eventproto._drive._stream import StreamSession
from eventproto.http import Limits
from eventproto.proxy import Proxy

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


class Runtime(Listening, Protocol):
    """What a runtime gives: its primitives, the driver of each kind of wire, and listeners."""

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

    def contexts(self) -> AbstractAsyncContextManager[Contexts]:
        """Hold a context for somebody; it is left, at the latest, when this one is."""
        ...
