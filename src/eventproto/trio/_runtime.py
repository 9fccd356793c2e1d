"""What trio gives: see `eventproto._drive._runtime.Runtime`, which this module implements."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import trio

from eventproto import Chunk, Machine
from eventproto._address import AddressPolicy
from eventproto._drive._connect import open_connection
from eventproto.http import Request
from eventproto.proxy import Proxy
from eventproto.trio import _connect
from eventproto.trio._calls import ConnectionPool
from eventproto.trio._connect import resolve
from eventproto.trio._listen import drive, listen
from eventproto.trio._primitives import (
    before,
    first_of,
    new_flag,
    now,
    open_tasks,
    sleep,
    unix_time,
    unwrapped,
)
from eventproto.trio._stream import StreamConnection, running

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
    async with running(StreamConnection(machine, wire.hand_over(machine))) as connection:
        yield connection


class HeldContexts:
    """See `Contexts`; each context is entered, and left, by a task of its own.

    A nursery must be left by the task that has entered it, before what was entered earlier is.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._held: tuple[trio.Event, trio.Event] | None = None

    async def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """See `Contexts`."""
        left, ended = self._held = (trio.Event(), trio.Event())
        entered: T = await self._nursery.start(_hold, context, left, ended)
        return entered

    async def leave(self) -> None:
        """See `Contexts`."""
        if self._held is not None:
            left, ended = self._held
            left.set()
            await ended.wait()
            self._held = None


async def _hold(
    context: AbstractAsyncContextManager[T],
    left: trio.Event,
    ended: trio.Event,
    *,
    task_status: trio.TaskStatus[T],
) -> None:
    try:
        async with context as entered:
            task_status.started(entered)
            await left.wait()
    finally:
        ended.set()


@asynccontextmanager
async def contexts() -> AsyncGenerator[HeldContexts]:
    """Hold a context for somebody, for the time of the block at most."""
    with unwrapped():
        async with trio.open_nursery() as nursery:
            held = HeldContexts(nursery)
            try:
                yield held
                await held.leave()
            finally:
                nursery.cancel_scope.cancel()
