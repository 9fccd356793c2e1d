"""A client that stays connected, on both runtimes, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketAttribute, SocketStream

from eventproto import (
    Backoff,
    ClosedError,
    ConnectionLost,
    HandshakeRejected,
    RemoteProtocolError,
    Steps,
)
from eventproto.http import Headers, Request, Response
from eventproto.site import Site, WebSocket
from eventproto.websocket import Close, Opcode, Reconnection, encode_frame
from tests.drivers.peers import peer, read_request
from tests.drivers.test_connect_websocket import echo, fields, refuse, welcome

SOON = Reconnection(backoff=Backoff(initial=0.01, ceiling=0.02))


async def read_all(
    connector: Any, reconnection: Reconnection, then: Callable[[], None] = lambda: None
) -> None:
    """Read the messages of one connection after the other."""
    async with connector.reconnecting(reconnection) as connections:
        async for websocket in connections:
            then()
            async for _ in websocket:
                pass


def explode() -> None:
    """An application that fails."""
    raise ZeroDivisionError


async def test_it_comes_back(runtime: ModuleType) -> None:
    """After a refusal, a reset, a Close, a lost connection: over and over."""
    asked = 0

    async def serve(stream: SocketStream) -> None:
        nonlocal asked
        asked += 1
        request = await read_request(stream)
        if asked in {1, 4}:
            await refuse(stream, 503)
            return
        if asked == 2:
            raw = stream.extra(SocketAttribute.raw_socket)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return
        await welcome(stream, request)
        await stream.send(encode_frame(Opcode.TEXT, str(asked).encode()))
        if asked % 2:
            await stream.send(encode_frame(Opcode.CLOSE))

    found: list[str] = []
    async with (
        peer(serve) as url,
        runtime.connect_websocket(url.replace("http", "ws")).reconnecting(SOON) as connections,
    ):
        async for websocket in connections:
            found.extend([message.text async for message in websocket])
            if len(found) == 4:
                break

    assert found == ["3", "5", "6", "7"]


async def test_what_is_sent_to_a_lost_connection(runtime: ModuleType) -> None:
    """Raises, so that it is not taken for sent; the next connection is for it."""
    served = 0

    async def serve(session: Any, request: Request) -> None:
        nonlocal served
        served += 1
        if served == 1:
            await session.close()
        else:
            await echo(session, request)

    async with (
        runtime.serve(Site({"/": WebSocket(serve)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/").reconnecting(
            SOON
        ) as connections,
    ):
        async for websocket in connections:
            with suppress(ClosedError):
                if served == 1:
                    assert [each async for each in websocket] == []
                await websocket.send("hello")
                assert (await anext(websocket)).text == "hello"
                break

    assert served == 2


async def test_what_is_not_worth_another_attempt(runtime: ModuleType) -> None:
    """Is raised: a refusal that will stay, a peer that breaks the protocol."""

    async def forbid(stream: SocketStream) -> None:
        await read_request(stream)
        await refuse(stream, 403)

    async def violate(stream: SocketStream) -> None:
        await welcome(stream, await read_request(stream))
        await stream.send(b"\xff\xff")
        await stream.receive()  # the Close, which this peer answers by hanging up

    async with peer(forbid) as url:
        connector = runtime.connect_websocket(url.replace("http", "ws"))
        with pytest.raises(HandshakeRejected):
            await read_all(connector, SOON)
    async with peer(violate) as url:
        connector = runtime.connect_websocket(url.replace("http", "ws"))
        with pytest.raises(RemoteProtocolError, match="reserved bits"):
            await read_all(connector, SOON)


async def test_the_application_decides_what_is(runtime: ModuleType) -> None:
    """For refusals and for what becomes of a connection alike."""
    errors: list[Exception] = []

    async def serve(stream: SocketStream) -> None:
        request = await read_request(stream)
        if len(errors) < 2:
            await refuse(stream, 404)
        else:
            await welcome(stream, request)

    def decide(error: Exception) -> bool:
        errors.append(error)
        return len(errors) < 4

    reconnection = Reconnection(backoff=Steps((0.01,) * 9), worth_another=decide)
    async with peer(serve) as url:
        connector = runtime.connect_websocket(url.replace("http", "ws"))
        with pytest.raises(ConnectionLost):
            await read_all(connector, reconnection)

    assert [type(error).__name__ for error in errors] == [
        *("HandshakeRejected", "HandshakeRejected", "AbnormalClosure", "AbnormalClosure")
    ]


async def test_it_may_give_up(runtime: ModuleType) -> None:
    """With what went wrong last, or that the connection has ended."""
    reconnection = Reconnection(backoff=Steps((0.01, 0.01)))
    async with runtime.connect_websocket("ws://127.0.0.1:1/").reconnecting(
        reconnection
    ) as connections:
        with pytest.raises(OSError, match="127"):
            await anext(connections)

    served = 0

    async def leave(session: Any, request: Request) -> None:
        nonlocal served
        served += 1

    async with runtime.serve(Site({"/": WebSocket(leave)})) as server:
        connector = runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/")
        with pytest.raises(ConnectionLost, match="closed"):
            await read_all(connector, reconnection)
    assert served == 3


async def test_each_connection_begins_where_the_application_said(runtime: ModuleType) -> None:
    """Redirects and credentials are asked for anew."""
    asked: list[tuple[bytes, str | None]] = []

    async def serve(stream: SocketStream) -> None:
        request = await read_request(stream)
        path, credentials = request.split(b" ")[1], fields(request).get("Authorization")
        asked.append((path, credentials))
        if path == b"/":
            await refuse(stream, 307, "Location: /there")
        elif credentials is None:
            await refuse(stream, 401)
        else:
            await welcome(stream, request)

    def authenticate(response: Response) -> Headers:
        return Headers({"Authorization": str(len(asked))})

    async with (
        peer(serve) as url,
        runtime.connect_websocket(
            url.replace("http", "ws") + "/", authenticate=authenticate
        ).reconnecting(SOON) as connections,
    ):
        for _ in range(2):
            await anext(connections)

    assert asked == [
        *((b"/", None), (b"/there", None), (b"/there", "2")),
        *((b"/", None), (b"/there", None), (b"/there", "5")),
    ]


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_headers_may_be_said_before_each_connection(runtime: ModuleType, kind: str) -> None:
    """Such as a token that expires; once for a connection, wherever it leads."""
    asked: list[tuple[bytes, str | None]] = []
    said = 0

    async def serve(stream: SocketStream) -> None:
        request = await read_request(stream)
        path = request.split(b" ")[1]
        asked.append((path, fields(request).get("Authorization")))
        if path == b"/":
            await refuse(stream, 307, "Location: /there")
        else:
            await welcome(stream, request)

    def headers() -> Headers:
        nonlocal said
        said += 1
        return Headers({"Authorization": f"token {said}"})

    async def fetch() -> Headers:
        await anyio.lowlevel.checkpoint()
        return headers()

    async with peer(serve) as url:
        connector = runtime.connect_websocket(
            url.replace("http", "ws") + "/", headers=headers if kind == "plain" else fetch
        )
        async with connector.reconnecting(SOON) as connections:
            for _ in range(2):
                await anext(connections)
        async with connector:
            pass

    assert asked == [
        (path, f"token {number}") for number in (1, 2, 3) for path in (b"/", b"/there")
    ]


async def test_the_one_before_is_ended_in_order(runtime: ModuleType) -> None:
    """By asking for the next one, and by leaving the loop or the block."""
    codes: list[int] = []

    async def listen(session: Any, request: Request) -> None:
        async for _ in session:
            pass
        codes.append(session.close_received.code)

    async with runtime.serve(Site({"/": WebSocket(listen)})) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        async with runtime.connect_websocket(url).reconnecting(SOON) as connections:
            number = 0
            async for _ in connections:
                number += 1
                if number == 2:
                    break
        async with runtime.connect_websocket(url).reconnecting(SOON) as connections:
            websocket = await anext(connections)
            await websocket.send(Close(4001))

    assert sorted(codes) == [1000, 1000, 4001]


async def test_nothing_is_left_behind(runtime: ModuleType, count_tasks: Callable[[], int]) -> None:
    """However and whenever the block ends; scopes of the application may end in any order."""
    gone = 0

    async def listen(session: Any, request: Request) -> None:
        nonlocal gone
        with suppress(ConnectionLost):
            async for _ in session:
                pass
        gone += 1

    async with runtime.serve(Site({"/": WebSocket(listen)})) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        async with runtime.connect_websocket(url):
            pass
        await anyio.sleep(0.05)
        before = count_tasks()

        async with runtime.connect_websocket(url).reconnecting(SOON) as connections:
            with anyio.fail_after(5):  # what is opened in here outlives it
                websocket = await anext(connections)
            assert await websocket.ping() > 0
        with pytest.raises(ZeroDivisionError):
            await read_all(runtime.connect_websocket(url), SOON, explode)
        with anyio.move_on_after(0.1):
            await read_all(runtime.connect_websocket(url), SOON)
        with anyio.move_on_after(0.1) as scope:
            async with runtime.connect_websocket("ws://127.0.0.1:1/").reconnecting(
                SOON
            ) as connections:
                await anext(connections)
        assert scope.cancelled_caught
        async with runtime.connect_websocket(url).reconnecting(SOON):
            pass

        await anyio.sleep(0.1)
        assert count_tasks() <= before
        assert gone == 4


async def test_cancelling_the_wait_for_the_next_one(runtime: ModuleType) -> None:
    """Leaves all as it was; the next one can be asked for again."""

    async def serve(stream: SocketStream) -> None:
        request = await read_request(stream)
        await go.wait()
        with suppress(anyio.BrokenResourceError):  # whose waiting was cancelled
            if request:
                await welcome(stream, request)

    go = anyio.Event()
    async with (
        peer(serve) as url,
        runtime.connect_websocket(url.replace("http", "ws")).reconnecting(SOON) as connections,
    ):
        for _ in range(2):
            with anyio.move_on_after(0.05) as scope:
                await anext(connections)
            assert scope.cancelled_caught
        go.set()
        await anext(connections)
