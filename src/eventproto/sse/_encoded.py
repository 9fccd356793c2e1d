"""Events in the bytes of a stream: written once, however many streams they go to."""

from __future__ import annotations

from collections.abc import Hashable

from eventproto._event import Message
from eventproto._value import value
from eventproto.sse._events import Gap, Sendable, ServerSentEvent
from eventproto.sse._writer import encode

__all__ = ["Encoded"]


@value()
class Encoded:
    """What any number of streams can be told to send without encoding it again.

    Attributes:
        data: What stands in the stream, as `encode` gives it.
        id: The last event ID that it sets, or None.
        key: Under `Overflow.COALESCE`, what it replaces while both wait for a slow client: what
            was sent under an equal key. None replaces nothing.
    """

    data: bytes
    id: str | None = None
    key: Hashable = None

    @classmethod
    def of(cls, event: Sendable | Gap, key: Hashable = None) -> Encoded:
        """Encode an event.

        Raises:
            LocalProtocolError: As `encode` does.
        """
        if isinstance(event, Gap):
            event = event.event()
        event_id = event.id if isinstance(event, ServerSentEvent | Message) else None
        return cls(encode(event), event_id, key)

    def __len__(self) -> int:
        return len(self.data)
