"""A stream of Server-Sent Events whose client comes back and goes on where it was.

The server sends two events to each connection and ends it. The client reconnects by itself, with
`Last-Event-ID`. The runtime is the argument: `asyncio` (the default) or `trio`.

It prints::

    the server starts after ''
    count 1 tick 1
    count 2 tick 2
    the server starts after '2'
    count 3 tick 3
    count 4 tick 4
"""

import asyncio
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from eventproto import Backoff
from eventproto.asyncio import StreamSession  # the same class on both runtimes
from eventproto.http import Request
from eventproto.site import EventStream, Site
from eventproto.sse import ServerSentEvent, last_event_id


async def count(stream: StreamSession[Any], request: Request) -> None:
    last = last_event_id(request)  # from the header, or from the query of a first request
    print(f"the server starts after {last!r}")
    for number in range(int(last or 0) + 1, int(last or 0) + 3):
        await stream.send(ServerSentEvent(f"tick {number}", event="count", id=str(number)))


async def main(runtime: ModuleType) -> None:
    site = Site({"/events": EventStream(count, retry=50)})
    async with runtime.serve(site) as server:
        url = f"http://127.0.0.1:{server.port}/events"
        # The client waits what the server says (50 ms) and on top of that what `backoff` says.
        async with runtime.connect_sse(url, backoff=Backoff(initial=0.05)) as events:
            async for message in events:
                print(message.type, message.id, message.text)
                if message.id == "4":
                    break


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
