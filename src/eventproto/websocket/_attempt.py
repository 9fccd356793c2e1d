"""One attempt of a client to open a WebSocket, and the next one if the server asks for another."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from eventproto._errors import LimitExceeded, LocalProtocolError
from eventproto._value import value
from eventproto.http import HandshakeRejected, Headers, Request, Response

__all__ = ["Attempt"]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SCHEMES: Final = {"http": "ws", "https": "wss"}


@value()
class Attempt:
    """Where a client asks for a WebSocket, and with which headers.

    A server may refuse, and say where else to ask, or who may. What follows from that is decided
    here; whoever carries this connects again.

    Attributes:
        url: Where, `ws` or `wss`.
        headers: With which ones, besides those of the handshake.
        redirects: How many redirects have led here.
        trusted: Whether they have never left the origin where the client began.
        authenticated: Whether the server has asked for credentials, and was given them.
    """

    url: str
    headers: Headers = Headers()
    redirects: int = 0
    trusted: bool = True
    authenticated: bool = False

    def redirected(self, response: Response, *, limit: int) -> Attempt | None:
        """The attempt that a refusal asks for instead of this one.

        `http` and `https` count as `ws` and `wss`. What the headers say is not told to another
        origin, nor to any that it leads to.

        Args:
            response: What the server has answered.
            limit: How many redirects may be followed.

        Returns:
            The next attempt, or None if the answer is no redirect.

        Raises:
            LimitExceeded: There were too many.
            HandshakeRejected: It leads nowhere, or from `wss` down to `ws`.
        """
        location = response.headers.get("Location")
        if response.status not in _REDIRECTS or location is None:
            return None
        if self.redirects >= limit:
            msg = f"more than {limit} redirects, the last one from {self.url}"
            raise LimitExceeded(msg, code=response.status, limit="redirects")
        try:
            here, there = Request("GET", self.url), Request("GET", _resolved(self.url, location))
        except (ValueError, LocalProtocolError) as error:
            msg = f"{self.url} redirects to {location!r}: {error}"
            raise HandshakeRejected(msg, response=response) from error
        if here.secure and not there.secure:
            msg = f"{self.url} redirects to {there.url}, which is not secure"
            raise HandshakeRejected(msg, response=response)
        trusted = self.trusted and _origin(here) == _origin(there)
        return replace(
            self,
            url=there.url,
            headers=self.headers if trusted else Headers(),
            redirects=self.redirects + 1,
            trusted=trusted,
        )

    def may_authenticate(self, response: Response) -> bool:
        """Whether a refusal asks for credentials, for the first time and where the client began.

        A server to which the client was sent by another one is not told any.
        """
        return response.status == 401 and self.trusted and not self.authenticated

    def with_credentials(self, headers: Headers) -> Attempt:
        """The same attempt with further headers, which replace those of the same names."""
        kept = self.headers
        for name, _ in headers:
            kept = kept.without(name)
        return replace(self, headers=kept + headers, authenticated=True)


def _resolved(url: str, location: str) -> str:
    """Where a WebSocket is found that a server has named; raises ValueError if nowhere."""
    parts = urlsplit(urljoin(url, location))
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    if scheme not in _SCHEMES.values() or "@" in parts.netloc:
        msg = "a WebSocket is found at ws or wss, with no user"
        raise ValueError(msg)
    return urlunsplit((scheme, parts.netloc, parts.path, parts.query, ""))


def _origin(request: Request) -> tuple[bool, str, int]:
    return request.secure, request.host, request.port
