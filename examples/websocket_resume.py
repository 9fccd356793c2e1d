"""A chat whose members miss nothing, whatever becomes of their connections.

What a member says is appended to a log, and the log is replayed to all members over their
WebSockets, to each from where it was. The runtime is the argument: `asyncio` (the default) or
`trio`.

It prints::

    ann hears: hello
    bob hears: hello
    bob was away
    bob hears: are you there?
    bob hears: I wait
"""

import asyncio
import sys
from importlib import import_module
from types import ModuleType

from eventproto import Message
from eventproto.asyncio import WebSocketSession  # the same class on both runtimes
from eventproto.engine import MemoryEngine
from eventproto.http import Request
from eventproto.site import LogSocket, Site


async def main(runtime: ModuleType) -> None:
    log = MemoryEngine().log

    async def talk(socket: WebSocketSession, request: Request) -> None:
        async for said in socket:
            await log.append("room", Message.of_text(said.text, source=request.target))

    endpoint = LogSocket(log, "room", replay=True, handler=talk)
    async with runtime.serve(Site({"/room/": endpoint})) as server:
        url = f"ws://127.0.0.1:{server.port}/room"
        async with runtime.connect_websocket(f"{url}/ann").following() as ann:
            async with runtime.connect_websocket(f"{url}/bob").following() as bob:
                await ann.websocket.send("hello")
                print("ann hears:", (await anext(ann)).text)
                print("bob hears:", (await anext(bob)).text)
                place = bob.last_event_id

            print("bob was away")
            await ann.websocket.send("are you there?")
            await ann.websocket.send("I wait")
            async with runtime.connect_websocket(f"{url}/bob").following(place) as bob:
                for _ in range(2):
                    print("bob hears:", (await anext(bob)).text)


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
