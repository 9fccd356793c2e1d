"""The echo servers that ours are compared with: `python -m benchmarks.echo_peers NAME --port N`.

Each as its own documentation writes one, with compression off and limits that admit the load.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final

import trio
import uvloop
import websockets.asyncio.server
import websockets.trio.server
from aiohttp import WSMsgType, web
from picows import WSFrame, WSListener, WSTransport, ws_create_server
from picows import WSMsgType as PicowsType
from typing_extensions import override
from uvicorn import Config, Server
from uvicorn.config import WSProtocolType

_MOST: Final = 64 * 1024 * 1024


async def serve_websockets(port: int) -> None:
    async def echo(connection: websockets.asyncio.server.ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with websockets.asyncio.server.serve(
        echo, "127.0.0.1", port, compression=None, max_size=_MOST
    ) as server:
        listening(port)
        await server.serve_forever()


async def serve_websockets_trio(port: int) -> None:
    async def echo(connection: websockets.trio.server.ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    start = partial(
        websockets.trio.server.serve, echo, port, host="127.0.0.1", compression=None, max_size=_MOST
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(start)
        listening(port)


async def serve_aiohttp(port: int) -> None:
    async def echo(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(compress=False, max_msg_size=_MOST)
        await connection.prepare(request)
        async for message in connection:
            if message.type is WSMsgType.TEXT:
                await connection.send_str(message.data)
            else:
                await connection.send_bytes(message.data)
        return connection

    application = web.Application()
    application.router.add_get("/", echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    listening(port)
    await asyncio.Event().wait()


async def serve_picows(port: int) -> None:
    class Echo(WSListener):
        @override
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type == PicowsType.CLOSE:
                transport.send_close(frame.get_close_code(), frame.get_close_message())
                transport.disconnect()
            else:
                transport.send(frame.msg_type, frame.get_payload_as_memoryview())

    server = await ws_create_server(lambda _: Echo(), "127.0.0.1", port, max_frame_size=_MOST)
    listening(port)
    await server.serve_forever()


async def serve_uvicorn(port: int, implementation: WSProtocolType = "websockets-sansio") -> None:
    async def echo(
        _scope: object,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            await send({**event, "type": "websocket.send"})

    class Announced(Server):
        @override
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            listening(port)

    config = Config(
        echo,
        port=port,
        lifespan="off",
        log_level="critical",
        ws=implementation,
        ws_max_size=_MOST,
        ws_per_message_deflate=False,
    )
    await Announced(config).serve()


def listening(port: int) -> None:
    print(f"listening on port {port}", flush=True)


_SERVERS: Final[dict[str, Callable[[int], Coroutine[Any, Any, None]]]] = {
    "aiohttp": serve_aiohttp,
    "picows": serve_picows,
    "uvicorn": serve_uvicorn,
    "uvicorn-wsproto": partial(serve_uvicorn, implementation="wsproto"),
    "websockets": serve_websockets,
    "websockets-trio": serve_websockets_trio,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=_SERVERS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    arguments = parser.parse_args()
    logging.disable()  # some tell at length what they refuse
    server = _SERVERS[arguments.name]
    if arguments.name == "websockets-trio":
        trio.run(server, arguments.port)
    elif arguments.loop == "uvloop":
        uvloop.run(server(arguments.port))
    else:
        asyncio.run(server(arguments.port))


if __name__ == "__main__":
    main()
