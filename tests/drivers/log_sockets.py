"""What tests of log sockets have in common."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import anyio

from eventproto import Backoff, Message
from eventproto.site import LogSocket, Site
from eventproto.websocket import Reconnection

__all__ = ["SOON", "ids_of", "serving", "take"]

SOON = Reconnection(backoff=Backoff(initial=0.01, ceiling=0.02))


@asynccontextmanager
async def serving(runtime: ModuleType, endpoint: LogSocket) -> AsyncGenerator[tuple[str, Any]]:
    """A server of one endpoint: its URL, and the server."""
    async with runtime.serve(Site({"/": endpoint})) as server:
        yield f"ws://127.0.0.1:{server.port}/", server


async def take(messages: Any, count: int) -> list[Message]:
    with anyio.fail_after(20):
        return [await anext(messages) for _ in range(count)]


def ids_of(messages: list[Message]) -> list[str | None]:
    return [message.id for message in messages]
