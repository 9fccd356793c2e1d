"""The bounds of WebSub's three roles."""

from __future__ import annotations

from eventproto._errors import LocalProtocolError
from eventproto._limits import check_limits
from eventproto._value import value

__all__ = ["Limits"]

_DAY = 24 * 60 * 60


@value(kw_only=True)
class Limits:
    """How much a role holds, and for how long.

    A hub holds at most one content for each delivery that it still owes; contents are shared, so
    `content_size` bytes for each publication that is not through. A subscriber holds at most
    `unanswered * content_size` bytes, 64 MiB by default. A subscription is some 2 KiB on either
    side.

    Attributes:
        subscriptions: How many a hub keeps (503 for more) or a subscriber makes. 100 000.
        verifications: How many requests a hub may be verifying or denying at a time (503 for
            more); each costs a call to an address that a stranger chose. 1000.
        deliveries: How many deliveries a hub may owe at a time; those above fail at once.
            100 000: one publication for as many subscribers as there may be.
        content_size: Bytes of one content: what a subscriber takes (413), and a hub fetches.
            1 MiB, as HTTP connections here take no larger body anyway.
        request_size: Bytes of the form in a request to a hub (413). 16 KiB: two URLs of the length
            that browsers can handle, and a secret.
        redirects: How many a subscriber or a hub follows before it gives up. 5, as browsers did
            when redirects were still counted in documents.
        topics: How many topics one publish request may name (400). 16; Google's hub takes 10.
        unanswered: How many contents a subscriber has reported that still wait for their answer,
            and how many events it holds for the application (503 for more).
        answer_time: Seconds that the application has to answer a content before the subscriber
            does it with 503, so that the hub tries again. 10, as hubs wait 15 to 30.
        verification_time: Seconds in which a hub must verify a request that it has accepted before
            the subscriber takes it for failed. 300: hubs should verify "as soon as possible".
        lease_minimum: The shortest lease that a hub grants, in seconds. 300: each lease costs a
            verification, to whomever a stranger chose.
        lease_default: The lease that a hub grants if none is asked for, in seconds, and that a
            subscriber assumes if none is named. 10 days, as the specification advises.
        lease_maximum: The longest lease that a hub grants, and the longest that a subscriber
            believes in, in seconds. 30 days: nobody finds a dead hub out sooner than at half of it.
    """

    subscriptions: int = 100_000
    verifications: int = 1000
    deliveries: int = 100_000
    content_size: int = 1024 * 1024
    request_size: int = 16 * 1024
    redirects: int = 5
    topics: int = 16
    unanswered: int = 64
    answer_time: float = 10.0
    verification_time: float = 300.0
    lease_minimum: int = 300
    lease_default: int = 10 * _DAY
    lease_maximum: int = 30 * _DAY

    def __post_init__(self) -> None:
        check_limits(self)
        if not self.lease_minimum <= self.lease_default <= self.lease_maximum:
            msg = f"lease_default must lie between minimum and maximum, got {self.lease_default}"
            raise LocalProtocolError(msg)
