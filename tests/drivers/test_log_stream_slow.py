"""Clients of a log that read slowly, or go: what they miss, and what is left of them."""

from __future__ import annotations

import gc
import socket
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from eventproto import Message, Overflow
from eventproto._drive._stream import user_timeout
from eventproto.engine import MemoryEngine
from eventproto.http import Request
from eventproto.site import EventStream, LogStream, Site
from eventproto.sse import Gap, Limits, ServerSentEvent
from tests.drivers.log_streams import Store, gaps, ids, publish
from tests.drivers.stream_client import Client, eventually, follow

BIG = 100_000


@asynccontextmanager
async def slow_client(
    runtime: ModuleType, log: Any, **options: Any
) -> AsyncGenerator[tuple[Any, Client]]:
    """A server, and a client that has read its place, and then nothing of 200 large events."""
    limits = Limits(output_count=16, output_size=16 * 2 * BIG)
    stream = LogStream(log, "a", limits=limits, **options)
    async with (
        runtime.serve(Site({"/": stream})) as server,
        follow(server.port, receive_buffer=4096) as client,
    ):
        await client.read_id()
        for number in range(200):
            await log.append("a", Message(data=b"x" * BIG, id=f"id-{number}", type="t"))
            await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        yield server, client


async def test_a_slow_client_is_disconnected_and_loses_nothing(runtime: ModuleType) -> None:
    """The answer breaks off; the client comes back with the last id that it has."""
    log = MemoryEngine().log
    async with slow_client(runtime, log) as (server, client):
        await client.read_to_end()
        assert not client.ended
        assert 0 < len(client.said) < 200
        async with follow(server.port, last=client.last_event_id) as again:
            await again.read_id("id-199")
        assert client.ids + again.ids == ids(0, 199)
        assert gaps(client) + gaps(again) == []


async def test_a_client_that_was_given_up_is_told_nothing_more(runtime: ModuleType) -> None:
    """Although its connection is there until it has taken what was written."""
    async with slow_client(runtime, MemoryEngine().log) as (server, client):
        assert not any(reader.followers for reader in server._feeds._readers.values())
        await client.read_to_end()


async def test_a_slow_client_misses_the_oldest_and_sees_it(runtime: ModuleType) -> None:
    """A gap stands where they are missing, once."""
    log = MemoryEngine().log
    async with slow_client(runtime, log, overflow=Overflow.DROP_OLDEST) as (_, client):
        await client.read_id("id-199")
        said = [event.id for event in client.said if event.event == "t"]
        at = next(index for index, event in enumerate(client.said) if event.event == "gap")
        assert gaps(client) == [Gap(said[at - 1] or "", "overflow")]
        assert said[:at] == ids(0, at - 1)
        assert said[at:] == ids(184, 199)


async def test_a_slow_client_gets_the_newest_of_each_key(runtime: ModuleType) -> None:
    """Nothing that it sees is out of date, and it need not come back."""
    log = MemoryEngine().log
    async with slow_client(runtime, log, overflow=Overflow.COALESCE) as (_, client):
        await client.read_id("id-199")
        assert len(client.said) < 150
        numbers = [int((event.id or "")[3:]) for event in client.said]
        assert numbers == sorted(set(numbers))


async def test_a_slow_client_does_not_hold_up_the_others(runtime: ModuleType) -> None:
    """They have everything when it has next to nothing."""
    log = MemoryEngine().log
    async with slow_client(runtime, log, overflow=Overflow.DROP_OLDEST) as (server, _):
        async with follow(server.port, last="id-0") as quick:
            await quick.read_events(199)
            await publish(log, 200)
            await quick.read_events(200)
        assert quick.ids == ids(1, 200)


@pytest.mark.parametrize("limits", [Limits(output_count=4), Limits(output_size=100)])
async def test_a_client_is_not_slow_because_much_comes_at_once(
    runtime: ModuleType, limits: Limits
) -> None:
    """More than may wait is news to all, and then to one that was away for a moment."""
    log = MemoryEngine().log
    async with (
        runtime.serve(Site({"/": LogStream(log, "a", limits=limits)})) as server,
        follow(server.port) as client,
        follow(server.port) as other,
    ):
        for each in (client, other):
            await each.read_id()
        await publish(log, *range(20))
        for each in (client, other):
            await each.read_events(20)
            assert each.ids == ids(0, 19)
        async with follow(server.port, last="id-7") as again:
            await again.read_events(12)
            assert again.ids == ids(8, 19)


async def test_the_head_is_not_what_waits(runtime: ModuleType) -> None:
    """Nor what the stream itself says: one event may wait, and each one has left at once."""

    async def handler(session: Any, _: Request) -> None:
        for number in range(3):
            session.post(ServerSentEvent("x", id=f"id-{number}"))

    stream = EventStream(handler, retry=7, limits=Limits(output_count=1))
    async with (
        runtime.serve(Site({"/": stream})) as server,
        follow(server.port) as client,
    ):
        await client.read_to_end()
        assert client.ended
        assert client.ids == ids(0, 2)


async def test_history_waits_for_a_slow_client(runtime: ModuleType) -> None:
    """It is not what overflows: it is read no faster than the client reads."""
    log = MemoryEngine().log
    for number in range(200):
        await log.append("a", Message(data=b"x" * BIG, id=f"id-{number}"))
    stream = LogStream(log, "a", limits=Limits(output_count=4, output_size=1000), replay=True)
    async with (
        runtime.serve(Site({"/": stream})) as server,
        follow(server.port, receive_buffer=4096) as client,
    ):
        await anyio.wait_all_tasks_blocked()
        await client.read_events(200)
        assert client.ids == ids(0, 199)
        assert gaps(client) == []


async def test_drain(runtime: ModuleType) -> None:
    """Everybody gets what there is, a hint when to come back, and an orderly end."""
    log = MemoryEngine().log
    async with AsyncExitStack() as stack:
        site = Site({"/": LogStream(log, "a", going_away_retry=9000)})
        async with runtime.serve(site) as server:
            clients = [await stack.enter_async_context(follow(server.port)) for _ in range(3)]
            for client in clients:
                await client.read_id()
            await publish(log, 1)
            for client in clients:
                await client.read_events(1)
        for client in clients:
            await client.read_to_end()
            assert client.ended
            assert client.retries == [9000]


async def test_a_client_that_went_is_forgotten(
    runtime: ModuleType, count_tasks: Callable[[], int]
) -> None:
    """No task, no reference, and nobody reads for nobody."""
    store = Store()
    stream = LogStream(store, ["a", "b"])
    async with runtime.serve(Site({"/": stream})) as server:
        before = count_tasks()
        for _ in range(3):
            async with AsyncExitStack() as stack:
                for _ in range(5):
                    client = await stack.enter_async_context(follow(server.port))
                    await client.read_id()
                (follower, *_) = [
                    weakref.ref(each)
                    for reader in server._feeds._readers.values()
                    for each in reader.followers
                ]
                assert follower() is not None
                assert len(store.hints) == 2
            await eventually(lambda: not server._connections and not server._feeds._readers)
            await eventually(lambda: count_tasks() == before)
            gc.collect()
            assert follower() is None
            assert store.hints == []


def raw_socket(connection: Any) -> Any:
    """The socket of a connection, whatever the runtime."""
    if hasattr(connection, "_transport"):
        return connection._transport.get_extra_info("socket")
    return connection._stream.socket


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
async def test_a_client_that_lost_its_power_is_given_up_by_the_system(runtime: ModuleType) -> None:
    """Heartbeats alone would be sent again and again for a quarter of an hour."""

    async def handler(session: Any, _: Request) -> None:
        await session.wait_gone()

    limits = Limits(stall_time=7.5)
    stream = LogStream(MemoryEngine().log, "a", limits=limits)
    site = Site({"/log": stream, "/handler": EventStream(handler, limits=limits)})
    async with runtime.serve(site) as server:
        for path in ("/log", "/handler"):
            async with follow(server.port, path):
                await eventually(lambda: len(server._connections) == 1)
                (connection,) = server._connections
                await eventually(partial(has_timeout, raw_socket(connection)))
            await eventually(lambda: not server._connections)
            connection.bound_silence(1)  # too late, and no error


@pytest.mark.parametrize(
    ("seconds", "expected"), [(7.5, 7500), (1e-9, 1), (1e10, 2**31 - 1), (float("inf"), 2**31 - 1)]
)
def test_silence_is_bounded_by_what_systems_can_count(seconds: float, expected: int) -> None:
    """And never by nothing at all, which would leave it to them."""
    assert user_timeout(seconds) == expected


@pytest.mark.parametrize("stall_time", [1e10, float("inf")])
async def test_a_client_may_be_silent_for_ever(runtime: ModuleType, stall_time: float) -> None:
    """If that is what the limits say."""

    async def handler(session: Any, _: Request) -> None:
        await session.send(ServerSentEvent("x", id="1"))

    limits = Limits(stall_time=stall_time)
    stream = LogStream(MemoryEngine().log, "a", limits=limits)
    site = Site({"/log": stream, "/handler": EventStream(handler, limits=limits)})
    async with runtime.serve(site) as server:
        for path in ("/log", "/handler"):
            async with follow(server.port, path) as client:
                assert await client.read_id()


def has_timeout(raw: Any) -> bool:
    found: int = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    return found == 7500
