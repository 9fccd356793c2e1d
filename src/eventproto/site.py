"""A site: paths, and what is found there, as a machine over HTTP.

An endpoint is a role that speaks calls (a hub, a publisher, a subscriber, a receiver of
webhooks), a stream of Server-Sent Events, or a WebSocket. `SiteConnection` is one connection to
the site: bytes in, bytes out, whatever the peer asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeAlias

from typing_extensions import override

from eventproto import sse, websocket
from eventproto._call import CallMachine
from eventproto._errors import LocalProtocolError
from eventproto._event import Event
from eventproto._layered import Layered
from eventproto._machine import End
from eventproto._value import value
from eventproto.http import Body, Call, Limits, Request, Response, Result, ServerConnection

__all__ = [
    "Endpoint",
    "EventStream",
    "Handler",
    "Opened",
    "Routed",
    "Site",
    "SiteConnection",
    "WebSocket",
]

Handler: TypeAlias = Callable[[Any, Request], Coroutine[Any, Any, None]]
"""What an application does with a session: an async function of the session and its request.

The driver calls it once for each peer. When it returns, the session ends in order.
"""


@value()
class EventStream:
    """An endpoint that streams Server-Sent Events to each peer.

    Attributes:
        handler: Sends the events; it is cancelled when the peer has gone.
        heartbeat: Seconds without an event after which a comment keeps the connection alive.
        retry: What clients are told to wait before they reconnect, in milliseconds.
    """

    handler: Handler
    heartbeat: float = 15.0
    retry: int | None = None


@value()
class WebSocket:
    """An endpoint that opens a WebSocket with each peer.

    Attributes:
        handler: Talks to the peer.
        subprotocols: Those that this side speaks, best first.
        origins: The values of `Origin` that browsers may come from; None for all.
        limits: The bounds of each connection.
    """

    handler: Handler
    subprotocols: Sequence[str] = ()
    origins: Sequence[str] | None = None
    limits: websocket.Limits = websocket.Limits()


Endpoint: TypeAlias = EventStream | WebSocket | CallMachine[Any]
"""What may be at a path: something that opens a session with each peer, or a role."""


@value()
class Opened(Event):
    """A session was opened: run the endpoint's handler with this connection.

    Until it ends, the connection takes the commands of that protocol and reports its events.

    Attributes:
        endpoint: What was asked for.
        request: How it was asked for.
    """

    endpoint: EventStream | WebSocket
    request: Request


@value()
class Routed(Event):
    """A call for a role: have the role answer it, and send the `Result` with the call's token."""

    role: CallMachine[Any]
    call: Call


class Site:
    """Paths and the endpoints that are found there.

    Args:
        endpoints: By path. A path that ends with `/` also takes everything below it.
        limits: The bounds of each HTTP connection.
    """

    def __init__(
        self, endpoints: Mapping[str, Endpoint] | None = None, *, limits: Limits = Limits()
    ) -> None:
        self.limits = limits
        self._endpoints: dict[str, Endpoint] = {}
        for path, endpoint in (endpoints or {}).items():
            self.add(path, endpoint)

    def add(self, path: str, endpoint: Endpoint) -> None:
        """Put an endpoint at a path.

        Sessions may be added at any time. Roles must be there before the site is served, which
        starts them; one that comes later is answered for with 503.

        Raises:
            LocalProtocolError: The path does not start with `/`, or is taken.
        """
        if not path.startswith("/") or path in self._endpoints:
            msg = f"a path starts with / and is given once, got {path!r}"
            raise LocalProtocolError(msg)
        self._endpoints[path] = endpoint

    def find(self, path: str) -> Endpoint | None:
        """The endpoint at this path: the path itself, or the longest one that it lies below."""
        if path in self._endpoints:
            return self._endpoints[path]
        above = [each for each in self._endpoints if each.endswith("/") and path.startswith(each)]
        return self._endpoints[max(above, key=len)] if above else None

    @property
    def roles(self) -> tuple[CallMachine[Any], ...]:
        """The roles among the endpoints, each once."""
        roles = [each for each in self._endpoints.values() if isinstance(each, CallMachine)]
        return tuple(dict.fromkeys(roles))


class SiteConnection(Layered[Any]):
    """One connection to a site.

    It starts as HTTP/1.1 and reports a `Routed` for each call of a role and an `Opened` for each
    session. It takes the `Result` of a routed call, the commands of the session that is open,
    and `End`: of the session if one is open, else of the connection.

    Args:
        site: What is found where.
        secure: Whether the connection came over TLS.
    """

    def __init__(self, site: Site, *, secure: bool = False) -> None:
        self._http = ServerConnection(secure=secure, limits=site.limits)
        super().__init__(self._http)
        self._site = site
        self._stream: tuple[Call, sse.ServerStream] | None = None

    @override
    def _on_inner_event(self, event: Event) -> None:
        if isinstance(event, Call):
            self._route(event)
        else:
            super()._on_inner_event(event)

    def _route(self, call: Call) -> None:
        endpoint = self._site.find(call.request.path)
        match endpoint:
            case None:
                self._http.send(Result(call.token, Response.of_text(404, "not found")), self._now)
            case EventStream():
                self._open_stream(endpoint, call)
            case WebSocket():
                self._open_websocket(endpoint, call)
            case _:
                self._events.append(Routed(endpoint, call))

    def _open_websocket(self, endpoint: WebSocket, call: Call) -> None:
        response, connection = websocket.accept(
            call.request,
            subprotocols=endpoint.subprotocols,
            origins=endpoint.origins,
            limits=endpoint.limits,
        )
        self._http.send(Result(call.token, response), self._now)
        if connection is not None:
            self._become(connection, self._http.arrived)
            self._events.append(Opened(endpoint, call.request))

    def _open_stream(self, endpoint: EventStream, call: Call) -> None:
        head, stream = sse.accept(call.request, heartbeat=endpoint.heartbeat, retry=endpoint.retry)
        self._http.send(Result(call.token, head, more=stream is not None), self._now)
        if stream is not None:
            stream.handle_timeout(self._now)
            self._stream = (call, stream)
            self._events.append(Opened(endpoint, call.request))
            self._pass_on(call, stream)

    @override
    def _on_send(self, command: Any) -> None:
        if self._stream is None:
            super()._on_send(command)
            return
        call, stream = self._stream
        stream.send(command, self._now)
        self._pass_on(call, stream)
        if isinstance(command, End) and command.going_away:
            self._http.send(command, self._now)

    @override
    def handle_timeout(self, now: float) -> None:
        super().handle_timeout(now)
        if self._stream is not None:
            call, stream = self._stream
            stream.handle_timeout(self._now)
            self._pass_on(call, stream)

    @property
    @override
    def deadline(self) -> float | None:
        deadlines = [super().deadline, self._stream[1].deadline if self._stream else None]
        return min((each for each in deadlines if each is not None), default=None)

    @override
    def _close(self, error: Exception | None = None) -> None:
        self._stream = None
        super()._close(error)

    def _pass_on(self, call: Call, stream: sse.ServerStream) -> None:
        """Write what the stream has written as the body of the response that carries it."""
        while (chunk := stream.next_output()) is not None:
            self._http.send(Body(call.token, chunk), self._now)
        if stream.finished:
            self._stream = None
