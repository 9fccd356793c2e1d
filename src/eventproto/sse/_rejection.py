"""Answers that are no stream: whether the client comes back all the same."""

from __future__ import annotations

from typing import Protocol

from eventproto._retry import retry_after
from eventproto.http import Response

__all__ = ["RejectionPolicy", "end_when_rejected", "retry_overloaded"]


class RejectionPolicy(Protocol):
    """Decides what follows from an answer that is no stream; any function of this form will do."""

    def __call__(self, response: Response, attempt: int, at: float) -> float | None:
        """Say how long to wait.

        Args:
            response: The answer, with as much of its body as came in time and has room.
            attempt: How often the client has tried since a connection was last of use, from 1.
            at: The Unix time.

        Returns:
            How many seconds the client waits at least, up to `Limits.retry`; what `backoff` says
            comes on top. None if the answer ends the session.
        """
        ...


def retry_overloaded(
    response: Response,
    attempt: int,  # noqa: ARG001  # that is for `backoff` to count
    at: float,
) -> float | None:
    """Come back after 429 and 503, no sooner than `Retry-After` says; end at anything else.

    These two say that the request was not carried out, and that it may be later (RFC 6585, 4;
    RFC 9110, 15.6.4). This is the `RejectionPolicy` that a client has unless it is told another.
    """
    if response.status not in {429, 503}:
        return None
    return retry_after(response.headers.get("Retry-After"), at=at) or 0.0


def end_when_rejected(response: Response, attempt: int, at: float) -> None:
    """End at any answer that is no stream, as browsers do: another `RejectionPolicy`."""
