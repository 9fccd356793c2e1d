"""aiohttp and wsproto on the other side, in both roles, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from queue import SimpleQueue
from threading import Thread
from types import ModuleType
from typing import Any

import aiohttp
import anyio
import anyio.to_thread
import pytest
from aiohttp import web
from anyio.abc import SocketStream
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from eventproto.http import Request as HttpRequest
from eventproto.site import Site, WebSocket
from eventproto.websocket import Close, Deflate
from tests.drivers.peers import peer

SNOWMAN = "Zoë \N{SNOWMAN}"
LARGE = "x" * 100_000


async def echo(session: Any, request: HttpRequest) -> None:
    """Send every message back."""
    async for message in session:
        await session.send(message)


async def echo_in_pieces(session: Any, request: HttpRequest) -> None:
    """Send every message back, cut into three fragments."""
    async for message in session:
        third = len(message.data) // 3
        text = message.content_type.startswith("text/")
        whole = message.text if text else message.data
        await session.send([whole[:third], whole[third : 2 * third], whole[2 * third :]])


# -- aiohttp ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, Deflate()])
@pytest.mark.parametrize("handler", [echo, echo_in_pieces])
async def test_aiohttp_talks_to_our_server(
    runtime: ModuleType, handler: Any, compression: Deflate | None
) -> None:
    """A subprotocol, text, bytes, fragments, compression, a Ping, a clean close."""

    async def talk(port: int) -> list[object]:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                f"ws://127.0.0.1:{port}/",
                protocols=["b", "a"],
                compress=15 if compression else 0,
                autoclose=False,
            ) as client,
        ):
            await client.send_str(SNOWMAN)
            await client.send_bytes(b"\x00\xff")
            await client.send_str(LARGE)
            await client.ping(b"?")
            found = [(await client.receive(5)).data for _ in range(3)]
            await client.close(code=4001, message=b"done")
            return [client.protocol, found, client.compress > 0, client.close_code]

    site = Site({"/": WebSocket(handler, subprotocols=["a", "b"], compression=compression)})
    async with runtime.serve(site) as server:
        result = await anyio.to_thread.run_sync(asyncio.run, talk(server.port))

    assert result == ["a", [SNOWMAN, b"\x00\xff", LARGE], compression is not None, 4001]


@asynccontextmanager
async def aiohttp_server(compress: bool) -> AsyncIterator[int]:
    """An echo server of aiohttp in a thread of its own; gives its port."""

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["chat"], compress=compress)
        await socket.prepare(request)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.data == b"please go":
                await socket.close(code=4002, message=b"gone")
            else:
                await socket.send_bytes(message.data)
        return socket

    async def refuse(request: web.Request) -> web.StreamResponse:
        raise web.HTTPForbidden(text="not you\n")

    async def redirect(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect(location="/echo")

    async def serve() -> None:
        stop = asyncio.Event()
        application = web.Application()
        application.router.add_get("/echo", handle)
        application.router.add_get("/refuse", refuse)
        application.router.add_get("/redirect", redirect)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        loop = asyncio.get_running_loop()
        started.put((runner.addresses[0][1], lambda: loop.call_soon_threadsafe(stop.set)))
        await stop.wait()
        await runner.cleanup()

    started: SimpleQueue[tuple[int, Callable[[], object]]] = SimpleQueue()
    thread = Thread(target=asyncio.run, args=[serve()])
    thread.start()
    port, stop = await anyio.to_thread.run_sync(started.get)
    try:
        yield port
    finally:
        stop()
        await anyio.to_thread.run_sync(thread.join)


@pytest.mark.parametrize("compression", [None, Deflate()])
async def test_we_talk_to_aiohttp(runtime: ModuleType, compression: Deflate | None) -> None:
    """The other way round, behind a redirect."""
    async with (
        aiohttp_server(compress=compression is not None) as port,
        runtime.connect_websocket(
            f"ws://127.0.0.1:{port}/redirect", subprotocols=["chat"], compression=compression
        ) as websocket,
    ):
        assert websocket.subprotocol == "chat"
        await websocket.send(SNOWMAN)
        await websocket.send([b"\x00", b"", b"\xff"])
        await websocket.send(LARGE)
        found = [await anext(websocket) for _ in range(3)]
        assert await websocket.ping() > 0
        await websocket.send(b"please go")
        async for _ in websocket:
            pass
        assert websocket.close_received == Close(4002, "gone")

    assert [message.data for message in found] == [*(SNOWMAN.encode(), b"\x00\xff", LARGE.encode())]


async def test_a_handshake_that_aiohttp_rejects(runtime: ModuleType) -> None:
    """The answer is in the error."""
    from eventproto import HandshakeRejected

    async with aiohttp_server(compress=False) as port:
        with pytest.raises(HandshakeRejected) as raised:
            async with runtime.connect_websocket(f"ws://127.0.0.1:{port}/refuse"):
                pass

    assert (raised.value.code, raised.value.response.body) == (403, b"not you\n")


# -- wsproto ---------------------------------------------------------------------------------------


class WsprotoPeer:
    """wsproto on a socket: gives its events, sends what it is told."""

    def __init__(self, stream: SocketStream, kind: ConnectionType) -> None:
        self._stream = stream
        self._connection = WSConnection(kind)
        self._events: Iterator[Event] = iter(())

    async def send(self, event: Event) -> None:
        await self._stream.send(self._connection.send(event))

    async def next_event(self) -> Event:
        while (event := next(self._events, None)) is None:
            try:
                self._connection.receive_data(await self._stream.receive())
            except anyio.EndOfStream:
                self._connection.receive_data(None)
            self._events = self._connection.events()
        return event

    async def message(self) -> str | bytes:
        """The next whole message."""
        parts: list[Any] = []
        while True:
            event = await self.next_event()
            if isinstance(event, Message):
                parts.append(event.data)
                if event.message_finished:
                    return "".join(parts) if isinstance(event, TextMessage) else b"".join(parts)


@pytest.mark.parametrize("compression", [None, Deflate()])
@pytest.mark.parametrize("handler", [echo, echo_in_pieces])
async def test_wsproto_talks_to_our_server(
    runtime: ModuleType, handler: Any, compression: Deflate | None
) -> None:
    """Text, bytes, fragments both ways, a Ping, a close with code and reason."""
    site = Site({"/": WebSocket(handler, subprotocols=["a"], compression=compression)})
    async with (
        runtime.serve(site) as server,
        await anyio.connect_tcp("127.0.0.1", server.port) as stream,
    ):
        client = WsprotoPeer(stream, ConnectionType.CLIENT)
        deflate = PerMessageDeflate()
        extensions: Any = [deflate] if compression else []
        await client.send(Request("a", "/", extensions=extensions, subprotocols=["b", "a"]))
        accepted = await client.next_event()
        assert isinstance(accepted, AcceptConnection)
        assert accepted.subprotocol == "a"
        assert deflate.enabled() == (compression is not None)

        await client.send(TextMessage(SNOWMAN))
        assert await client.message() == SNOWMAN
        await client.send(BytesMessage(b"\x00", message_finished=False))
        await client.send(Ping(b"?"))
        assert await client.next_event() == Pong(b"?")
        await client.send(BytesMessage(b"\xff" * 1000))
        assert await client.message() == b"\x00" + b"\xff" * 1000
        await client.send(CloseConnection(4001, "done"))
        closed = await client.next_event()
        assert isinstance(closed, CloseConnection)
        assert closed.code == 4001


@pytest.mark.parametrize("compression", [None, Deflate()])
async def test_we_talk_to_wsproto(runtime: ModuleType, compression: Deflate | None) -> None:
    """The other way round."""
    heard: list[object] = []

    async def serve(stream: SocketStream) -> None:
        server = WsprotoPeer(stream, ConnectionType.SERVER)
        request = await server.next_event()
        assert isinstance(request, Request)
        extensions: Any = [PerMessageDeflate()] if compression else []
        await server.send(AcceptConnection(subprotocol="a", extensions=extensions))
        for _ in range(3):
            message = await server.message()
            heard.append(message)
            kind: Any = TextMessage if isinstance(message, str) else BytesMessage
            await server.send(kind(message[:1], message_finished=False))
            await server.send(kind(message[1:]))
        while not isinstance(event := await server.next_event(), CloseConnection):
            assert isinstance(event, Ping)
            await server.send(event.response())
        heard.append((event.code, event.reason))
        await server.send(event.response())

    async with (
        peer(serve) as url,
        runtime.connect_websocket(
            url.replace("http", "ws"), subprotocols=["a"], compression=compression
        ) as websocket,
    ):
        assert websocket.subprotocol == "a"
        await websocket.send(SNOWMAN)
        await websocket.send([b"\x00", b"\xff" * 1000])
        await websocket.send(LARGE)
        found = [(await anext(websocket)).data for _ in range(3)]
        assert await websocket.ping() > 0
        await websocket.close(4001, "done")

    assert found == [SNOWMAN.encode(), b"\x00" + b"\xff" * 1000, LARGE.encode()]
    assert heard == [SNOWMAN, b"\x00" + b"\xff" * 1000, LARGE, (4001, "done")]
