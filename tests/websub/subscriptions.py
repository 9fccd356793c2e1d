"""A subscriber, brought to where a test of it begins."""

from __future__ import annotations

from typing import Any

from eventproto.http import Call, Headers, Request, Response, Result
from eventproto.websub import (
    Accept,
    ContentReceived,
    Method,
    Subscribe,
    Subscriber,
    SubscriptionVerified,
)
from eventproto.websub._callbacks import (
    Content,
    Denial,
    Verification,
    content_request,
    denial_request,
    verification_request,
)
from tests.websub.roles import LINKS, TOPIC, call, entropy, events, form, made, respond

PREFIX = "https://reader.example/callbacks/"
RESOURCE = "https://blog.example/"
SECRET = "s\u00e9cret"
WANTED = Subscribe(RESOURCE, "blog", secret=SECRET)


def page(*hubs: str, topic: str = TOPIC) -> Response:
    """What a resource answers that has these hubs."""
    links = [f'<{hub}>; rel="hub"' for hub in hubs] + [f'<{topic}>; rel="self"']
    return Response(200, Headers({"Link": ", ".join(links)}))


def redirect(status: int, location: str | None) -> Response:
    """An answer that leads somewhere else, if it says where."""
    return Response(status, Headers({} if location is None else {"Location": location}))


PAGE = Response(200, Headers({"Link": LINKS}))


def subscriber(**options: Any) -> Subscriber:
    """One that has nothing to follow yet."""
    return Subscriber(PREFIX, entropy=entropy(), **options)


def requested(role: Subscriber, found: Response = PAGE, now: float = 0.0) -> Call:
    """The request to a hub that follows on the discovery that is out."""
    (discovery,) = made(role)
    respond(role, discovery, found, now)
    (request,) = made(role)
    return request


def pending(
    wanted: Subscribe = WANTED, found: Response = PAGE, **options: Any
) -> tuple[Subscriber, Call]:
    """A subscriber that has asked a hub, and the request."""
    role = subscriber(**options)
    role.send(wanted, 0.0)
    return role, requested(role, found)


def callback_of(request: Call) -> str:
    """Where the hub is to send content."""
    return form(request.request.body)["hub.callback"]


def active(wanted: Subscribe = WANTED, lease: int = 1000, **options: Any) -> tuple[Subscriber, str]:
    """A subscriber with a subscription that was verified at 0, and its callback."""
    role, request = pending(wanted, **options)
    callback = callback_of(request)
    respond(role, request, 202)
    assert verify(role, callback, lease=lease).status == 200
    assert events(role) == [SubscriptionVerified(wanted.name, TOPIC, lease)]
    return role, callback


def verify(
    role: Subscriber,
    callback: str,
    now: float = 0.0,
    *,
    mode: Any = "subscribe",
    topic: str = TOPIC,
    lease: int | None = 1000,
) -> Response:
    """What a subscriber answers a hub that verifies."""
    intent = Verification(mode, topic, "challenge", lease)
    return call(role, verification_request(callback, intent), now)


def deny(role: Subscriber, callback: str, now: float = 0.0, *, topic: str = TOPIC) -> Response:
    """What a subscriber answers a hub that denies."""
    return call(role, denial_request(callback, Denial(topic, "no")), now)


def delivery(
    callback: str, *, secret: str | None = SECRET, method: Method = "sha256", body: bytes = b"news"
) -> Request:
    """What a hub delivers."""
    content = Content(body, Headers({"Content-Type": "text/plain"}))
    return content_request(callback, content, links=LINKS, secret=secret, method=method)


def answers(role: Subscriber) -> dict[Any, int]:
    """The statuses of what a subscriber has answered since it was last asked, by token."""
    found: dict[Any, int] = {}
    while (output := role.next_output()) is not None:
        assert isinstance(output, Result), output
        assert isinstance(output.outcome, Response)
        assert output.token not in found, "answered twice"
        found[output.token] = output.outcome.status
    return found


def accepts(role: Subscriber, callback: str, now: float = 0.0) -> bool:
    """Whether content that is delivered now arrives."""
    token = object()
    role.receive(Call(token, delivery(callback)), now)
    (event,) = events(role)
    assert isinstance(event, ContentReceived)
    role.send(Accept(token), now)
    return answers(role) == {token: 204}
