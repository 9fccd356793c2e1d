"""One connection to a site, through all that it may become."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import Any, Final, TypeAlias

from typing_extensions import override

from eventproto import sse, websocket
from eventproto._call import CallMachine
from eventproto._event import Closed, Event
from eventproto._layered import Layered
from eventproto._machine import EOF, Chunk, End
from eventproto._value import value
from eventproto.http import Body, Call, Request, Response, Result, ServerConnection
from eventproto.site._endpoints import EventStream, Resource, SocketOptions, WebSocket
from eventproto.site._forms import SocketForm
from eventproto.site._logs import LogSocket, LogStream
from eventproto.site._places import Start, start_of
from eventproto.site._site import Site

__all__ = ["Failed", "Followed", "Opened", "Routed", "SiteConnection"]

SessionEndpoint: TypeAlias = EventStream | LogStream | WebSocket | LogSocket


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
    """A session was opened that somebody has to feed from a log: from `start` on.

    Until it ends, the connection takes the commands of a `sse.ServerStream`, or takes and reports
    what a `websocket.Connection` does.

    Attributes:
        endpoint: What was asked for.
        request: How it was asked for.
        start: What the client is to get.
    """

    endpoint: LogStream | LogSocket
    request: Request
    start: Start


@value()
class Failed(Event):
    """A function of an endpoint has raised that decides about requests, or answers them.

    The request was answered with 500.

    Attributes:
        endpoint: What was asked for.
        request: How it was asked for.
        error: What the function has raised, or what is wrong with its answer.
    """

    endpoint: SessionEndpoint | Resource
    request: Request
    error: Exception


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
        clock_offset: Seconds to add to `now` to get Unix time, for `Date`; None if there is no
            clock to tell it.
    """

    def __init__(
        self, site: Site, *, secure: bool = False, clock_offset: float | None = None
    ) -> None:
        self._http = ServerConnection(secure=secure, limits=site.limits, clock_offset=clock_offset)
        super().__init__(self._http)
        self._site = site
        self._stream: tuple[Hashable, sse.ServerStream] | None = None  # with its call's token
        self._goodbye: End | None = None  # what ends a session that is opened from now on

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
            case Resource():
                self._respond(endpoint, call)
            case EventStream() | LogStream() | WebSocket() | LogSocket():
                self._open(endpoint, call)
            case _:
                self._events.append(Routed(endpoint, call))

    def _respond(self, endpoint: Resource, call: Call) -> None:
        try:
            self._http.send(Result(call.token, endpoint.respond(call.request)), self._now)
        except Exception as error:  # noqa: BLE001  # whatever the application's function raises
            self._fail_to_answer(endpoint, call, error)

    def _fail_to_answer(
        self, endpoint: SessionEndpoint | Resource, call: Call, error: Exception
    ) -> None:
        self._http.send(Result(call.token, _FAILED), self._now)
        self._events.append(Failed(endpoint, call.request, error))

    def _open(self, endpoint: SessionEndpoint, call: Call) -> None:
        starts: list[Start] = []  # of a log
        try:
            response, machine = _accept(endpoint, call.request, starts)
            streams = isinstance(machine, sse.ServerStream)
            self._http.send(Result(call.token, response, more=streams), self._now)
        except Exception as error:  # noqa: BLE001  # whatever the application's functions raise
            self._fail_to_answer(endpoint, call, error)
            return
        if machine is None:
            return
        if isinstance(machine, sse.ServerStream):
            machine.handle_timeout(self._now)
            self._stream = (call.token, machine)
        else:
            self._become(machine, self._http.arrived)
        if self._goodbye is not None:
            machine.send(self._goodbye, self._now)
        if isinstance(endpoint, LogStream | LogSocket):
            self._events.append(Followed(endpoint, call.request, *starts))
        else:
            self._events.append(Opened(endpoint, call.request))

    @override
    def _on_send(self, command: Any) -> None:
        if isinstance(command, End) and command.going_away:
            self._goodbye = command
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
        while output is None and self._stream is not None:
            # Only now: what waits for a slow client waits in its stream, which has bounds.
            token, stream = self._stream
            chunk = stream.next_output()
            if chunk is None:
                break
            if chunk is EOF:
                self._stream = None
            self._http.send(Body(token, chunk), self._now)
            output = self._http.next_output()  # None for an empty chunk
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


_FAILED: Final = Response.of_text(500, "this request could not be answered")


def _accept(
    endpoint: SessionEndpoint, request: Request, starts: list[Start]
) -> tuple[Response, sse.ServerStream | websocket.Connection | None]:
    """Answer a request; who is let in to a log has a start in the list."""
    admit = endpoint.admit
    if isinstance(endpoint, LogStream | LogSocket):
        admit = partial(_admit_to_log, endpoint, starts)
    if isinstance(endpoint, SocketOptions):
        missing = None
        if isinstance(endpoint, LogSocket):
            missing = partial(SocketForm(endpoint.source).missing, sse.last_event_id(request))
        return websocket.accept(request, admit=admit, missing=missing, **endpoint.of_handshake())
    methods, cors = endpoint.methods, endpoint.cors
    return sse.accept(request, methods=methods, cors=cors, admit=admit, **endpoint.of_machine())


def _admit_to_log(
    endpoint: LogStream | LogSocket, starts: list[Start], request: Request
) -> Response | None:
    if endpoint.admit is not None and (refusal := endpoint.admit(request)) is not None:
        return refusal
    if isinstance(endpoint, LogSocket) and _is_beyond(endpoint.id_size, request):
        return Response.of_text(431, "no place has that size")
    start = start_of(endpoint, request)
    if isinstance(start, Response):
        return start
    starts.append(start)
    return None


def _is_beyond(size: int, request: Request) -> bool:
    return len(sse.last_event_id(request).encode()) > size
