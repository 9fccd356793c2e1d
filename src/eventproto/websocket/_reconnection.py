"""When a client that is to stay connected asks for another connection."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeAlias

from eventproto._errors import LocalProtocolError
from eventproto._retry import Backoff, Entropy, Schedule, retry_after
from eventproto._value import value
from eventproto.http import HandshakeRejected
from eventproto.proxy import SocksRejected

__all__ = ["Reconnection", "RetryPolicy", "Waiting", "is_transient"]

_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})

RetryPolicy: TypeAlias = Callable[[Exception], bool]
"""Says which errors are worth another attempt."""


def is_transient(error: Exception) -> bool:
    """Whether an error may go away by itself, so that it is worth another attempt.

    That is what the network does, silence included, and a refusal with status 429, 500, 502, 503
    or 504. It is not any other refusal, nor an address that the policy forbids, nor a certificate
    that does not verify, nor a peer that breaks the protocol.
    """
    if isinstance(error, HandshakeRejected | SocksRejected):
        return error.code in _TRANSIENT
    if isinstance(error, PermissionError | ValueError):  # the last: ssl.SSLCertVerificationError
        return False
    return isinstance(error, OSError)


@value(kw_only=True)
class Reconnection:
    """How a client stays connected.

    Attributes:
        backoff: How long to wait before each attempt, by the number of those since a connection
            was healthy; it may give up. By default up to one second at first and up to one minute
            in the end, all of it by chance, so that clients that lost one server do not come back
            as one.
        healthy_after: Seconds after which a connection has been healthy: the next one begins the
            backoff anew. 30.
        retry_after: The longest that a server may have the client wait with `Retry-After`, in
            seconds; what is longer counts as this. One hour.
        worth_another: Which errors are worth another attempt; any other one is raised.
        entropy: Where chance comes from.

    Raises:
        LocalProtocolError: A time is not positive.
    """

    backoff: Schedule = Backoff()
    healthy_after: float = 30.0
    retry_after: float = 3600.0
    worth_another: RetryPolicy = is_transient
    entropy: Entropy = os.urandom

    def __post_init__(self) -> None:
        if not (self.healthy_after > 0 and self.retry_after > 0):
            msg = f"times of a reconnection must be positive, got {self}"
            raise LocalProtocolError(msg)


class Waiting:
    """How long to wait before each attempt.

    Args:
        reconnection: What the application wants.
    """

    def __init__(self, reconnection: Reconnection) -> None:
        self._reconnection = reconnection
        self._failures = 0
        self._opened_at: float | None = None

    def opened(self, now: float) -> None:
        """There is a connection."""
        self._opened_at = now

    def ended(self, now: float) -> float | None:
        """It has ended; return the seconds to wait, or None to give up."""
        opened_at, self._opened_at = self._opened_at, None
        if opened_at is not None and now - opened_at >= self._reconnection.healthy_after:
            self._failures = 0
        return self._next()

    def failed(self, error: Exception, unix_time: float) -> float | None:
        """There is none, and why; return the seconds to wait, or None to give up."""
        if not self._reconnection.worth_another(error):
            return None
        delay = self._next()
        if delay is None or not isinstance(error, HandshakeRejected):
            return delay
        asked = retry_after(error.response.headers.get("Retry-After"), at=unix_time) or 0.0
        return delay + min(asked, self._reconnection.retry_after)

    def _next(self) -> float | None:
        self._failures += 1
        return self._reconnection.backoff.delay(self._failures, self._reconnection.entropy)
