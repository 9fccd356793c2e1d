"""One event through all four protocols, over real sockets: `python -m eventproto demo`.

A webhook arrives; what it says is published to a WebSub hub; the hub's subscriber hands it to an
SSE stream and to a WebSocket. Each of them must hear the same `Message` as the first sender said.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar, cast

from eventproto import Accept, Event, Message, bridge
from eventproto._address import AddressPolicy
from eventproto.bridge import Carriage
from eventproto.http import Headers, Request
from eventproto.site import EventStream, Site, WebSocket
from eventproto.sse import Opened, ServerSentEvent, encode
from eventproto.webhook import Delivered, Received, Receiver, Sender, StandardWebhooks
from eventproto.websocket import Text
from eventproto.websub import (
    ContentReceived,
    Hub,
    Publisher,
    Subscribe,
    Subscriber,
    SubscriptionVerified,
)

__all__ = ["demonstrate"]

EventT = TypeVar("EventT", bound=Event)
Hops: TypeAlias = dict[str, Message]

_SECRET: Final = "whsec_" + "ZGVtbyBzZWNyZXQgb2YgYXQgbGVhc3QgMjQgYnl0ZXM="
_LOOPBACK: Final = AddressPolicy(allowed=("127.0.0.0/8",))
_EVERYTHING: Final = Carriage.CLOUDEVENTS


async def demonstrate(runtime: Any, say: Callable[[str], None]) -> bool:  # noqa: ANN401  # a module
    """Send one event round, on `eventproto.asyncio` or `eventproto.trio`.

    Args:
        runtime: One of the two modules.
        say: Prints a line.

    Returns:
        Whether every hop heard exactly what was said at first.
    """
    said = Message(
        data='{ "order": 1042,  "total": "19.90 €" }'.encode(),
        type="shop.order.paid",
        id="order-1042-paid",
        source="https://shop.example/orders",
        subject="orders/1042",
        time=datetime.fromtimestamp(time.time(), UTC),
        content_type="application/json",
        extensions={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    )
    heard = await _send_round(runtime, said, say)
    say("")
    return _compare(said, heard, say)


async def _send_round(runtime: Any, said: Message, say: Callable[[str], None]) -> Hops:  # noqa: ANN401
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    scheme = StandardWebhooks(_SECRET)
    receiver, hub = Receiver(scheme), Hub(f"{url}/hub")
    publisher = Publisher(f"{url}/orders", [f"{url}/hub"])
    subscriber = Subscriber(f"{url}/callbacks/", insecure=True)
    streams: list[Any] = []
    sockets: list[Any] = []

    async def stream(session: Any, _: Request) -> None:  # noqa: ANN401
        streams.append(session)
        await session.wait_gone()

    async def talk(session: Any, _: Request) -> None:  # noqa: ANN401
        sockets.append(session)
        async for _message in session:  # until the client goes
            pass

    site = Site(
        {
            "/hooks": receiver,
            "/hub": hub,
            "/orders": publisher,
            "/callbacks/": subscriber,
            "/events": EventStream(stream),
            "/socket": WebSocket(talk, subprotocols=["cloudevents.json"]),
        }
    )
    heard: Hops = {}
    async with (
        runtime.serve(site, port=port, policy=_LOOPBACK) as server,
        runtime.connect_sse(f"{url}/events") as events,
        runtime.connect_websocket(
            f"ws://127.0.0.1:{port}/socket", subprotocols=["cloudevents.json"]
        ) as websocket,
        runtime.run(Sender(f"{url}/hooks", scheme), policy=_LOOPBACK) as sender,
    ):
        say(f"a server listens on {url}; an SSE and a WebSocket client are connected")
        await _until(events, Opened)

        await server.session(subscriber).send(Subscribe(f"{url}/orders"))
        verified = await _until(server.session(subscriber), SubscriptionVerified)
        say(f"a subscriber found the hub of {verified.topic}, and the hub has verified it")
        say(f"  for {verified.lease_seconds} seconds")

        say("\nwebhook: a signed delivery")
        await sender.send(bridge.to_webhook(said, _EVERYTHING))
        received = await _until(server.session(receiver), Received)
        _show(say, "POST /hooks", received.headers, received.body)
        heard["webhook"] = bridge.from_webhook(received, _EVERYTHING)
        await server.session(receiver).send(Accept(received.token))
        delivered = await _until(sender, Delivered)
        say(f"  <- {delivered.response.status}")

        say("\nWebSub: published, fetched by the hub, delivered to the subscriber")
        await server.session(publisher).send(bridge.to_websub(heard["webhook"], _EVERYTHING))
        content = await _until(server.session(subscriber), ContentReceived)
        _show(say, "POST /callbacks/...", content.headers, content.body)
        heard["WebSub"] = bridge.from_websub(content, _EVERYTHING)
        await server.session(subscriber).send(Accept(content.token))

        say("\nSSE: an event of the stream")
        await streams[0].send(bridge.to_sse(heard["WebSub"], _EVERYTHING))
        event = await _until(events, ServerSentEvent)
        for line in encode(event).decode().rstrip().split("\n"):
            say(f"  {_short(line)}")
        heard["SSE"] = bridge.from_sse(event, _EVERYTHING)

        say("\nWebSocket: a text message")
        await sockets[0].send(bridge.to_websocket(heard["WebSub"], _EVERYTHING))
        text = await _until(websocket, Text)
        say(f"  {_short(text.text)}")
        heard["WebSocket"] = bridge.from_websocket(text, _EVERYTHING)
    return heard


async def _until(session: Any, kind: type[EventT]) -> EventT:  # noqa: ANN401
    """The next event of a kind; raises if the session ends before."""
    async for event in session.events():
        if isinstance(event, kind):
            return event
    msg = f"the session ended without a {kind.__name__}"
    raise RuntimeError(msg)


def _show(say: Callable[[str], None], line: str, headers: Headers, body: bytes) -> None:
    say(f"  {line} HTTP/1.1")
    for name, text in headers:
        if name.lower() not in {"host", "content-length"}:
            say(f"  {name}: {_short(text)}")
    say(f"  {_short(body.decode())}")


def _short(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:87]}..."


def _compare(said: Message, heard: Hops, say: Callable[[str], None]) -> bool:
    """Print a table of the message at every hop beside the first one."""
    say(f"{'':14}{'said':40}" + "".join(f"{name:11}" for name in heard))
    for each in fields(cast("Any", Message)):
        wanted = getattr(said, each.name)
        found = [getattr(hop, each.name) for hop in heard.values()]
        cells = ["same" if one == wanted else "DIFFERS" for one in found]
        text = wanted.decode() if isinstance(wanted, bytes) else str(wanted)
        say(f"{each.name:14}{text[:37]:40}" + "".join(f"{cell:11}" for cell in cells))
    return bool(heard) and all(hop == said for hop in heard.values())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
