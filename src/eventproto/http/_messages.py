"""Requests and responses as values (RFC 9110)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import SplitResult, parse_qsl, urlsplit

from eventproto._errors import LocalProtocolError
from eventproto._value import value
from eventproto.http._grammar import is_token, is_url
from eventproto.http._headers import Headers

__all__ = ["Admit", "Request", "Response"]

_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_NO_HEADERS: Final = Headers()
# The ones of RFC 9110, and those that event streams are asked for with: RFC 3253, RFC 5323, and
# the safe method with content that was long missing.
_IDEMPOTENT: Final = frozenset(
    {"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "QUERY", "REPORT", "SEARCH", "TRACE"}
)


@value()
class Request:
    """What is asked, of whom.

    Attributes:
        method: A token, by convention in capitals.
        url: Absolute, with the scheme `http`, `https`, `ws` or `wss`; ASCII, percent-encoded.
        headers: Without `Host`, `Content-Length` and `Transfer-Encoding` when it is to be sent:
            the connection writes them.
        body: Whole.

    Raises:
        LocalProtocolError: The method, the URL, the headers or the body are not of that form.
    """

    method: str
    url: str
    headers: Headers = _NO_HEADERS
    body: bytes = b""

    def __post_init__(self) -> None:
        if not _is_method(self.method):
            msg = f"a method is a token (RFC 9110, 9.1), got {self.method!r}"
            raise LocalProtocolError(msg)
        _check_url(self.url)
        _check_kinds(self.headers, self.body)

    @property
    def idempotent(self) -> bool:
        """Whether asking again does no more than asking once, by the method (RFC 9110, 9.2.2)."""
        return self.method in _IDEMPOTENT

    @property
    def scheme(self) -> str:
        """`http`, `https`, `ws` or `wss`."""
        return self._parts.scheme

    @property
    def secure(self) -> bool:
        """Whether the scheme is one over TLS."""
        return self.scheme in {"https", "wss"}

    @property
    def host(self) -> str:
        """The host name or address, lower-case, without brackets."""
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        """The port; the scheme's own if the URL has none."""
        return self._parts.port or _PORTS[self.scheme]

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: who has the same is the same server (RFC 9110, 4.3.1)."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """What the `Host` header says: the host, and the port unless it is the scheme's own."""
        host = self._bracketed
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def path(self) -> str:
        """The path, percent-encoded as it was sent; at least `/`."""
        return self._parts.path or "/"

    @property
    def target(self) -> str:
        """What the request line says (RFC 9112, 3.2).

        Path and query; of CONNECT, host and port; of OPTIONS without a path, which is about the
        server as a whole, `*`.
        """
        if self.method == "CONNECT":
            return f"{self._bracketed}:{self.port}"
        origin = f"{self.scheme}://{self._parts.netloc}"
        target = self.url.partition("#")[0][len(origin) :]  # urlsplit loses an empty query
        if self.method == "OPTIONS" and not target:
            return "*"
        return target if target.startswith("/") else f"/{target}"

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The parameters of the query string, decoded, in order."""
        return tuple(parse_qsl(self._parts.query, keep_blank_values=True, errors="replace"))

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)  # which caches


@value()
class Response:
    """What is answered.

    Attributes:
        status: 100 to 599.
        headers: Without `Content-Length` and `Transfer-Encoding` when it is to be sent: the
            connection writes them.
        body: Whole, or empty where the body is streamed.

    Raises:
        LocalProtocolError: A status outside of the range; headers or a body of another type.
    """

    status: int
    headers: Headers = _NO_HEADERS
    body: bytes = b""

    def __post_init__(self) -> None:
        if not _is_status(self.status):
            msg = f"a status is a number from 100 to 599, got {self.status!r}"
            raise LocalProtocolError(msg)
        _check_kinds(self.headers, self.body)

    @classmethod
    def of_text(cls, status: int, text: str = "") -> Response:
        """A response of plain text, for people to read."""
        headers = Headers({"Content-Type": "text/plain; charset=utf-8"}) if text else _NO_HEADERS
        return cls(status, headers, text.encode())

    @property
    def ok(self) -> bool:
        """Whether the status is one of success, 2xx."""
        return 200 <= self.status <= 299


Admit: TypeAlias = Callable[[Request], Response | None]
"""Decides about a request that would open a session: the whole answer to it, or None to let it in.

401, 403 and 404 end a client that would come back for ever; an event stream is also ended by 204.
"""


def _is_method(method: object) -> bool:
    return isinstance(method, str) and is_token(method) is not None


def _is_status(status: object) -> bool:
    return isinstance(status, int) and 100 <= status <= 599  # RFC 9110, section 15


def _check_url(url: object) -> None:
    try:
        parts = urlsplit(url if isinstance(url, str) and is_url(url) else "")
        port = parts.port
    except ValueError as error:
        msg = f"{url!r} is no URL: {error}"
        raise LocalProtocolError(msg) from error
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        msg = f"a URL must be absolute, with http, https, ws or wss, in ASCII; got {url!r}"
        raise LocalProtocolError(msg)


def _check_kinds(headers: object, body: object) -> None:
    if not isinstance(headers, Headers) or body.__class__ is not bytes:
        got = f"{type(headers).__name__} and {type(body).__name__}"
        msg = f"headers must be Headers and a body must be bytes, not {got}"
        raise LocalProtocolError(msg)
