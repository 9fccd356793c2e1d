"""A hub, brought to where a test of it begins."""

from __future__ import annotations

from typing import Any

from eventproto.http import Call, Headers, Request, Response
from eventproto.websub import Hub, Limits, Subscribed
from tests.websub.roles import CALLBACK, HUB, TOPIC, asked, call, entropy, events, made, respond

SECRET = "a secret of the subscription"


def new_hub(**options: Any) -> Hub:
    """A hub that is running, with leases as short as the tests like."""
    options.setdefault("limits", Limits(lease_minimum=1))
    hub = Hub(HUB, entropy=entropy(), **options)
    hub.handle_timeout(0)
    return hub


def subscribe(hub: Hub, callback: str = CALLBACK, **fields: str) -> Response:
    """Ask for a subscription."""
    return call(hub, asked("subscribe", topic=TOPIC, callback=callback, **fields))


def confirm(hub: Hub, now: float = 0.0) -> Request:
    """Confirm the verification that the hub makes; gives its request."""
    (verification,) = made(hub)
    challenge = dict(verification.request.query)["hub.challenge"]
    respond(hub, verification, Response(200, Headers(), challenge.encode()), now)
    return verification.request


def with_subscriber(hub: Hub, callback: str = CALLBACK, **fields: str) -> Hub:
    """The hub, with a subscription that was verified."""
    assert subscribe(hub, callback, **fields).status == 202
    confirm(hub)
    assert [type(event) for event in events(hub)] == [Subscribed]
    return hub


def ping(hub: Hub, now: float = 0.0, **fields: str) -> Response:
    """Tell the hub that a topic has news."""
    return call(hub, asked("publish", **(fields or {"url": TOPIC})), now)


def fetched(hub: Hub, content: Response, now: float = 0.0) -> list[Call]:
    """Let the hub fetch the topic; gives the deliveries that it makes then."""
    (fetch,) = made(hub)
    assert (fetch.request.method, fetch.request.url) == ("GET", TOPIC)
    respond(hub, fetch, content, now)
    return made(hub)


NEWS = Response(200, Headers({"Content-Type": "text/html", "Content-Language": "en"}), b"<p>news")
