"""A publisher, a hub and a subscriber of WebSub on one site, which call each other over HTTP.

The runtime is the argument: `asyncio` (the default) or `trio`.

It prints::

    verified for 864000 seconds
    received: text/plain;charset=utf-8 the first issue
    the hub says: delivered
"""

import asyncio
import socket
import sys
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from eventproto import Accept, Event, Message
from eventproto.asyncio import Session  # the same class on both runtimes
from eventproto.site import Site
from eventproto.websub import (
    ContentReceived,
    Delivered,
    Hub,
    Publisher,
    Subscribe,
    Subscriber,
    SubscriptionVerified,
)

EventT = TypeVar("EventT", bound=Event)


async def main(runtime: ModuleType) -> None:
    port = free_port()  # the three have to know their own URLs before the server runs
    url = f"http://127.0.0.1:{port}"
    hub = Hub(f"{url}/hub")
    publisher = Publisher(f"{url}/news", hubs=[f"{url}/hub"])
    # `insecure`: the secret of the subscription may go to the hub over http.
    subscriber = Subscriber(f"{url}/callbacks/", insecure=True)
    site = Site({"/hub": hub, "/news": publisher, "/callbacks/": subscriber})
    # Roles call URLs that others chose, so by default only public addresses; here: loopback.
    policy = runtime.AddressPolicy(allowed=("127.0.0.0/8",))
    async with runtime.serve(site, port=port, policy=policy) as server:
        session = server.session(subscriber)
        await session.send(Subscribe(f"{url}/news"))
        verified = await wait_for(SubscriptionVerified, session)
        print("verified for", verified.lease_seconds, "seconds")

        await server.session(publisher).send(Message.of_text("the first issue"))
        content = await wait_for(ContentReceived, session)
        print("received:", content.content_type, content.message().text)
        await session.send(Accept(content.token))  # only now does the hub have its answer
        await wait_for(Delivered, server.session(hub))
        print("the hub says: delivered")


async def wait_for(kind: type[EventT], session: Session[Any]) -> EventT:
    async for event in session.events():
        if isinstance(event, kind):
            return event
    raise AssertionError(kind)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
