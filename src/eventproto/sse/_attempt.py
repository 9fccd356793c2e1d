"""One attempt of a client to get its stream: what it asks for, and what comes of that."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from eventproto._errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from eventproto._event import Message
from eventproto.http import ContentDecoder, HandshakeRejected, Headers, MediaType, Request, Response
from eventproto.http._redirects import redirected
from eventproto.sse._limits import Limits

__all__ = ["Attempt", "NotRepeated", "first_request"]

_DEFAULTS: Final = Headers(
    {
        "Accept": "text/event-stream",
        "Cache-Control": "no-cache",
        "Accept-Encoding": "gzip, deflate",
    }
)
_HARMLESS: Final = frozenset(name.lower() for name, _ in _DEFAULTS)
_LONGEST_QUOTE: Final = 200
_SAID_OTHERWISE: Final = {
    "content-length": "the connection says it",
    "host": "the connection says it",
    "last-event-id": "it is an option of its own",
    "transfer-encoding": "the connection says it",
}


class NotRepeated(ConnectionLost):
    """A request was not answered in full, and asking again might do twice what was to be done once.

    So only the application can decide to (RFC 9110, 9.2.2). `__cause__` is what went wrong.
    """


def first_request(
    method: str, url: str, headers: Headers | Mapping[str, str], body: bytes | Message
) -> Request:
    """What a client asks for, but for the last event ID; raises LocalProtocolError if it cannot."""
    headers = headers if isinstance(headers, Headers) else Headers(headers)
    if isinstance(body, Message):
        if body.content_type is not None and "Content-Type" not in headers:
            headers = headers.replace("Content-Type", body.content_type)
        body = body.data
    if method in {"CONNECT", "HEAD"}:
        msg = f"no event stream answers {method}"
        raise LocalProtocolError(msg)
    for name, _ in headers:
        if (why := _SAID_OTHERWISE.get(name.lower())) is not None:
            msg = f"{name} is no header for the application to give: {why}"
            raise LocalProtocolError(msg)
    for name, text in _DEFAULTS:
        if name not in headers:
            headers = headers.replace(name, text)
    request = Request(method, url, headers, body)
    if request.scheme not in {"http", "https"}:
        msg = f"an event stream is found at http or https, got {url!r}"
        raise LocalProtocolError(msg)
    return request


class Attempt:
    """What is asked for at one place, and what comes of it: a stream, a rejection, a redirect.

    Args:
        request: What is asked for, but for the last event ID.
        limits: The client's.
        redirects: How many redirects have led here.
        trusted: Whether they have never left the origin where the client began.

    Attributes:
        content: The stream, once it has begun.
        opened_at: When it began, if it has.
        ended_at: When it ended, once it has.
        error: Why it ended, if not in order.
    """

    def __init__(
        self, request: Request, limits: Limits, *, redirects: int = 0, trusted: bool = True
    ) -> None:
        self.request = request
        self.redirects = redirects
        self.content = ContentDecoder()
        self.opened_at: float | None = None
        self.ended_at: float | None = None
        self.error: Exception | None = None
        self._limits = limits
        self._trusted = trusted
        self._rejection = bytearray()
        self._response: Response
        self._complaint: str

    def redirected(self, response: Response) -> Attempt | None:
        """The attempt that an answer asks for instead of this one, or None if it asks for none.

        Raises:
            LimitExceeded: There were too many redirects.
            HandshakeRejected: It leads nowhere, or takes a body away from TLS.
        """
        request = redirected(
            self.request,
            response,
            followed=self.redirects,
            limit=self._limits.redirects,
        )
        if request is None:
            return None
        trusted = self._trusted and request.origin == self.request.origin
        if not trusted:
            told = (field for field in request.headers if _tells_no_secret(field[0].lower()))
            request = replace(request, headers=Headers(told))
        return Attempt(request, self._limits, redirects=self.redirects + 1, trusted=trusted)

    def begin(self, response: Response, now: float) -> bool:
        """Take the head of an answer, and say whether a stream follows."""
        self._response = response
        content_type = response.headers.get("Content-Type")
        media_type = MediaType.parse(content_type)
        if response.status != 200 or not media_type or media_type.essence != "text/event-stream":
            self._complaint = (
                f"expected 200 and text/event-stream from {self.request.url}, "
                f"got {response.status} and {content_type or 'no Content-Type'}"
            )
            return False
        try:
            self.content = ContentDecoder.of(response.headers, expansion=self._limits.expansion)
        except RemoteProtocolError as error:
            self._complaint = f"cannot read what {self.request.url} sends: {error}"
            return False
        self.opened_at = now
        return True

    def end(self, error: Exception | None, now: float) -> None:
        """The body has ended, in order or not."""
        self.error = error
        self.ended_at = now

    def cut_off(self) -> Exception | None:
        """Why the stream ended where nothing is left to read, if not in order."""
        if self.error is None and not self.content.complete:
            return ConnectionLost("the stream ended in the middle of what was compressed")
        return self.error

    def collect(self, chunk: bytes) -> bool:
        """Keep what an answer says that is no stream; tell whether there is room for more."""
        room = self._limits.rejection_size - len(self._rejection)
        self._rejection += chunk[:room]
        return len(chunk) < room

    def rejection(self) -> HandshakeRejected:
        """What to tell of an answer that is no stream, with as much of its body as there is."""
        response = replace(self._response, body=bytes(self._rejection))
        with suppress(RemoteProtocolError):  # then it stays as it came
            response = _decoded(response, self._limits.rejection_size)
        return HandshakeRejected(f"{self._complaint}{_quotation(response)}", response=response)


def _decoded(response: Response, size: int) -> Response:
    """A response without its content coding, and with no more than that of its body."""
    decoder = ContentDecoder.of(response.headers)
    decoder.receive(response.body)
    content = bytearray()
    while len(content) < size and (piece := decoder.read(size - len(content))):
        content += piece
    return Response(response.status, response.headers.without("Content-Encoding"), bytes(content))


def _quotation(response: Response) -> str:
    """How an answer begins that is for developers to read, or nothing."""
    media_type = MediaType.parse(response.headers.get("Content-Type"))
    if media_type is None or not media_type.essence.endswith(("/plain", "json")):
        return ""
    return f": {response.body[:_LONGEST_QUOTE].decode('utf-8', 'replace')!r}"


def _tells_no_secret(name: str) -> bool:
    return name in _HARMLESS or name.startswith("content-")
