"""What tests of engines do in a few words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio

from eventproto import Message
from eventproto.engine import Engine, StoreUnavailable
from eventproto.engine.redis import RedisEngine
from tests.engine.redis_server import RedisServer

__all__ = [
    "answered",
    "append",
    "content_of",
    "contents",
    "empty",
    "fill",
    "overwrite",
    "together",
    "until",
]

T = TypeVar("T")


async def append(engine: Engine, content: str) -> str:
    """Append a text to the topic `t`."""
    return await engine.log.append("t", Message.of_text(content))


async def fill(engine: Engine, count: int, size: int = 1) -> list[str]:
    """Append some messages to the topic `t`; their cursors."""
    return [await engine.log.append("t", Message(data=bytes(size))) for _ in range(count)]


async def contents(engine: Engine, after: str | None = None) -> list[str]:
    """The texts of the topic `t`."""
    return [record.message.text for record in (await engine.log.read("t", after)).records]


def content_of(path: Path) -> bytes:
    """What is in a file."""
    return path.read_bytes()


def overwrite(path: Path, content: bytes | bytearray) -> None:
    """Put something else into a file."""
    path.write_bytes(content)


@asynccontextmanager
async def empty(server: RedisServer, **options: Any) -> AsyncGenerator[RedisEngine]:
    """Open an engine on a server that holds nothing."""
    server.ask("FLUSHALL")
    async with RedisEngine(server.url, **options) as engine:
        yield engine


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process or task does."""
    with anyio.fail_after(30):
        while not condition():  # noqa: ASYNC110  # another process fulfils it
            await anyio.sleep(0.01)


async def answered(call: Callable[[], Awaitable[object]]) -> None:
    """Wait until the store answers again, as a worker does."""
    with anyio.fail_after(30):
        while True:
            try:
                await call()
            except StoreUnavailable:
                await anyio.sleep(0.05)
            else:
                return


async def together(call: Callable[[T], Coroutine[Any, Any, object]], items: Iterable[T]) -> None:
    """Call once for each item, all at a time."""
    async with anyio.create_task_group() as group:
        for item in items:
            group.start_soon(call, item)
