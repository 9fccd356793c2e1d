"""A WebSocket endpoint that sends back what it gets, and a client that talks to it.

The runtime is the argument: `asyncio` (the default) or `trio`.

It prints::

    the echo of text: hello
    the echo of bytes: b'\\x00\\x01'
    the server has heard the goodbye
"""

import asyncio
import sys
from importlib import import_module
from types import ModuleType

from eventproto.asyncio import WebSocketSession  # the same class on both runtimes
from eventproto.http import Request
from eventproto.site import Site, WebSocket


async def echo(socket: WebSocketSession, _request: Request) -> None:
    async for message in socket:
        await socket.send(message)
    print("the server has heard the goodbye")


async def main(runtime: ModuleType) -> None:
    async with runtime.serve(Site({"/socket": WebSocket(echo)})) as server:
        url = f"ws://127.0.0.1:{server.port}/socket"
        async with runtime.connect_websocket(url) as socket:
            await socket.send("hello")
            message = await anext(socket)
            print("the echo of text:", message.text)
            await socket.send(b"\x00\x01")
            message = await anext(socket)
            print("the echo of bytes:", message.data)


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
