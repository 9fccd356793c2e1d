"""Answering a request for an event stream, whoever parsed the HTTP."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from eventproto._errors import LocalProtocolError
from eventproto.http import Admit, Headers, Request, Response
from eventproto.http._grammar import is_token
from eventproto.sse._cors import Cors
from eventproto.sse._limits import Limits
from eventproto.sse._server import ServerStream

__all__ = ["accept", "last_event_id"]


def accept(
    request: Request,
    *,
    methods: Sequence[str] = ("GET",),
    cors: Cors | None = None,
    admit: Admit | None = None,
    limits: Limits = Limits(),
    **options: Any,  # noqa: ANN401  # those of the machine
) -> tuple[Response, ServerStream | None]:
    """Answer a request for an event stream, whoever parsed the HTTP.

    HEAD is answered like GET, without a stream; OPTIONS with 204 and what is allowed, which is
    what the browser of a page from elsewhere asks for before it sends a long `Last-Event-ID`; a
    method that is not allowed with 405. A last event ID that is longer than `Limits.id_size` is
    431: no stream of this server has set it.

    Args:
        request: What the client asks. Where it was before is read by `last_event_id`.
        methods: Those that open a stream. POST is for clients that are no EventSource.
        cors: Which pages of other origins may read it; None for none.
        admit: What decides about the request, after all this; None to let everybody in.
        limits: The bounds of the stream.
        options: Those of `ServerStream`.

    Returns:
        The head of the response, which keeps caches and proxies from storing and holding back;
        and the machine that writes the body, or None if the response is whole.

    Raises:
        LocalProtocolError: As `ServerStream` does; `methods` are none.
    """
    if isinstance(methods, str) or not methods or not all(map(is_token, methods)):
        msg = f"methods are several, like ('GET', 'POST'), got {methods!r}"
        raise LocalProtocolError(msg)
    if request.method == "OPTIONS":
        preflight = Headers() if cors is None else cors.preflight(request, methods)
        return Response(204, _allow(methods) + preflight), None
    for_pages = Headers() if cors is None else cors.answer(request)
    refusal = _refusal(request, methods, admit, limits)
    if refusal is not None:
        return Response(refusal.status, refusal.headers + for_pages, refusal.body), None
    stream = ServerStream(last_event_id=last_event_id(request), limits=limits, **options)
    return Response(200, _HEADERS + for_pages), None if request.method == "HEAD" else stream


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


def _refusal(
    request: Request, methods: Sequence[str], admit: Admit | None, limits: Limits
) -> Response | None:
    if request.method not in _allowed(methods):
        return Response(405, _allow(methods))
    if admit is not None and (refusal := admit(request)) is not None:
        return refusal
    if len(last_event_id(request).encode()) > limits.id_size:
        return Response.of_text(431, "no event had a last event ID of that size")
    return None


def _allow(methods: Sequence[str]) -> Headers:
    return Headers({"Allow": ", ".join(_allowed(methods))})


def _allowed(methods: Sequence[str]) -> Collection[str]:
    heads = ("HEAD",) if "GET" in methods else ()
    return dict.fromkeys((*methods, *heads, "OPTIONS"))


_HEADERS: Final = Headers(
    {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx, and what is built on it
    }
)
