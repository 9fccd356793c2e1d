"""News that come over a Redis server."""

from __future__ import annotations

from contextlib import ExitStack

import anyio
import anyio.lowlevel
import pytest

from eventproto import Message
from eventproto.engine.redis import RedisEngine
from tests.engine.conftest import StartServer
from tests.engine.redis_server import RedisServer
from tests.engine.steps import answered, append, empty, until

# coredis leaves those of a connection that could not be made to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning")


async def test_news_of_other_processes_are_hinted_at(redis_server: RedisServer) -> None:
    """And of this one, once more."""
    told: list[str] = []
    async with empty(redis_server) as one, RedisEngine(redis_server.url) as other:
        with one.log.watch(["t", "other"], told.append):
            await until(lambda: "t" in told)  # at first for nothing
            told.clear()
            await append(other, "a")
            await until(lambda: "t" in told)
            with one.queue.watch(["q"], told.append):
                await until(lambda: "q" in told)
                told.clear()
                await other.queue.put("q", "1", b"")
                await until(lambda: "q" in told)
        told.clear()
        await append(other, "b")
        await anyio.sleep(0.05)
        assert told == []


async def test_much_may_be_watched_at_once(redis_server: RedisServer) -> None:
    """What is added while the server is told of the rest is not forgotten."""
    told: list[str] = []
    async with empty(redis_server) as one, RedisEngine(redis_server.url) as other:
        with ExitStack() as watching:
            for number in range(30):
                watching.enter_context(one.log.watch([f"{number}"], told.append))
                await anyio.lowlevel.checkpoint()
            await until(lambda: len(set(told)) == 30)
            told.clear()
            for number in range(30):
                await other.log.append(f"{number}", Message(data=b""))
            await until(lambda: len(set(told)) == 30)


async def test_hints_come_again_when_the_server_does(start_server: StartServer) -> None:
    """One of them at once, for what came meanwhile."""
    server = start_server()
    told: list[str] = []
    async with RedisEngine(server.url) as one, RedisEngine(server.url) as other:
        with one.log.watch(["t"], told.append):
            await until(lambda: bool(told))
            server.kill()
            await anyio.sleep(0.1)
            told.clear()
            server.start()
            await until(lambda: bool(told))
            told.clear()
            await answered(lambda: append(other, "a"))
            await until(lambda: bool(told))
