"""A log that any number of clients follow, each from where it was.

A client that comes back says which event it saw last and misses nothing of what the log still has.
If that is too long ago, the server says so where something is missing. The runtime is the argument:
`asyncio` (the default) or `trio`.

It prints::

    AAPL 1
    AAPL 2
    back after 2: AAPL 3
    back after 2: AAPL 4
    back after 2: something is missing
    back after 2: AAPL 5
    back after 2: AAPL 6
    back after 2: AAPL 7
"""

import asyncio
import sys
from importlib import import_module
from types import ModuleType

from eventproto import Message
from eventproto.engine import MemoryEngine, Retention
from eventproto.site import LogStream, Site
from eventproto.sse import Gap


async def main(runtime: ModuleType) -> None:
    log = MemoryEngine(retention=Retention(count=3)).log
    count = 0

    async def publish() -> None:
        nonlocal count
        count += 1
        await log.append("quotes", Message.of_text(f"AAPL {count}", type="quote", id=str(count)))

    async with runtime.serve(Site({"/quotes": LogStream(log, "quotes", replay=True)})) as server:
        url = f"http://127.0.0.1:{server.port}/quotes"
        await publish()
        async with runtime.connect_sse(url) as events:
            print((await anext(events)).text)
            await publish()  # after the client has come, and it hears of it all the same
            print((await anext(events)).text)
            place = events.last_event_id

        await publish()
        await publish()
        for last in ("4", "7"):
            async with runtime.connect_sse(url, last_event_id=place) as events:
                async for message in events:
                    missing = Gap.of(message) is not None
                    said = "something is missing" if missing else message.text
                    print(f"back after {place}: {said}")
                    if message.id == last:
                        break
            for _ in range(3):
                await publish()


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
