"""The bounds of webhook senders and receivers."""

from __future__ import annotations

from eventproto._limits import check_limits
from eventproto._value import value

__all__ = ["Limits"]


@value(kw_only=True)
class Limits:
    """How much a sender or a receiver of webhooks holds, and for how long.

    A receiver holds at most `unanswered * body_size` bytes, 64 MiB by default.

    Attributes:
        body_size: Bytes of one body that a receiver takes (413). 1 MiB, fifty times what the
            Standard Webhooks specification advises.
        signatures: How many signatures one request may bring (400); each costs one comparison
            per secret. 16: a rotation needs two, or four with both kinds of key.
        unanswered: How many events a receiver holds for the application, and how many messages
            it has reported that still wait for their answer (503 for more). Of what it rejects it
            reports only as much as leaves half of the room to messages.
        answer_time: Seconds that the application has to answer before the receiver does it with
            503, so that the sender tries again. 10, as senders wait 15 to 30.
        pending: How many messages a sender holds until they are delivered or given up. 10 000:
            an endpoint that is down for an hour misses that many at three a second.
    """

    body_size: int = 1024 * 1024
    signatures: int = 16
    unanswered: int = 64
    answer_time: float = 10.0
    pending: int = 10_000

    def __post_init__(self) -> None:
        check_limits(self)
