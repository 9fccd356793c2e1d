"""A tunnel through an HTTP proxy (RFC 9110, 9.3.6)."""

from __future__ import annotations

from typing_extensions import override

from eventproto._errors import LocalProtocolError
from eventproto._event import Event
from eventproto._layered import Layered
from eventproto._machine import Chunk, End
from eventproto.http import (
    Call,
    ClientConnection,
    HandshakeRejected,
    Headers,
    Limits,
    Request,
    Response,
    Result,
)
from eventproto.proxy._tunnel import Opened, Tunnel

__all__ = ["HttpTunnel"]


class HttpTunnel(Layered[End], Tunnel):
    """A `Tunnel` that `CONNECT` opens.

    Any answer but one of success closes it with `HandshakeRejected`, redirects included: a proxy
    must not be able to answer for the target. Else `Closed` says what went wrong with the HTTP.

    Args:
        host: The target, a name or an address.
        port: Its port.
        headers: For the proxy, such as `Proxy-Authorization`.
        limits: The bounds of the proxy's answer.

    Raises:
        LocalProtocolError: There cannot be such a target.
    """

    def __init__(
        self, host: str, port: int, *, headers: Headers = Headers(), limits: Limits = Limits()
    ) -> None:
        self._http = ClientConnection(limits=limits)
        super().__init__(self._http)
        authority = f"[{host}]" if ":" in host else host
        self._request = Request("CONNECT", f"http://{authority}:{port}", headers)
        if (self._request.host, self._request.port) != (host.lower(), port):
            msg = f"a target is a host and a port, got {host!r} and {port}"
            raise LocalProtocolError(msg)

    @property
    @override
    def arrived(self) -> list[Chunk]:
        return self._http.arrived

    @override
    def _on_start(self) -> None:
        self._http.send(Call(0, self._request), self._now)

    @override
    def _on_inner_event(self, event: Event) -> None:
        if not isinstance(event, Result):
            super()._on_inner_event(event)
        elif isinstance(event.outcome, Response):
            if not event.outcome.ok:
                target, status = self._request.target, event.outcome.status
                msg = f"the proxy answered {status} when asked for a tunnel to {target}"
                raise HandshakeRejected(msg, response=event.outcome)
            self._events.append(Opened())
        # Else the same error comes with Closed, next.
