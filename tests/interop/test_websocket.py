"""`websockets` on the other side, in both roles, over real sockets."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread
import pytest
import websockets.sync.client
import websockets.sync.server
from websockets.typing import Subprotocol

from eventproto import HandshakeRejected, Message
from eventproto.http import Request
from eventproto.site import Site, WebSocket
from eventproto.websocket import Close, Deflate

COMPRESSIONS = [
    None,
    Deflate(),
    Deflate(window_bits=9, context_takeover=False, peer_window_bits=9, peer_context_takeover=False),
]


async def echo(session: Any, request: Request) -> None:
    """Send every message back."""
    async for message in session:
        await session.send(message)


@pytest.mark.parametrize("compression", COMPRESSIONS)
async def test_websockets_talks_to_our_server(
    runtime: ModuleType, compression: Deflate | None
) -> None:
    """A subprotocol, text, binary, fragments, compression, a ping, and a clean close."""

    def talk(port: int) -> list[object]:
        url = f"ws://127.0.0.1:{port}/echo"
        with websockets.sync.client.connect(
            url, subprotocols=[Subprotocol("b"), Subprotocol("a")]
        ) as client:
            client.send("Zoë ☃")
            client.send([b"\x00", b"", b"\xff"])
            client.send("x" * 100_000)
            assert client.ping().wait(5)
            found = [client.recv(5), client.recv(5), client.recv(5)]
            client.close(4001, "done")
            compressed = bool(client.protocol.extensions)
            return [client.subprotocol, found, compressed, client.close_code]

    site = Site({"/echo": WebSocket(echo, subprotocols=["a", "b"], compression=compression)})
    async with runtime.serve(site) as server:
        result = await anyio.to_thread.run_sync(talk, server.port)

    found = ["Zoë ☃", b"\x00\xff", "x" * 100_000]
    assert result == ["a", found, compression is not None, 4001]


async def test_our_server_says_goodbye_when_it_goes(runtime: ModuleType) -> None:
    """1001 to everybody who is still there."""

    def wait(port: int) -> int:
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/echo") as client:
            client.send("hello")
            client.recv(5)
            anyio.from_thread.run_sync(connected.set)
            with pytest.raises(websockets.exceptions.ConnectionClosed):
                client.recv(5)
            return client.close_code or 0

    connected = anyio.Event()
    codes: list[int] = []
    async with anyio.create_task_group() as tasks:

        async def run_client(port: int) -> None:
            codes.append(await anyio.to_thread.run_sync(wait, port))

        async with runtime.serve(Site({"/echo": WebSocket(echo)})) as server:
            tasks.start_soon(run_client, server.port)
            await connected.wait()

    assert codes == [1001]


@pytest.mark.parametrize("compression", COMPRESSIONS)
async def test_we_talk_to_websockets(runtime: ModuleType, compression: Deflate | None) -> None:
    """The other way round: our client, their server."""

    compressed: list[bool] = []

    def serve(client: Any) -> None:
        compressed.append(bool(client.protocol.extensions))
        for message in client:
            client.send(message)

    def choose(connection: Any, subprotocols: Any) -> Any:
        return "cloudevents.json" if "cloudevents.json" in subprotocols else None

    with websockets.sync.server.serve(serve, "127.0.0.1", 0, select_subprotocol=choose) as server:
        port = server.socket.getsockname()[1]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, server.serve_forever)
            async with runtime.connect_websocket(
                f"ws://127.0.0.1:{port}/",
                subprotocols=["cloudevents.json"],
                compression=compression,
            ) as websocket:
                await websocket.send("Zoë ☃")
                await websocket.send([b"\x00", b"", b"\xff"])
                await websocket.send(Message.of_text("x" * 100_000))
                found = [(await anext(websocket)).data for _ in range(3)]
                await websocket.send(Close(4001, "done"))
                last = [event async for event in websocket.events()]
            server.shutdown()

    assert compressed == [compression is not None]
    assert found == ["Zoë ☃".encode(), b"\x00\xff", b"x" * 100_000]
    assert isinstance(last[0], Close)
    assert last[0].code == 4001
    assert last[-1].error is None


async def test_a_handshake_that_websockets_rejects(runtime: ModuleType) -> None:
    """The answer, whole, is in the error."""

    def refuse(connection: Any, request: Any) -> Any:
        return connection.respond(403, "not you\n")

    with websockets.sync.server.serve(
        lambda _: None, "127.0.0.1", 0, process_request=refuse
    ) as server:
        port = server.socket.getsockname()[1]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, server.serve_forever)
            with pytest.raises(HandshakeRejected) as raised:
                async with runtime.connect_websocket(f"ws://127.0.0.1:{port}/"):
                    pass
            server.shutdown()

    assert raised.value.response.status == 403
    assert raised.value.response.body == b"not you\n"
