"""Clients of a log over WebSockets that read slowly, or go: what they miss, and what is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel

from eventproto import (
    Message,
    Overflow,
)
from eventproto.cloudevents import from_json
from eventproto.engine import MemoryEngine
from eventproto.site import LogSocket
from eventproto.sse import Gap
from eventproto.websocket import Limits
from tests.drivers.log_sockets import ids_of, serving, take
from tests.drivers.log_streams import Store, ids, publish
from tests.drivers.stream_client import eventually

BIG = 100_000


@asynccontextmanager
async def slow_client(
    runtime: ModuleType, log: Any, **options: Any
) -> AsyncGenerator[tuple[str, Any]]:
    """A client that has read its place, and then nothing of 200 large messages."""
    limits = Limits(output_count=16, output_size=16 * 2 * BIG, message_size=2 * BIG)
    async with (
        serving(runtime, LogSocket(log, "a", limits=limits, **options)) as (url, _),
        runtime.connect_websocket(url, limits=limits) as socket,
    ):
        assert (await anext(socket)).json()["type"] == "place"
        for number in range(200):
            message = Message.of_text("x" * BIG, id=f"id-{number}", type="t")
            await log.append("a", message)
            await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        yield url, socket


async def test_a_slow_client_is_disconnected_and_loses_nothing(runtime: ModuleType) -> None:
    """It is told 1013, and comes back with the last place that it has."""
    log = MemoryEngine().log
    async with slow_client(runtime, log) as (url, socket):
        got = [message.json() async for message in socket]
        assert socket.close_received.code == 1013
        assert 0 < len(got) < 200
        limits = Limits(message_size=2 * BIG)
        connector = runtime.connect_websocket(url, limits=limits)
        async with connector.following(got[-1]["lasteventid"]) as messages:
            rest = await take(messages, 200 - len(got))
        assert [each["id"] for each in got] + ids_of(rest) == ids(0, 199)


async def test_a_slow_client_gets_the_newest_of_each_key(runtime: ModuleType) -> None:
    """Nothing that it sees is out of date, and it need not come back."""
    log = MemoryEngine().log
    async with slow_client(runtime, log, overflow=Overflow.COALESCE) as (_, socket):
        got = []
        while "id-199" not in got:
            got.append((await anext(socket)).json()["id"])
        assert len(got) < 200
        assert got == sorted(set(got), key=lambda each: int(each[3:]))


async def test_a_slow_client_misses_the_oldest_and_sees_it(runtime: ModuleType) -> None:
    """A gap stands wherever some are missing, and nowhere else."""
    log = MemoryEngine().log
    async with slow_client(runtime, log, overflow=Overflow.DROP_OLDEST) as (_, socket):
        got: list[Message] = []
        while not got or got[-1].id != "id-199":
            got.append(from_json((await anext(socket)).data))
    assert any(each.type == "gap" for each in got)
    number, missing = -1, False
    for each in got:
        if each.type == "gap":
            assert Gap.of(each) == Gap(f"id-{number}", "overflow")
            missing = True
        else:
            found = int((each.id or "")[3:])
            assert (found > number + 1) is missing
            number, missing = found, False


async def test_history_waits_for_a_slow_client(runtime: ModuleType) -> None:
    """It is not what overflows: it is read no faster than the client reads."""
    store = Store()
    for number in range(200):
        await store.append("a", Message.of_text("x" * BIG, id=f"id-{number}"))
    limits = Limits(output_count=4, output_size=1000)
    async with (
        serving(runtime, LogSocket(store, "a", limits=limits, replay=True)) as (url, _),
        runtime.connect_websocket(url) as socket,
    ):
        await anyio.sleep(0.1)
        assert store.reads < 5
        got = [(await anext(socket)).json()["id"] for _ in range(200)]
        assert got == ids(0, 199)


async def test_the_end_of_the_server(runtime: ModuleType, count_tasks: Callable[[], int]) -> None:
    """Everybody is told 1001, and nothing is left behind."""
    log = MemoryEngine().log
    await publish(log, 1, 2)
    before = count_tasks()
    codes: list[int] = []
    async with anyio.create_task_group() as tasks:

        async def read(url: str, *, task_status: Any) -> None:
            async with runtime.connect_websocket(url) as socket:
                assert (await anext(socket)).json()["id"] == "id-1"
                task_status.started()
                assert [message.json()["id"] async for message in socket] == ["id-2"]
                codes.append(socket.close_received.code)

        async with serving(runtime, LogSocket(log, "a", replay=True)) as (url, _):
            for _ in range(3):
                await tasks.start(read, url)
    assert codes == [1001] * 3
    await eventually(lambda: count_tasks() == before)


async def test_a_client_that_went_is_forgotten(
    runtime: ModuleType, count_tasks: Callable[[], int]
) -> None:
    """No task, and nobody reads for nobody; also while it catches up."""
    store = Store()
    await publish(store, 1)
    async with serving(runtime, LogSocket(store, ["a", "b"])) as (url, server):
        before = count_tasks()
        for last in ("", "?last_event_id=unknown"):
            async with AsyncExitStack() as stack:
                for _ in range(3):
                    await stack.enter_async_context(runtime.connect_websocket(url + last))
            await eventually(lambda: not server._connections and not server._feeds._readers)
            await eventually(lambda: count_tasks() == before)
            assert store.hints == []
