"""A log replayed over WebSockets: nothing lost, nothing twice, while both sides may talk."""

from __future__ import annotations

import random
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from eventproto import (
    Message,
)
from eventproto.bridge import Carriage, from_websocket
from eventproto.engine import MemoryEngine, Retention, StoreUnavailable
from eventproto.http import Request
from eventproto.site import LogSocket, LogStream, Site
from eventproto.sse import Gap
from eventproto.websocket import Close, Deflate, Text
from tests.drivers.log_sockets import SOON, ids_of, serving, take
from tests.drivers.log_streams import Store, ids, publish
from tests.drivers.stream_client import eventually, follow


async def is_followed(server: Any) -> None:
    """Wait until a client hears what is new."""
    await eventually(lambda: [f for r in server._feeds._readers.values() for f in r.followers])


async def test_history_and_what_is_new(runtime: ModuleType) -> None:
    """From the id in the header or in the query, in order and without a seam."""
    store = Store()
    await publish(store, *range(1, 251))  # more than a page
    async with (
        serving(runtime, LogSocket(store, "a")) as (url, _),
        runtime.connect_websocket(url).following("id-7") as header,
        runtime.connect_websocket(f"{url}?last_event_id=id-7").following() as query,
    ):
        for client in (header, query):
            assert ids_of(await take(client, 243)) == ids(8, 250)
        await publish(store, 251, 252, type="t")
        for client in (header, query):
            assert ids_of(await take(client, 2)) == ids(251, 252)
            assert client.last_event_id == "id-252"
            assert client.websocket.subprotocol == "cloudevents.json"


async def test_a_client_may_read_the_events_itself(runtime: ModuleType) -> None:
    """Each is a CloudEvent, also for one that offers no subprotocol; the place comes first."""
    log = MemoryEngine().log
    async with (
        serving(runtime, LogSocket(log, "a", compression=Deflate(threshold=0))) as (url, _),
        runtime.connect_websocket(url, compression=Deflate()) as socket,
    ):
        events = []
        message = Message.of_text("hello", id="1", type="t", source="/s", subject="x")
        async for event in socket.events():
            events.append(event)
            if len(events) == 1:
                await log.append("a", message)
            else:
                break
        assert all(isinstance(event, Text) for event in events)
        place, found = (from_websocket(event, Carriage.CLOUDEVENTS) for event in events)
        assert place.type == "place"
        assert (
            place.extensions["lasteventid"]
            == (await log.read("a", None)).records[0].cursor[:0] + place.extensions["lasteventid"]
        )
        assert found == Message.of_text(
            "hello", id="1", type="t", source="/s", subject="x", extensions={"lasteventid": "1"}
        )
        assert socket.subprotocol is None


async def test_a_client_that_has_just_begun_has_a_place(runtime: ModuleType) -> None:
    """It misses nothing of what comes while it is cut off before the first record."""
    log = MemoryEngine().log
    await publish(log, 1)
    async with (
        serving(runtime, LogSocket(log, "a")) as (url, server),
        runtime.connect_websocket(url).following(reconnection=SOON) as client,
        anyio.create_task_group() as tasks,
    ):
        got: list[Message] = []

        async def read() -> None:
            got.extend(await take(client, 2))
            tasks.cancel_scope.cancel()

        tasks.start_soon(read)
        await eventually(lambda: client.last_event_id)
        (connection,) = server._connections
        connection.abort()
        await publish(log, 2, 3)
    assert ids_of(got) == ids(2, 3)


async def test_from_one_protocol_to_the_other(runtime: ModuleType) -> None:
    """The place of one is the place of the other, also in several channels."""
    log = MemoryEngine().log
    for topics, target in (("a", "/"), (["a", "b"], "/?channel=b&channel=a")):
        site = Site({"/": LogSocket(log, topics), "/stream": LogStream(log, topics)})
        async with runtime.serve(site) as server:
            url = f"ws://127.0.0.1:{server.port}{target}"
            async with follow(server.port, f"/stream{target[1:]}") as client:
                place = await client.read_id()
            await publish(log, 1, 2)
            async with runtime.connect_websocket(url).following(place) as messages:
                (message,) = await take(messages, 1)
                assert message.id == "id-1"
                assert message.extensions.get("channel") == (None if topics == "a" else "a")
                place = messages.last_event_id
            async with follow(server.port, f"/stream{target[1:]}", last=place) as client:
                assert (await client.read_events(1))[0].data == "2"
        log = MemoryEngine().log


@pytest.mark.parametrize("topics", ["a", ["a", "b", "c"]])
async def test_nothing_is_lost_or_repeated(runtime: ModuleType, topics: str | list[str]) -> None:
    """While a publisher runs, and connections break at any moment."""
    store, total, clients = Store(), 300, 4
    got: dict[int, list[str]] = {number: [] for number in range(clients)}
    ready: list[None] = []

    async def publish_all(server: Any) -> None:
        chance = random.Random(0)
        await eventually(lambda: len(ready) == clients)
        for number in range(total):
            await publish(store, number, topic=chance.choice(list(topics)))
            for _ in range(chance.randrange(8)):
                await anyio.lowlevel.checkpoint()
            if number % 50 == 49:
                for connection in tuple(server._connections):
                    if chance.randrange(2):
                        connection.abort()

    async def read(url: str, number: int) -> None:
        async with runtime.connect_websocket(url) as socket:
            place = (await anext(socket)).json()["lasteventid"]
        ready.append(None)
        connector = runtime.connect_websocket(url)
        async with connector.following(place, SOON) as messages:
            async for message in messages:
                got[number].append(message.text)
                if len(got[number]) == total:
                    break

    async with (
        serving(runtime, LogSocket(store, topics)) as (url, server),
        anyio.create_task_group() as tasks,
    ):
        for number in range(clients):
            tasks.start_soon(read, url, number)
        await publish_all(server)
    for each in got.values():
        if topics == "a":
            assert each == [str(number) for number in range(total)]
        else:  # channels are not in step with each other
            assert sorted(map(int, each)) == list(range(total))


async def test_gaps(runtime: ModuleType) -> None:
    """History that does not reach back, and a store that was emptied; each is told once."""
    store = Store(retention=Retention(count=2))
    await publish(store, 1, 2, 3, 4)
    async with (
        serving(runtime, LogSocket(store, "a")) as (url, server),
        runtime.connect_websocket(url).following("id-1", SOON) as messages,
    ):
        gap, *rest = await take(messages, 3)
        assert Gap.of(gap) == Gap("id-1", "history")
        assert ids_of(rest) == ids(3, 4)
        await is_followed(server)
        store.flush()
        for hint in store.hints:
            hint("a")
        (gap,) = await take(messages, 1)
        assert Gap.of(gap) == Gap("id-4", "history")
        await publish(store, 5)
        assert ids_of(await take(messages, 1)) == ["id-5"]


async def test_a_chat(runtime: ModuleType) -> None:
    """A handler talks with the peer while the log is replayed: also to one that catches up."""
    store = Store()
    await publish(store, *range(150))

    async def talk(session: Any, request: Request) -> None:
        async for message in session:
            await store.append("a", Message(data=message.data, type="said"))
            if message.text == "bye":
                return

    async with (
        serving(runtime, LogSocket(store, "a", handler=talk)) as (url, _),
        runtime.connect_websocket(url).following("id-9") as messages,
        runtime.connect_websocket(url) as other,
    ):
        assert (await anext(other)).json()["type"] == "place"
        assert ids_of(await take(messages, 140)) == ids(10, 149)
        await messages.websocket.send("hello")
        (message,) = await take(messages, 1)
        assert (message.type, message.text) == ("said", "hello")
        assert (await anext(other)).json()["type"] == "said"
        await other.send("bye")
        assert [event async for event in other.events()][-2] == Close(1000)
        assert (await take(messages, 1))[0].text == "bye"


@pytest.mark.parametrize("said", ["text", b"bytes"])
async def test_without_a_handler_the_peer_has_nothing_to_say(
    runtime: ModuleType, said: str | bytes
) -> None:
    """It is told so; until then it may ask for a sign of life."""
    store = Store()
    await publish(store, 1)
    async with (
        serving(runtime, LogSocket(store, "a", replay=True)) as (url, server),
        runtime.connect_websocket(url) as socket,
    ):
        assert (await anext(socket)).json()["id"] == "id-1"
        assert await socket.ping() > 0
        await socket.send(said)
        events = [event async for event in socket.events()]
        assert Close(1003, "this endpoint only sends") in events
        await eventually(lambda: not server._feeds._readers)


async def test_a_handler_that_fails(runtime: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """The peer is told 1011, and nothing is left behind."""

    async def fail(session: Any, request: Request) -> None:
        raise ZeroDivisionError

    for last in ("", "?last_event_id=unknown"):  # with and without something to catch up
        async with (
            serving(runtime, LogSocket(Store(), "a", handler=fail)) as (url, server),
            runtime.connect_websocket(url + last) as socket,
        ):
            events = [event async for event in socket.events()]
            assert Close(1011) in events
            await eventually(lambda: not server._feeds._readers)
    assert caplog.text.count("the handler of / failed") == 2


async def test_a_store_that_fails(runtime: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Who has to read for itself is told to come back, and loses nothing."""
    store = Store()
    await publish(store, *range(1, 200))
    async with serving(runtime, LogSocket(store, "a", poll=0.05)) as (url, server):
        async with runtime.connect_websocket(url) as current:
            assert (await anext(current)).json()["type"] == "place"
            store.broken = StoreUnavailable("it is away")
            async with runtime.connect_websocket(f"{url}?last_event_id=id-9") as socket:
                assert [event async for event in socket.events()][-2] == Close(1013)
            store.broken = None
            await publish(store, 200)
            assert (await anext(current)).json()["id"] == "id-200"  # who was current has stayed
        async with runtime.connect_websocket(url).following("id-9", SOON) as messages:
            assert ids_of(await take(messages, 191)) == ids(10, 200)
        await eventually(lambda: not server._feeds._readers)
    assert "/ breaks off: it is away" in caplog.text
