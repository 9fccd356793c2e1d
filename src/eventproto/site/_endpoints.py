"""What may be at a path."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Hashable, Sequence
from typing import Any, TypeAlias

from typing_extensions import override

from eventproto import sse, websocket
from eventproto._call import CallMachine
from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto._overflow import Overflow
from eventproto._value import value
from eventproto.bridge import Carriage
from eventproto.engine import Log
from eventproto.http import Request, Response

__all__ = [
    "Endpoint",
    "EventStream",
    "Handler",
    "LogStream",
    "StreamOptions",
    "Topics",
    "WebSocket",
    "type_and_subject",
]

Handler: TypeAlias = Callable[[Any, Request], Coroutine[Any, Any, None]]
"""What an application does with a session: an async function of the session and its request.

The driver calls it once for each peer. When it returns, the session ends in order.
"""

Topics: TypeAlias = str | Collection[str] | Callable[[Request], str | Collection[str] | Response]
"""What a `LogStream` streams: one topic; several channels; or what a function says of a request,
which may also be an answer that refuses it."""


@value(kw_only=True)
class StreamOptions:
    """What all endpoints that stream Server-Sent Events have in common.

    Attributes:
        heartbeat: Seconds without an event after which a comment keeps the connection alive.
        retry: What clients are told to wait before they reconnect, in milliseconds.
        going_away_retry: The same when the server shuts down: long enough for it to start again.
        methods: Those that open a stream.
        cors: Which pages of other origins may read it; None for none.
        admit: What decides about a request: an answer instead of a stream, or None to let it in.
        overflow: What happens with a client that is too slow.
        limits: How much may wait for a client, and for how long.

    Raises:
        LocalProtocolError: As `sse.ServerStream` does.
    """

    heartbeat: float = 15.0
    retry: int | None = None
    going_away_retry: int | None = None
    methods: Sequence[str] = ("GET",)
    cors: sse.Cors | None = None
    admit: sse.Admit | None = None
    overflow: Overflow = Overflow.DISCONNECT
    limits: sse.Limits = sse.Limits()

    def __post_init__(self) -> None:
        sse.ServerStream(**self.of_machine())  # which raises now, not when a client comes

    def of_machine(self) -> dict[str, Any]:
        """Those that `sse.ServerStream` takes."""
        return {
            "heartbeat": self.heartbeat,
            "retry": self.retry,
            "going_away_retry": self.going_away_retry,
            "overflow": self.overflow,
            "limits": self.limits,
        }


@value()
class EventStream(StreamOptions):
    """An endpoint that streams to each client what a handler sends, under `StreamOptions`.

    Attributes:
        handler: Sends the events; it is cancelled when the client has gone. `send` waits for a
            client that is slow; only `post` lets events wait for it.
    """

    handler: Handler


def type_and_subject(message: Message) -> Hashable:
    """Which messages replace each other: those of one type that are about one subject."""
    return message.type, message.subject


@value()
class LogStream(StreamOptions):
    """An endpoint that streams topics of a log to each client, under `StreamOptions`.

    A client that comes back goes on where it was: it misses nothing that the log still has and
    gets nothing twice. If the log does not reach back that far, it gets a `sse.Gap` and then
    everything that is left. Each event is encoded once for all clients, and a slow one holds up
    nobody else.

    One topic is streamed as it is: the event type is the type of the message, the event id its
    id; or its cursor, if the id has a control character or a space at one of its ends, which
    would not come back in a header.

    Several topics are streamed as channels over one connection: a browser has only six to each
    server. The client chooses among those that are allowed with one `channel` query parameter
    for each, or gets them all. The event type is then the channel, or `channel:type` where the type
    of the message is not `message`. The event id is the place in all of them. Each channel is in
    order; there is none between channels.

    Attributes:
        log: What is streamed.
        topics: Which topics of it. A string is one topic; several, also a list of one, are
            channels.
        channel_count: How many channels a client may have on one stream. 32: each of them makes
            the event id, which a client sends back in a header, some 30 bytes longer.
        replay: Whether a client that does not say where it was gets all that the log has. If not,
            it gets what is new, and first of all an id without an event, so that it has a place
            to come back to.
        carriage: How much of a message is in an event.
        key: Under `Overflow.COALESCE`, which messages of a topic replace each other: those of one
            type that are about one subject, unless said otherwise.
        poll: Seconds after which the log is read without a hint that it has news: hints may be
            lost.
    """

    log: Log
    topics: Topics
    channel_count: int = 32
    replay: bool = False
    carriage: Carriage = Carriage.NATIVE
    key: Callable[[Message], Hashable] = type_and_subject
    poll: float = 5.0

    @override
    def __post_init__(self) -> None:
        StreamOptions.__post_init__(self)  # a class with slots is made twice, so no super()
        if not (self.channel_count > 0 and self.poll > 0):
            msg = f"channel_count and poll are positive, got {self.channel_count}, {self.poll}"
            raise LocalProtocolError(msg)


@value()
class WebSocket:
    """An endpoint that opens a WebSocket with each peer.

    Attributes:
        handler: Talks to the peer.
        subprotocols: Those that this side speaks, best first.
        origins: The values of `Origin` that browsers may come from; None for all.
        compression: How messages may be compressed, if the client offers it; None for not at all.
        fragments: Whether messages are reported as they come, as `websocket.Fragment`.
        overflow: What happens with a peer that is too slow for what is broadcast.
        limits: The bounds of each connection.
    """

    handler: Handler
    subprotocols: Sequence[str] = ()
    origins: Sequence[str] | None = None
    compression: websocket.Deflate | None = None
    fragments: bool = False
    overflow: Overflow = Overflow.DISCONNECT
    limits: websocket.Limits = websocket.Limits()


Endpoint: TypeAlias = EventStream | LogStream | WebSocket | CallMachine[Any]
"""What may be at a path: something that opens a session with each peer, or a role."""
