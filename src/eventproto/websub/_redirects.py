"""Following redirects, of topics (6.1) and of hubs (5.1.2)."""

from __future__ import annotations

from typing import Final

from eventproto._errors import LimitExceeded
from eventproto.http import HandshakeRejected, Response
from eventproto.websub._limits import Limits
from eventproto.websub._urls import resolved

__all__ = ["REDIRECTS", "REPEATED", "redirected"]

REPEATED: Final = frozenset({307, 308})
"""The statuses that ask for the same request, with the same method and body, somewhere else."""

REDIRECTS: Final = frozenset({301, 302, 303}) | REPEATED
"""The statuses that ask for a GET somewhere else."""


def redirected(response: Response, url: str, *, followed: int, limits: Limits) -> str:
    """Where a redirect leads.

    Args:
        response: With one of the statuses above.
        url: Where it came from.
        followed: How many redirects have led there.
        limits: How many there may be.

    Raises:
        LimitExceeded: There are too many.
        HandshakeRejected: It leads nowhere.
    """
    if followed >= limits.redirects:
        msg = f"more than {limits.redirects} redirects, the last one from {url}"
        raise LimitExceeded(msg, code=response.status, limit="redirects")
    location = response.headers.get("Location", "")
    target = resolved(url, location) if location else None
    if target is None:
        msg = f"{url} redirects to {location!r}"
        raise HandshakeRejected(msg, response=response)
    return target
