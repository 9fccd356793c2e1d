"""A client that follows a log over WebSockets: what it asks for, and what it is told."""

from __future__ import annotations

from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest

from eventproto import (
    ClosedError,
    HandshakeRejected,
    LocalProtocolError,
    RemoteProtocolError,
)
from eventproto.engine import MemoryEngine
from eventproto.http import Headers, Request, Response
from eventproto.site import LogSocket, Site, WebSocket
from eventproto.websocket import Binary
from tests.drivers.log_sockets import SOON, ids_of, serving, take
from tests.drivers.log_streams import publish


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
    """What an event is carried in does not matter."""

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


async def test_a_message_of_the_type_of_a_place(runtime: ModuleType) -> None:
    """It is the application's, and not taken for one of the endpoint."""
    log = MemoryEngine().log
    await publish(log, 1, 2, type="place")
    async with (
        serving(runtime, LogSocket(log, "a", replay=True)) as (url, _),
        runtime.connect_websocket(url).following() as messages,
    ):
        assert ids_of(await take(messages, 2)) == ["id-1", "id-2"]


async def test_a_client_that_is_refused(runtime: ModuleType) -> None:
    """When it comes, and when it comes back."""
    log = MemoryEngine().log
    asked = 0

    def once(request: Request) -> Response | None:
        nonlocal asked
        asked += 1
        return None if asked == 1 else Response(403)

    async with serving(runtime, LogSocket(log, "a", admit=once)) as (url, server):
        async with runtime.connect_websocket(url).following(reconnection=SOON) as messages:
            (connection,) = server._connections
            connection.abort()
            with pytest.raises(HandshakeRejected):
                await anext(messages)
            with pytest.raises(ClosedError):
                await messages.websocket.send("hello?")
        with pytest.raises(HandshakeRejected):
            async with runtime.connect_websocket(url).following():
                pass
    assert asked == 3
