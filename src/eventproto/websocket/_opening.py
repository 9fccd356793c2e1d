"""Bytes in, bytes out, the opening handshake included: HTTP first, then a WebSocket."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence

from typing_extensions import override

from eventproto import http
from eventproto._answer import Accept
from eventproto._errors import LocalProtocolError, PeerTimeout
from eventproto._event import Event
from eventproto._layered import Layered
from eventproto._machine import End
from eventproto._overflow import Overflow
from eventproto._retry import Entropy
from eventproto.http import Call, Headers, Request, Response, Result
from eventproto.websocket._connection import Connection
from eventproto.websocket._deflate import Deflate
from eventproto.websocket._encoded import Encoded
from eventproto.websocket._events import Opened, Requested, Sendable
from eventproto.websocket._handshake import accept, connect
from eventproto.websocket._limits import Limits

__all__ = ["ClientConnection", "ServerConnection"]


class _Opening(Layered[Sendable | Encoded | Accept | Result | End]):
    """A connection that is HTTP until both sides have agreed on a WebSocket."""

    def __init__(self, inner: http.ClientConnection | http.ServerConnection) -> None:
        super().__init__(inner)
        self._http = inner

    @override
    def _on_send(self, command: Sendable | Encoded | Accept | Result | End) -> None:
        if self._inner is self._http and not isinstance(command, End):
            msg = "nothing can be sent before Opened has been reported"
            raise LocalProtocolError(msg)
        super()._on_send(command)

    def _open(self, connection: Connection, request: Request, response: Response) -> None:
        self._become(connection, self._http.arrived)
        self._events.append(Opened(connection.subprotocol, request, response))


class ClientConnection(_Opening):
    """A client on a new TCP connection: asks for a WebSocket, reports `Opened`, and goes on.

    From then on it takes and reports what `Connection` does; before that, only `End`. If there is
    no WebSocket, nothing is reported but `Closed`, with `HandshakeRejected` if the server answers
    anything else, else with what went wrong with the HTTP.

    Args:
        url: Where to connect to, `ws` or `wss`.
        subprotocols: Those that this side speaks, best first.
        origin: The origin to speak for, as a browser would say it; None for none.
        headers: Further ones, such as `Authorization` or `Cookie`.
        compression: How messages may be compressed, if the server agrees; None for not at all.
        fragments: Whether messages are reported as they come, as `Fragment`.
        limits: The bounds of the handshake and the connection.
        entropy: Where the key of the handshake and masking keys come from.

    Raises:
        LocalProtocolError: As `connect` does.
    """

    def __init__(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        origin: str | None = None,
        headers: Headers = Headers(),
        compression: Deflate | None = None,
        fragments: bool = False,
        limits: Limits = Limits(),
        entropy: Entropy = os.urandom,
    ) -> None:
        super().__init__(http.ClientConnection())
        self._open_time = limits.open_time
        self._request, self._handshake = connect(
            url,
            subprotocols=subprotocols,
            origin=origin,
            headers=headers,
            compression=compression,
            fragments=fragments,
            limits=limits,
            entropy=entropy,
        )

    @override
    def _on_start(self) -> None:
        self._timers.set("opening", self._now + self._open_time)
        self._inner.send(Call(0, self._request), self._now)

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        if self._inner.backlog:
            return  # the server has answered in time; the application is the slow one
        self._give_up(PeerTimeout(f"no WebSocket was open after {self._open_time} seconds"))

    @override
    def _on_inner_event(self, event: Event) -> None:
        if not isinstance(event, Result):
            super()._on_inner_event(event)
        elif isinstance(event.outcome, Response):
            connection = self._handshake.finish(event.outcome)
            self._timers.clear()
            self._open(connection, self._request, event.outcome)
        # Else the same error comes with Closed, next.


class ServerConnection(_Opening):
    """A server on a new TCP connection: waits to be asked for a WebSocket, then reports `Opened`.

    From then on it takes and reports what `Connection` does; before that, only `End`. A request
    that is refused is answered, as `accept` says, and the client may ask again.

    If it is to `ask` its application first, each request is reported as a `Requested`, which is
    answered with `Accept`, or `Result` with any other response than 101. What `accept` refuses is
    refused whatever the application says.

    Args:
        ask: Whether the application decides on each request.
        secure: Whether the connection came over TLS.
        subprotocols: Those that this side speaks, best first.
        origins: Which origins pages may come from whose scripts connect; None for all.
        compression: How messages may be compressed, if the client offers it; None for not at all.
        fragments: Whether messages are reported as they come, as `Fragment`.
        overflow: What happens when more that is `Encoded` waits for the client than limits allow.
        limits: The bounds of the handshake and the connection.
        entropy: Where the payload of Pings comes from.
    """

    def __init__(
        self,
        *,
        ask: bool = False,
        secure: bool = False,
        subprotocols: Sequence[str] = (),
        origins: Sequence[str] | None = None,
        compression: Deflate | None = None,
        fragments: bool = False,
        overflow: Overflow = Overflow.DISCONNECT,
        limits: Limits = Limits(),
        entropy: Entropy = os.urandom,
    ) -> None:
        time = limits.open_time
        http_limits = http.Limits(idle_time=time, request_time=time)
        super().__init__(http.ServerConnection(secure=secure, limits=http_limits))
        self._ask = ask
        self._subprotocols = subprotocols
        self._origins = origins
        self._compression = compression
        self._fragments = fragments
        self._overflow = overflow
        self._limits = limits
        self._entropy = entropy
        self._asked: Call | None = None  # what the application has to decide on

    @override
    def _on_send(self, command: Sendable | Encoded | Accept | Result | End) -> None:
        if isinstance(command, Accept | Result):
            self._decide(command)
        else:
            super()._on_send(command)

    def _decide(self, decision: Accept | Result) -> None:
        call = self._asked
        if call is None or call.token != decision.token:
            msg = f"no request {decision.token!r} waits for an answer"
            raise LocalProtocolError(msg)
        if isinstance(decision, Accept):
            self._accept(call)
            return
        response = decision.outcome
        if not isinstance(response, Response) or response.status == 101 or decision.more:
            msg = f"a request is refused with a whole response, and not with 101, got {decision!r}"
            raise LocalProtocolError(msg)
        self._inner.send(decision, self._now)
        self._asked = None

    @override
    def _on_inner_event(self, event: Event) -> None:
        if not isinstance(event, Call):
            super()._on_inner_event(event)
        elif self._ask:
            self._asked = event
            self._events.append(Requested(event.token, event.request))
        else:
            self._accept(event)

    def _accept(self, call: Call) -> None:
        response, connection = accept(
            call.request,
            subprotocols=self._subprotocols,
            origins=self._origins,
            compression=self._compression,
            fragments=self._fragments,
            overflow=self._overflow,
            limits=self._limits,
            entropy=self._entropy,
        )
        self._asked = None
        self._inner.send(Result(call.token, response), self._now)
        if connection is not None:
            self._open(connection, call.request, response)
