"""What has come of a delivery, or of a ping: who waits for it wants it, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eventproto import (
    ConnectionLost,
    EventprotoError,
    Message,
    RemoteProtocolError,
    webhook,
    websub,
)
from eventproto._drive._pool import Pool
from eventproto._drive._role import Role
from eventproto.http import Response

__all__ = ["deliver", "ping"]


async def deliver(role: Role[Any], message: Message) -> webhook.Delivered:
    """Have a sender deliver a message; raise the outcome of the last attempt if it cannot."""
    await role.send(message)
    async for event in role.events():
        if isinstance(event, webhook.Delivered):
            return event
        if isinstance(event, webhook.DeliveryFailed) and event.final:
            _raise_unless_ok(event.outcome)
    msg = "the sender has closed"
    raise ConnectionLost(msg)


async def ping(pool: Pool, hubs: Iterable[str], topic: str) -> None:
    """Tell hubs that a topic has news; raise what went wrong first when all were told."""
    requests = [websub.publish_request(hub, topic) for hub in hubs]
    failures: list[EventprotoError] = []
    for request in requests:
        try:
            _raise_unless_ok(await pool.request(request))
        except EventprotoError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _raise_unless_ok(outcome: Response | Exception) -> None:
    if isinstance(outcome, Exception):
        raise outcome
    if not outcome.ok:
        msg = f"expected a status of success, got {outcome.status}: {outcome.body[:200]!r}"
        raise RemoteProtocolError(msg, code=outcome.status)
