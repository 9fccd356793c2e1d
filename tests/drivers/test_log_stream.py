"""A log streamed to many clients over real sockets: nothing lost, nothing twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from eventproto import Backoff
from eventproto.engine import MemoryEngine, Retention
from eventproto.http import Request, Response
from eventproto.site import LogSocket, LogStream, Site
from eventproto.site._forms import SocketForm, StreamForm
from eventproto.sse import Cors, Gap, Opened, ServerSentEvent
from tests.drivers.log_streams import Store, gaps, ids, publish
from tests.drivers.stream_client import eventually, follow


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
    encoded: list[object] = []

    for form in (StreamForm, SocketForm):
        body = form.body

        def count(*arguments: Any, body: Callable[..., bytes] = body) -> bytes:
            encoded.append(arguments)
            return body(*arguments)

        monkeypatch.setattr(form, "body", count)
    async with (
        runtime.serve(
            Site(
                {
                    "/": LogStream(log, "a"),
                    "/many": LogStream(log, ["a"]),
                    "/socket": LogSocket(log, "a"),
                }
            )
        ) as server,
        AsyncExitStack() as stack,
    ):
        url = f"ws://127.0.0.1:{server.port}/socket"
        sockets = [
            await stack.enter_async_context(runtime.connect_websocket(url)) for _ in range(10)
        ]
        for socket in sockets:
            assert (await anext(socket)).json()["type"] == "place"
        followers = [await stack.enter_async_context(follow(server.port)) for _ in range(10)]
        many = [await stack.enter_async_context(follow(server.port, "/many")) for _ in range(10)]
        for client in (*followers, *many):
            await client.read_id()
        await publish(log, 1, 2, 3)
        for client in (*followers, *many):
            await client.read_events(3)
        for socket in sockets:
            assert [(await anext(socket)).json()["id"] for _ in range(3)] == ids(1, 3)
    assert len(encoded) == 9  # once for each way in which it is replayed


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
        async with follow(server.port, "/?user=mallory") as mallory:
            assert mallory.head.status_code == 500
        await publish(log, 2, topic="users/eve")
        await client.read_events(2)
    assert "answering a request for / failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
