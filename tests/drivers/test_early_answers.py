"""Servers that answer before they have read all of a call, on both runtimes, over TLS or not."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any, TypeAlias

import anyio
import pytest
import trustme

from eventproto import EOF
from eventproto.http import Call, Request
from tests.drivers.proxies import proxy

BIG = bytes(range(256)) * 65536  # more than the network holds
REFUSAL = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"

Open: TypeAlias = Callable[[Callable[[Any], Awaitable[None]]], Any]


@pytest.fixture(params=["plain", "tls"])
def server(request: pytest.FixtureRequest, authority: trustme.CA, runtime: ModuleType) -> Open:
    """Starts a server that behaves in some way; gives its URL, and a pool that trusts it."""
    context: ssl.SSLContext | None = None
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    if request.param == "tls":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)

    @asynccontextmanager
    async def opened(behave: Callable[[Any], Awaitable[None]]) -> AsyncIterator[tuple[str, Any]]:
        pool = runtime._runtime.pool(tls=trusting)
        async with proxy(behave, "https" if context else "http", context) as url:
            try:
                yield url, pool
            finally:
                pool.close()

    return opened


async def test_a_server_that_stops_reading_is_heard(server: Open) -> None:
    """It refuses a body early, and takes no more of it; nobody uses that connection again."""
    served = 0
    gone = anyio.Event()

    async def refuse(stream: Any) -> None:
        nonlocal served
        served += 1
        await stream.receive(1)
        await stream.send(REFUSAL)
        await gone.wait()

    async with server(refuse) as (url, pool):
        with anyio.fail_after(20):
            for _ in range(2):
                assert (await pool.request(Request("POST", url, body=BIG))).status == 413
        gone.set()

    assert served == 2


async def test_an_answer_that_begins_before_the_call_has_ended(server: Open) -> None:
    """The rest of the call goes out while the answer comes in."""

    async def count(stream: Any) -> None:
        raw = await stream.receive(65536)
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nso far")
        body = bytearray(raw.partition(b"\r\n\r\n")[2])
        while len(body) < len(BIG):
            body += await stream.receive(65536)
        await stream.send(b", all" if body == BIG else b", bad")

    async with server(count) as (url, pool):
        answer = pool.perform(Call(1, Request("POST", url, body=BIG), stream=True))
        body = b""
        with anyio.fail_after(20):
            assert (await answer.result()).outcome.status == 200
            while (piece := await answer.body()).chunk is not EOF:
                body += piece.chunk
        answer.release()

    assert piece.error is None
    assert body == b"so far, all"


async def test_waiting_for_an_answer_may_be_cancelled_again_and_again(server: Open) -> None:
    """Whoever waits anew goes on with the same call, of which nothing is lost or repeated."""
    may_read = anyio.Event()
    arrived = bytearray()

    async def slow(stream: Any) -> None:
        arrived.extend(await stream.receive(1))
        await may_read.wait()
        while not arrived.endswith(BIG[-256:] + b"end"):
            arrived.extend(await stream.receive(65536))
        await stream.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with server(slow) as (url, pool):
        answer = pool.perform(Call(1, Request("POST", url, body=BIG + b"end")))
        for _ in range(5):
            with anyio.move_on_after(0.05):
                await answer.result()
        may_read.set()
        result = None
        with anyio.fail_after(20):
            while result is None:
                with anyio.move_on_after(0.002):
                    result = await answer.result()
        answer.release()

    assert result.outcome.status == 204
    assert arrived.partition(b"\r\n\r\n")[2] == BIG + b"end"
