"""Hosts with several addresses: which one is connected to, and what is left of the others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from tests.drivers.framed import Frame, Framed
from tests.drivers.peers import peer

DEAD, SLOW, ALIVE = "192.0.2.1", "192.0.2.2", "127.0.0.1"


class Hosts:
    """Where the name `localhost` leads to; `dropped` counts attempts that were given up."""

    def __init__(self) -> None:
        self.addresses = [ALIVE]
        self.release = anyio.Event()
        self.attempts: list[str] = []
        self.dropped = 0


@pytest.fixture
def hosts(runtime: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """One address never answers, another one only when it is told to."""
    hosts = Hosts()
    reach: Callable[..., Any] = runtime._connect.reach

    async def resolve(_host: str, _port: int) -> list[str]:
        return hosts.addresses

    async def reach_one(address: str, port: int) -> Any:
        hosts.attempts.append(address)
        if address == DEAD:
            try:
                await anyio.sleep_forever()
            finally:
                hosts.dropped += 1
        wire = await reach(ALIVE, port)
        if address == SLOW:
            try:
                await hosts.release.wait()
            except BaseException:
                wire.abort()
                raise
        hosts.release.set()
        return wire

    monkeypatch.setattr(runtime._connect, "resolve", resolve)
    monkeypatch.setattr(runtime._connect, "reach", reach_one)
    return hosts


async def echo(stream: SocketStream) -> None:
    """Send everything back."""
    async for data in stream:
        await stream.send(data)


async def test_an_address_that_does_not_answer_holds_up_nobody(
    runtime: ModuleType, hosts: Hosts
) -> None:
    """The next one is tried soon after it, and it is given up when that one answers."""
    hosts.addresses = [DEAD, ALIVE, SLOW]
    with anyio.fail_after(10):
        async with (
            peer(echo) as url,
            runtime.connect(Framed(), url.replace("127.0.0.1", "localhost")) as connection,
        ):
            await connection.send(b"hello")
            assert await connection.next_event() == Frame(b"hello")

    assert hosts.attempts == [DEAD, ALIVE]
    assert hosts.dropped == 1


async def test_two_addresses_that_answer(runtime: ModuleType, hosts: Hosts) -> None:
    """One of them is dropped, whichever is the later one."""
    hosts.addresses = [SLOW, ALIVE]
    dropped = anyio.Event()

    async def count(stream: SocketStream) -> None:
        with suppress(anyio.BrokenResourceError):
            await echo(stream)
        dropped.set()

    async with (
        peer(count) as url,
        runtime.connect(Framed(), url.replace("127.0.0.1", "localhost")) as connection,
    ):
        await connection.send(b"hello")
        with anyio.fail_after(10):
            await dropped.wait()
        assert await connection.next_event() == Frame(b"hello")

    assert hosts.attempts == [SLOW, ALIVE]


async def test_addresses_that_all_refuse(runtime: ModuleType, hosts: Hosts) -> None:
    """Each is tried at once when the one before has refused; the best one's error counts."""
    hosts.addresses = [ALIVE, "127.0.0.2", "127.0.0.3"]
    with pytest.raises(ConnectionRefusedError):
        async with runtime.connect(Framed(), "http://localhost:1"):
            pass

    assert hosts.attempts == hosts.addresses


async def test_connecting_is_given_up_altogether(runtime: ModuleType, hosts: Hosts) -> None:
    """Being cancelled while it has several attempts under way leaves none of them."""
    hosts.addresses = [DEAD, SLOW]
    with anyio.move_on_after(0.7) as waiting:
        async with runtime.connect(Framed(), "http://localhost:1"):
            pass

    assert waiting.cancelled_caught
    assert hosts.attempts == [DEAD, SLOW]
    assert hosts.dropped == 1
