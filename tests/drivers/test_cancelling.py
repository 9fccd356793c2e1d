"""Being cancelled anywhere leaves nothing behind, tears nothing, and loses nothing."""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import anyio
import pytest
import trustme
from anyio.abc import SocketStream

from eventproto import Backoff, Message, Steps
from eventproto._address import ANYWHERE
from eventproto.engine import MemoryEngine
from eventproto.http import Request
from eventproto.site import EventStream, LogSocket, Site, WebSocket
from eventproto.sse import ServerSentEvent
from eventproto.webhook import Receiver, StandardWebhooks
from eventproto.websocket import Reconnection
from tests.drivers.cancelling import Operation, cancel_everywhere, nothing_is_left
from tests.drivers.framed import Frame, Framed, frame, frames
from tests.drivers.peers import peer
from tests.drivers.proxies import HttpProxy, SocksProxy, proxy
from tests.drivers.test_calls import Asker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts sockets in /proc")

SCHEME = StandardWebhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
BIG = bytes(3_000_000)


@dataclass
class World:
    """A server with something of everything, and who speaks to it."""

    runtime: ModuleType
    port: int
    trusting: ssl.SSLContext | None
    proxy: str | None

    def url(self, scheme: str, path: str) -> str:
        secure = "" if self.trusting is None else "s"
        return f"{scheme}{secure}://localhost:{self.port}{path}"

    @property
    def how(self) -> dict[str, Any]:
        return {"tls": self.trusting, "policy": ANYWHERE, "proxy": self.proxy}


async def echo(session: Any, request: Request) -> None:
    """Send every message back."""
    async for message in session:
        await session.send(message)


async def count_up(session: Any, request: Request) -> None:
    """Two events, and then silence."""
    for number in range(2):
        await session.send(ServerSentEvent(str(number), id=str(number)))
    await anyio.sleep_forever()


@asynccontextmanager
async def world(runtime: ModuleType, way: str, authority: trustme.CA) -> AsyncIterator[World]:
    """It is there for the time of the block; `way` leads there."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    receiver = Receiver(SCHEME)
    async with AsyncExitStack() as stack:
        log = (await stack.enter_async_context(MemoryEngine())).log
        for number in range(3):
            await log.append("numbers", Message.of_text(str(number)))
        site = Site(
            {
                "/echo": WebSocket(echo),
                "/events": EventStream(count_up),
                "/log": LogSocket(log, "numbers", replay=True),
                "/ask": Asker(),
                "/hook": receiver,
            }
        )
        tls = context if way != "plainly" else None
        server = await stack.enter_async_context(runtime.serve(site, tls=tls, grace=0.1))
        through = None
        if way == "through a proxy":
            through = await stack.enter_async_context(proxy(SocksProxy(), "socks5h"))
        elif way == "through a proxy over TLS":
            through = await stack.enter_async_context(proxy(HttpProxy(), "https", context))
        tasks = await stack.enter_async_context(anyio.create_task_group())

        async def accept() -> None:
            async for _ in server.session(receiver):
                pass

        tasks.start_soon(accept)
        yield World(runtime, server.port, trusting if tls else None, through)
        tasks.cancel_scope.cancel()


async def a_websocket(world: World) -> None:
    async with world.runtime.connect_websocket(world.url("ws", "/echo"), **world.how) as websocket:
        await websocket.send("one")
        assert (await anext(websocket)).text == "one"
        await websocket.ping()
        await websocket.send(["in ", "pieces"])
        assert (await anext(websocket)).text == "in pieces"
        await websocket.close()


async def reconnecting(world: World) -> None:
    connector = world.runtime.connect_websocket(world.url("ws", "/echo"), **world.how)
    soon = Reconnection(backoff=Backoff(initial=0.01))
    async with connector.reconnecting(soon) as connections:
        for _ in range(2):
            websocket = await anext(connections)
            await websocket.send("one")
            assert (await anext(websocket)).text == "one"
            await websocket.close()


async def following(world: World) -> None:
    connector = world.runtime.connect_websocket(world.url("ws", "/log"), **world.how)
    async with connector.following() as messages:
        assert [(await anext(messages)).text for _ in range(3)] == ["0", "1", "2"]


async def an_event_stream(world: World) -> None:
    async with world.runtime.connect_sse(world.url("http", "/events"), **world.how) as events:
        assert [(await anext(events)).text for _ in range(2)] == ["0", "1"]


async def an_event_stream_without_a_block(world: World) -> None:
    async for message in world.runtime.connect_sse(world.url("http", "/events"), **world.how):
        if message.text == "1":
            break


async def a_webhook(world: World) -> None:
    message = Message.of_text("hello", id="1")
    url = world.url("http", "/hook")
    await world.runtime.send_webhook(url, message, SCHEME, schedule=Steps(()), **world.how)


async def a_role(world: World) -> None:
    async with world.runtime.run(Asker(), **world.how) as role:
        await role.send(Request("GET", world.url("http", "/ask")))
        assert (await role.next_event()).outcome.ok
        assert (await role.answer(Request("GET", "http://example.test/"))).ok


@pytest.mark.parametrize(
    ("way", "client"),
    [
        *(
            ("plainly", client)
            for client in (
                a_websocket,
                reconnecting,
                following,
                an_event_stream,
                an_event_stream_without_a_block,
                a_webhook,
                a_role,
            )
        ),
        ("over TLS", a_websocket),
        ("over TLS", an_event_stream),
        ("over TLS", a_webhook),
        ("through a proxy", a_websocket),
        ("through a proxy over TLS", a_websocket),
        ("through a proxy over TLS", a_webhook),
    ],
)
async def test_clients(  # what there is to combine
    runtime: ModuleType,
    way: str,
    client: Callable[[World], Any],
    authority: trustme.CA,
    count_tasks: Callable[[], int],
) -> None:
    """They leave no task and no socket, wherever they are cancelled."""
    async with world(runtime, way, authority) as there:
        await client(there)  # what is made once and kept
        async with nothing_is_left(count_tasks):
            assert await cancel_everywhere(lambda: client(there)) > 3


async def test_a_server(
    runtime: ModuleType,
    count_tasks: Callable[[], int],
) -> None:
    """It drops all who are there, from its start to its end."""

    async def serve() -> None:
        site = Site({"/echo": WebSocket(echo), "/events": EventStream(count_up), "/ask": Asker()})
        async with runtime.serve(site, host="localhost", grace=0.1) as server:
            there = World(runtime, server.port, None, None)
            stream = await anyio.connect_tcp("localhost", server.port)
            async with stream:
                await stream.send(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
                await a_role(there)
                await a_websocket(there)
                await stream.receive()

    async with nothing_is_left(count_tasks):
        assert await cancel_everywhere(serve) > 3


async def test_publishing_and_subscribing(
    runtime: ModuleType,
    count_tasks: Callable[[], int],
) -> None:
    """Nor do these."""

    async def refuse(stream: SocketStream) -> None:
        with suppress(anyio.BrokenResourceError):
            async for _ in stream:
                await stream.send(b"HTTP/1.1 204 No\r\n\r\n")

    async with peer(refuse) as url:

        async def use() -> None:
            await runtime.publish("http://topic.test/", hubs=[url, url])
            callback = "https://callback.test/"
            async with runtime.subscribe(url, callback=callback, policy=ANYWHERE) as session:
                await session.next_event()

        async with nothing_is_left(count_tasks):
            assert await cancel_everywhere(use) > 3


async def test_a_pool_stays_usable(
    runtime: ModuleType,
    authority: trustme.CA,
    count_tasks: Callable[[], int],
) -> None:
    """Whatever was cancelled before: no answer is taken for that of another call."""
    async with world(runtime, "over TLS", authority) as there, nothing_is_left(count_tasks):
        pool = runtime._runtime.pool(tls=there.trusting)
        asked = 0

        async def ask() -> None:
            nonlocal asked
            asked += 1
            url = there.url("http", f"/ask?{asked}")
            assert (await pool.request(Request("GET", url))).body == url.encode()

        async def ask_twice() -> None:
            await ask()
            await ask()

        assert await cancel_everywhere(ask_twice) >= 3
        pool.close()


async def keep(stream: SocketStream) -> None:
    """Send everything back, once it may."""
    await anyio.sleep(0.01)
    async for data in stream:
        await stream.send(data)


def _send(connection: Any) -> Operation:
    return lambda: connection.send(BIG)


def _send_all(connection: Any) -> Operation:
    return lambda: connection.send_all([b"1", BIG, b"2"])


def _wait(connection: Any) -> Operation:
    return lambda: connection.wait_until(lambda: connection.machine.backlog)


def _listen(connection: Any) -> Operation:
    async def listen() -> None:
        with anyio.move_on_after(0.05):
            await connection.listen(lambda _: None)

    return listen


@pytest.mark.parametrize("door", [_send, _send_all, _wait, _listen])
async def test_whatever_is_cancelled_frames_stay_whole(
    runtime: ModuleType,
    door: Callable[[Any], Operation],
) -> None:
    """The connection goes on, and the peer gets every frame that was handed over, whole."""
    arrived = bytearray()
    has_all = anyio.Event()

    async def listen(stream: SocketStream) -> None:
        await anyio.sleep(0.05)
        async for data in stream:
            arrived.extend(data)
            if arrived.endswith(frame(b"after")):
                has_all.set()
            await stream.send(frame(b""))  # something to read

    async with peer(listen) as url, runtime.connect(Framed(), url) as connection:

        async def use() -> None:
            connection.post(b"before")
            await door(connection)()

        runs = await cancel_everywhere(use)
        connection.post(b"after")
        with anyio.fail_after(20):
            await has_all.wait()

    found = frames(bytes(arrived))
    assert found.count(b"before") == runs
    assert found[-1] == b"after"
    assert found.count(BIG) == (runs if door in {_send, _send_all} else 0)


async def test_no_event_is_lost_to_who_is_cancelled(
    runtime: ModuleType,
) -> None:
    """It is there for the next one who asks."""
    taken: list[bytes] = []
    sent = 0

    async with peer(keep) as url, runtime.connect(Framed(), url) as connection:

        async def take() -> None:
            nonlocal sent
            for _ in range(3):
                connection.post(b"%d" % sent)
                sent += 1
                taken.append((await connection.next_event()).data)

        await cancel_everywhere(take)
        while len(taken) < sent:
            event = await connection.next_event()
            assert isinstance(event, Frame)
            taken.append(event.data)

    assert taken == [b"%d" % number for number in range(sent)]
