"""Our SSE stream read by httpx-sse and by curl, over real sockets."""

from __future__ import annotations

import subprocess
from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread
import httpx
import httpx_sse
import pytest

from eventproto import Message
from eventproto.http import Request
from eventproto.site import EventStream, Site
from eventproto.sse import Comment, Cors, ServerSentEvent
from tests.system_tools import require_tool

EVENTS = [
    ServerSentEvent("hello", id="1"),
    ServerSentEvent("two\nlines", "greeting", "2"),
    ServerSentEvent("\N{LINE SEPARATOR}\N{SNOWMAN} ", id="3"),
    ServerSentEvent("", id="4"),
]


async def stream(session: Any, request: Request) -> None:
    """Send everything, then end."""
    await session.send(Comment("welcome"))
    for event in EVENTS:
        await session.send(event)
    await session.send(Message.of_text("last", id="5"))


async def test_httpx_sse_reads_our_stream(runtime: ModuleType) -> None:
    """Every event arrives with its data, type and id."""
    async with runtime.serve(Site({"/events": EventStream(stream, retry=500)})) as server:
        url = f"http://127.0.0.1:{server.port}/events"
        async with (
            httpx.AsyncClient() as client,
            httpx_sse.aconnect_sse(client, "GET", url) as source,
        ):
            found = [event async for event in source.aiter_sse()]

    sent = [*EVENTS, ServerSentEvent("last", id="5")]
    assert [(e.data, e.event, e.id) for e in found] == [(e.data, e.event, e.id) for e in sent]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--http1.0"], b"id: 5\ndata: last\n\n"),
        (["--compressed"], b"id: 5\ndata: last\n\n"),
        (["--head"], b"X-Accel-Buffering: no\r\n"),
        (["--request", "OPTIONS"], b"204 No Content\r\nAllow: GET, HEAD, OPTIONS\r\n"),
        (["--request", "POST"], b"405 Method Not Allowed\r\nAllow: GET, HEAD, OPTIONS\r\n"),
        (["--request", "TRACE"], b"405 Method Not Allowed\r\nAllow: GET, HEAD, OPTIONS\r\n"),
        (["--header", "Last-Event-ID: " + "7" * 5000], b"431 Request Header Fields Too Large\r\n"),
        (["--header", "Origin: https://a.example"], b"Access-Control-Allow-Origin: *\r\n"),
    ],
    ids=lambda each: each[-1][:30] if isinstance(each, list) else "",
)
async def test_curl_is_answered(runtime: ModuleType, arguments: list[str], expected: bytes) -> None:
    """Whatever it asks with, twice over one connection."""
    curl = require_tool("curl")
    async with runtime.serve(Site({"/%65vents": EventStream(stream, cors=Cors())})) as server:
        url = f"http://127.0.0.1:{server.port}/events"
        command = [curl, "-sNi", "--path-as-is", *arguments, url, f"{url}/../%65vents"]
        done = await anyio.to_thread.run_sync(
            lambda: subprocess.run(command, capture_output=True, check=True, timeout=20)
        )

    assert done.stdout.count(expected) == 2


async def test_curl_reads_our_stream(runtime: ModuleType) -> None:
    """As it comes, and to its end."""
    curl = require_tool("curl")
    async with runtime.serve(Site({"/events": EventStream(stream)})) as server:
        command = [curl, "-sN", "-i", f"http://127.0.0.1:{server.port}/events"]
        done = await anyio.to_thread.run_sync(
            lambda: subprocess.run(command, capture_output=True, check=True, timeout=20)
        )

    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert b"content-type: text/event-stream" in head.lower()
    assert b"cache-control: no-store" in head.lower()
    assert b"id: 1\ndata: hello\n\n" in body
    assert body.endswith(b"id: 5\ndata: last\n\n")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_httpx_sees_our_headers(runtime: ModuleType, method: str) -> None:
    """HEAD is answered like GET, without a stream."""

    async def nothing(session: Any, request: Request) -> None:
        pass

    async with (
        runtime.serve(Site({"/events": EventStream(nothing)})) as server,
        httpx.AsyncClient() as client,
    ):
        response = await client.request(method, f"http://127.0.0.1:{server.port}/events")

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.content == b""
