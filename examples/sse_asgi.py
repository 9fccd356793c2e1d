"""An event stream in a server that is not ours: an ASGI application, which uvicorn runs.

`sse.accept` answers a request that somebody else has parsed, with a head and a machine that writes
the body. What is left for the server is to write that, and to look at the clock. All that the
machine does (heartbeats, CORS, HEAD, bounds for slow clients) comes along.

It prints::

    tick 1
    tick 2
    tick 3
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import uvicorn

from eventproto import EOF, ClosedError, End
from eventproto.asyncio import connect_sse
from eventproto.http import Headers, Request
from eventproto.sse import Sendable, ServerSentEvent, ServerStream, accept

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


# [app
async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    target = scope["raw_path"] + b"?" + scope["query_string"]
    url = f"http://localhost{target.decode()}"
    request = Request(scope["method"], url, Headers.decode(scope["headers"]))
    response, stream = accept(request, retry=50)
    head = {"status": response.status, "headers": response.headers.encode()}
    await send({"type": "http.response.start", **head})
    if stream is None:
        await send({"type": "http.response.body", "body": response.body})
        return
    running = Running(stream)
    tasks = [asyncio.create_task(running.wait(receive)), asyncio.create_task(tick(running))]
    try:
        await running.write(send)
    finally:
        for task in tasks:
            task.cancel()


class Running:
    """A stream, and what wakes the task that writes it."""

    def __init__(self, stream: ServerStream) -> None:
        self.stream = stream
        self.now = asyncio.get_running_loop().time
        self.moved = asyncio.Event()

    def post(self, command: Sendable | End) -> None:
        """Say something. More than a slow client may leave waiting raises ClosedError."""
        self.stream.send(command, self.now())
        self.moved.set()

    async def wait(self, receive: Receive) -> None:
        """Notice that the client goes."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.stream.receive(EOF, self.now())
        self.moved.set()

    async def write(self, send: Send) -> None:
        """Write all that there is, until there is no more."""
        stream = self.stream
        while not stream.finished:
            self.moved.clear()
            stream.handle_timeout(self.now())
            while (chunk := stream.next_output()) is not None:
                body = b"" if chunk is EOF else chunk
                await send(
                    {"type": "http.response.body", "body": body, "more_body": chunk is not EOF}
                )
            if stream.deadline is not None:
                patience = stream.deadline - self.now()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.moved.wait(), patience)


# app]


async def tick(running: Running) -> None:
    """The application: two events, and the client comes back for the next two."""
    number = int(running.stream.last_event_id or 0)
    with suppress(ClosedError):  # the client has gone
        for _ in range(2):
            number += 1
            running.post(ServerSentEvent(f"tick {number}", id=str(number)))
            await asyncio.sleep(0.01)
        running.post(End())


async def main() -> None:
    config = uvicorn.Config(app, port=0, lifespan="off", log_level="error", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # it has no event
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with connect_sse(f"http://127.0.0.1:{port}/events") as events:
        async for message in events:
            print(message.text)
            if message.id == "3":
                break
    server.should_exit = True
    await serving


asyncio.run(main())
