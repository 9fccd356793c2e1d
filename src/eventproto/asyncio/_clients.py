"""What an application calls on asyncio: the clients of all four protocols."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from eventproto import Chunk, Machine
from eventproto._address import ANYWHERE, AddressPolicy
from eventproto.asyncio._calls import open_connection
from eventproto.asyncio._stream import StreamConnection, running
from eventproto.http import Request

__all__ = ["connect"]

CommandT = TypeVar("CommandT")


@asynccontextmanager
async def connect(
    machine: Machine[CommandT, Chunk, Chunk],
    url: str,
    *,
    tls: ssl.SSLContext | None = None,
    policy: AddressPolicy = ANYWHERE,
) -> AsyncIterator[StreamConnection[CommandT]]:
    """Connect any byte-stream machine, for the time of the block.

    The machine is told to end when the block ends in order, and dropped when it raises.

    Args:
        machine: What is to speak on the connection.
        url: Whom to connect to: only scheme, host and port count.
        tls: How to verify the server of an `https` or `wss` URL; the system's trust by default.
        policy: Which addresses may be connected to.

    Raises:
        OSError: There is no connection to be had.
    """
    connection = StreamConnection(machine)
    await open_connection(connection, Request("GET", url), tls=tls, policy=policy)
    async with running(connection):
        yield connection
