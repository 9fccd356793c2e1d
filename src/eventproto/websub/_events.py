"""What WebSub's roles report."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

from typing_extensions import override

from eventproto._errors import VerificationError
from eventproto._event import Event, Message
from eventproto._value import value
from eventproto.http import Headers, Response

__all__ = [
    "ContentReceived",
    "ContentRejected",
    "Delivered",
    "DeliveryFailed",
    "FetchFailed",
    "PublishFailed",
    "Published",
    "Subscribed",
    "SubscriptionDenied",
    "SubscriptionEnded",
    "SubscriptionExpired",
    "SubscriptionFailed",
    "SubscriptionVerified",
    "Unsubscribed",
    "VerificationFailed",
]

# What a subscriber reports.


@value()
class SubscriptionVerified(Event):
    """A hub has verified a subscription, or its renewal: from now on, content will come.

    Attributes:
        name: Of the subscription.
        topic: What the hub will send; it may change when a subscription is renewed.
        lease_seconds: For how long; it is renewed before that.
    """

    name: str
    topic: str
    lease_seconds: int


@value()
class SubscriptionDenied(Event):
    """A hub says that a subscription is not possible, or not any more.

    One that was never verified has ended with this. One that was goes on until its lease ends:
    anybody who knows its callback could have said so. It is renewed as usual, from discovery on,
    and that shows whether it was true.

    Attributes:
        name: Of the subscription.
        reason: What the hub says, for people; may be empty.
    """

    name: str
    reason: str


@value()
class SubscriptionFailed(Event):
    """A subscription did not come about, and has ended.

    Attributes:
        name: Of the subscription.
        error: Why, at the last of the hubs that were asked.
    """

    name: str
    error: Exception


@value()
class SubscriptionExpired(Event):
    """The lease of a subscription was over before it could be renewed. It has ended.

    Attributes:
        name: Of the subscription.
        error: Why the last attempt to renew it failed, or None if it did not come so far.
    """

    name: str
    error: Exception | None


@value()
class ContentReceived(Event):
    """A hub has delivered content, and if the subscription is signed, the signature is right.

    The hub waits until the application sends `Accept` or `Refuse` with the token; 2xx tells it
    that the content has arrived, not that it was processed, so do it soon. Content is all that
    the topic says, or of a feed only the entries that are new: merge it, do not replace by it.

    Attributes:
        token: For the answer.
        name: Of the subscription.
        topic: Of the subscription, as it was verified.
        content_type: What the hub says; None if it says nothing, or no media type.
        body: The content.
        headers: All of the request's; a signature does not cover them.
    """

    token: Hashable
    name: str
    topic: str
    content_type: str | None
    body: bytes
    headers: Headers

    @override
    def message(self) -> Message:
        return Message(data=self.body, source=self.topic, content_type=self.content_type)


@value()
class ContentRejected(Event):
    """Content came without a signature, or with a wrong one, and was turned away.

    Attributes:
        name: Of the subscription.
        error: What is wrong with it; its `code` was the answer.
    """

    name: str
    error: VerificationError


@value()
class Unsubscribed(Event):
    """A subscription has ended because the subscriber wanted it to.

    Attributes:
        name: Of the subscription.
        error: Why the hub could not be told, or None if it was. Without knowing, it goes on
            delivering until the lease ends, and gets 410 for an answer.
    """

    name: str
    error: Exception | None = None


# What a publisher reports.


@value()
class Published(Event):
    """A hub has taken notice that the topic has new content.

    Attributes:
        hub: Its URL.
    """

    hub: str


@value()
class PublishFailed(Event):
    """An attempt to notify a hub failed.

    Attributes:
        hub: Its URL.
        outcome: The answer that was not a 2xx, or why there was none.
        retry_in: Seconds until the next attempt; None if this was the last one.
    """

    hub: str
    outcome: Response | Exception
    retry_in: float | None


# What a hub reports. A callback is a capability: who knows it can speak for the hub. Log with care.


@value()
class Subscribed(Event):
    """A subscriber has confirmed that it wants a subscription, or that it wants it for longer.

    Attributes:
        topic: What it gets.
        callback: Where it gets it.
        lease_seconds: For how long.
    """

    topic: str
    callback: str
    lease_seconds: int


@value()
class VerificationFailed(Event):
    """A subscriber has not confirmed a request. Whatever was in force before it still is.

    Attributes:
        topic: What the request was about.
        callback: Who was asked.
        outcome: The answer that was not the challenge, or why there was none; or what `admit` has
            raised, for which the subscriber was not asked and the request answered with 500.
    """

    topic: str
    callback: str
    outcome: Response | Exception


@value()
class SubscriptionEnded(Event):
    """A subscription of a hub is no longer in force.

    Attributes:
        topic: What it was about.
        callback: Where it led.
        reason: `"unsubscribed"`, `"expired"`, or `"gone"` after a delivery was answered with 410.
    """

    topic: str
    callback: str
    reason: Literal["unsubscribed", "expired", "gone"]


@value()
class Delivered(Event):
    """A subscriber has acknowledged content.

    Attributes:
        topic: Whose content it was.
        callback: Where it went.
    """

    topic: str
    callback: str


@value()
class DeliveryFailed(Event):
    """An attempt to deliver content failed. The subscription goes on until its lease ends.

    Attributes:
        topic: Whose content it was.
        callback: Where it should have gone.
        outcome: The answer that was not a 2xx, or why there was none.
        retry_in: Seconds until the next attempt; None if this content was given up.
    """

    topic: str
    callback: str
    outcome: Response | Exception
    retry_in: float | None


@value()
class FetchFailed(Event):
    """An attempt to fetch a topic that was said to have changed failed.

    Attributes:
        topic: Its URL.
        outcome: The answer that was not a 2xx, or why there was none.
        retry_in: Seconds until the next attempt; None if there is no other.
    """

    topic: str
    outcome: Response | Exception
    retry_in: float | None
