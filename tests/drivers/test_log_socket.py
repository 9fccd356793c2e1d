"""A log replayed over WebSockets: nothing lost, nothing twice, while both sides may talk."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from eventproto import (
    Backoff,
    ClosedError,
    LocalProtocolError,
    Message,
    Overflow,
    RemoteProtocolError,
)
from eventproto.bridge import Carriage, from_websocket
from eventproto.engine import MemoryEngine, Retention, StoreUnavailable
from eventproto.http import Headers, Request, Response
from eventproto.site import LogSocket, LogStream, Site, WebSocket
from eventproto.sse import Gap
from eventproto.websocket import Binary, Close, Deflate, Limits, Reconnection, Text
from tests.drivers.log_streams import Store, ids, publish
from tests.drivers.stream_client import eventually, follow

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


async def test_a_place_that_no_header_brings(runtime: ModuleType) -> None:
    """It is refused before anybody connects."""
    with pytest.raises(LocalProtocolError):
        async with runtime.connect_websocket("ws://127.0.0.1:1/").following("a\nb"):
            pass


async def test_a_place_is_told_wherever_it_leads(runtime: ModuleType) -> None:
    """Also to another origin, which is not told what the application's headers say."""
    log = MemoryEngine().log
    await publish(log, 1, 2)
    asked: list[Request] = []

    def redirect(request: Request) -> Response | None:
        asked.append(request)
        if "localhost" in request.url:
            return None
        there = request.url.replace("127.0.0.1", "localhost").replace("http", "ws")
        return Response(307, Headers({"Location": there}))

    async with serving(runtime, LogSocket(log, "a", admit=redirect)) as (url, _):
        connector = runtime.connect_websocket(
            url, headers=Headers({"Cookie": "x"}), subprotocols=["cloudevents.json", "other"]
        )
        async with connector.following("id-1") as messages:
            assert ids_of(await take(messages, 1)) == ["id-2"]
    assert [request.headers.get("Last-Event-ID") for request in asked] == ["id-1"] * 2
    assert [request.headers.get("Cookie") for request in asked] == ["x", None]
    offered = {request.headers["Sec-WebSocket-Protocol"] for request in asked}
    assert offered == {"cloudevents.json, other"}


async def test_following_what_is_no_log_socket(runtime: ModuleType) -> None:
    """The server is told, and the application."""
    codes: list[int] = []

    async def talk(session: Any, request: Request) -> None:
        with suppress(ClosedError):
            await session.send(b"nonsense")
        async for _ in session:
            pass
        codes.append(session.close_received.code)

    async with (
        runtime.serve(Site({"/": WebSocket(talk)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/").following() as messages,
    ):
        with pytest.raises(RemoteProtocolError, match="JSON") as raised:
            await anext(messages)
    assert raised.value.code == 1007
    assert codes == [1007]


async def test_binary_is_read_as_well(runtime: ModuleType) -> None:
    """The binding leaves it open which kind of message an event is in."""

    async def talk(session: Any, request: Request) -> None:
        event = b'{"specversion":"1.0","type":"t","id":"1","source":"/","data":"x"}'
        await session.send(Binary(event))

    async with (
        runtime.serve(Site({"/": WebSocket(talk)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/").following("7") as messages,
    ):
        message = await anext(messages)
        assert (message.type, message.id) == ("t", "1")
        assert messages.last_event_id == "7"  # it says nothing of a place
