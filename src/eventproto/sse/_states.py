"""The states of an EventSource, and what leads from one to another (section 9.2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

__all__ = ["TRANSITIONS", "State", "Step"]


class State(Enum):
    """Where an EventSource stands; the values are those of `readyState`."""

    CONNECTING = 0
    """Waiting for the answer to a call, or for the time of the next one."""
    OPEN = 1
    """Reading the stream."""
    CLOSED = 2
    """Done, and not to be connected again."""


class Step(Enum):
    """What an EventSource does that changes its state, in the words of the specification."""

    ANNOUNCE = "announce the connection"
    REESTABLISH = "reestablish the connection"
    FAIL = "fail the connection"
    CLOSE = "close"


TRANSITIONS: Final[Mapping[tuple[State, Step], State]] = {
    (State.CONNECTING, Step.ANNOUNCE): State.OPEN,
    (State.CONNECTING, Step.REESTABLISH): State.CONNECTING,
    (State.CONNECTING, Step.FAIL): State.CLOSED,
    (State.CONNECTING, Step.CLOSE): State.CLOSED,
    (State.OPEN, Step.REESTABLISH): State.CONNECTING,
    (State.OPEN, Step.FAIL): State.CLOSED,
    (State.OPEN, Step.CLOSE): State.CLOSED,
}
