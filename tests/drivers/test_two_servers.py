"""Two processes that share one Redis: one is killed, and the other one goes on for its clients."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from eventproto import Backoff, Message
from eventproto.engine import Log
from eventproto.engine.redis import RedisEngine
from eventproto.websocket import Reconnection
from tests.drivers.log_server import CHANNELS
from tests.drivers.stream_client import eventually
from tests.engine.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
SOON = Backoff(initial=0.01, ceiling=0.02)


class Process:
    """One of the two, which run side by side from the start."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @cached_property
    def port(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def kill(self) -> None:
        """With no chance to say a word."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)

    def stop(self) -> int:
        """Have it append nothing more; return how much was confirmed to it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def process(runtime: str, address: str) -> Generator[Process]:
    command = [sys.executable, "-m", "tests.drivers.log_server", runtime, address]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as started:
        try:
            yield Process(started)
        finally:
            started.kill()


@asynccontextmanager
async def balancer(*ports: int) -> AsyncGenerator[int]:
    """A port behind which is the first of these that takes a connection."""

    async def relay(source: SocketStream, target: SocketStream, over: Callable[[], None]) -> None:
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            while True:
                await target.send(await source.receive())
        over()

    async def attend(client: SocketStream) -> None:
        async with client:
            for port in ports:
                with suppress(OSError):
                    async with (
                        await anyio.connect_tcp("127.0.0.1", port) as server,
                        anyio.create_task_group() as tasks,
                    ):
                        over = tasks.cancel_scope.cancel
                        tasks.start_soon(relay, client, server, over)
                        tasks.start_soon(relay, server, client, over)
                    return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, attend)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def texts_of(log: Log, topic: str) -> list[str]:
    """All that was ever appended."""
    texts: list[str] = []
    page = await log.read(topic)
    while page.records:
        texts += [record.message.text for record in page.records]
        page = await log.read(topic, page.records[-1].cursor)
    return texts


Channel = Callable[[Message], str]


def of_stream(message: Message) -> str:
    return message.type if message.type in CHANNELS else "a"


def of_socket(message: Message) -> str:
    return message.extensions.get("channel", "a")


@pytest.mark.parametrize("killed", ["asyncio", "trio"])
async def test_a_client_goes_on_with_the_other_process(
    runtime: ModuleType, killed: str, tmp_path: Path
) -> None:
    """Over both protocols, of one topic and of several; nothing is lost or repeated."""
    got: dict[str, dict[str, list[str]]] = {
        "stream": {"a": []},
        "streams": {topic: [] for topic in CHANNELS},
        "socket": {"a": []},
        "sockets": {topic: [] for topic in CHANNELS},
    }

    async def take(name: str, messages: Any, channel_of: Channel) -> None:
        async for message in messages:
            assert message.type != "gap"
            got[name][channel_of(message)].append(message.text)

    async def follow(name: str, port: int) -> None:
        if name.startswith("socket"):
            connector = runtime.connect_websocket(f"ws://127.0.0.1:{port}/{name}")
            async with connector.following(reconnection=Reconnection(backoff=SOON)) as messages:
                await take(name, messages, of_socket)
        else:
            url = f"http://127.0.0.1:{port}/{name}"
            async with runtime.connect_sse(url, backoff=SOON) as messages:
                await take(name, messages, of_stream)

    def all_have(count: int) -> bool:
        return all(len(texts) >= count for each in got.values() for texts in each.values())

    redis = RedisServer(tmp_path)
    redis.start()
    other = "trio" if killed == "asyncio" else "asyncio"
    try:
        with process(killed, redis.url) as first, process(other, redis.url) as second:
            async with (
                balancer(first.port, second.port) as port,
                anyio.create_task_group() as clients,
            ):
                for name in got:
                    clients.start_soon(follow, name, port)
                await eventually(lambda: all_have(20))
                first.kill()
                enough = max(len(texts) for each in got.values() for texts in each.values()) + 20
                await eventually(lambda: all_have(enough))
                confirmed = second.stop()
                async with RedisEngine(redis.url) as engine:
                    log = {topic: await texts_of(engine.log, topic) for topic in CHANNELS}
                await eventually(lambda: all_have(len(log["b"])))
                await anyio.sleep(0.05)  # for what comes too often
                clients.cancel_scope.cancel()
    finally:
        redis.stop()
    assert sum(text.startswith(other) for texts in log.values() for text in texts) >= confirmed
    for name, found in got.items():
        for topic, texts in found.items():
            assert texts == log[topic], f"{topic} of {name}"
