"""What asyncio gives: see `eventproto._drive._runtime.Runtime`, which this module implements."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from time import time as unix_time
from typing import TypeVar

from eventproto import Chunk, Machine
from eventproto._address import AddressPolicy
from eventproto.asyncio._calls import ConnectionPool, PulledEventSource, run
from eventproto.asyncio._connect import open_connection
from eventproto.asyncio._server import serve
from eventproto.asyncio._stream import StreamConnection, running
from eventproto.http import Request
from eventproto.proxy import Proxy

__all__ = [
    "connect",
    "contexts",
    "event_source",
    "now",
    "pool",
    "run",
    "serve",
    "sleep",
    "unix_time",
]

CommandT = TypeVar("CommandT")
T = TypeVar("T")

pool = ConnectionPool
event_source = PulledEventSource
sleep = asyncio.sleep


@asynccontextmanager
async def connect(
    machine: Machine[CommandT, Chunk, Chunk],
    url: str,
    *,
    tls: ssl.SSLContext | None,
    policy: AddressPolicy,
    proxy: Proxy | None,
) -> AsyncGenerator[StreamConnection[CommandT]]:
    """Drive a byte-stream machine for the time of the block."""
    connection = StreamConnection(machine)
    request = Request("GET", url)
    await open_connection(connection, request, tls=tls, policy=policy, proxy=proxy)
    async with running(connection):
        yield connection


class StackedContexts:
    """See `Contexts`; a connection on asyncio is bound to no task, so that a stack will do."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """See `Contexts`."""
        return await self._stack.enter_async_context(context)

    async def leave(self) -> None:
        """See `Contexts`."""
        await self._stack.aclose()


@asynccontextmanager
async def contexts() -> AsyncGenerator[StackedContexts]:
    """Hold a context for somebody, for the time of the block at most."""
    async with AsyncExitStack() as stack:
        yield StackedContexts(stack)


def now() -> float:
    """The time on the clock of the loop."""
    return asyncio.get_running_loop().time()
