"""Bytes in, bytes out, the opening handshake included: HTTP first, then a WebSocket."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence

from typing_extensions import override

from eventproto import http
from eventproto._errors import LocalProtocolError, PeerTimeout
from eventproto._event import Event
from eventproto._layered import Layered
from eventproto._machine import End
from eventproto._retry import Entropy
from eventproto.http import Call, Headers, Request, Response, Result
from eventproto.websocket._connection import Connection
from eventproto.websocket._events import Opened, Sendable
from eventproto.websocket._handshake import accept, connect
from eventproto.websocket._limits import Limits

__all__ = ["ClientConnection", "ServerConnection"]


class _Opening(Layered[Sendable | End]):
    """A connection that is HTTP until both sides have agreed on a WebSocket."""

    def __init__(self, inner: http.ClientConnection | http.ServerConnection) -> None:
        super().__init__(inner)
        self._http = inner

    @override
    def _on_send(self, command: Sendable | End) -> None:
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
            limits=limits,
            entropy=entropy,
        )

    @override
    def _on_start(self) -> None:
        self._timers.set("opening", self._now + self._open_time)
        self._inner.send(Call(0, self._request), self._now)

    @override
    def _on_timeout(self, timer: Hashable) -> None:
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

    Args:
        secure: Whether the connection came over TLS.
        subprotocols: Those that this side speaks, best first.
        origins: Which origins pages may come from whose scripts connect; None for all.
        limits: The bounds of the handshake and the connection.
        entropy: Where the payload of Pings comes from.
    """

    def __init__(
        self,
        *,
        secure: bool = False,
        subprotocols: Sequence[str] = (),
        origins: Sequence[str] | None = None,
        limits: Limits = Limits(),
        entropy: Entropy = os.urandom,
    ) -> None:
        time = limits.open_time
        http_limits = http.Limits(idle_time=time, request_time=time)
        super().__init__(http.ServerConnection(secure=secure, limits=http_limits))
        self._subprotocols = subprotocols
        self._origins = origins
        self._limits = limits
        self._entropy = entropy

    @override
    def _on_inner_event(self, event: Event) -> None:
        if not isinstance(event, Call):
            super()._on_inner_event(event)
            return
        response, connection = accept(
            event.request,
            subprotocols=self._subprotocols,
            origins=self._origins,
            limits=self._limits,
            entropy=self._entropy,
        )
        self._inner.send(Result(event.token, response), self._now)
        if connection is not None:
            self._open(connection, event.request, response)
