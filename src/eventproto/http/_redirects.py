"""Redirects: what a response asks for instead (RFC 9110, 15.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from eventproto._errors import LimitExceeded, LocalProtocolError
from eventproto.http._call import HandshakeRejected
from eventproto.http._grammar import joined
from eventproto.http._headers import Headers
from eventproto.http._messages import Request, Response

__all__ = ["redirected", "target_url"]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_WEB: Final = {"http": "http", "https": "https"}
_WEBSOCKET: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
# What stays as it is in a path and in a query: all that `is_url` lets through in both.
_LEGAL: Final = "!#$%&'()*+,/:;=?@[]^`{|}~"


def redirected(
    request: Request, response: Response, *, followed: int, limit: int
) -> Request | None:
    """What a response asks for instead of what it answers, as the Fetch standard has it.

    After 303, and after 301 or 302 to a POST, that is a GET without a body and without the headers
    that describe one. Otherwise it is the same at another URL. All other headers stay; what may
    be told to another origin is for the caller to decide.

    A WebSocket leads to a WebSocket: there, `http` and `https` count as `ws` and `wss`. Neither
    that nor a body leaves TLS: what was to be read by one server only would travel in clear.

    Args:
        request: What was asked.
        response: What was answered.
        followed: How many redirects have led to the request.
        limit: How many there may be.

    Returns:
        What to ask next, or None if the response is no redirect. One that does not say where is
        an answer like any other.

    Raises:
        LimitExceeded: There were too many.
        HandshakeRejected: It leads nowhere, or to where it may not.
    """
    locations = [each for each in response.headers.get_all("Location") if each]
    if response.status not in _REDIRECTS or not locations:
        return None
    if followed >= limit:
        msg = f"more than {limit} redirects, the last one from {request.url}"
        raise LimitExceeded(msg, code=response.status, limit="redirects")
    try:
        there = replace(request, url=_target(request, locations))
        if response.status == 303 or (response.status < 303 and request.method == "POST"):
            there = _retrieval(there)
        if request.secure and not there.secure and (there.body or there.scheme == "ws"):
            msg = f"{there.url} is not secure"
            raise ValueError(msg)
    except (ValueError, LocalProtocolError) as error:
        msg = f"{request.url} redirects to {' and '.join(map(repr, locations))}: {error}"
        raise HandshakeRejected(msg, response=response) from error
    return there


def target_url(base: str, reference: str) -> str:
    """The URL that a reference leads to (RFC 3986, 5), without its fragment.

    What is not legal in a path or a query is percent-encoded, as browsers do: text as UTF-8, and
    bytes that are not UTF-8 as they came.

    Raises:
        ValueError: It cannot be read. What can is still not always the URL of a request.
    """
    scheme, netloc, path, query, _ = urlsplit(joined(base, reference))
    path, query = (quote(each, _LEGAL, errors="surrogateescape") for each in (path, query))
    return urlunsplit((scheme, netloc, path, query, ""))


def _target(request: Request, locations: list[str]) -> str:
    if len(set(locations)) > 1:
        msg = "expected one place; another one may have been slipped in"
        raise ValueError(msg)
    if "@" in urlsplit(locations[0]).netloc:
        msg = "expected no user, who may be there to hide where it leads (RFC 9110, 4.2.4)"
        raise ValueError(msg)
    schemes = _WEBSOCKET if request.scheme in _WEBSOCKET.values() else _WEB
    scheme, _, rest = target_url(request.url, locations[0]).partition(":")
    if scheme not in schemes:
        msg = f"expected {' or '.join(schemes)}"
        raise ValueError(msg)
    return f"{schemes[scheme]}:{rest}"


def _retrieval(request: Request) -> Request:
    method = "HEAD" if request.method == "HEAD" else "GET"
    headers = (each for each in request.headers if not each[0].lower().startswith("content-"))
    return Request(method, request.url, Headers(headers))
