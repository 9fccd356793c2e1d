"""The states of a connection after its opening handshake, and what leads from one to another.

The same for both roles: who closes the TCP connection is the only difference, and is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

__all__ = ["TRANSITIONS", "State", "Step"]


class State(Enum):
    """Where a connection stands; RFC 6455 calls the three in the middle CLOSING."""

    OPEN = "open"
    """Both sides may send messages."""
    CLOSE_SENT = "close sent"
    """This side has said that it is done; the peer may still send messages, until its Close."""
    CLOSE_RECEIVED = "close received"
    """The peer has said that it is done; this side may still answer what came before."""
    DISCONNECTING = "disconnecting"
    """Nothing more will be said; what is left is the end of the TCP connection."""
    CLOSED = "closed"
    """The TCP connection has ended, or is to be dropped."""


class Step(Enum):
    """What changes the state, in the words of RFC 6455, 7.1."""

    SEND_CLOSE = "send a Close control frame"
    RECEIVE_CLOSE = "receive a Close control frame"
    FAIL = "fail the WebSocket connection"
    CLOSE = "the underlying TCP connection is closed"


TRANSITIONS: Final[Mapping[tuple[State, Step], State]] = {
    (State.OPEN, Step.SEND_CLOSE): State.CLOSE_SENT,
    (State.OPEN, Step.RECEIVE_CLOSE): State.CLOSE_RECEIVED,
    (State.OPEN, Step.FAIL): State.DISCONNECTING,
    (State.OPEN, Step.CLOSE): State.CLOSED,
    (State.CLOSE_SENT, Step.RECEIVE_CLOSE): State.DISCONNECTING,
    (State.CLOSE_SENT, Step.FAIL): State.DISCONNECTING,
    (State.CLOSE_SENT, Step.CLOSE): State.CLOSED,
    (State.CLOSE_RECEIVED, Step.SEND_CLOSE): State.DISCONNECTING,
    (State.DISCONNECTING, Step.CLOSE): State.CLOSED,
}
