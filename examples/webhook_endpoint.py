"""A webhook endpoint: one delivery with a wrong secret is turned away, the right one arrives.

It prints::

    turned away: bad-signature, answered with 401
    the sender heard: 401
    received: order.paid order-1 {'type': 'order.paid', 'total': '19.90'}
    the sender heard: 204
"""

import asyncio

from eventproto import Accept, Message, RemoteProtocolError, Steps, VerificationError
from eventproto.asyncio import ANYWHERE, send_webhook, serve
from eventproto.site import Site
from eventproto.webhook import Received, Receiver, Rejected, StandardWebhooks

RIGHT = StandardWebhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
WRONG = StandardWebhooks("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")


async def deliver(url: str) -> None:
    message = Message.of_json({"type": "order.paid", "total": "19.90"}, id="order-1")
    try:
        await send_webhook(url, message, WRONG, schedule=Steps(()), policy=ANYWHERE)
    except RemoteProtocolError as error:
        print("the sender heard:", error.code)
    delivered = await send_webhook(url, message, RIGHT, policy=ANYWHERE)
    print("the sender heard:", delivered.response.status)


async def main() -> None:
    receiver = Receiver(RIGHT)
    async with serve(Site({"/hooks": receiver})) as server, asyncio.TaskGroup() as tasks:
        tasks.create_task(deliver(f"http://127.0.0.1:{server.port}/hooks"))
        session = server.session(receiver)
        async for event in session.events():
            if isinstance(event, Rejected) and isinstance(event.error, VerificationError):
                print(f"turned away: {event.error.kind}, answered with {event.error.code}")
            elif isinstance(event, Received):
                print("received:", event.type, event.id, event.message().json())
                await session.send(Accept(event.token))
                break


asyncio.run(main())
