"""What subscribers and publishers ask a hub for: values, and the requests that carry them.

Everything here is pure. The two sides of a request stand in one file: what writes it, and what
reads it.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import Final, Literal, TypeAlias, cast
from urllib.parse import parse_qsl, urlencode

from eventproto._errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from eventproto._value import value
from eventproto.http import Headers, MediaType, Request
from eventproto.websub._limits import Limits
from eventproto.websub._signature import signing_key
from eventproto.websub._urls import checked_url

__all__ = [
    "Mode",
    "PublishRequest",
    "SubscriptionRequest",
    "check_lease",
    "check_secret",
    "parse_hub_request",
    "parse_lease",
    "publish_request",
    "subscription_request",
]

Mode: TypeAlias = Literal["subscribe", "unsubscribe"]
"""What a subscriber wants."""

_FORM: Final = "application/x-www-form-urlencoded"
_SECRET_SIZE: Final = 200
_MOST_FIELDS: Final = 100
_LEASE: Final = re.compile(r"0*[1-9][0-9]{0,15}", re.ASCII).fullmatch
_LONGEST_LEASE: Final = 10**16 - 1


@value(kw_only=True)
class SubscriptionRequest:
    """What a subscriber asks a hub for (5.1).

    Attributes:
        mode: `"subscribe"` or `"unsubscribe"`.
        topic: The URL of what it wants to hear of.
        callback: The URL where it wants to hear of it.
        lease_seconds: For how long, 1 to 10**16 - 1; None to leave it to the hub.
        secret: The key that contents are to be signed with, less than 200 bytes of UTF-8; None
            for no signatures.

    Raises:
        LocalProtocolError: The specification has no such request.
    """

    mode: Mode
    topic: str
    callback: str
    lease_seconds: int | None = None
    secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.mode not in {"subscribe", "unsubscribe"}:
            msg = f"hub.mode must be subscribe, unsubscribe or publish, got {self.mode!r}"
            raise LocalProtocolError(msg)
        checked_url(self.callback, "hub.callback")
        checked_url(self.topic, "hub.topic")
        if self.lease_seconds is not None:
            check_lease(self.lease_seconds)
        if self.secret is not None:
            check_secret(self.secret)


def check_lease(seconds: int) -> None:
    """Raise LocalProtocolError if this cannot be a `hub.lease_seconds` (5.1)."""
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        msg = f"hub.lease_seconds must be a whole number, got {seconds!r}"
        raise LocalProtocolError(msg)
    if not 1 <= seconds <= _LONGEST_LEASE:
        wrong = "less" if seconds < 1 else "more"  # of which str() may refuse to write all digits
        msg = f"hub.lease_seconds must be from 1 to {_LONGEST_LEASE}, got {wrong}"
        raise LocalProtocolError(msg)


def check_secret(secret: str) -> None:
    """Raise LocalProtocolError if this cannot be a `hub.secret` (5.1)."""
    size = len(signing_key(secret))
    if size >= _SECRET_SIZE:
        msg = f"hub.secret must have less than {_SECRET_SIZE} bytes of UTF-8, got {size}"
        raise LocalProtocolError(msg)


@value()
class PublishRequest:
    """What a publisher tells a hub: that these topics have new content.

    Attributes:
        topics: Their URLs, each once.
    """

    topics: tuple[str, ...]


def subscription_request(
    hub: str, wanted: SubscriptionRequest, headers: Headers = Headers()
) -> Request:
    """The request to a hub to subscribe or unsubscribe (5.1)."""
    fields = [
        ("hub.callback", wanted.callback),
        ("hub.mode", wanted.mode),
        ("hub.topic", wanted.topic),
    ]
    if wanted.lease_seconds is not None:
        fields.append(("hub.lease_seconds", str(wanted.lease_seconds)))
    if wanted.secret is not None:
        fields.append(("hub.secret", wanted.secret))
    return _form(hub, fields, headers)


def publish_request(hub: str, topic: str) -> Request:
    """The request to a hub to fetch a topic.

    The specification leaves its form to publishers and hubs; this is what hubs agree on, with the
    topic under both of the names that they know.
    """
    return _form(hub, [("hub.mode", "publish"), ("hub.url", topic), ("hub.topic", topic)])


def parse_hub_request(
    request: Request, limits: Limits = Limits()
) -> SubscriptionRequest | PublishRequest:
    """Read a request to a hub.

    Raises:
        RemoteProtocolError: It is none; `code` is the status that answers it.
    """
    if request.method != "POST":
        msg = f"a hub takes POST, got {request.method}"
        raise RemoteProtocolError(msg, code=405)
    kind = MediaType.parse(request.headers.get("Content-Type"))
    if kind is None or kind.essence != _FORM:
        msg = f"a hub takes {_FORM}, got {request.headers.get('Content-Type')!r}"
        raise RemoteProtocolError(msg, code=415)
    if len(request.body) > limits.request_size:
        msg = f"a request may have {limits.request_size} bytes, got {len(request.body)}"
        raise LimitExceeded(msg, code=413, limit="request_size")
    fields = _fields(request.body)
    mode = _one(fields, "hub.mode")
    try:
        if mode == "publish":
            return _publish(fields, limits)
        return SubscriptionRequest(
            mode=cast("Mode", mode),
            topic=_one(fields, "hub.topic"),
            callback=_one(fields, "hub.callback"),
            lease_seconds=_lease(fields) if mode == "subscribe" else None,  # 5.1
            secret=_optional(fields, "hub.secret"),
        )
    except LocalProtocolError as error:
        raise RemoteProtocolError(str(error), code=400) from None


def parse_lease(text: str) -> int | None:
    """Seconds from decimal digits; None for anything else, 0 included."""
    return int(text) if _LEASE(text) else None


def _form(url: str, fields: list[tuple[str, str]], headers: Headers = Headers()) -> Request:
    return Request(
        "POST", url, headers.replace("Content-Type", _FORM), urlencode(fields).encode("ascii")
    )


def _fields(body: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        text = body.decode()
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        msg = f"expected a form of at most {_MOST_FIELDS} fields in UTF-8: {error}"
        raise RemoteProtocolError(msg, code=400) from None
    for name, text in pairs:
        found.setdefault(name, []).append(text)
    return found


def _one(fields: dict[str, list[str]], name: str) -> str:
    text = _optional(fields, name)
    if text is None:
        msg = f"{name} is missing"
        raise RemoteProtocolError(msg, code=400)
    return text


def _optional(fields: dict[str, list[str]], name: str) -> str | None:
    """The value of a field; None if it is missing or empty, which some libraries send for it."""
    match fields.get(name, []):
        case []:
            return None
        case [text]:
            return text or None
        case texts:
            msg = f"{name} must be given once, got it {len(texts)} times"
            raise RemoteProtocolError(msg, code=400)


def _lease(fields: dict[str, list[str]]) -> int | None:
    text = _optional(fields, "hub.lease_seconds")
    if text is None:
        return None
    seconds = parse_lease(text)
    if seconds is None:
        msg = f"hub.lease_seconds must be a positive decimal number, got {text[:50]!r}"
        raise RemoteProtocolError(msg, code=400)
    return seconds


def _publish(fields: dict[str, list[str]], limits: Limits) -> PublishRequest:
    topics = tuple(dict.fromkeys(fields.get("hub.url", []) + fields.get("hub.topic", [])))
    if not topics:
        msg = "hub.topic is missing"
        raise RemoteProtocolError(msg, code=400)
    if len(topics) > limits.topics:
        msg = f"a publish request may name {limits.topics} topics, got {len(topics)}"
        raise LimitExceeded(msg, code=400, limit="topics")
    for topic in topics:
        checked_url(topic, "hub.topic")
    return PublishRequest(topics)
