"""The server's side: one event stream to one client."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Final

from typing_extensions import override

from eventproto._errors import LocalProtocolError
from eventproto._machine import EOF, Chunk, End, Machine
from eventproto.http import Headers, Request, Response
from eventproto.sse._events import Comment, RetryChanged, Sendable
from eventproto.sse._writer import encode

__all__ = ["ServerStream", "accept", "last_event_id"]


def accept(
    request: Request, *, heartbeat: float = 15.0, retry: int | None = None
) -> tuple[Response, ServerStream | None]:
    """Answer a request for an event stream, whoever parsed the HTTP.

    The method is the caller's business, except that an answer to HEAD has no stream.

    Args:
        request: What the client asks. Where it was before is read from its `Last-Event-ID`, or
            from the query parameter `last_event_id`, which also a browser's first request can
            carry.
        heartbeat: See `ServerStream`.
        retry: See `ServerStream`.

    Returns:
        The head of the response, which keeps caches and proxies from storing and holding back;
        and the machine that writes the body.

    Raises:
        LocalProtocolError: As `ServerStream` does.
    """
    stream = ServerStream(heartbeat=heartbeat, retry=retry, last_event_id=last_event_id(request))
    return Response(200, _HEADERS), None if request.method == "HEAD" else stream


def last_event_id(request: Request) -> str:
    """Where a client says that it was: the empty string if it does not.

    From its `Last-Event-ID`, or from the query parameter `last_event_id`, which also a browser's
    first request can carry. It is what anybody may have made up.
    """
    header = request.headers.get("Last-Event-ID")
    if header is None:
        return next((text for name, text in request.query if name == "last_event_id"), "")
    # Bytes that are not UTF-8 are surrogates in a header, which no application could write.
    return header.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class ServerStream(Machine[Sendable | End, Chunk, Chunk]):
    """Writes one event stream: what is sent to it leaves as the bytes of the body.

    It reports nothing but `Closed`, without an error: after `End`, and when the wire brings EOF,
    for a client has no other way to take its leave. A client that sees the stream end comes back;
    to stop it, answer its next request with 204.

    Args:
        heartbeat: Seconds without anything to write after which an empty comment is written, so
            that no proxy takes the connection for dead. Also what makes a client noticed that
            went away in silence. 15, as the specification advises.
        retry: What the client is told, at the beginning, to wait before it reconnects, in
            milliseconds; None to leave it to the client.
        last_event_id: Where the client says that it was.

    Attributes:
        last_event_id: Where the client says that it was, the empty string if it does not. It is
            what anybody may have made up.

    Raises:
        LocalProtocolError: A heartbeat that is not positive and finite, or a `retry` that
            `encode` refuses.
    """

    def __init__(
        self, *, heartbeat: float = 15.0, retry: int | None = None, last_event_id: str = ""
    ) -> None:
        super().__init__()
        if not 0 < heartbeat < math.inf:
            msg = f"heartbeat must be a positive number of seconds, got {heartbeat!r}"
            raise LocalProtocolError(msg)
        self.last_event_id = last_event_id
        self._heartbeat = heartbeat
        if retry is not None:
            self._outputs.append(encode(RetryChanged(retry)))

    @override
    def _on_start(self) -> None:
        self._timers.set(_HEARTBEAT, self._now + self._heartbeat)

    @override
    def _on_send(self, command: Sendable | End) -> None:
        if isinstance(command, End):
            self._outputs.append(EOF)
            self._close()
        else:
            self._outputs.append(encode(command))
            self._timers.set(_HEARTBEAT, self._now + self._heartbeat)

    @override
    def _on_receive(self, data: Chunk) -> None:
        # The request is over, so a client that still sends bytes says nothing by them.
        if data is EOF:
            self._close()

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        self._timers.set(_HEARTBEAT, self._now + self._heartbeat)
        if not self._outputs:  # else the transport is slow, not idle
            self._outputs.append(encode(Comment()))


_HEARTBEAT: Final = "heartbeat"
_HEADERS: Final = Headers(
    {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx, and what is built on it
    }
)
