"""Messages to many WebSockets, some of which are slow, on both runtimes, over real sockets."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute

from eventproto import LimitExceeded, LocalProtocolError, Overflow
from eventproto.http import Request
from eventproto.site import Site, WebSocket
from eventproto.websocket import Limits

ASK = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Room:
    """An endpoint that collects those who have come in."""

    def __init__(self) -> None:
        self.sessions: list[Any] = []
        self.errors: list[Exception] = []

    async def __call__(self, session: Any, request: Request) -> None:
        self.sessions.append(session)
        try:
            async for _ in session:
                pass
        except LimitExceeded as error:
            self.errors.append(error)

    async def wait_for(self, count: int) -> None:
        while len(self.sessions) < count:  # noqa: ASYNC110  # they come over real sockets
            await anyio.sleep(0.01)


async def test_everybody_hears_it(runtime: ModuleType) -> None:
    """Who has left is passed over, and who was sent something else hears that, too."""
    room = Room()
    async with (
        runtime.serve(Site({"/": WebSocket(room)})) as server,
        AsyncExitStack() as stack,
    ):
        url = f"ws://127.0.0.1:{server.port}/"
        async with runtime.connect_websocket(url):
            await room.wait_for(1)
        clients = [
            await stack.enter_async_context(runtime.connect_websocket(url)) for _ in range(5)
        ]
        await room.wait_for(6)
        with pytest.raises(LocalProtocolError):
            runtime.broadcast(room.sessions, ["no", "message"])
        runtime.broadcast(room.sessions, "hello")
        room.sessions[1].post("you")
        runtime.broadcast(room.sessions, b"bye")
        heard = [[(await anext(client)).data for _ in range(2)] for client in clients]
        assert (await anext(clients[0])).data == b"bye"

    assert heard == [[b"hello", b"you"], *[[b"hello", b"bye"]] * 4]


async def stuck(port: int) -> Any:
    """A client that comes in, and reads nothing more."""
    stream = await anyio.connect_tcp("127.0.0.1", port)
    raw = stream.extra(SocketAttribute.raw_socket)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await stream.send(ASK)
    await stream.receive(12)
    return stream


@pytest.mark.parametrize("overflow", list(Overflow))
async def test_a_slow_peer_holds_nobody_up(runtime: ModuleType, overflow: Overflow) -> None:
    """Nor the memory; it is sent away, or it misses something."""
    room = Room()
    limits = Limits(output_count=16, close_time=0.2)
    payload = bytes(256 * 1024)
    async with (
        runtime.serve(Site({"/": WebSocket(room, overflow=overflow, limits=limits)})) as server,
        await stuck(server.port),
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as client,
    ):
        await room.wait_for(2)
        for number in range(100):
            runtime.broadcast(room.sessions, number.to_bytes(1, "big") + payload, key=number % 2)
            assert (await anext(client)).data[0] == number
        if overflow is Overflow.DISCONNECT:
            with anyio.fail_after(5):
                while not room.errors:  # noqa: ASYNC110  # as above
                    await anyio.sleep(0.01)
        else:
            assert room.errors == []
