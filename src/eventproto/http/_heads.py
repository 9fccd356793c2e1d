"""Requests and responses as values, and their heads as h11 has them."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final, TypeVar

import h11

from eventproto._errors import LocalProtocolError, RemoteProtocolError
from eventproto.http._headers import Headers
from eventproto.http._messages import Request, Response

__all__ = [
    "check_response",
    "request_from",
    "request_head",
    "response_from",
    "response_head",
    "with_length",
]

HeadT = TypeVar("HeadT", h11.Response, h11.InformationalResponse)

_HOST: Final = re.compile(
    r"(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::[0-9]*)?", re.ASCII
).fullmatch
# A user may be there to hide which host it is (RFC 9110, 4.2.4).
_ABSOLUTE: Final = re.compile(r"https?://[^/?@]*(?:[/?]|\Z)", re.IGNORECASE).match
_LENGTH: Final = re.compile(r"[0-9]{1,20}").fullmatch
_NO_BODY: Final = frozenset({101, 204, 205, 304})
_WITH_CONTENT: Final = frozenset({"PATCH", "POST", "PUT"})
_REASONS: Final = {each.value: each.phrase.encode() for each in HTTPStatus}
_LONGEST_QUOTE: Final = 100


def request_from(head: h11.Request, scheme: str) -> Request:
    """The request that a head begins; raises RemoteProtocolError if it is none for a server."""
    _check_version(head)
    if head.method == b"CONNECT":
        msg = "CONNECT to a server that is no proxy"
        raise RemoteProtocolError(msg, code=501)
    headers = _headers_from(head)
    if head.http_version == b"1.0":
        headers = headers.without("Upgrade")  # RFC 9110, 7.8
    host, target = headers.get("Host", ""), head.target.decode()
    try:
        method = head.method.decode()
        request = Request(method, _target_uri(scheme, host, method, target), headers)
    except LocalProtocolError as error:
        quoted = f"{host[:_LONGEST_QUOTE]!r} and {target[:_LONGEST_QUOTE]!r}"
        msg = f"no target URI comes of the host and the target {quoted} (RFC 9112, 3.3)"
        raise RemoteProtocolError(msg, code=400) from error
    if request.secure and scheme == "http":  # RFC 9110, 7.4
        msg = "an https URL is asked for over a connection without TLS"
        raise RemoteProtocolError(msg, code=421)
    return request


def _target_uri(scheme: str, host: str, method: str, target: str) -> str:
    if "#" in target or not (_HOST(host) or host == ""):
        return ""
    if target.startswith("/"):
        return f"{scheme}://{host}{target}"
    if (method, target) == ("OPTIONS", "*"):
        return f"{scheme}://{host}"
    return target if _ABSOLUTE(target) else ""


def response_from(head: h11.Response | h11.InformationalResponse) -> Response:
    """The response that a head begins; raises RemoteProtocolError if it is none for a client."""
    _check_version(head)
    try:
        return Response(head.status_code, _headers_from(head))
    except LocalProtocolError as error:
        raise RemoteProtocolError(str(error), code=400) from error


def _check_version(head: h11.Request | h11.Response | h11.InformationalResponse) -> None:
    if not head.http_version.startswith(b"1."):
        msg = f"HTTP/{head.http_version.decode()} where HTTP/1.1 is spoken"
        raise RemoteProtocolError(msg, code=505)


def _headers_from(head: h11.Request | h11.Response | h11.InformationalResponse) -> Headers:
    # What Transfer-Encoding says has been undone when anybody sees it (RFC 9112, 7.1.3).
    return Headers.decode(head.headers.raw_items()).without("Transfer-Encoding")


def request_head(request: Request) -> h11.Request:
    """The head to send for a request; raises LocalProtocolError if its headers contradict it."""
    headers, length = request.headers, str(len(request.body))
    if request.body and request.method in {"CONNECT", "TRACE"}:  # RFC 9110, 9.3.6 and 9.3.8
        msg = f"a {request.method} request has no body"
        raise LocalProtocolError(msg)
    if "Expect" in headers and not request.body:
        msg = "without a body there is nothing to wait for with Expect (RFC 9110, 10.1.1)"
        raise LocalProtocolError(msg)
    if (
        "Transfer-Encoding" in headers
        or {each.lower() for each in headers.get_all("Host")} - {request.authority}
        or set(headers.get_all("Content-Length")) - {length}
    ):
        msg = f"Host is {request.authority!r}, Content-Length {length}, and nothing is encoded"
        raise LocalProtocolError(msg)
    if "Upgrade" in headers and not _is_option(headers):
        msg = "whoever sends Upgrade says so in Connection (RFC 9110, 7.8)"
        raise LocalProtocolError(msg)
    headers = headers.replace("Host", request.authority)
    if request.body or request.method in _WITH_CONTENT:  # RFC 9110, 8.6
        headers = headers.replace("Content-Length", length)
    return h11.Request(method=request.method, target=request.target, headers=headers.encode())


def check_response(response: Response, request: Request, *, more: bool) -> None:
    """Raise LocalProtocolError if a response to a request would not arrive as it is meant."""
    status, lengths = response.status, set(response.headers.get_all("Content-Length"))
    if status < 200 and not (status == 101 and _may_switch(response.headers, request.headers)):
        msg = f"status {status} does not answer this request; 101 to what it says in Upgrade does"
    elif status in _NO_BODY and (response.body or more):
        msg = f"an answer with status {status} has no body"
    elif more and response.body:
        msg = "the body of an answer is whole or streamed, not both"
    elif "Transfer-Encoding" in response.headers or (lengths and (more or status < 200)):
        msg = "how a body is framed is for the connection to say"
    elif lengths - {str(len(response.body))} and not _may_claim(response, request, lengths):
        msg = f"Content-Length is {len(response.body)}, not {', '.join(lengths)}"
    else:
        return
    raise LocalProtocolError(msg)


def _may_switch(answered: Headers, asked: Headers) -> bool:
    """Whether both sides name the protocol (RFC 9110, 7.8)."""
    switched, offered = (
        {each.lower() for each in headers.elements("Upgrade")} for headers in (answered, asked)
    )
    return bool(switched) and switched <= offered and _is_option(answered)


def _is_option(headers: Headers) -> bool:
    """Whether `Connection` has what keeps intermediaries from passing `Upgrade` on."""
    return "upgrade" in (each.lower() for each in headers.elements("Connection"))


def _may_claim(response: Response, request: Request, lengths: set[str]) -> bool:
    """Whether these lengths may be those of a body that the response leaves out."""
    left_out = not response.body and (request.method == "HEAD" or response.status == 304)
    return left_out and len(lengths) == 1 and all(map(_LENGTH, lengths))


def with_length(response: Response, method: str) -> Headers:
    """The headers of a whole response with the length of its body, where they may say it."""
    headers = response.headers
    if response.status == 204:  # RFC 9110, 8.6
        return headers.without("Content-Length")
    # The answer to a HEAD may leave out a body of any length, also one that would be streamed.
    left_out = method == "HEAD" and not response.body and response.status != 205
    if response.status == 304 or left_out or "Content-Length" in headers:
        return headers
    return headers.replace("Content-Length", str(len(response.body)))


def response_head(kind: type[HeadT], status: int, headers: Headers = Headers()) -> HeadT:
    """The head to send for a response."""
    return kind(status_code=status, reason=_REASONS.get(status, b""), headers=headers.encode())
