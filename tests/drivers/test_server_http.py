"""What a server does as one of HTTP/1.1, over sockets, on both runtimes."""

from __future__ import annotations

import re
import socket
from types import ModuleType
from typing import Any

import anyio
import pytest

from eventproto._retry import retry_after
from eventproto.http import Limits, Request
from eventproto.site import EventStream, Site
from eventproto.sse import ServerSentEvent
from tests.drivers.test_calls import Asker
from tests.drivers.test_server import raw_exchange, read_to_end

GET = b"GET /ask HTTP/1.1\r\nHost: h\r\n\r\n"
LAST = b"GET /ask HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
MANY = 1000


async def test_answers_are_dated(runtime: ModuleType) -> None:
    """A server with a clock says when, whatever the answer is."""  # HTTP G6

    async def handler(session: Any, request: Request) -> None:
        await session.send(ServerSentEvent("now"))

    site = Site({"/events": EventStream(handler), "/ask": Asker()})
    async with runtime.serve(site) as server:
        for start in (b"GET /ask", b"GET /nowhere", b"HEAD /nowhere", b"GET /events", b"nonsense"):
            wire = start + LAST.removeprefix(b"GET /ask")
            found = await raw_exchange(server.port, wire)
            (date,) = re.findall(r"\r\nDate: (.*)\r\n", found.decode())
            assert len(date) == 29
            assert retry_after(date, at=0)


@pytest.mark.parametrize(
    "sent", [GET[:-1], b"POST /ask HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx"]
)
async def test_a_slow_request_is_answered(runtime: ModuleType, sent: bytes) -> None:
    """A byte now and then does not help."""  # HTTP J1
    limits = Limits(request_time=0.1, linger_time=0.1)
    async with (
        runtime.serve(Site({"/ask": Asker()}, limits=limits)) as server,
        await anyio.connect_tcp("127.0.0.1", server.port) as stream,
    ):
        await stream.send(sent[:5])
        await anyio.sleep(0.05)
        await stream.send(sent[5:])
        assert (await read_to_end(stream)).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_an_idle_connection_ends(runtime: ModuleType) -> None:
    """Before the first request and after one; a blank line is none."""
    limits = Limits(idle_time=0.1)
    async with runtime.serve(Site({"/ask": Asker()}, limits=limits)) as server:
        assert await raw_exchange(server.port, b"\r\n") == b""
        assert (await raw_exchange(server.port, GET)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_many_requests_at_once(runtime: ModuleType) -> None:
    """All are answered, in their order, to a client that reads none before it has sent all."""
    async with (
        runtime.serve(Site({"/ask": Asker()})) as server,
        await anyio.connect_tcp("127.0.0.1", server.port) as stream,
        anyio.create_task_group() as tasks,
    ):

        async def send() -> None:
            for at in range(0, MANY, 100):
                await stream.send(
                    b"".join(GET.replace(b"ask", b"ask?%d" % (at + n)) for n in range(100))
                )
            await stream.send(LAST)

        tasks.start_soon(send)
        found = await read_to_end(stream)
    assert [int(each) for each in re.findall(rb"http://h/ask\?(\d+)", found)] == list(range(MANY))


async def pour(hostile: socket.socket, wire: bytes, size: int) -> None:
    """Send so much of this, again and again, and read nothing."""
    hostile.setblocking(False)
    sent = 0
    while sent < size:
        try:
            sent += hostile.send(wire[sent % len(wire) :])
        except BlockingIOError:
            await anyio.sleep(0.01)


async def test_what_is_held_of_a_client_that_reads_nothing(runtime: ModuleType) -> None:
    """It has bounds, however much it asks."""  # HTTP J4
    ask = GET.replace(b"ask", b"ask?" + b"x" * 20_000)  # the answer repeats it
    async with runtime.serve(Site({"/ask": Asker()})) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as hostile:
            await pour(hostile, ask, 20_000_000)
            (connection,) = server._connections
            http = connection.machine.inner
            assert len(http._channel.waiting) < 2_000_000
            assert http.backlog < 300
