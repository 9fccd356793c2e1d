"""One attempt of a client to open a WebSocket, and the next one if the server asks for another."""

from __future__ import annotations

from dataclasses import replace

from eventproto._value import value
from eventproto.http import Headers, Request, Response
from eventproto.http._redirects import redirected

__all__ = ["Attempt"]


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
        here = Request("GET", self.url)
        there = redirected(here, response, followed=self.redirects, limit=limit)
        if there is None:
            return None
        trusted = self.trusted and here.origin == there.origin
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
