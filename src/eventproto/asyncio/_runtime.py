"""What asyncio gives: see `eventproto._drive._clients.Runtime`, which this module implements."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TypeVar

from eventproto import Chunk, Machine
from eventproto._address import AddressPolicy
from eventproto.asyncio._calls import ConnectionPool, PulledEventSource, open_connection, run
from eventproto.asyncio._server import serve
from eventproto.asyncio._stream import StreamConnection, running
from eventproto.http import Request

__all__ = ["connect", "event_source", "pool", "run", "serve"]

CommandT = TypeVar("CommandT")

pool = ConnectionPool
event_source = PulledEventSource


@asynccontextmanager
async def connect(
    machine: Machine[CommandT, Chunk, Chunk],
    url: str,
    *,
    tls: ssl.SSLContext | None,
    policy: AddressPolicy,
) -> AsyncGenerator[StreamConnection[CommandT]]:
    """Drive a byte-stream machine for the time of the block."""
    connection = StreamConnection(machine)
    await open_connection(connection, Request("GET", url), tls=tls, policy=policy)
    async with running(connection):
        yield connection
