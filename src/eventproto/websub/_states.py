"""The states of a subscription, as its subscriber sees them, and what leads from one to another.

A hub needs no table: a subscription is in force there or it is not, and a request changes nothing
before it is verified (5.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeAlias

from eventproto._value import value

__all__ = [
    "TRANSITIONS",
    "Discovering",
    "Lease",
    "Phase",
    "Requesting",
    "State",
    "Turn",
    "Verifying",
]


class State(Enum):
    """How far a subscription has come."""

    PENDING = "pending"
    """Asked for, and no hub has verified it."""
    ACTIVE = "active"
    """Verified; its lease runs, and is being renewed or will be."""
    UNSUBSCRIBING = "unsubscribing"
    """No longer wanted; the hub is being told."""
    ENDED = "ended"
    """Over; known until its lease ends, so that a hub that still delivers can be told."""


class Turn(Enum):
    """What happens to a subscription."""

    VERIFIED = "the hub has verified the request"
    DENIED = "the hub says that the subscription is not possible"
    FAILED = "the request has failed at each hub"
    EXPIRED = "the lease is over"
    UNWANTED = "the application unsubscribes"


TRANSITIONS: Final[Mapping[tuple[State, Turn], State]] = {
    (State.PENDING, Turn.VERIFIED): State.ACTIVE,
    (State.PENDING, Turn.DENIED): State.ENDED,
    (State.PENDING, Turn.FAILED): State.ENDED,
    (State.PENDING, Turn.UNWANTED): State.ENDED,
    # What was verified is in force until its lease ends, whatever becomes of a renewal.
    (State.ACTIVE, Turn.VERIFIED): State.ACTIVE,
    (State.ACTIVE, Turn.DENIED): State.ACTIVE,
    (State.ACTIVE, Turn.FAILED): State.ACTIVE,
    (State.ACTIVE, Turn.EXPIRED): State.ENDED,
    (State.ACTIVE, Turn.UNWANTED): State.UNSUBSCRIBING,
    (State.UNSUBSCRIBING, Turn.VERIFIED): State.ENDED,
    (State.UNSUBSCRIBING, Turn.DENIED): State.ENDED,
    (State.UNSUBSCRIBING, Turn.FAILED): State.ENDED,
    (State.UNSUBSCRIBING, Turn.EXPIRED): State.ENDED,
    (State.ENDED, Turn.EXPIRED): State.ENDED,
}


@value()
class Discovering:
    """The resource was asked for its hubs and its topic.

    Attributes:
        url: Where it is now.
        redirects: How many have led there.
    """

    url: str
    redirects: int = 0


@value()
class Requesting:
    """A hub was asked.

    Attributes:
        topic: What for.
        hubs: The one that is being asked, and those that will be if it does not work out.
        url: Where it is now.
        redirects: How many have led there.
    """

    topic: str
    hubs: tuple[str, ...]
    url: str
    redirects: int = 0


@value()
class Verifying:
    """A hub has accepted a request, and is to verify it.

    Attributes:
        topic: What was asked for.
        hubs: The one that has accepted, and those that will be asked if it does not work out.
        until: When it is too late for that.
    """

    topic: str
    hubs: tuple[str, ...]
    until: float


Phase: TypeAlias = Discovering | Requesting | Verifying
"""Where a request is that is being made, for a new subscription or for one in force."""


@value()
class Lease:
    """What a hub has verified.

    Attributes:
        topic: What it will send.
        hub: Its URL.
        expires: Until when.
    """

    topic: str
    hub: str
    expires: float
