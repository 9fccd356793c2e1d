"""What stands in an event stream, and what happens to the connection that carries it."""

from __future__ import annotations

import json
from typing import Final, Literal, TypeAlias

from typing_extensions import override

from eventproto._errors import LocalProtocolError
from eventproto._event import Event, Message
from eventproto._value import value
from eventproto.http import Response

__all__ = [
    "Comment",
    "Disconnected",
    "Gap",
    "Opened",
    "RetryChanged",
    "Sendable",
    "ServerSentEvent",
]


@value()
class ServerSentEvent(Event):
    """An event of the stream.

    Attributes:
        data: Text; or bytes, which travel as base64 next to the field `data-encoding: base64`.
        event: The event type.
        id: The last event ID, with which a client that comes back says where it was. A decoder
            always reports a string, the empty one if the stream has set none. To be sent: None
            leaves the last event ID as it is, and the empty string takes it back.
    """

    data: str | bytes
    event: str = "message"
    id: str | None = None

    @override
    def message(self) -> Message:
        """The data, as UTF-8 if it is text, with the event's type and id."""
        event_id = self.id or None
        if isinstance(self.data, str):
            return Message.of_text(
                self.data, type=self.event, id=event_id, content_type="text/plain"
            )
        return Message(data=self.data, type=self.event, id=event_id)


@value()
class Comment(Event):
    """A line for nobody, sent to keep a connection alive.

    Attributes:
        text: What follows the colon and one space.
    """

    text: str = ""


@value()
class RetryChanged(Event):
    """The server says how long to wait before a reconnection, from now on.

    Attributes:
        milliseconds: The reconnection time, as large as the server likes: below 2**64.
    """

    milliseconds: int


@value()
class Gap:
    """Something is missing from a stream: a server says so where it is missing.

    Nothing in the format means this, so it is an ordinary event: of type `gap`, without an id, and
    with data in JSON such as `{"after":"7","reason":"history"}`. A client that knows what it means
    fetches the state anew; one that does not has no listener for that type.

    Attributes:
        after: The id of the last event before the gap, the empty string if there was none.
        reason: `"history"`: the server's history does not reach back to `after`, and everything
            that it has left follows. `"overflow"`: the client was too slow, and the server has
            dropped what waited longest.
        channel: Which of several channels on one stream; None for the stream.

    Raises:
        LocalProtocolError: A value of another kind.
    """

    after: str
    reason: Literal["history", "overflow"]
    channel: str | None = None

    def __post_init__(self) -> None:
        said: list[object] = [self.after, self.reason, self.channel or ""]
        if not all(isinstance(each, str) for each in said) or self.reason not in _REASONS:
            msg = f"a gap is after an id and has one of two reasons, got {self!r:.200}"
            raise LocalProtocolError(msg)

    def event(self) -> ServerSentEvent:
        """The event that says it."""
        said = {"after": self.after, "reason": self.reason}
        if self.channel is not None:
            said["channel"] = self.channel
        return ServerSentEvent(json.dumps(said, separators=(",", ":")), "gap")

    @classmethod
    def of(cls, event: ServerSentEvent | Message) -> Gap | None:
        """What an event says that was received, or None if it says something else."""
        kind = event.type if isinstance(event, Message) else event.event
        if kind != "gap":
            return None
        try:
            said = json.loads(event.data)
        except (ValueError, RecursionError):
            return None
        match said:
            case {"after": str(after), "reason": "history" | "overflow" as reason}:
                channel = said.get("channel")
                return cls(after, reason, channel if isinstance(channel, str) else None)
            case _:
                return None


Sendable: TypeAlias = ServerSentEvent | Comment | RetryChanged | Message
"""What can be written to an event stream."""


@value()
class Opened(Event):
    """A client's connection is open.

    Attributes:
        url: Where the stream was found, after redirects; its origin is the origin of the events.
        response: The head of the answer.
    """

    url: str
    response: Response


@value()
class Disconnected(Event):
    """A client's connection failed or ended, and there will be another one.

    Attributes:
        error: Why, or None if the server ended the stream in order.
        delay: Seconds until the next attempt.
    """

    error: Exception | None
    delay: float


_REASONS: Final = frozenset({"history", "overflow"})
