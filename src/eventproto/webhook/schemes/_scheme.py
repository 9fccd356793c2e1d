"""What all schemes have in common."""

from __future__ import annotations

from typing import Protocol

from eventproto._event import Message
from eventproto.http import Headers, Request
from eventproto.webhook._events import Received

__all__ = ["Scheme"]


class Scheme(Protocol):
    """Signs messages, and verifies requests that claim to bring one.

    A scheme is a value: it keeps no state between calls and reads no clock.
    """

    def sign(self, message: Message, *, at: float) -> Headers:
        """The header fields that show who sent a request whose body is `message.data`.

        Args:
            message: What is sent.
            at: When it is sent, in Unix seconds.

        Raises:
            LocalProtocolError: The scheme cannot carry this message.
        """
        ...

    def verify(self, request: Request, *, at: float) -> Received:
        """What a request brings, once it is certain who sent it.

        Args:
            request: As it was received; the body in the very bytes that were sent.
            at: When it was received, in Unix seconds.

        Raises:
            VerificationError: It is not certain; `kind` says why. Nothing else is raised,
                whatever the request holds.
        """
        ...
