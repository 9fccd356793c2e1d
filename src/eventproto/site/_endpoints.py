"""What opens a session with each peer, and the options of all that does."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeAlias

from eventproto import sse, websocket
from eventproto._errors import LocalProtocolError
from eventproto._overflow import Overflow
from eventproto._value import value
from eventproto.http import Admit, Request, Response

__all__ = [
    "EventStream",
    "Handler",
    "Resource",
    "SocketOptions",
    "StreamOptions",
    "WebSocket",
]

Handler: TypeAlias = Callable[[Any, Request], Coroutine[Any, Any, None]]
"""What an application does with a session: an async function of the session and its request.

The driver calls it once for each peer. When it returns, the session ends in order.
"""


@value()
class Resource:
    """An endpoint that answers each request by itself: with a page, with how the server is doing.

    Attributes:
        respond: A function of a request, of whatever method, that returns the whole answer. It is
            called where the connection is read, so it must not block. If it raises, the answer is
            500, and that is logged.
    """

    respond: Callable[[Request], Response]


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
        LocalProtocolError: As `sse.accept` does.
    """

    heartbeat: float = 15.0
    retry: int | None = None
    going_away_retry: int | None = None
    methods: Sequence[str] = ("GET",)
    cors: sse.Cors | None = None
    admit: Admit | None = None
    overflow: Overflow = Overflow.DISCONNECT
    limits: sse.Limits = sse.Limits()

    def __post_init__(self) -> None:
        # Both raise now, not when a client comes.
        sse.ServerStream(**self.of_machine())
        sse.accept(_NOBODY, methods=self.methods)

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


@value(kw_only=True)
class SocketOptions:
    """What all endpoints that open a WebSocket have in common.

    Attributes:
        subprotocols: Those that this side speaks, best first.
        origins: The values of `Origin` that browsers may come from; None for all.
        admit: What decides about a request that asks for a WebSocket and comes from where it may:
            an answer instead of the connection, which the client sees, or None to let it in.
        compression: How messages may be compressed, if the client offers it; None for not at all.
        fragments: Whether messages are reported as they come, as `websocket.Fragment`.
        overflow: What happens with a peer that is too slow for what is sent to many.
        limits: The bounds of each connection. The handshake is under those of the `Site`, so
            `open_time` has no effect here.

    Raises:
        LocalProtocolError: As `websocket.accept` does; `overflow` is none.
    """

    subprotocols: Sequence[str] = ()
    origins: Sequence[str] | None = None
    admit: Admit | None = None
    compression: websocket.Deflate | None = None
    fragments: bool = False
    overflow: Overflow = Overflow.DISCONNECT
    limits: websocket.Limits = websocket.Limits()

    def __post_init__(self) -> None:
        websocket.accept(_NOBODY, **self.of_handshake())  # which raises now, not when a peer comes
        if not isinstance(self.overflow, Overflow):
            msg = f"overflow is a member of Overflow, got {self.overflow!r}"
            raise LocalProtocolError(msg)

    def of_handshake(self) -> dict[str, Any]:
        """Those that `websocket.accept` takes, but for `admit`."""
        return {
            "subprotocols": self.subprotocols,
            "origins": self.origins,
            "compression": self.compression,
            "fragments": self.fragments,
            "overflow": self.overflow,
            "limits": self.limits,
        }


@value()
class WebSocket(SocketOptions):
    """An endpoint that opens a WebSocket with each peer, under `SocketOptions`.

    Attributes:
        handler: Talks to the peer. When it returns, the connection is closed with code 1000; when
            it raises, with 1011.
    """

    handler: Handler


_NOBODY: Final = Request("GET", "http://localhost/")
"""A request that asks for nothing in particular."""
