"""What a hub sends to the callback of a subscriber: values, and the requests that carry them.

Everything here is pure. The two sides of a request stand in one file: what writes it, and what
reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self

from eventproto._event import Message
from eventproto._value import value
from eventproto.http import Headers, Request, Response, format_link
from eventproto.websub._requests import Mode, parse_lease
from eventproto.websub._signature import Method, sign
from eventproto.websub._urls import appended

__all__ = [
    "Content",
    "Denial",
    "Verification",
    "content_request",
    "denial_request",
    "hub_links",
    "parse_intent",
    "verification_request",
    "verification_response",
]

_BYTES: Final = Headers({"Content-Type": "application/octet-stream"})


@value()
class Verification:
    """What a hub asks a subscriber: whether it did ask for that (5.3).

    Attributes:
        mode: `"subscribe"` or `"unsubscribe"`.
        topic: The URL that was in the request.
        challenge: What a subscriber that agrees answers with.
        lease_seconds: How long the subscription will last; None for `"unsubscribe"`, and from hubs
            that do not say.
    """

    mode: Mode
    topic: str
    challenge: str
    lease_seconds: int | None = None


@value()
class Denial:
    """What a hub tells a subscriber: that it cannot have, or cannot keep, a subscription (5.2).

    Attributes:
        topic: The URL that was in the request.
        reason: Why, for people; may be empty.
    """

    topic: str
    reason: str = ""


def verification_request(callback: str, intent: Verification) -> Request:
    """The request to a subscriber to confirm what it has asked for (5.3)."""
    parameters = [
        ("hub.mode", intent.mode),
        ("hub.topic", intent.topic),
        ("hub.challenge", intent.challenge),
    ]
    if intent.lease_seconds is not None:
        parameters.append(("hub.lease_seconds", str(intent.lease_seconds)))
    return Request("GET", appended(callback, parameters))


def denial_request(callback: str, denial: Denial) -> Request:
    """The request that tells a subscriber that it cannot have what it has asked for (5.2)."""
    parameters = [("hub.mode", "denied"), ("hub.topic", denial.topic)]
    if denial.reason:
        parameters.append(("hub.reason", denial.reason))
    return Request("GET", appended(callback, parameters))


def parse_intent(request: Request) -> Verification | Denial | None:
    """Read what a hub asks or tells a subscriber; None if it is neither."""
    found = dict(request.query)
    match found:
        case {"hub.mode": "denied", "hub.topic": topic}:
            return Denial(topic, found.get("hub.reason", ""))
        case {"hub.mode": "subscribe", "hub.topic": topic, "hub.challenge": challenge}:
            lease = found.get("hub.lease_seconds", "")
            return Verification("subscribe", topic, challenge, parse_lease(lease))
        case {"hub.mode": "unsubscribe", "hub.topic": topic, "hub.challenge": challenge}:
            return Verification("unsubscribe", topic, challenge)
        case _:
            return None


def verification_response(challenge: str) -> Response:
    """The answer that confirms a subscription; in a form that no browser takes for a page."""
    headers = Headers(
        {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    )
    return Response(200, headers, challenge.encode())


@value()
class Content:
    """What a topic said at one time, as it is distributed.

    Attributes:
        body: Whole.
        headers: Those that belong to the body, such as `Content-Type`.
    """

    body: bytes
    headers: Headers

    @classmethod
    def of_response(cls, response: Response) -> Self:
        """What a topic answered, with those of its headers that say how to read the body."""
        headers = _BYTES
        for name in ("Content-Type", "Content-Encoding"):
            if (text := response.headers.get(name)) is not None:
                headers = headers.replace(name, text)
        return cls(response.body, headers)

    @classmethod
    def of_message(cls, message: Message) -> Self:
        """What an application says; of its attributes, HTTP has room for `content_type` alone."""
        kind = message.content_type
        return cls(message.data, _BYTES if kind is None else Headers({"Content-Type": kind}))


def content_request(
    callback: str, content: Content, *, links: str, secret: str | None, method: Method
) -> Request:
    """The request that brings a subscriber new content (7), signed if it gave a secret (7.1)."""
    headers = content.headers + {"Link": links}
    if secret is not None:
        headers += {"X-Hub-Signature": sign(content.body, secret, method)}
    return Request("POST", callback, headers, content.body)


def hub_links(hubs: Iterable[str], topic: str) -> str:
    """The value of the one `Link` header that names hubs and topic (4, 7)."""
    return ", ".join([*(format_link(hub, "hub") for hub in hubs), format_link(topic, "self")])
