"""What webhook senders and receivers report."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from eventproto._errors import RemoteProtocolError
from eventproto._event import Event, Message
from eventproto._value import value
from eventproto.http import Headers, Response

__all__ = ["Delivered", "Delivery", "DeliveryFailed", "Received", "Rejected", "payload_type"]


@value(kw_only=True)
class Received(Event):
    """A webhook arrived, and its sender is certain.

    Attributes:
        body: Exactly as it was signed.
        headers: All of the request's. Which of them a signature covers is up to the scheme; of
            Standard Webhooks it is id and timestamp, which are fields here.
        type: What the scheme or else the payload says; `"message"` where both are silent.
        id: The same for each attempt to deliver this message; for recognising a repetition.
        time: When this attempt was signed.
        source: Who sends it, as the scheme was told.
        token: For the `Accept` or `Refuse` that a `Receiver` waits for; None from `verify`.
    """

    body: bytes
    headers: Headers
    type: str = "message"
    id: str | None = None
    time: datetime | None = None
    source: str | None = None
    token: Hashable = None

    @override
    def message(self) -> Message:
        return Message(
            data=self.body,
            type=self.type,
            id=self.id,
            source=self.source,
            time=self.time,
            content_type=_content_type(self.headers),
        )


@value()
class Rejected(Event):
    """A request was turned away: nothing in it is certain.

    Attributes:
        error: Why, most often a `VerificationError`; its `code` was the answer.
    """

    error: RemoteProtocolError


@value(kw_only=True)
class Delivery:
    """A message on its way to one endpoint: all that a `Sender` knows of it.

    Attributes:
        number: Tells deliveries of one sender apart, also those of equal messages.
        message: What is delivered.
        attempt: The number of the latest attempt, from 1.
    """

    number: int
    message: Message
    attempt: int = 1


@value()
class Delivered(Event):
    """The endpoint took a message.

    Attributes:
        delivery: Which, and at what attempt.
        response: Its answer, a 2xx.
    """

    delivery: Delivery
    response: Response


@value()
class DeliveryFailed(Event):
    """An attempt to deliver a message failed.

    Attributes:
        delivery: Which message, and which attempt.
        outcome: The answer that was not a 2xx, or why there was none.
        retry_in: Seconds until the next attempt; None if this was the last one.
    """

    delivery: Delivery
    outcome: Response | Exception
    retry_in: float | None

    @property
    def final(self) -> bool:
        """Whether the message was given up."""
        return self.retry_in is None


def payload_type(body: bytes) -> str:
    """The member `type` of a JSON object, or `"message"` where there is none that says anything."""
    try:
        payload: Any = json.loads(body.decode())
    except (ValueError, RecursionError):
        return "message"
    match payload:
        case {"type": str(found)} if _UNICODE(found):
            return found
        case _:
            return "message"


def _content_type(headers: Headers) -> str | None:
    found = headers.get("Content-Type")
    return found if found and found.isascii() else None  # as media types are


# Not empty, and no half of a surrogate pair.
_UNICODE: Final = re.compile(r"[^\ud800-\udfff]+").fullmatch
