"""A client that stays connected: it says where it was, and goes on from there.

The server breaks off every third time that it is asked, without a word. The runtime is the
argument: `asyncio` (the default) or `trio`.

It prints::

    a connection begins after 0
    news 1
    news 2
    a connection begins after 2
    news 3
    news 4
    a connection begins after 4
    news 5
"""

import asyncio
import sys
from contextlib import suppress
from importlib import import_module
from itertools import count
from types import ModuleType

from eventproto import Backoff, ClosedError
from eventproto.asyncio import WebSocketSession  # the same class on both runtimes
from eventproto.http import Request
from eventproto.site import Site, WebSocket
from eventproto.websocket import Reconnection

times_asked = count(1)


async def tell(socket: WebSocketSession, _request: Request) -> None:
    """Answer who has heard `n` with `n + 1`."""
    async for message in socket:
        if next(times_asked) % 3 == 0:
            socket.abort()
        else:
            await socket.send(str(int(message.text) + 1))


async def main(runtime: ModuleType) -> None:
    soon = Reconnection(backoff=Backoff(initial=0.01))
    last = 0
    async with runtime.serve(Site({"/news": WebSocket(tell)})) as server:
        client = runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/news")
        async with client.reconnecting(soon) as connections:
            async for socket in connections:
                print(f"a connection begins after {last}")
                with suppress(ClosedError):  # it may be lost again before anything is said
                    await socket.send(str(last))
                    async for message in socket:  # ends when the connection is lost
                        last = int(message.text)
                        print("news", last)
                        if last == 5:
                            return
                        await socket.send(str(last))


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
