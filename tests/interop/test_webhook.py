"""Webhooks with `standardwebhooks` and `httpx` on the other side, over real sockets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
import standardwebhooks
from anyio.abc import SocketStream

from eventproto import Accept, ConnectionLost, Message, Refuse, RemoteProtocolError, Steps
from eventproto._address import AddressPolicy
from eventproto.site import Site
from eventproto.webhook import Received, Receiver, Rejected, StandardWebhooks
from tests.drivers.peers import peer

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = AddressPolicy(allowed=("127.0.0.0/8",))


async def test_httpx_posts_what_standardwebhooks_signed(runtime: ModuleType) -> None:
    """A delivery that is not ours arrives, and its sender waits for the application's answer."""
    receiver = Receiver(StandardWebhooks(SECRET, source="https://sender.test"))
    body = json.dumps({"type": "contact.created", "data": {"name": "Zoë"}}, ensure_ascii=False)
    at = datetime.now(UTC).replace(microsecond=0)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(SECRET).sign("msg_1", at, body),
        "content-type": "application/json",
    }
    statuses: list[int] = []

    async def post(port: int, **changes: str) -> None:
        async with httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{port}/hooks"
            response = await client.post(url, content=body.encode(), headers=headers | changes)
            statuses.append(response.status_code)

    async with runtime.serve(Site({"/hooks": receiver})) as server:
        session = server.session(receiver)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post, server.port)
            event = await session.next_event()
            assert isinstance(event, Received)
            assert event.message() == Message(
                data=body.encode(),
                type="contact.created",
                id="msg_1",
                source="https://sender.test",
                time=at,
                content_type="application/json",
            )
            await session.send(Accept(event.token))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post, server.port)
            event = await session.next_event()
            await session.send(Refuse(event.token, 503))

        await post(server.port, **{"webhook-id": "msg_2"})
        rejected = await session.next_event()

    assert statuses == [204, 503, 401]
    assert isinstance(rejected, Rejected)


async def test_standardwebhooks_verifies_what_we_send(runtime: ModuleType) -> None:
    """What leaves us is taken by the official library, as it is on the wire."""
    verified: list[Any] = []

    async def serve(stream: SocketStream) -> None:
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += await stream.receive()
        head, _, body = raw.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        headers = {name.lower(): text for name, text in fields.items()}
        while len(body) < int(headers["content-length"]):
            body += await stream.receive()
        verified.append(standardwebhooks.Webhook(SECRET).verify(body, headers))
        await stream.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    message = Message.of_json({"type": "order.paid", "data": {"total": "19.90 €"}}, id="msg_3")
    async with peer(serve) as url:
        scheme = StandardWebhooks(SECRET)
        delivered = await runtime.send_webhook(f"{url}/hooks", message, scheme, policy=LOOPBACK)

    assert delivered.response.status == 202
    assert verified == [message.json()]


async def test_a_refused_delivery_raises_in_the_end(runtime: ModuleType) -> None:
    """410 is final at once: nobody waits for the rest of the schedule."""

    async def serve(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")

    async with peer(serve) as url:
        with pytest.raises(RemoteProtocolError) as raised:
            await runtime.send_webhook(
                url, Message.of_text("x", id="1"), StandardWebhooks(SECRET), policy=LOOPBACK
            )

    assert raised.value.code == 410


async def test_an_endpoint_within_is_not_posted_to(runtime: ModuleType) -> None:
    """Unless that is allowed: whoever names an endpoint must not reach what only this side can."""
    # Webhooks E9
    connected: list[SocketStream] = []

    async def serve(stream: SocketStream) -> None:
        connected.append(stream)

    async with peer(serve) as url:
        with pytest.raises(ConnectionLost, match="permit"):
            await runtime.send_webhook(
                url, Message.of_text("x", id="1"), StandardWebhooks(SECRET), schedule=Steps(())
            )

    assert connected == []
