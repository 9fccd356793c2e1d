"""Serving a site: routes, handlers, peers that leave, and an orderly end, on both runtimes."""

from __future__ import annotations

import re
import ssl
import time
from types import ModuleType
from typing import Any

import anyio
import pytest
import trustme
from anyio.abc import SocketStream

from eventproto import Accept, Backoff, Message
from eventproto._address import ANYWHERE, AddressPolicy
from eventproto.http import Headers, Request, Response
from eventproto.site import EventStream, Site, WebSocket
from eventproto.sse import Opened, ServerSentEvent
from eventproto.webhook import Received, Receiver, StandardWebhooks
from eventproto.websocket import Close, Text
from tests.drivers.test_calls import Asker

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
LOOPBACK = AddressPolicy(allowed=("127.0.0.0/8",))


async def raw_exchange(port: int, request: bytes) -> bytes:
    """What a client without any library gets."""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(request)
        return await read_to_end(stream)


async def read_to_end(stream: SocketStream) -> bytes:
    """Everything until the server closes."""
    return b"".join([data async for data in stream])


async def test_a_role_answers_at_its_path_and_nobody_elsewhere(runtime: ModuleType) -> None:
    """Calls are routed; what is not there is 404; the connection goes on after both."""
    async with runtime.serve(Site({"/ask": Asker()})) as server:
        found = await raw_exchange(
            server.port,
            b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n"
            b"GET /ask?x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )

    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"404", b"200"]
    assert found.endswith(b"http://h/ask?x")


async def test_a_malformed_request_is_answered(runtime: ModuleType) -> None:
    """400 to the client, and no trouble for anybody else."""
    async with runtime.serve(Site()) as server:
        found = await raw_exchange(server.port, b"nonsense\r\n\r\n")

    assert found.startswith(b"HTTP/1.1 400")


async def test_a_client_that_leaves_ends_its_stream(runtime: ModuleType) -> None:
    """The handler of an event stream is cancelled, though it sends nothing."""
    cancelled = anyio.Event()

    async def handler(session: Any, request: Request) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    async with runtime.serve(Site({"/events": EventStream(handler)})) as server:
        async with runtime.connect_sse(f"http://127.0.0.1:{server.port}/events") as events:
            assert isinstance(await events.next_event(), Opened)
        with anyio.fail_after(5):
            await cancelled.wait()


async def test_a_handler_that_fails_ends_only_its_peer(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the server and all others go on."""

    async def fails(session: Any, request: Request) -> None:
        raise ZeroDivisionError

    async def works(session: Any, request: Request) -> None:
        await session.send(ServerSentEvent("fine"))

    site = Site({"/fails": EventStream(fails), "/works": EventStream(works)})
    async with runtime.serve(site) as server:
        found = await raw_exchange(server.port, b"GET /fails HTTP/1.1\r\nHost: h\r\n\r\n")
        assert not found.endswith(b"0\r\n\r\n")
        found = await raw_exchange(
            server.port, b"GET /works HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        assert b"data: fine" in found

    assert "the handler of /fails failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_sse_reconnects_and_says_where_it_was(runtime: ModuleType) -> None:
    """A stream that ends is asked for again, from the last id on."""
    seen: list[str | None] = []

    async def handler(session: Any, request: Request) -> None:
        seen.append(request.headers.get("Last-Event-ID"))
        await session.send(ServerSentEvent(str(len(seen)), id=f"id-{len(seen)}"))

    async with runtime.serve(Site({"/events": EventStream(handler, retry=1)})) as server:
        backoff = Backoff(initial=0.01)
        url = f"http://127.0.0.1:{server.port}/events"
        async with runtime.connect_sse(url, backoff=backoff) as events:
            found = [(await anext(events)).text for _ in range(3)]

    assert found == ["1", "2", "3"]
    assert seen == [None, "id-1", "id-2"]


async def test_websocket_messages_both_ways(runtime: ModuleType) -> None:
    """A handler that echoes; the client ends in order."""
    gone = anyio.Event()

    async def echo(session: Any, request: Request) -> None:
        async for message in session:
            await session.send(message)
        gone.set()

    async with runtime.serve(Site({"/echo": WebSocket(echo)})) as server:
        url = f"ws://127.0.0.1:{server.port}/echo"
        async with runtime.connect_websocket(url) as websocket:
            await websocket.send("text")
            await websocket.send(b"\xff")
            assert (await anext(websocket)).text == "text"
            assert (await anext(websocket)).data == b"\xff"
        with anyio.fail_after(5):
            await gone.wait()


async def test_a_websocket_handler_that_returns_says_goodbye(runtime: ModuleType) -> None:
    """Close 1000, and a clean end."""

    async def greet(session: Any, request: Request) -> None:
        await session.send("hello")

    async with (
        runtime.serve(Site({"/": WebSocket(greet)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket,
    ):
        events = [event async for event in websocket.events()]

    assert events[:2] == [Text("hello"), Close(1000)]
    assert events[-1].error is None


async def test_everything_over_tls(runtime: ModuleType, authority: trustme.CA) -> None:
    """TLS both ways: a webhook, a stream and a WebSocket on one secure server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def stream(session: Any, request: Request) -> None:
        await session.send(ServerSentEvent(request.url))
        await anyio.sleep_forever()

    async def echo(session: Any, request: Request) -> None:
        async for message in session:
            await session.send(message)

    scheme = StandardWebhooks(SECRET)
    receiver = Receiver(scheme)
    site = Site({"/hooks": receiver, "/events": EventStream(stream), "/echo": WebSocket(echo)})
    async with runtime.serve(site, tls=context) as server:
        url = f"https://localhost:{server.port}"
        async with runtime.connect_sse(f"{url}/events", tls=trusting) as events:
            assert (await anext(events)).text == f"{url}/events"
        async with runtime.connect_websocket(
            f"wss://localhost:{server.port}/echo", tls=trusting
        ) as websocket:
            big = bytes(500_000)
            await websocket.send(big)
            assert (await anext(websocket)).data == big
        async with anyio.create_task_group() as tasks:

            async def take() -> None:
                async for message in server.session(receiver):
                    assert message.id == "1"

            tasks.start_soon(take)
            message = Message.of_text("hello", id="1")
            delivered = await runtime.send_webhook(
                f"{url}/hooks", message, scheme, tls=trusting, policy=ANYWHERE
            )
            tasks.cancel_scope.cancel()

    assert delivered.response == Response(204, delivered.response.headers)


async def test_iterating_accepts_what_was_taken(runtime: ModuleType) -> None:
    """Asking for the next message accepts the one before; breaking out does not."""
    scheme = StandardWebhooks(SECRET)
    receiver = Receiver(scheme)
    statuses: list[int] = []
    answered = anyio.Event()

    async def deliver(port: int, number: str) -> None:
        message = Message.of_text("x", id=number)
        request = Request(
            "POST", f"http://127.0.0.1:{port}/", scheme.sign(message, at=time.time()), message.data
        )
        async with runtime.run(Asker(), policy=LOOPBACK) as role:
            await role.send(request)
            statuses.append((await role.next_event()).outcome.status)
            answered.set()

    async with runtime.serve(Site({"/": receiver})) as server:
        session = server.session(receiver)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(deliver, server.port, "1")
            assert (await anext(session)).id == "1"
            tasks.start_soon(deliver, server.port, "2")
            assert (await anext(session)).id == "2"
            await answered.wait()
            assert statuses == [204]
            tasks.cancel_scope.cancel()


async def test_the_headers_of_an_event_stream(runtime: ModuleType) -> None:
    """They keep proxies from holding back what is sent."""

    async def nothing(session: Any, request: Request) -> None:
        pass

    async with (
        runtime.serve(Site({"/events": EventStream(nothing)})) as server,
        runtime.connect_sse(f"http://127.0.0.1:{server.port}/events") as events,
    ):
        opened = await events.next_event()

    headers: Headers = opened.response.headers
    assert headers["Content-Type"] == "text/event-stream"
    assert headers["X-Accel-Buffering"] == "no"


async def test_events_of_a_receiver(runtime: ModuleType) -> None:
    """The long way: events and explicit answers."""
    scheme = StandardWebhooks(SECRET)
    receiver = Receiver(scheme)
    async with runtime.serve(Site({"/": receiver})) as server, anyio.create_task_group() as tasks:

        async def send() -> None:
            message = Message.of_text("x", id="7")
            url = f"http://127.0.0.1:{server.port}/"
            await runtime.send_webhook(url, message, scheme, policy=LOOPBACK)

        tasks.start_soon(send)
        event = await server.session(receiver).next_event()
        assert isinstance(event, Received)
        await server.session(receiver).send(Accept(event.token))


async def test_the_fault_of_a_peer_is_not_logged_as_the_handlers(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody could fill the log with it."""

    async def echo(session: Any, request: Request) -> None:
        async for message in session:
            await session.send(message)

    async with (
        runtime.serve(Site({"/": WebSocket(echo)})) as server,
        await anyio.connect_tcp("127.0.0.1", server.port) as stream,
    ):
        await stream.send(UPGRADE + b"\xff\xff")
        assert b"\x88" in await read_to_end(stream)

    assert caplog.text == ""


async def test_a_role_that_is_added_too_late(runtime: ModuleType) -> None:
    """It does not run, and its path says so; nothing else is harmed."""
    site = Site()
    async with runtime.serve(site) as server:
        site.add("/late", Asker())
        found = await raw_exchange(
            server.port, b"GET /late HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )

    assert found.startswith(b"HTTP/1.1 503")
