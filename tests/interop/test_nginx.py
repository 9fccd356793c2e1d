"""Our server behind nginx, over real sockets."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import anyio

from eventproto.http import Request
from eventproto.site import EventStream, Site, WebSocket
from eventproto.sse import ServerSentEvent
from tests.interop.proxy import nginx


async def test_events_pass_at_once(runtime: ModuleType, tmp_path: Path) -> None:
    """nginx neither holds them back until a buffer is full, nor to compress them."""
    # SSE H3
    read = anyio.Event()

    async def send_one_by_one(session: Any, request: Request) -> None:
        await session.send(ServerSentEvent("first", id="1"))
        await read.wait()  # for ever, if the proxy waits for more
        await session.send(ServerSentEvent("second", id="2"))

    async with (
        runtime.serve(Site({"/events": EventStream(send_one_by_one)})) as server,
        nginx(server.port, tmp_path) as port,
        runtime.connect_sse(f"http://127.0.0.1:{port}/events") as events,
    ):
        with anyio.fail_after(10):
            assert (await anext(events)).text == "first"
            read.set()
            assert (await anext(events)).text == "second"


async def test_a_client_that_leaves_is_noticed(runtime: ModuleType, tmp_path: Path) -> None:
    """The proxy tells the server, and its handler is cancelled."""
    left = anyio.Event()

    async def wait(session: Any, request: Request) -> None:
        try:
            await session.send(ServerSentEvent("first"))
            await anyio.sleep_forever()
        finally:
            left.set()

    async with (
        runtime.serve(Site({"/events": EventStream(wait)})) as server,
        nginx(server.port, tmp_path) as port,
    ):
        async with runtime.connect_sse(f"http://127.0.0.1:{port}/events") as events:
            assert (await anext(events)).text == "first"
        with anyio.fail_after(10):
            await left.wait()


async def test_a_websocket_passes(runtime: ModuleType, tmp_path: Path) -> None:
    """Both ways, with its closing handshake."""

    async def echo(session: Any, request: Request) -> None:
        async for message in session:
            await session.send(message)

    async with (
        runtime.serve(Site({"/websocket": WebSocket(echo)})) as server,
        nginx(server.port, tmp_path) as port,
    ):
        async with runtime.connect_websocket(f"ws://127.0.0.1:{port}/websocket") as websocket:
            await websocket.send("hello")
            assert (await anext(websocket)).text == "hello"
            await websocket.send(b"\x00" * 100_000)
            assert (await anext(websocket)).data == b"\x00" * 100_000
        assert websocket.closed is not None
        assert websocket.closed.error is None
