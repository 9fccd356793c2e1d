"""How an application answers a peer that waits: the commands of all roles that are called."""

from __future__ import annotations

from collections.abc import Hashable

from eventproto._errors import LocalProtocolError
from eventproto._value import value

__all__ = ["Accept", "Refuse"]


@value()
class Accept:
    """The command that tells a waiting peer that its message has been taken.

    Attributes:
        token: That of the event which brought the message.
    """

    token: Hashable


@value()
class Refuse:
    """The command that tells a waiting peer that its message has not been taken.

    Attributes:
        token: That of the event which brought the message.
        status: The HTTP status of the answer, 400 to 599. 503, the default, asks most senders to
            try again later; 410 tells them never to.
        reason: Plain text for the people at the other end; not for their programs.

    Raises:
        LocalProtocolError: The status is not one of failure.
    """

    token: Hashable
    status: int = 503
    reason: str = ""

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            msg = f"a refusal has a status from 400 to 599, got {self.status!r}"
            raise LocalProtocolError(msg)
