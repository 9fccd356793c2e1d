"""What asyncio gives: see `eventproto._drive._runtime.Runtime`, which this module implements."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from eventproto import Chunk, Machine
from eventproto._address import AddressPolicy
from eventproto._drive._connect import open_connection
from eventproto.asyncio import _connect
from eventproto.asyncio._calls import ConnectionPool
from eventproto.asyncio._connect import resolve
from eventproto.asyncio._listen import drive, listen
from eventproto.asyncio._primitives import (
    before,
    first_of,
    new_flag,
    now,
    open_tasks,
    sleep,
    unix_time,
)
from eventproto.asyncio._stream import StreamConnection, running
from eventproto.http import Request
from eventproto.proxy import Proxy

__all__ = [
    "before",
    "connect",
    "contexts",
    "drive",
    "first_of",
    "listen",
    "new_flag",
    "now",
    "open_tasks",
    "pool",
    "resolve",
    "sleep",
    "unix_time",
]

CommandT = TypeVar("CommandT")
T = TypeVar("T")

pool = ConnectionPool


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
    wire = await open_connection(_connect, Request("GET", url), tls=tls, policy=policy, proxy=proxy)
    async with running(wire.hand_over(StreamConnection(machine))) as connection:
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
