"""Several channels over one stream, because a browser has six connections to a server.

A page opens `/events?channel=news&channel=prices` and listens to each channel by its name. The
event id says where it is in all of them. The runtime is the argument: `asyncio` (the default) or
`trio`.

It prints::

    news:alarm the market is open
    prices AAPL 1
    news:alarm the market is closed
"""

import asyncio
import sys
from importlib import import_module
from types import ModuleType

from eventproto import Message
from eventproto.engine import MemoryEngine
from eventproto.site import LogStream, Site


async def main(runtime: ModuleType) -> None:
    log = MemoryEngine().log
    endpoint = LogStream(log, topics=["news", "prices", "weather"], replay=True)
    async with runtime.serve(Site({"/events": endpoint})) as server:
        await log.append("news", Message.of_text("the market is open", type="alarm"))
        await log.append("weather", Message.of_text("rain"))  # nobody will ask for it

        url = f"http://127.0.0.1:{server.port}/events?channel=news&channel=prices"
        async with runtime.connect_sse(url) as events:
            message = await anext(events)
            print(message.type, message.text)
            await log.append("prices", Message.of_text("AAPL 1"))
            message = await anext(events)
            print(message.type, message.text)
            place = events.last_event_id

        await log.append("news", Message.of_text("the market is closed", type="alarm"))
        async with runtime.connect_sse(url, last_event_id=place) as events:
            message = await anext(events)
            print(message.type, message.text)


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
