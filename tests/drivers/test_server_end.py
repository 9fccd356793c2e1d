"""How a server ends: in order, with its peers, and in time."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import anyio
import pytest
import trustme
from anyio.streams.tls import TLSStream

from eventproto import ClosedError
from eventproto.http import Request
from eventproto.site import EventStream, Site, WebSocket
from eventproto.sse import ServerSentEvent
from eventproto.websocket import Close
from tests.drivers.test_server import UPGRADE, read_to_end


async def test_the_end_of_the_server_is_orderly(
    runtime: ModuleType, count_tasks: Callable[[], int]
) -> None:
    """Streams end complete, WebSockets get 1001, nothing is left behind."""

    async def stream(session: Any, request: Request) -> None:
        await session.send(ServerSentEvent("one"))
        await anyio.sleep_forever()

    async def listen(session: Any, request: Request) -> None:
        async for _ in session:
            pass

    site = Site({"/events": EventStream(stream), "/socket": WebSocket(listen)})
    before = count_tasks()
    found: dict[str, Any] = {}
    async with anyio.create_task_group() as tasks:

        async def read_stream(port: int, ready: anyio.Event) -> None:
            async with await anyio.connect_tcp("127.0.0.1", port) as raw:
                await raw.send(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
                first = await raw.receive()
                ready.set()
                found["stream"] = first + await read_to_end(raw)

        async def read_socket(port: int, ready: anyio.Event) -> None:
            async with runtime.connect_websocket(f"ws://127.0.0.1:{port}/socket") as websocket:
                ready.set()
                found["socket"] = [event async for event in websocket.events()]

        async with runtime.serve(site) as server:
            for client in (read_stream, read_socket):
                ready = anyio.Event()
                tasks.start_soon(client, server.port, ready)
                await ready.wait()

    await anyio.wait_all_tasks_blocked()
    assert found["stream"].endswith(b"data: one\n\n\r\n0\r\n\r\n")
    assert Close(1001) in found["socket"]
    assert count_tasks() == before


async def test_handlers_may_finish_when_their_peers_have_gone(runtime: ModuleType) -> None:
    """The end of a server waits for them as for peers: they may have something to put away."""
    said: list[str] = []

    async def collect(session: Any, request: Request) -> None:
        said.append((await anext(session)).text)
        assert [message async for message in session] == []
        await anyio.sleep(0.2)
        said.append("put away")

    async with anyio.create_task_group() as tasks:

        async def say(port: int, ready: anyio.Event) -> None:
            async with runtime.connect_websocket(f"ws://127.0.0.1:{port}/") as websocket:
                await websocket.send("hello")
                await websocket.ping()
                ready.set()
                await websocket.next_event()

        async with runtime.serve(Site({"/": WebSocket(collect)}), grace=60) as server:
            ready = anyio.Event()
            tasks.start_soon(say, server.port, ready)
            await ready.wait()
            said_before = list(said)

    assert said_before == ["hello"]
    assert said == ["hello", "put away"]


async def test_handlers_that_do_not_finish_are_cancelled(runtime: ModuleType) -> None:
    """After the grace, and the server waits for what they do then."""
    done: list[str] = []

    async def stubborn(session: Any, request: Request) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.1)
            done.append("cleaned up")

    async with runtime.serve(Site({"/": WebSocket(stubborn)}), grace=0.1) as server:
        stream = await anyio.connect_tcp("127.0.0.1", server.port)
        await stream.send(UPGRADE)
        assert (await stream.receive()).startswith(b"HTTP/1.1 101")
    assert done == ["cleaned up"]

    async with stream:
        with suppress(anyio.BrokenResourceError):
            assert (await read_to_end(stream))[2:4] == b"\x03\xe9"  # 1001: going away


async def test_who_comes_while_the_server_ends(runtime: ModuleType, authority: trustme.CA) -> None:
    """It was accepted before, and began TLS after: it is told to go at once."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    ending, has_gone = anyio.Event(), anyio.Event()

    async def listen(session: Any, request: Request) -> None:
        async for _ in session:
            pass
        ending.set()
        await has_gone.wait()

    async def come_late(port: int) -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await ending.wait()
            secure = await TLSStream.wrap(
                stream, hostname="localhost", ssl_context=trusting, standard_compatible=False
            )
            with suppress(anyio.EndOfStream):
                await secure.receive()
            has_gone.set()

    async with anyio.create_task_group() as tasks:

        async def hold_up(port: int, ready: anyio.Event) -> None:
            url = f"wss://localhost:{port}/"
            async with runtime.connect_websocket(url, tls=trusting) as websocket:
                ready.set()
                async for _ in websocket:
                    pass

        with anyio.fail_after(20):
            site = Site({"/": WebSocket(listen)})
            async with runtime.serve(site, tls=context, grace=60) as server:
                tasks.start_soon(come_late, server.port)
                await anyio.sleep(0.1)  # until it was accepted
                ready = anyio.Event()
                tasks.start_soon(hold_up, server.port, ready)
                await ready.wait()


@pytest.mark.parametrize("error", [ClosedError("the peer has gone"), ZeroDivisionError()])
async def test_a_handler_that_fails_at_being_cancelled(
    runtime: ModuleType, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error does not become that of who has cancelled the server."""

    async def fails(session: Any, request: Request) -> None:
        await session.send(ServerSentEvent("one"))
        try:
            await anyio.sleep_forever()
        finally:
            raise error

    with anyio.CancelScope() as scope:
        async with (
            runtime.serve(Site({"/": EventStream(fails)})) as server,
            runtime.connect_sse(f"http://127.0.0.1:{server.port}/") as events,
        ):
            await anext(events)
            scope.cancel()
            await anyio.sleep_forever()

    assert scope.cancelled_caught
    assert ("the handler of / failed" in caplog.text) == isinstance(error, ZeroDivisionError)
