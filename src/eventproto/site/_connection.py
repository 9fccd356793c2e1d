"""One connection to a site, through all that it may become."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from typing_extensions import override

from eventproto import sse, websocket
from eventproto._call import CallMachine
from eventproto._event import Closed, Event
from eventproto._layered import Layered
from eventproto._machine import EOF, Chunk, End
from eventproto._value import value
from eventproto.http import Body, Call, Request, Response, Result, ServerConnection
from eventproto.site._endpoints import EventStream, LogStream, StreamOptions, WebSocket
from eventproto.site._places import Start, start_of
from eventproto.site._site import Site

__all__ = ["Followed", "Opened", "Routed", "SiteConnection"]


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
class Followed(Event):
    """A stream was opened that somebody has to fill from a log: from `start` on.

    Until it ends, the connection takes the commands of a `sse.ServerStream`.

    Attributes:
        endpoint: What was asked for.
        request: How it was asked for.
        start: What the client is to get.
    """

    endpoint: LogStream
    request: Request
    start: Start


@value()
class Routed(Event):
    """A call for a role: have the role answer it, and send the `Result` with the call's token."""

    role: CallMachine[Any]
    call: Call


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
        self._stream: tuple[Hashable, sse.ServerStream] | None = None  # with its call's token

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
                if self._open_stream(endpoint, call, endpoint.admit):
                    self._events.append(Opened(endpoint, call.request))
            case LogStream():
                self._follow_log(endpoint, call)
            case WebSocket():
                self._open_websocket(endpoint, call)
            case _:
                self._events.append(Routed(endpoint, call))

    def _open_websocket(self, endpoint: WebSocket, call: Call) -> None:
        response, connection = websocket.accept(
            call.request,
            subprotocols=endpoint.subprotocols,
            origins=endpoint.origins,
            compression=endpoint.compression,
            fragments=endpoint.fragments,
            overflow=endpoint.overflow,
            limits=endpoint.limits,
        )
        self._http.send(Result(call.token, response), self._now)
        if connection is not None:
            self._become(connection, self._http.arrived)
            self._events.append(Opened(endpoint, call.request))

    def _open_stream(self, options: StreamOptions, call: Call, admit: sse.Admit | None) -> bool:
        """Answer with a stream, if there is to be one."""
        head, stream = sse.accept(
            call.request,
            methods=options.methods,
            cors=options.cors,
            admit=admit,
            **options.of_machine(),
        )
        self._http.send(Result(call.token, head, more=stream is not None), self._now)
        if stream is None:
            return False
        stream.handle_timeout(self._now)
        self._stream = (call.token, stream)
        return True

    def _follow_log(self, endpoint: LogStream, call: Call) -> None:
        starts: list[Start] = []

        def admit(request: Request) -> Response | None:
            if endpoint.admit is not None and (refusal := endpoint.admit(request)) is not None:
                return refusal
            start = start_of(endpoint, request)
            if isinstance(start, Response):
                return start
            starts.append(start)
            return None

        if self._open_stream(endpoint, call, admit):
            self._events.append(Followed(endpoint, call.request, *starts))

    @override
    def _on_send(self, command: Any) -> None:
        if self._stream is None:
            super()._on_send(command)
            return
        token, stream = self._stream
        stream.send(command, self._now)
        if isinstance(command, End) and command.going_away:
            self._http.send(command, self._now)
        self._look_after(token, stream)

    @override
    def handle_timeout(self, now: float) -> None:
        super().handle_timeout(now)
        if self._stream is not None:
            token, stream = self._stream
            stream.handle_timeout(self._now)
            self._look_after(token, stream)

    def _look_after(self, token: Hashable, stream: sse.ServerStream) -> None:
        """A stream that has given its client up breaks the answer off."""
        closed = stream.next_event()
        if isinstance(closed, Closed) and closed.error is not None:
            self._stream = None
            self._http.send(Body(token, EOF, closed.error), self._now)

    @override
    def next_output(self) -> Chunk | None:
        output = super().next_output()
        if output is None and self._stream is not None:
            # Only now: what waits for a slow client waits in its stream, which has bounds.
            token, stream = self._stream
            chunk = stream.next_output()
            if chunk is not None:
                if chunk is EOF:
                    self._stream = None
                self._http.send(Body(token, chunk), self._now)
                output = self._http.next_output()
        return output

    @property
    @override
    def deadline(self) -> float | None:
        # While it streams, HTTP waits for the application, without a deadline.
        return self._inner.deadline if self._stream is None else self._stream[1].deadline

    @override
    def _close(self, error: Exception | None = None) -> None:
        self._stream = None
        super()._close(error)
