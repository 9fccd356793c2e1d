"""What trio gives: see `eventproto._drive._clients.Runtime`, which this module implements."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TypeVar

from eventproto import Chunk, Machine
from eventproto._address import AddressPolicy
from eventproto.http import Request
from eventproto.trio._calls import ConnectionPool, PulledEventSource, open_connection, run
from eventproto.trio._server import serve
from eventproto.trio._stream import StreamConnection, running

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
    stream = await open_connection(Request("GET", url), tls=tls, policy=policy)
    connection = StreamConnection(machine, stream)
    async with running(connection):
        yield connection
