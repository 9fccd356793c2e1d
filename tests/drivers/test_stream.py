"""The driver of byte-stream machines keeps the rules, on both runtimes, over real sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import anyio
import pytest
import trustme
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.tls import TLSListener

from eventproto import Closed, ClosedError, ConnectionLost, End, PeerTimeout
from eventproto._address import PUBLIC_ONLY
from eventproto._drive._stream import PIECE, StreamSession
from eventproto.sse import ServerStream
from tests.drivers.framed import Frame, Framed, frame, frames
from tests.drivers.peers import peer, read_all


async def echo(stream: SocketStream) -> None:
    """Send everything back."""
    async for data in stream:
        await stream.send(data)


async def test_frames_go_out_and_come_back(runtime: ModuleType) -> None:
    """The plain case: send, take events, end in order."""
    async with peer(echo) as url, runtime.connect(Framed(), url) as connection:
        await connection.send(b"one")
        await connection.send(b"two")

        assert await connection.next_event() == Frame(b"one")
        assert await connection.next_event() == Frame(b"two")

    assert await connection.next_event() is None
    with pytest.raises(ClosedError):
        await connection.send(b"three")


async def test_a_cancelled_send_tears_no_frame(runtime: ModuleType) -> None:
    """The peer does not read, `send` is cancelled: the frame goes out whole all the same."""
    arrived = bytearray()
    may_read, has_read = anyio.Event(), anyio.Event()

    async def reluctant(stream: SocketStream) -> None:
        arrived.extend(await stream.receive(1))  # anyio reads ahead until it is asked once
        await may_read.wait()
        arrived.extend(await read_all(stream))
        has_read.set()

    big = bytes(range(256)) * 65536
    async with peer(reluctant) as url:
        async with runtime.connect(Framed(), url) as connection:
            await connection.send(b"before")
            with anyio.move_on_after(0.2) as waiting:
                await connection.send(big)
            assert waiting.cancelled_caught

            may_read.set()
            await connection.send(b"after")
        await has_read.wait()

    assert frames(bytes(arrived)) == [b"before", big, b"after"]


async def test_reading_stops_when_nobody_takes_events(runtime: ModuleType) -> None:
    """The peer is held back by TCP, not by memory; and goes on when events are taken."""
    many = 200_000
    written = 0

    async def eager(stream: SocketStream) -> None:
        nonlocal written
        for _ in range(many // 100):
            await stream.send(frame(b"x" * 196) * 100)
            written += 100
        await stream.send_eof()

    async with peer(eager) as url, runtime.connect(Framed(), url) as connection:
        before = -1
        while written != before:  # until it makes no progress any more
            before = written
            await anyio.sleep(0.1)
        assert written < many
        assert connection.machine.backlog <= 256

        taken = [event async for event in connection.events() if isinstance(event, Frame)]

    assert len(taken) == many


async def test_both_sides_may_write_more_than_the_network_holds(runtime: ModuleType) -> None:
    """Being unable to write never stops the reading."""
    big = bytes(4_000_000)

    async def same(stream: SocketStream) -> None:
        await stream.send(frame(big))
        await read_all(stream)

    async with peer(same) as url, runtime.connect(Framed(), url) as connection:
        await connection.send(big)
        assert await connection.next_event() == Frame(big)


@pytest.mark.parametrize(
    "sizes",
    [[PIECE], [PIECE - 4], [PIECE - 3], [10 * PIECE], [5, PIECE, 5, 3 * PIECE, 5], [5] * 60],
)
async def test_whatever_leaves_together_arrives_in_order(
    runtime: ModuleType, sizes: list[int]
) -> None:
    """Small or large, in one write or in many."""
    data = [bytes([number]) * size for number, size in enumerate(sizes)]
    async with peer(echo) as url, runtime.connect(Framed(), url) as connection:
        connection.post_all(data)
        for each in data:
            assert await connection.next_event() == Frame(each)


async def test_a_lost_connection_is_reported_last(runtime: ModuleType) -> None:
    """What came before is delivered; the error says that it was the wire."""

    async def vanish(stream: SocketStream) -> None:
        await stream.send(frame(b"last words"))
        raw = stream.extra(SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async with peer(vanish) as url, runtime.connect(Framed(), url) as connection:
        events = [event async for event in connection.events()]

    assert events[0] == Frame(b"last words")
    assert isinstance(events[-1], Closed)
    assert isinstance(events[-1].error, ConnectionLost)


async def test_sending_to_a_lost_connection_ends(runtime: ModuleType) -> None:
    """A `send` that waits for room is released when there will never be any."""

    async def leave(stream: SocketStream) -> None:
        await stream.receive(1)

    async with peer(leave) as url, runtime.connect(Framed(), url) as connection:
        await connection.send(bytes(16_000_000))
        last = [event async for event in connection.events()][-1]

    assert isinstance(last, Closed)
    assert isinstance(last.error, ConnectionLost)


async def aloof(stream: SocketStream) -> None:
    """Read nothing, and stay."""
    await stream.receive(1)  # anyio reads ahead until it is asked once
    await anyio.sleep_forever()


async def test_a_peer_that_reads_nothing_is_dropped(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold the connection, and whoever sends over it, for ever."""
    monkeypatch.setattr(StreamSession, "_stall_time", 0.2)

    async with peer(aloof) as url, runtime.connect(Framed(), url) as connection:
        await connection.send(b"before")
        await connection.send(bytes(16_000_000))  # returns
        last = [event async for event in connection.events()][-1]

    assert isinstance(last, Closed)
    assert isinstance(last.error, ConnectionLost)
    assert isinstance(last.error.__cause__, TimeoutError)


async def test_a_peer_that_reads_slowly_is_waited_for(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All takes longer than a piece may take, and arrives."""
    monkeypatch.setattr(StreamSession, "_stall_time", 1.0)
    big = bytes(16_000_000)
    arrived = 0

    async def slow(stream: SocketStream) -> None:
        nonlocal arrived
        async for data in stream:
            arrived += len(data)
            await anyio.sleep(0.006)  # 65 536 bytes at a time, most of the time

    async with peer(slow) as url, runtime.connect(Framed(), url) as connection:
        await connection.send(big)
        while arrived < len(frame(big)):
            assert connection.machine.backlog == 0  # nor is the connection lost
            await anyio.sleep(0.05)


async def test_a_peer_that_reads_nothing_does_not_hold_up_the_end(runtime: ModuleType) -> None:
    """The block exits when the machine gives the peer up; its clock runs while nobody can write."""
    async with peer(aloof) as url, runtime.connect(Framed(patience=0.3), url) as connection:
        await connection.send(b"before")
        with anyio.move_on_after(0.1) as waiting:
            await connection.send(bytes(16_000_000))
        assert waiting.cancelled_caught

    assert isinstance(connection.closed.error, PeerTimeout)


async def test_the_clock_is_watched(runtime: ModuleType) -> None:
    """A deadline of the machine fires without anybody touching it."""

    async def silent(stream: SocketStream) -> None:
        await read_all(stream)

    async with peer(silent) as url, runtime.connect(Framed(patience=0.1), url) as connection:
        event = await connection.next_event()

    assert isinstance(event.error, PeerTimeout)


async def test_everything_has_ended_when_the_block_exits(
    runtime: ModuleType, count_tasks: Callable[[], int]
) -> None:
    """No task, and no connection, is left behind, however the block ends."""
    ended = [anyio.Event() for _ in range(3)]
    waiting = iter(ended)

    async def listen(stream: SocketStream) -> None:
        this = next(waiting)
        with suppress(anyio.BrokenResourceError):
            await read_all(stream)
        this.set()

    async with peer(listen) as url:
        await anyio.wait_all_tasks_blocked()
        before = count_tasks()
        async with runtime.connect(Framed(), url):
            pass
        with pytest.raises(ZeroDivisionError):
            async with runtime.connect(Framed(), url):
                raise ZeroDivisionError
        with anyio.move_on_after(0.05):
            async with runtime.connect(Framed(), url):
                await anyio.sleep_forever()
        for each in ended:
            await each.wait()
        await anyio.wait_all_tasks_blocked()
        assert count_tasks() == before


async def test_tls(runtime: ModuleType, authority: trustme.CA) -> None:
    """A URL that says so is spoken to over TLS, and the server is verified."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def attend(stream: Any) -> None:
        async with stream:
            async for data in stream:
                await stream.send(data)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    secure = TLSListener(listener, context, standard_compatible=False)
    async with secure, anyio.create_task_group() as tasks:
        tasks.start_soon(secure.serve, attend)
        url = f"https://localhost:{port}"
        big = bytes(2_000_000)
        async with runtime.connect(Framed(), url, tls=trusting) as connection:
            await connection.send(big)
            assert await connection.next_event() == Frame(big)
        with pytest.raises(OSError, match="certificate verify failed"):
            async with runtime.connect(Framed(), url):
                pass
        tasks.cancel_scope.cancel()


async def test_a_peer_that_says_no_goodbye_does_not_hold_up_the_end_of_tls(
    runtime: ModuleType, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is dropped when it has been silent for long, as one without TLS is."""
    monkeypatch.setattr(StreamSession, "_stall_time", 0.2)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)

    async def silent(stream: Any) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            await anyio.aclose_forcefully(stream)

    secure = TLSListener(listener, context)
    async with secure, anyio.create_task_group() as tasks:
        tasks.start_soon(secure.serve, silent)
        with anyio.fail_after(15):  # asyncio would wait for the goodbye for half a minute
            async with runtime.connect(
                ServerStream(), f"https://localhost:{port}", tls=trusting
            ) as connection:
                await connection.send(End())
                assert isinstance(await connection.next_event(), Closed)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://no..name", f"http://{'x' * 70}.test"]
)
async def test_no_connection_is_an_oserror(runtime: ModuleType, url: str) -> None:
    """Refused, or no such name: the operating system's kind of error, never another."""
    with pytest.raises(OSError):
        async with runtime.connect(Framed(), url):
            pass


async def test_the_address_policy_is_asked(runtime: ModuleType) -> None:
    """Before anything is sent, and about the resolved address."""
    with pytest.raises(PermissionError, match="permits none"):
        async with runtime.connect(Framed(), "http://localhost:1", policy=PUBLIC_ONLY):
            pass


async def test_several_tasks_may_take_events(runtime: ModuleType) -> None:
    """Each event goes to one of them, and who was cancelled loses none."""
    taken: list[Any] = []

    async def talk(stream: SocketStream) -> None:
        for number in range(10):
            await stream.send(frame(b"%d" % number))
            await stream.receive(1)
        await read_all(stream)

    async with peer(talk) as url, runtime.connect(Framed(), url) as connection:

        async def take() -> None:
            while len(taken) < 10:
                taken.append(await connection.next_event())
                await connection.send(b"")

        with anyio.move_on_after(0.01):
            await connection.wait_until(lambda: False)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take)
            tasks.start_soon(take)
            for _ in range(20):
                with anyio.move_on_after(0.001):
                    taken.append(await connection.next_event())
                    await connection.send(b"")
            with anyio.move_on_after(5):
                await connection.wait_until(lambda: len(taken) >= 10)
            tasks.cancel_scope.cancel()

    assert sorted(event.data for event in taken) == [b"%d" % number for number in range(10)]


async def test_who_waits_may_be_cancelled_by_who_takes(runtime: ModuleType) -> None:
    """What one read has brought has woken both; the second event is there for the next one."""
    async with peer(echo) as url, runtime.connect(Framed(), url) as connection:
        await connection.send(b"one")
        await connection.send(b"two")
        scope = anyio.CancelScope()
        taken: list[Any] = []

        async def take_and_cancel() -> None:
            taken.append(await connection.next_event())
            scope.cancel()

        async def take() -> None:
            with scope:
                taken.append(await connection.next_event())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take_and_cancel)
            tasks.start_soon(take)
        while len(taken) < 2:
            taken.append(await connection.next_event())

    assert sorted(event.data for event in taken) == [b"one", b"two"]
