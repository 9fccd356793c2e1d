"""Prices for everybody who has come, and a reader who is too slow for them.

Nobody waits for her: what she has not taken waits within bounds, and when there is too much of it,
she is sent away with code 1013. The runtime is the argument: `asyncio` (the default) or `trio`.

It prints::

    ann and bob have heard all 100
    carol is sent away: 1013
    carol has heard the beginning
    ann hears: good night
    bob hears: good night
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from importlib import import_module
from types import ModuleType

from eventproto import LimitExceeded, Overflow
from eventproto.asyncio import WebSocketSession, broadcast  # the same on both runtimes
from eventproto.http import Request
from eventproto.site import Site, WebSocket
from eventproto.websocket import Limits

room: set[WebSocketSession] = set()


async def join(socket: WebSocketSession, request: Request) -> None:
    room.add(socket)
    try:
        await socket.send("welcome")
        async for _ in socket:
            pass
    except LimitExceeded as error:
        print(f"{request.path[1:]} is sent away: {error.code}")
    finally:
        room.discard(socket)


async def main(runtime: ModuleType) -> None:
    endpoint = WebSocket(join, overflow=Overflow.DISCONNECT, limits=Limits(output_count=16))
    async with runtime.serve(Site({"/": endpoint})) as server, AsyncExitStack() as stack:

        async def enter(name: str) -> WebSocketSession:
            url = f"ws://127.0.0.1:{server.port}/{name}"
            client: WebSocketSession
            client = await stack.enter_async_context(runtime.connect_websocket(url))
            await anext(client)  # the welcome: from now on this one hears everything
            return client

        ann, bob, carol = await enter("ann"), await enter("bob"), await enter("carol")
        for number in range(100):
            broadcast(room, f"{number}: {'.' * 256 * 1024}")
            for client in (ann, bob):  # but not carol
                message = await anext(client)
                assert message.text.startswith(f"{number}:")
        print("ann and bob have heard all 100")

        heard = [message.text.partition(":")[0] async for message in carol]
        assert carol.close_received is not None
        assert carol.close_received.code == 1013
        if 0 < len(heard) < 100 and heard == [str(number) for number in range(len(heard))]:
            print("carol has heard the beginning")
        broadcast(room, "good night")  # who is closing is passed over
        print("ann hears:", (await anext(ann)).text)
        print("bob hears:", (await anext(bob)).text)


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
