"""How a connection ends: with the closing handshake, or without one (RFC 6455, 7)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from enum import Enum
from typing import Final, TypeVar

from typing_extensions import override

from eventproto._errors import ConnectionLost, EventprotoError, PeerTimeout
from eventproto._machine import EOF, Chunk, Machine
from eventproto.websocket._close import AbnormalClosure, decode_close, encode_close, last_words
from eventproto.websocket._events import Close
from eventproto.websocket._heads import Opcode
from eventproto.websocket._limits import Limits
from eventproto.websocket._states import TRANSITIONS, State, Step

__all__ = ["READING", "Closing", "Role"]

CommandT = TypeVar("CommandT")

# A tuple, because members of an enumeration are slow to hash.
READING: Final = (State.OPEN, State.CLOSE_SENT)
"""In which states something is expected of the peer."""


class Role(Enum):
    """Which end of a connection this is."""

    CLIENT = "client"
    """Masks what it sends, and lets the server end the TCP connection."""
    SERVER = "server"
    """Must not mask, and ends the TCP connection once both have said Close."""


class Closing(Machine[CommandT, Chunk, Chunk]):
    """A machine that ends as a WebSocket does, whatever it carries before.

    Args:
        role: Which end this is.
        limits: How long the peer may take, and how many events wait.

    Attributes:
        close_received: What the peer has said in its Close, or None.
        close_sent: What this side has said in its own, or None.
    """

    # With these, a `Connection` would have more attributes than instances share the names of.
    __slots__ = (
        "_ended",
        "_error",
        "_limits",
        "_role",
        "_state",
        "close_received",
        "close_sent",
    )

    def __init__(self, role: Role, limits: Limits) -> None:
        super().__init__(max_backlog=limits.backlog)
        self.close_received: Close | None = None
        self.close_sent: Close | None = None
        self._role = role
        self._limits = limits
        self._state = State.OPEN
        self._ended = False  # whether the wire has brought EOF
        self._error: EventprotoError | None = None  # because of which it ends

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def ending(self) -> bool:
        """Whether nothing more is read, which may not have been reported yet."""
        return self._failure is not None or self._state not in READING

    @abstractmethod
    def _write(self, opcode: Opcode, payload: bytes) -> None:
        """Write a control frame."""

    def _send_close(self, close: Close) -> None:
        self._write(Opcode.CLOSE, encode_close(close))
        self.close_sent = close
        self._step(Step.SEND_CLOSE)
        self._advance()

    def _on_close(self, payload: bytes) -> None:
        self.close_received = decode_close(payload)
        self._step(Step.RECEIVE_CLOSE)

    def _on_end(self) -> None:
        if self._state is State.DISCONNECTING:
            self._close(self._error)
        else:
            self._fail(AbnormalClosure(self.close_sent))

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        if self._state is State.CLOSE_SENT:
            msg = f"the peer did not answer a Close in {self._limits.close_time} seconds"
            self._close(PeerTimeout(msg))
        else:
            self._close(self._error)

    @override
    def _on_failure(self, error: EventprotoError) -> None:
        if isinstance(error, ConnectionLost):
            self._close(error)
            return
        if self._state is State.OPEN:
            self.close_sent = last_words(error)
            self._write(Opcode.CLOSE, encode_close(self.close_sent))
        self._error = error
        self._step(Step.FAIL)
        self._advance()

    @override
    def _close(self, error: Exception | None = None) -> None:
        self._step(Step.CLOSE)
        super()._close(error)

    def _step(self, step: Step) -> None:
        self._state = TRANSITIONS[self._state, step]
        self._timers.clear()
        if self._state is State.DISCONNECTING:
            if step is not Step.FAIL and self.close_received:
                self._events.append(self.close_received)
            if self._role is Role.SERVER:
                self._outputs.append(EOF)
        if self._state in {State.CLOSE_SENT, State.DISCONNECTING}:
            self._timers.set(_Timer.CLOSE, self._now + self._limits.close_time)


class _Timer(Enum):
    CLOSE = "a Close waits for an answer, or for the end of the stream"
