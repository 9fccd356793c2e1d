"""Messages for many: encoded once, and waiting in each connection for its turn, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

from eventproto._errors import LimitExceeded
from eventproto._event import Message
from eventproto._overflow import OutputQueue, Overflow
from eventproto._value import value
from eventproto.websocket._close import CloseCode
from eventproto.websocket._events import Binary, Text
from eventproto.websocket._frames import encode_frame
from eventproto.websocket._heads import Opcode
from eventproto.websocket._limits import Limits
from eventproto.websocket._messages import framed
from eventproto.websocket._outgoing import Outgoing

__all__ = ["Encoded", "Missing", "Waiting"]


@value()
class Encoded:
    """What any number of connections can be told to send without encoding it again.

    A server's connections without compression send the very same bytes; a client masks, and what
    is compressed depends on what was sent before, so that these encode it when its turn has come.

    It waits in a queue of its own within bounds, `Limits.output_count` and `output_size`, and
    nobody waits for it: that is for messages to many, of which some may be slow. Once another
    message is sent behind it, it does not give way any more.

    Attributes:
        opcode: TEXT or BINARY.
        payload: What the message carries.
        frame: All of it as a frame without a mask.
        key: Under `Overflow.COALESCE`, what it replaces while both wait for a slow peer: what was
            sent under an equal key. None replaces nothing.
    """

    opcode: Opcode
    payload: bytes
    frame: bytes
    key: Hashable = None

    @classmethod
    def of(cls, message: str | bytes | Text | Binary | Message, key: Hashable = None) -> Encoded:
        """Encode a message.

        Raises:
            LocalProtocolError: It is none, or text with half of a surrogate pair.
        """
        opcode, payload = framed(message)
        return cls(opcode, payload, encode_frame(opcode, payload), key)

    def __len__(self) -> int:
        return len(self.frame)


Missing: TypeAlias = Callable[[Encoded | None], Encoded]
"""Makes what a peer is told where messages gave way, of the one that left last before them, if any
did. It must not raise."""


class Waiting:
    """What is encoded and waits for its turn on one connection.

    Args:
        outgoing: What makes the frames of this side.
        overflow: What happens at the bounds.
        limits: The bounds.
        missing: What says that something gave way; None for nobody.
    """

    __slots__ = ("_dropped", "_limits", "_missing", "_outgoing", "_queue", "_taken")

    def __init__(
        self, outgoing: Outgoing, overflow: Overflow, limits: Limits, missing: Missing | None
    ) -> None:
        self._outgoing = outgoing
        self._limits = limits
        self._missing = missing
        self._dropped = 0  # how much the peer knows to be missing
        self._taken: Encoded | None = None  # what left last
        self._queue: OutputQueue[Encoded] = OutputQueue(
            overflow, count=limits.output_count, size=limits.output_size
        )

    def put(self, message: Encoded) -> LimitExceeded | None:
        """Add a message; return why the connection must end, if it must."""
        if self._queue.put(message, message.key):
            return None
        full = len(self._queue) >= self._limits.output_count
        limit = "output_count" if full else "output_size"
        msg = f"more waits for the peer than {limit} allows: {getattr(self._limits, limit)}"
        return LimitExceeded(msg, code=CloseCode.TRY_AGAIN_LATER, limit=limit)

    def take(self) -> bytes | None:
        """The next frame, if there is one and no other message is amid its fragments."""
        if self._outgoing.amid_message or (message := self._next()) is None:
            return None
        if self._outgoing.plain:
            return message.frame
        return self._outgoing.message(message.opcode, message.payload)

    def _next(self) -> Encoded | None:
        if self._missing is None:
            return self._queue.take()
        if self._queue.dropped > self._dropped:
            self._dropped = self._queue.dropped
            message: Encoded | None = self._missing(self._taken)
        else:
            message = self._queue.take()
        self._taken = message or self._taken
        return message
