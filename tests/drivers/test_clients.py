"""The functions that applications call, on both runtimes; the shortest way to each protocol."""

from __future__ import annotations

import inspect
import socket
from types import ModuleType

import anyio
import pytest
from anyio.abc import SocketStream

import eventproto.asyncio
import eventproto.trio
from eventproto import (
    Closed,
    ConnectionLost,
    End,
    HandshakeRejected,
    LocalProtocolError,
    Message,
    RemoteProtocolError,
    Steps,
)
from eventproto._address import ANYWHERE
from eventproto.http import Request
from eventproto.site import Site
from eventproto.webhook import StandardWebhooks
from eventproto.websub import Hub, Published, Publisher, Subscribed, SubscriptionVerified
from tests.drivers.peers import peer, read_request

SCHEME = StandardWebhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_both_runtimes_have_the_same_names_and_signatures() -> None:
    """What runs on one runs on the other."""
    assert eventproto.asyncio.__all__ == eventproto.trio.__all__
    for name in eventproto.asyncio.__all__:
        ours, theirs = getattr(eventproto.asyncio, name), getattr(eventproto.trio, name)
        if inspect.ismethod(ours):
            assert inspect.signature(ours) == inspect.signature(theirs)
        elif inspect.isclass(ours) and ours is not theirs:  # what waits for threads, for example
            assert ours.__bases__ == theirs.__bases__
            assert inspect.signature(ours) == inspect.signature(theirs)
        else:
            assert ours is theirs


async def test_subscribe_and_publish(runtime: ModuleType) -> None:
    """A subscription in one block; a ping in one call."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    hub, publisher = Hub(f"{url}/hub"), Publisher(f"{url}/topic", [f"{url}/hub"])
    callback = f"http://127.0.0.1:{(callback_port := free_port())}/"
    site = Site({"/hub": hub, "/topic": publisher})
    async with (
        runtime.serve(site, port=port, policy=ANYWHERE) as server,
        runtime.subscribe(
            f"{url}/topic",
            callback=callback,
            port=callback_port,
            policy=ANYWHERE,
            lease_seconds=600,
            insecure=True,
        ) as subscription,
    ):
        verified = await subscription.next_event()
        assert verified == SubscriptionVerified(f"{url}/topic", f"{url}/topic", 600)
        assert isinstance(await server.session(hub).next_event(), Subscribed)

        await server.session(publisher).send(Message.of_text("first"))
        assert await server.session(publisher).next_event() == Published(f"{url}/hub")
        first = await anext(subscription)
        assert (first.text, first.source) == ("first", f"{url}/topic")

        await runtime.publish(f"{url}/topic", hubs=[f"{url}/hub"])
        assert (await anext(subscription)).text == "first"


async def test_publish_raises_what_a_hub_says(runtime: ModuleType) -> None:
    """A hub that does not want to know, and one that is not there."""

    async def refuse(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    async with peer(refuse) as url:
        with pytest.raises(RemoteProtocolError) as raised:
            await runtime.publish("http://topic.test/", hubs=[url])
    assert raised.value.code == 404
    with pytest.raises(ConnectionLost):
        await runtime.publish("http://topic.test/", hubs=["http://127.0.0.1:1/"])


async def test_publish_tells_every_hub(runtime: ModuleType) -> None:
    """Also those behind one that fails; a URL that is none is refused before all."""
    # WebSub P5
    told: list[bytes] = []

    async def take(stream: SocketStream) -> None:
        told.append(await stream.receive())
        await stream.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with peer(take) as url:
        with pytest.raises(ConnectionLost):
            await runtime.publish("http://topic.test/", hubs=["http://127.0.0.1:1/", url])
        assert len(told) == 1
        with pytest.raises(LocalProtocolError):
            await runtime.publish("http://topic.test/", hubs=[url, "nowhere"])
    assert len(told) == 1


async def test_a_subscription_that_does_not_come_about_ends_the_loop(runtime: ModuleType) -> None:
    """With why, instead of waiting for ever for what cannot come."""
    # WebSub S11

    async def serve(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with peer(serve) as url:
        callback = f"http://127.0.0.1:{(port := free_port())}/"
        options = {"callback": callback, "port": port, "policy": ANYWHERE}
        async with runtime.subscribe(url, **options) as subscription:
            with pytest.raises(HandshakeRejected, match="names no hub"):
                await anext(subscription)


async def test_send_webhook_tries_again(runtime: ModuleType) -> None:
    """Until it is taken, with the same id."""
    seen: list[bytes] = []

    async def serve(stream: SocketStream) -> None:
        raw = await stream.receive()
        seen.append(raw[raw.index(b"webhook-id: ") :].split(b"\r\n")[0])
        status = b"200 OK" if len(seen) > 1 else b"500 Oh"
        await stream.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    message = Message.of_text("hello", id="msg_1")
    async with peer(serve) as url:
        delivered = await runtime.send_webhook(
            url, message, SCHEME, policy=ANYWHERE, schedule=Steps((0.01,))
        )

    assert delivered.delivery.attempt == 2
    assert seen == [b"webhook-id: msg_1"] * 2


async def test_send_webhook_gives_up(runtime: ModuleType) -> None:
    """With the outcome of the last attempt."""
    with pytest.raises(ConnectionLost):
        await runtime.send_webhook(
            "http://127.0.0.1:1/",
            Message.of_text("hello", id="msg_1"),
            SCHEME,
            policy=ANYWHERE,
            schedule=Steps(()),
        )


async def test_a_websocket_that_is_refused(runtime: ModuleType) -> None:
    """The block is never entered, and the error has the answer."""

    async def refuse(stream: SocketStream) -> None:
        await read_request(stream)
        await stream.send(b"HTTP/1.1 401 No\r\nContent-Length: 4\r\n\r\nwho?")

    async with peer(refuse) as url:
        with pytest.raises(HandshakeRejected) as raised:
            async with runtime.connect_websocket(url.replace("http", "ws")):
                pytest.fail("it was not refused")

    assert raised.value.response.body == b"who?"


async def test_an_event_stream_without_a_block(runtime: ModuleType) -> None:
    """The three-line form: iterate, and leave; an end for good raises."""

    async def serve(stream: SocketStream) -> None:
        request = await read_request(stream)
        if b"Last-Event-ID: 2" in request:
            await stream.send(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        else:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            await stream.send(head + b"retry: 1\nid: 1\ndata: a\n\nid: 2\ndata: b\n\n")

    found: list[str] = []
    async with peer(serve) as url:
        with pytest.raises(HandshakeRejected):  # noqa: PT012  # a loop is what it is about
            async for message in runtime.connect_sse(url, backoff=Steps((0.01,))):
                found.append(message.text)  # noqa: PERF401  # it raises

        async for message in runtime.connect_sse(url):
            assert message.text == "a"
            break

    assert found == ["a", "b"]


async def test_an_event_stream_is_told_to_end(runtime: ModuleType) -> None:
    """`End` closes it, in the middle of a stream or between two."""

    async def serve(stream: SocketStream) -> None:
        await read_request(stream)
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        await anyio.sleep_forever()

    async with peer(serve) as url, runtime.connect_sse(url) as events:
        await events.next_event()
        await events.send(End())
        assert await events.next_event() == Closed()
        assert await events.next_event() is None


async def test_redirects_of_an_event_stream(runtime: ModuleType) -> None:
    """A new call drops the one before it."""

    async def serve(stream: SocketStream) -> None:
        while request := await read_request(stream):
            if b"GET /moved" in request:
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                await stream.send(head + b"data: here\n\n")
                return
            await stream.send(
                b"HTTP/1.1 307 Moved\r\nLocation: /moved\r\nContent-Length: 3\r\n\r\nnow"
            )

    async with peer(serve) as url, runtime.connect_sse(url) as events:
        assert (await anext(events)).text == "here"


async def test_a_pool_makes_single_requests(runtime: ModuleType) -> None:
    """What `publish` stands on; public for those who subclass nothing."""
    pool = runtime._runtime.pool()

    async def serve(stream: SocketStream) -> None:
        await read_request(stream)
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with peer(serve) as url:
        response = await pool.request(Request("GET", url))
    pool.close()

    assert response.body == b"ok"
