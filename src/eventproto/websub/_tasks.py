"""What a hub keeps: subscriptions that are in force, and tasks that take a call each."""

from __future__ import annotations

from typing import Self, TypeAlias

from eventproto._value import value
from eventproto.http import Response
from eventproto.websub._callbacks import Content, Denial, Verification
from eventproto.websub._requests import SubscriptionRequest
from eventproto.websub._urls import normalized

__all__ = ["Deliver", "Deny", "Fetch", "Grant", "Key", "Task", "Verify", "key_of"]

Key: TypeAlias = tuple[str, str]
"""What identifies a subscription (5.1): topic and callback, however they are spelled."""


def key_of(topic: str, callback: str) -> Key:
    """The key of a subscription."""
    return normalized(topic), normalized(callback)


@value()
class Grant:
    """A subscription in force.

    Attributes:
        topic: As its subscriber writes it.
        callback: As its subscriber writes it.
        secret: What to sign with, or None.
        expires: Until when.
    """

    topic: str
    callback: str
    secret: str | None
    expires: float

    @property
    def key(self) -> Key:
        """What identifies it."""
        return key_of(self.topic, self.callback)


@value()
class Verify:
    """Ask a subscriber whether it did ask for that.

    What it answers is final. If it does not, it is asked again: it may have confirmed.

    Attributes:
        request: What it has asked for.
        intent: What it is asked back.
        at: When it is asked, from which the lease is measured (5.3).
    """

    request: SubscriptionRequest
    intent: Verification
    at: float

    def is_confirmed_by(self, answer: Response) -> bool:
        """Whether it did: with any 2xx and the challenge, and nothing else (5.3.1)."""
        return answer.ok and answer.body == self.intent.challenge.encode()


@value()
class Deny:
    """Tell a subscriber that it cannot have what it has asked for. Not tried again.

    Attributes:
        callback: Where to tell it.
        denial: What it is told.
    """

    callback: str
    denial: Denial


@value()
class Fetch:
    """Fetch a topic and distribute it.

    Attributes:
        topic: As its publisher writes it.
        url: Where it is now.
        redirects: How many have led there.
    """

    topic: str
    url: str
    redirects: int = 0

    @classmethod
    def of_topic(cls, topic: str) -> Self:
        """From where the topic is said to be."""
        return cls(topic, topic)


@value()
class Deliver:
    """Bring one subscriber one content.

    Attributes:
        grant: The subscription, as it was when the content came.
        content: What.
    """

    grant: Grant
    content: Content


Task: TypeAlias = Verify | Deny | Fetch | Deliver
"""What a hub has to do."""
