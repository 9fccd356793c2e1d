"""What replays a log to each peer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TypeAlias

from typing_extensions import override

from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto._value import value
from eventproto.bridge import Carriage
from eventproto.cloudevents import WEBSOCKET_SUBPROTOCOL, to_json
from eventproto.engine import Log
from eventproto.engine._checks import check_name
from eventproto.http import Request, Response
from eventproto.site._endpoints import Handler, SocketOptions, StreamOptions

__all__ = ["LogOptions", "LogSocket", "LogStream", "Topics", "check_topics", "type_and_subject"]

Topics: TypeAlias = str | Collection[str] | Callable[[Request], str | Collection[str] | Response]
"""What is replayed of a log: one topic; several channels; or what a function says of a request,
which may also be an answer that refuses it."""


def type_and_subject(message: Message) -> Hashable:
    """Which messages replace each other: those of one type that are about one subject."""
    return message.type, message.subject


def check_topics(topics: str | Collection[str]) -> None:
    """Raise LocalProtocolError for what no log has: no engine would read it."""
    for topic in (topics,) if isinstance(topics, str) else topics:
        check_name("a topic", topic)


@dataclass(frozen=True)
class LogOptions:
    """What all endpoints that replay a log have in common.

    A client that comes back goes on where it was: it misses nothing that the log still has and
    gets nothing twice. It says where it was with a `Last-Event-ID`, or with the query parameter
    `last_event_id`. If the log does not reach back that far, it gets a gap and then everything
    that is left. Each record is read and encoded once for all clients, and a slow one holds up
    nobody else.

    Several topics are channels of one connection. The client chooses among those that are allowed
    with one `channel` query parameter for each, or gets them all. Its place is then one in all of
    them. Each channel is in order; there is none between channels.

    Attributes:
        log: What is replayed.
        topics: Which topics of it. A string is one topic; several, also a list of one, are
            channels.
        channel_count: How many channels a client may have on one connection. 32: each of them
            makes its place, which a client sends back in a header, longer by 27 bytes and its name.
            What `id_size` has no room for is refused, too, with 400.
        replay: Whether a client that does not say where it was gets all that the log has. If not,
            it gets what is new, and first of all its place, so that it has one to come back to.
        key: Under `Overflow.COALESCE`, which messages of a topic replace each other: those of one
            type that are about one subject, unless said otherwise. One for which it raises
            replaces nothing, and that is logged.
        poll: Seconds after which the log is read without a hint that it has news: hints may be
            lost.

    Raises:
        LocalProtocolError: `channel_count` or `poll` is not positive; `log` is none; a topic is no
            string, or an empty one.
    """

    __slots__ = ()  # those of what inherits it, which may have only one parent with slots

    log: Log
    topics: Topics
    _: KW_ONLY
    channel_count: int = 32
    replay: bool = False
    key: Callable[[Message], Hashable] = type_and_subject
    poll: float = 5.0

    def __post_init__(self) -> None:
        if not (self.channel_count > 0 and self.poll > 0):
            msg = f"channel_count and poll are positive, got {self.channel_count}, {self.poll}"
            raise LocalProtocolError(msg)
        if not hasattr(self.log, "read"):
            msg = f"log is one of an engine, such as `engine.log`, got {self.log!r}"
            raise LocalProtocolError(msg)
        if not callable(self.topics):
            check_topics(self.topics)


@value(kw_only=True)
class LogStream(StreamOptions, LogOptions):
    """An endpoint that streams topics of a log, under `StreamOptions` and `LogOptions`.

    One topic is streamed as it is: the event type is the type of the message, the event id its
    id; or its cursor, if the id would not come back in a header: if it has a control character,
    a space at one of its ends, or more bytes than `Limits.id_size`.

    Several topics are channels: a browser has only six connections to each server. The event type
    is then the channel, or `channel:type` where the type of the message is not `message`. The
    event id is the place in all of them. A gap is a `sse.Gap`, and a place an id without an event.

    Attributes:
        carriage: How much of a message is in an event.
    """

    carriage: Carriage = Carriage.NATIVE

    @override
    def __post_init__(self) -> None:
        # A class with slots is made twice, so no super().
        StreamOptions.__post_init__(self)
        LogOptions.__post_init__(self)

    @property
    def id_size(self) -> int:
        """Bytes of a place that a client says it was at; more is answered with 431."""
        return self.limits.id_size


@value(kw_only=True)
class LogSocket(SocketOptions, LogOptions):
    """An endpoint that sends topics of a log over WebSockets: `SocketOptions` and `LogOptions`.

    Each record is one text message: a CloudEvent in JSON, of the subprotocol `cloudevents.json`,
    whether or not the client has offered that. `bridge.from_websocket` reads it. It is the message
    as it was appended, and beside that says:

    - `lasteventid`, an extension: the place of the client behind it. It is the one that a
      `LogStream` of the same topics gives, so a client may go over from one to the other.
    - `channel`, an extension: where there are several topics, which one it is of.
    - `source`, where the message has none: `source` of this endpoint and the topic.

    An extension of either name that a message has gives way. A gap, also one that
    `Overflow.DROP_OLDEST` leaves, is an event of type `gap` with the data of a `sse.Gap`, which
    `sse.Gap.of` reads; a place without a record is one of type `place`, without data.

    A message that is no CloudEvent is left out and logged: `cloudevents.to_json` says which.

    Attributes:
        handler: Talks with the peer at the same time; what it sends goes between the records. When
            it returns, the connection is closed with code 1000. Without one, a peer that says
            anything is told 1003.
        source: What stands before the topic, percent-encoded, as the `source` of messages that have
            none; and is the source of what the endpoint itself says.
        id_size: Bytes of a place that a client says it was at; more is answered with 431. 4 KiB,
            as `sse.Limits` has it.

    Raises:
        LocalProtocolError: `source` is none of a CloudEvent, or `id_size` is not positive.
    """

    handler: Handler | None = None
    source: str = "/"
    id_size: int = 4 * 1024
    subprotocols: Sequence[str] = (WEBSOCKET_SUBPROTOCOL,)

    @override
    def __post_init__(self) -> None:
        SocketOptions.__post_init__(self)
        LogOptions.__post_init__(self)
        to_json(Message(data=b"", id="any", source=self.source))
        if not self.id_size > 0:
            msg = f"id_size is positive, got {self.id_size}"
            raise LocalProtocolError(msg)
