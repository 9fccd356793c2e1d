"""A log streamed to many clients over real sockets: nothing lost, nothing twice."""

from __future__ import annotations

import gc
import random
import socket
import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from eventproto import Backoff, Message, Overflow
from eventproto.engine import MemoryEngine, Page, Retention, StoreUnavailable
from eventproto.http import Request, Response
from eventproto.site import EventStream, LogStream, Site
from eventproto.site import _channels as channels
from eventproto.sse import Cors, Gap, Limits, Opened, Sendable, ServerSentEvent, encode
from tests.drivers.stream_client import Client, eventually, follow


class Store:
    """A log whose hints may be lost, that may fail, and that may be emptied."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self.log = MemoryEngine(**options).log
        self.hints: list[Callable[[str], None]] = []
        self.deaf = False
        self.broken: Exception | None = None
        self.reads = 0

    def flush(self) -> None:
        """Begin with an empty store, as after the loss of a disk."""
        self.log = MemoryEngine(**self._options).log

    async def append(self, topic: str, message: Message) -> str:
        cursor = await self.log.append(topic, message)
        if not self.deaf:
            for hint in self.hints:
                hint(topic)
        return cursor

    async def read(self, topic: str, after: str | None = None, limit: int = 100) -> Page:
        self.reads += 1
        await anyio.lowlevel.checkpoint()  # as every store that is somewhere else
        if self.broken is not None:
            raise self.broken
        return await self.log.read(topic, after, limit)

    @contextmanager
    def watch(self, topics: Iterable[str], hint: Callable[[str], None]) -> Generator[None]:
        self.hints.append(hint)
        try:
            yield
        finally:
            self.hints.remove(hint)


async def publish(log: Any, *numbers: int, topic: str = "a", **attributes: Any) -> None:
    for number in numbers:
        await log.append(topic, Message(data=b"%d" % number, id=f"id-{number}", **attributes))


def gaps(client: Client) -> list[Gap | None]:
    return [Gap.of(event) for event in client.said if event.event == "gap"]


def ids(first: int, last: int) -> list[str]:
    return [f"id-{number}" for number in range(first, last + 1)]


async def test_history_and_what_is_new(runtime: ModuleType) -> None:
    """From the id in the header or in the query, in order and without a seam."""
    log = Store()
    await publish(log, *range(1, 251))  # more than a page
    async with (
        runtime.serve(Site({"/": LogStream(log, "a")})) as server,
        follow(server.port, last="id-7") as header,
        follow(server.port, "/?last_event_id=id-7") as query,
    ):
        for client in (header, query):
            await client.read_events(243)
        await publish(log, 251, 252, type="t")
        for client in (header, query):
            await client.read_events(245)
            assert client.ids == ids(8, 252)
            assert client.said[-1] == ServerSentEvent("252", "t", "id-252")


async def test_a_client_that_has_just_begun_has_a_place(runtime: ModuleType) -> None:
    """It gets what is new, also what comes after it was cut off before the first event."""
    log = MemoryEngine().log
    await publish(log, 1)
    async with runtime.serve(Site({"/": LogStream(log, "a", retry=7)})) as server:
        async with follow(server.port) as client:
            place = await client.read_id()
            assert client.said == []
            assert client.retries == [7]
        await publish(log, 2)
        async with follow(server.port, last=place) as client:
            await client.read_events(1)
            await publish(log, 3)
            await client.read_events(2)
            assert client.ids == ids(2, 3)


async def test_everything_from_the_beginning(runtime: ModuleType) -> None:
    """By choice."""
    log = MemoryEngine().log
    async with runtime.serve(Site({"/": LogStream(log, "a", replay=True)})) as server:
        async with follow(server.port) as client:
            await client.read_id()  # of a topic that is empty
            await publish(log, 1, 2)
            await client.read_events(2)
            assert client.ids == ids(1, 2)
        async with follow(server.port) as client:
            await client.read_events(2)
            assert client.ids == ids(1, 2)


async def test_history_that_does_not_reach_back(runtime: ModuleType) -> None:
    """The client sees that, and gets everything that is left."""  # SSE G4
    log = MemoryEngine(retention=Retention(count=2)).log
    await publish(log, 1, 2, 3, 4)
    async with runtime.serve(Site({"/": LogStream(log, "a")})) as server:
        for place in ("id-1", "never heard of", "\N{SNOWMAN}"):
            async with follow(server.port, last=place) as client:
                await client.read_events(3)
                await publish(log, 4)  # it is there, so nothing happens
                assert [event.data for event in client.said[1:]] == ["3", "4"]
                (gap,) = gaps(client)
                assert gap == Gap(place, "history")
        async with follow(server.port, last="id-2") as client:
            await client.read_events(2)
            assert gaps(client) == []
            assert client.ids == ids(3, 4)


async def test_a_gap_with_nothing_behind_it(runtime: ModuleType) -> None:
    """The client gets a place all the same, and is not told again."""
    log = MemoryEngine().log
    async with runtime.serve(Site({"/": LogStream(log, "a")})) as server:
        async with follow(server.port, last="gone") as client:
            await client.read_events(1)
            assert gaps(client) == [Gap("gone", "history")]
            place = (await log.read("a", limit=0)).tail
            await client.read_id(place)
        async with follow(server.port, last=place) as client:
            await publish(log, 1)
            await client.read_events(1)
            assert client.ids == ["id-1"]


async def test_several_channels_on_one_connection(runtime: ModuleType) -> None:
    """The type tells which one; the id brings the client back in all of them."""  # SSE H4
    log = MemoryEngine().log
    site = Site({"/": LogStream(log, {"orders", "prices", "news"})})
    async with runtime.serve(site) as server:
        target = "/?channel=orders&channel=prices"
        async with follow(server.port, target) as client:
            place = await client.read_id()
            await publish(log, 1, topic="orders", type="paid")
            await client.read_events(1)
            await publish(log, 1, topic="news")
            await publish(log, 1, topic="prices")
            await client.read_events(2)
            assert [event.event for event in client.said] == ["orders:paid", "prices"]
        async with follow(server.port, target, last=client.said[0].id or "") as client:
            assert [event.event for event in await client.read_events(1)] == ["prices"]
        async with follow(server.port, target, last=place) as client:
            types = {event.event for event in await client.read_events(2)}
            assert types == {"orders:paid", "prices"}
        async with follow(server.port, last=place) as client:  # with one more channel
            await client.read_events(2)
            await publish(log, 2, topic="news")
            assert (await client.read_events(3))[-1].event == "news"
        async with follow(server.port, target, last="orders=x-1") as client:
            await client.read_events(2)
            assert gaps(client) == [Gap("x-1", "history", "orders")]
        async with follow(server.port, target, last="anything") as client:
            await client.read_events(4)
            assert {each.channel for each in gaps(client) if each} == {"orders", "prices"}


@pytest.mark.parametrize("topics", ["a", ["a", "b", "c"]])
async def test_nothing_is_lost_or_repeated(runtime: ModuleType, topics: str | list[str]) -> None:
    """While a publisher runs, clients come, go and come back, at any moment."""
    store, total, clients = Store(), 500, 6
    ready: list[None] = []

    async def publish_all() -> None:
        chance = random.Random(0)
        await eventually(lambda: len(ready) == clients)
        for number in range(total):
            await publish(store, number, topic=chance.choice(list(topics)))
            for _ in range(chance.randrange(8)):
                await anyio.lowlevel.checkpoint()

    async def keep_coming_back(port: int, chance: random.Random) -> None:
        async with follow(port) as client:
            place = await client.read_id()
        ready.append(None)
        got: list[str | bytes] = []
        while len(got) < total:
            async with follow(port, last=place) as client:
                found = await client.read_events(min(chance.randrange(1, 90), total - len(got)))
                got += [event.data for event in found]
                place = client.last_event_id
        if topics == "a":
            assert got == [str(number) for number in range(total)]
        else:  # channels are not in step with each other
            assert sorted(map(int, got)) == list(range(total))

    async with (
        runtime.serve(Site({"/": LogStream(store, topics)})) as server,
        anyio.create_task_group() as tasks,
    ):
        for number in range(clients):
            tasks.start_soon(keep_coming_back, server.port, random.Random(number))
        await publish_all()


async def test_our_client_loses_nothing_and_sees_the_gap(runtime: ModuleType) -> None:
    """Whenever its connection is cut, also before the first event."""
    store = Store()
    async with (
        runtime.serve(Site({"/": LogStream(store, "a", retry=1)})) as server,
        runtime.connect_sse(
            f"http://127.0.0.1:{server.port}/", backoff=Backoff(initial=0.01)
        ) as events,
    ):

        async def cut_off() -> None:
            for connection in tuple(server._connections):
                connection.abort()
            await eventually(lambda: not server._connections)

        assert isinstance(await events.next_event(), Opened)
        await eventually(lambda: [f for r in server._feeds._readers.values() for f in r.followers])
        await anyio.wait_all_tasks_blocked()
        got: list[str | None] = []
        for number in range(20):
            await publish(store, number)
            if number % 3:
                got.append((await anext(events)).id)
            if number % 5 == 4:
                await cut_off()
        while len(got) < 20:
            got.append((await anext(events)).id)
        assert got == ids(0, 19)
        await cut_off()
        store.flush()
        assert Gap.of(await anext(events)) == Gap("id-19", "history")


async def test_each_event_is_encoded_once(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many clients there are, and whatever they follow beside it."""
    log = MemoryEngine().log
    encoded: list[Sendable] = []

    def count(event: Sendable) -> bytes:
        encoded.append(event)
        return encode(event)

    monkeypatch.setattr(channels, "encode", count)
    async with (
        runtime.serve(Site({"/": LogStream(log, "a"), "/many": LogStream(log, ["a"])})) as server,
        AsyncExitStack() as stack,
    ):
        followers = [await stack.enter_async_context(follow(server.port)) for _ in range(10)]
        many = [await stack.enter_async_context(follow(server.port, "/many")) for _ in range(10)]
        for client in (*followers, *many):
            await client.read_id()
        await publish(log, 1, 2, 3)
        for client in (*followers, *many):
            await client.read_events(3)
    assert len(encoded) == 6  # once for each way in which it is streamed


BIG = 100_000


@asynccontextmanager
async def slow_client(
    runtime: ModuleType, log: Any, **options: Any
) -> AsyncGenerator[tuple[int, Client]]:
    """A client that has read its place, and then nothing of 200 large events."""
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
        yield server.port, client


async def test_a_slow_client_is_disconnected_and_loses_nothing(runtime: ModuleType) -> None:
    """The answer breaks off; the client comes back with the last id that it has."""
    log = MemoryEngine().log
    async with slow_client(runtime, log) as (port, client):
        await client.read_to_end()
        assert not client.ended
        assert 0 < len(client.said) < 200
        async with follow(port, last=client.last_event_id) as again:
            await again.read_id("id-199")
        assert client.ids + again.ids == ids(0, 199)
        assert gaps(client) + gaps(again) == []


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
    async with slow_client(runtime, log, overflow=Overflow.DROP_OLDEST) as (port, _):
        async with follow(port, last="id-0") as quick:
            await quick.read_events(199)
            await publish(log, 200)
            await quick.read_events(200)
        assert quick.ids == ids(1, 200)


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


def contains(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return text in caplog.text


async def test_hints_may_be_lost(runtime: ModuleType) -> None:
    """Now and then the log is read all the same."""
    store = Store()
    store.deaf = True
    async with (
        runtime.serve(Site({"/": LogStream(store, "a", poll=0.05)})) as server,
        follow(server.port) as client,
    ):
        await client.read_id()
        await publish(store, 1)
        await client.read_events(1)


@pytest.mark.parametrize("left", [0, 3])
async def test_a_store_that_was_emptied(runtime: ModuleType, left: int) -> None:
    """Everybody sees the gap, has a new place, and hears what comes next."""
    store = Store()
    site = Site({"/": LogStream(store, "a"), "/many": LogStream(store, ["a", "b"])})
    async with (
        runtime.serve(site) as server,
        follow(server.port) as client,
        follow(server.port, "/many") as many,
    ):
        await client.read_id()
        await many.read_id()
        await publish(store, 1)
        await client.read_events(1)
        place = (await many.read_events(1))[0].id
        store.flush()
        await publish(store, *range(2, 2 + left))
        for hint in store.hints:
            hint("a")
        await client.read_events(2 + left)
        await many.read_events(2 + left)
        assert gaps(client) == [Gap("id-1", "history")]
        cursor = dict(each.split("=") for each in str(place).split("&"))["a"]
        assert Gap(cursor, "history", "a") in gaps(many)
        if not left:
            place = await client.read_id((await store.read("a", limit=0)).tail)
        await publish(store, 9)
        await client.read_events(3 + left)
        assert client.ids[-1] == "id-9"
        async with follow(server.port, last="id-4" if left else str(place)) as again:
            await again.read_events(1)
            assert again.ids == ["id-9"]


async def test_a_store_that_fails_for_a_while(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients stay, and miss nothing."""
    store = Store()
    async with (
        runtime.serve(Site({"/": LogStream(store, "a", poll=0.05)})) as server,
        follow(server.port) as client,
    ):
        await client.read_id()
        for error in (ZeroDivisionError("a bug"), StoreUnavailable("it is away")):
            store.broken = error
            await publish(store, 1)
            await eventually(partial(contains, caplog, str(error)))
        async with follow(server.port, last="unknown") as other:  # has to read for itself
            await other.read_to_end()
            assert other.said == []
            assert not other.ended
        store.broken = None
        await publish(store, 2)
        await client.read_events(2)
        assert client.ids == ids(1, 2)


async def test_a_record_that_has_no_form(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told to whoever runs the server, and everybody goes on behind it."""
    log = MemoryEngine().log
    async with (
        runtime.serve(Site({"/": LogStream(log, "a")})) as server,
        follow(server.port) as client,
    ):
        await client.read_id()
        await publish(log, 1)
        await publish(log, 2, type="a\nb")
        await publish(log, 3)
        await client.read_events(2)
        assert client.ids == ["id-1", "id-3"]
    assert "has no form for record" in caplog.text


async def test_who_is_let_in(runtime: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """The application decides about each request, and its mistakes harm nobody else."""
    log = MemoryEngine().log
    await publish(log, 1, topic="users/eve")

    def choose(request: Request) -> str | Response:
        match dict(request.query).get("user"):
            case None:
                return Response(204)
            case "mallory":
                raise ZeroDivisionError
            case user:
                return f"users/{user}"

    stream = LogStream(log, choose, replay=True, cors=Cors())
    async with (
        runtime.serve(Site({"/": stream})) as server,
        follow(server.port, "/?user=eve") as client,
    ):
        assert (await client.read_events(1))[0].id == "id-1"
        for method, status in (("GET", 204), ("PUT", 405), ("OPTIONS", 204), ("HEAD", 204)):
            async with follow(server.port, method=method) as other:
                assert other.head.status_code == status
        async with follow(server.port, "/?user=eve", method="OPTIONS") as other:
            allowed = dict(other.head.headers)[b"access-control-allow-headers"]
            assert allowed == b"Last-Event-ID"
        with pytest.raises(AssertionError):
            async with follow(server.port, "/?user=mallory"):
                pass
        await publish(log, 2, topic="users/eve")
        await client.read_events(2)
    assert "ZeroDivisionError" in caplog.text


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


def has_timeout(raw: Any) -> bool:
    found: int = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    return found == 7500
