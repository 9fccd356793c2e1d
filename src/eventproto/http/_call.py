"""Calls: a Request out, its Response or failure in, tied by a token."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias

from eventproto._errors import ConnectionLost, RemoteProtocolError
from eventproto._event import Event
from eventproto._machine import Chunk
from eventproto._value import value
from eventproto.http._messages import Request, Response

__all__ = [
    "Body",
    "Call",
    "Exchange",
    "HandshakeRejected",
    "Result",
    "Unanswered",
    "Unsent",
]


@value()
class Call(Event):
    """Somebody asks for something.

    Attributes:
        token: Ties the answer to it; whoever makes the call chooses it, unique while it is open.
        request: What is asked.
        stream: Whether the caller wants the body of the answer as it comes, not whole.
    """

    token: Hashable
    request: Request
    stream: bool = False


@value()
class Result(Event):
    """How a call ended, or how its answer begins; there is exactly one for each call.

    Attributes:
        token: The call's.
        outcome: The answer; or why there is none.
        more: Whether this is only the head, and `Body` values follow.
    """

    token: Hashable
    outcome: Response | Exception
    more: bool = False


@value()
class Body(Event):
    """The next piece of a streamed answer.

    Attributes:
        token: The call's.
        chunk: Bytes as they came, or EOF after the last ones.
        error: With EOF: why the body ended before it was complete, or None if it was complete.
    """

    token: Hashable
    chunk: Chunk
    error: Exception | None = None


Exchange: TypeAlias = Call | Result | Body
"""What moves on a wire of calls, either way."""


class Unanswered(ConnectionLost):
    """The connection ended before the first byte of an answer.

    A server may have closed an idle connection just as the request was sent, so a request that is
    idempotent may be sent again, on another connection (RFC 9110, 9.2.2).
    """


class Unsent(ConnectionLost):
    """There was no connection, and nothing of the request has left: it may be sent again."""


class HandshakeRejected(RemoteProtocolError):
    """The server answered an opening request with something other than what was asked for.

    Attributes:
        response: The answer, whole.
        code: Its status.
    """

    def __init__(self, message: str, *, response: Response) -> None:
        super().__init__(message, code=response.status)
        self.response = response
