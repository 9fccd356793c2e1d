"""Whom a server lets in: one port, bounded connections, and systems that are exhausted."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import ModuleType
from typing import Any

import anyio
import pytest
import trustme
from anyio.abc import SocketStream

from eventproto import LocalProtocolError
from eventproto.http import Limits, Request
from eventproto.site import Site
from tests.drivers.test_calls import Asker

ASK = b"GET /ask HTTP/1.1\r\nHost: h\r\n\r\n"


@asynccontextmanager
async def ask(port: int, host: str = "127.0.0.1") -> AsyncIterator[SocketStream]:
    """A connection on which something was asked."""
    async with await anyio.connect_tcp(host, port) as stream:
        await stream.send(ASK)
        yield stream


async def is_answered(stream: SocketStream, seconds: float = 10) -> bool:
    """Whether an answer comes in time."""
    with anyio.move_on_after(seconds):
        return (await stream.receive()).startswith(b"HTTP/1.1 200")
    return False


async def test_who_is_one_too_many_waits(runtime: ModuleType) -> None:
    """It is connected, as far as it can tell, and answered when somebody else has left."""
    async with (
        runtime.serve(Site({"/ask": Asker()}), max_connections=2) as server,
        ask(server.port) as first,
        ask(server.port) as second,
    ):
        assert await is_answered(first)
        assert await is_answered(second)
        async with ask(server.port) as third:
            assert not await is_answered(third, 0.2)
            await first.aclose()
            assert await is_answered(third)


async def test_an_event_loop_that_cannot_say_when_to_accept(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of asyncio on Windows."""

    def add_reader(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_reader", add_reader)
    async with runtime.serve(Site({"/ask": Asker()})) as server, ask(server.port) as stream:
        assert await is_answered(stream)


async def test_no_connections_at_all(runtime: ModuleType) -> None:
    """Nobody can mean that."""
    with pytest.raises(LocalProtocolError, match="at least 1"):
        async with runtime.serve(Site(), max_connections=0):
            pass


async def test_a_name_is_served_at_one_port(runtime: ModuleType) -> None:
    """Whichever of its addresses a client takes, the port of the server is right."""
    addresses = {each[4][0] for each in socket.getaddrinfo("localhost", 0)}
    async with runtime.serve(Site({"/ask": Asker()}), host="localhost") as server:
        for address in addresses:
            async with ask(server.port, str(address)) as stream:
                assert await is_answered(stream)


async def test_a_port_that_is_taken(runtime: ModuleType) -> None:
    """An error of the system, and nothing is left of the attempt."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError) as raised:
            async with runtime.serve(Site(), port=port):
                pass
    assert raised.value.errno == errno.EADDRINUSE
    async with runtime.serve(Site(), port=port) as server:
        assert server.port == port


async def test_a_port_that_is_free_at_one_address_only(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the system is asked for another one, for both."""
    listen, tried = runtime._runtime.listen, list[int]()

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1", "127.0.0.2"]

    async def listen_late(address: str, port: int) -> Any:
        if address == "127.0.0.2" and not tried:
            tried.append(port)
            raise OSError(errno.EADDRINUSE, "taken")
        return await listen(address, port)

    monkeypatch.setattr(runtime._runtime, "resolve", resolve)
    monkeypatch.setattr(runtime._runtime, "listen", listen_late)
    async with runtime.serve(Site({"/ask": Asker()}), host="localhost") as server:
        for address in ("127.0.0.1", "127.0.0.2"):
            async with ask(server.port, address) as stream:
                assert await is_answered(stream)
        with socket.create_server(("127.0.0.1", tried[0])):
            pass  # it is free again


async def test_an_address_that_is_not_here(runtime: ModuleType) -> None:
    """That is no server at all."""
    with pytest.raises(OSError) as raised:
        async with runtime.serve(Site(), host="192.0.2.1"):
            pass
    assert raised.value.errno == errno.EADDRNOTAVAIL


@contextmanager
def no_descriptors() -> Iterator[None]:
    """This process can open nothing more."""
    free = os.dup(0)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_process_without_descriptors(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """The server waits, and so do its clients; it says so once, and then goes on."""
    with socket.socket() as late:
        async with runtime.serve(Site({"/ask": Asker()})) as server, ask(server.port) as early:
            assert await is_answered(early)
            with no_descriptors():
                late.connect(("127.0.0.1", server.port))
                late.sendall(ASK)
                await anyio.sleep(0.35)
                await early.send(ASK)
                assert await is_answered(early)

            late.setblocking(False)
            await anyio.wait_readable(late)
            assert late.recv(100).startswith(b"HTTP/1.1 200")

    assert caplog.text.count("no connection can be accepted") == 1


@pytest.fixture
def trouble(runtime: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The errors, by their numbers, that accepting is going to raise."""
    codes: list[int] = []
    accept = runtime._listen.Listener.accept

    async def accept_late(listener: Any) -> Any:
        if codes:
            raise OSError(codes.pop(), "trouble")
        return await accept(listener)

    monkeypatch.setattr(runtime._listen.Listener, "accept", accept_late)
    return codes


async def test_a_connection_that_is_lost_before_it_is_accepted(
    runtime: ModuleType, trouble: list[int]
) -> None:
    """That is its own trouble; systems differ in how they tell."""
    trouble += [errno.ECONNABORTED, errno.EPROTO, errno.ENETUNREACH]
    async with (
        runtime.serve(Site({"/ask": Asker()})) as server,
        ask(server.port) as stream,
    ):
        assert await is_answered(stream)
    assert not trouble


async def test_a_listener_that_is_of_no_use_any_more(
    runtime: ModuleType, trouble: list[int]
) -> None:
    """The block ends with the error: nobody takes a server for one that nobody can reach."""
    trouble.append(errno.EBADF)
    with pytest.raises(OSError, match="trouble"):
        async with runtime.serve(Site()):
            await anyio.sleep_forever()


async def test_who_never_begins_tls(runtime: ModuleType, authority: trustme.CA) -> None:
    """It is given up in time, takes the place of nobody else, and does not hold up the end."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    site = Site(limits=Limits(request_time=0.2))
    with anyio.fail_after(20):
        async with runtime.serve(site, tls=context, max_connections=1, grace=60) as server:
            async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
                await is_dropped(stream)
            site.limits = Limits()
            stream = await anyio.connect_tcp("127.0.0.1", server.port)
            await anyio.sleep(0.1)  # until it was accepted
        async with stream:
            await is_dropped(stream)


async def is_dropped(stream: SocketStream) -> None:
    """Wait until the other side has hung up, having said nothing."""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        await stream.receive()
        pytest.fail("it was answered")


async def test_who_does_not_speak_tls(runtime: ModuleType, authority: trustme.CA) -> None:
    """It is sent away, without any trouble for others."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with runtime.serve(Site({"/ask": Asker()}), tls=context) as server:
        async with ask(server.port) as stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                assert not await is_answered(stream)  # but perhaps told in TLS
        pool = runtime._runtime.pool(tls=trusting)
        response = await pool.request(Request("GET", f"https://localhost:{server.port}/ask"))
        pool.close()
    assert response.ok


async def test_a_connection_that_fails_in_a_way_of_its_own(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a library says of one peer, the others are served."""
    drive, fails = runtime._runtime.drive, [True]

    async def drive_late(machine: Any, raw: Any, use: Any, **options: Any) -> None:
        if fails:
            fails.clear()
            raw.close()
            raise ZeroDivisionError
        await drive(machine, raw, use, **options)

    monkeypatch.setattr(runtime._runtime, "drive", drive_late)
    async with runtime.serve(Site({"/ask": Asker()}), max_connections=1) as server:
        async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
            await is_dropped(stream)
        async with ask(server.port) as stream:
            assert await is_answered(stream)

    assert "ZeroDivisionError" in caplog.text
