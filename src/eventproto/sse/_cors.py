"""Which pages of other origins may read a stream: the CORS protocol of the Fetch standard."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from eventproto._errors import LocalProtocolError
from eventproto._value import value
from eventproto.http import Headers, Request
from eventproto.http._grammar import is_token

__all__ = ["Cors"]


@value(kw_only=True)
class Cors:
    """Lets pages of other origins read what a server streams.

    Attributes:
        origins: Those that may, as `Origin` names them: `https://app.example`, with the port
            unless it is the scheme's own, without a slash at the end. `"*"` stands for all.
        credentials: Whether they may have the browser send cookies (`withCredentials`). Then
            origins must be named, so that no stranger reads what belongs to a user.
        headers: What they may send besides `Last-Event-ID` and what any page may:
            `Authorization`, for clients in a page that are no EventSource.
        max_age: How long, in seconds, a browser may remember all this. 7200, above which Chromium
            does not go.

    Raises:
        LocalProtocolError: An origin or a header of another form, a `max_age` that is no whole
            number, or credentials for all origins.
    """

    origins: Collection[str] = "*"
    credentials: bool = False
    headers: Sequence[str] = ()
    max_age: int = 7200

    def __post_init__(self) -> None:
        everybody = self.origins == "*"
        if everybody and self.credentials:
            msg = "credentials are for origins that are named, not for '*'"
            raise LocalProtocolError(msg)
        if not everybody and (isinstance(self.origins, str) or not all(map(_named, self.origins))):
            msg = f"origins are '*' or several like 'https://app.example', got {self.origins!r}"
            raise LocalProtocolError(msg)
        if isinstance(self.headers, str) or not all(map(is_token, self.headers)):
            msg = f"headers are several names, like ('Authorization',), got {self.headers!r}"
            raise LocalProtocolError(msg)
        if type(self.max_age) is not int or self.max_age < 0:
            msg = f"max_age is a whole number of seconds, got {self.max_age!r}"
            raise LocalProtocolError(msg)

    def answer(self, request: Request) -> Headers:
        """What the head of an answer to a page says. It exposes no further header."""
        if self.origins == "*":
            return _EVERYBODY
        origin = request.headers.get("Origin")
        if origin not in self.origins:
            return _VARY  # a cache must not give this answer to a page that may read it
        allowed = Headers({"Access-Control-Allow-Origin": str(origin)})
        return allowed + (_CREDENTIALS if self.credentials else Headers()) + _VARY

    def preflight(self, request: Request, methods: Sequence[str]) -> Headers:
        """What a browser is told that asks before it sends a request.

        It does so when a last event ID is long or has bytes that are not safe, too.

        Args:
            request: The OPTIONS request.
            methods: Those that a page may use.
        """
        headers = self.answer(request)
        if "Access-Control-Allow-Origin" not in headers:
            return headers
        return headers + {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": ", ".join(("Last-Event-ID", *self.headers)),
            "Access-Control-Max-Age": str(self.max_age),
        }


def _named(origin: str) -> bool:
    """Whether a browser would name an origin so."""
    return _ORIGIN(origin) is not None and not _REDUNDANT(origin)


_ORIGIN: Final = re.compile(
    r"null|[a-z][a-z0-9+.\-]*://(?:[a-z0-9._~%\-]+|\[[0-9a-f:]+\])(?::[0-9]+)?"
).fullmatch
_REDUNDANT: Final = re.compile(r"http:.*:80|https:.*:443").fullmatch
_EVERYBODY: Final = Headers({"Access-Control-Allow-Origin": "*"})
_CREDENTIALS: Final = Headers({"Access-Control-Allow-Credentials": "true"})
_VARY: Final = Headers({"Vary": "Origin"})
