"""A server made of Starlette, sse-starlette and uvicorn; prints its port, and runs until killed."""

from __future__ import annotations

import socket
import zlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
import uvicorn
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

SENT = 10
BUSY: list[Request] = []


async def count(request: Request) -> Response:
    """Send two events, then end; after ten of them, tell the client to stop."""
    last = int(request.headers.get("Last-Event-ID", 0))
    if last >= SENT:
        return Response(status_code=204)

    async def events() -> AsyncIterator[Any]:
        yield ServerSentEvent(comment="two at a time", retry=1)
        for number in (last + 1, last + 2):
            data = f"n\u00b0 {number}\nof \u2028 {SENT}"
            yield {"data": data, "event": "count", "id": str(number)}

    return EventSourceResponse(events())


async def ask(request: Request) -> Response:
    """Stream the words of a question back."""
    if request.headers.get("Authorization") != "Bearer secret":
        return Response('{"error":"who are you?"}', 401, media_type="application/json")
    question = (await request.json())["question"]

    async def events() -> AsyncIterator[Any]:
        for word in question.split():
            yield {"data": word}
        yield {"data": "[DONE]"}

    return EventSourceResponse(events())


async def idle(request: Request) -> Response:
    """Send nothing but pings, and an event after a while."""

    async def events() -> AsyncIterator[Any]:
        await anyio.sleep(2.5)
        yield {"data": "at last"}

    return EventSourceResponse(events(), ping=1)


async def compressed(request: Request) -> Response:
    """Send what a compressing proxy makes of a stream."""

    async def chunks() -> AsyncIterator[bytes]:
        compress = zlib.compressobj(wbits=31)
        for number in range(SENT):
            event = b"data: %d\r\n\r\n" % number
            yield compress.compress(event) + compress.flush(zlib.Z_SYNC_FLUSH)
        yield compress.flush()

    headers = {"Content-Encoding": "gzip"}
    return StreamingResponse(chunks(), media_type="text/event-stream", headers=headers)


async def busy(request: Request) -> Response:
    """Have no time at first."""
    BUSY.append(request)
    if len(BUSY) % 2:
        return Response("later", 503, headers={"Retry-After": "1"})
    return RedirectResponse("/count", 307)


def main() -> None:
    app = Starlette(
        routes=[
            Route("/count", count),
            Route("/ask", ask, methods=["POST"]),
            Route("/idle", idle),
            Route("/compressed", compressed),
            Route("/busy", busy),
        ]
    )
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)  # noqa: T201  # for who has started it
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
