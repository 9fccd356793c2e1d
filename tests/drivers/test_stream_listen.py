"""The callback form of a session: events are handed on where the driver reads, on both runtimes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from eventproto import Closed, ConnectionLost, End, Event, LocalProtocolError
from eventproto.http import Request
from eventproto.site import Site, WebSocket
from tests.drivers.framed import Frame, Framed, frame, frames
from tests.drivers.peers import peer, read_all


async def test_events_are_handed_on_up_to_the_last(runtime: ModuleType) -> None:
    """Also those that were there before; `closed` is known when the last one is seen."""

    async def talk(stream: SocketStream) -> None:
        await stream.send(frame(b"one") + frame(b"two"))
        await stream.receive(1)
        await stream.send(frame(b"three"))
        await read_all(stream)
        await stream.send_eof()

    heard: list[Event] = []

    async with peer(talk) as url, runtime.connect(Framed(), url) as connection:
        assert await connection.next_event() == Frame(b"one")

        def hear(event: Event) -> None:
            heard.append(event)
            if event == Frame(b"two"):
                connection.post(b"go on")
            if event == Frame(b"three"):
                connection.post(End())
            if isinstance(event, Closed):
                assert connection.closed is event

        await connection.listen(hear)
        assert await connection.next_event() is None
        await connection.listen(hear)  # there is nothing more to hear

    assert heard == [Frame(b"two"), Frame(b"three"), Closed()]


async def test_what_answers_one_read_leaves_in_one_write(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the callback form, and where messages are taken one by one."""
    many = [frame(b"%d" % number) for number in range(50)]
    writes: list[bytes] = []
    arrived = bytearray()

    async def ask(stream: SocketStream) -> None:
        await stream.send(b"".join(many))
        while len(arrived) < len(b"".join(many)):
            data = await stream.receive()
            writes.append(data)
            arrived.extend(data)

    async with peer(ask) as url, runtime.connect(Framed(), url) as connection:
        with anyio.move_on_after(1):
            await connection.wait_until(lambda: connection.machine.backlog >= 50)
        for _ in range(25):
            event = await connection.next_event()
            await connection.send(event.data)

        def echo(event: Event) -> None:
            if isinstance(event, Frame):
                connection.post(event.data)

        await connection.listen(echo)

    assert frames(bytes(arrived)) == [b"%d" % number for number in range(50)]
    assert len(writes) <= 2


async def test_a_mistake_of_the_function_is_raised_where_it_was_given(
    runtime: ModuleType,
) -> None:
    """The connection goes on, and what comes after can be taken."""

    async def talk(stream: SocketStream) -> None:
        await stream.send(frame(b"one") + frame(b"two"))
        await read_all(stream)

    def fail(event: Event) -> None:
        raise ZeroDivisionError

    async with peer(talk) as url, runtime.connect(Framed(), url) as connection:
        with pytest.raises(ZeroDivisionError):
            await connection.listen(fail)
        assert await connection.next_event() == Frame(b"two")


async def test_one_listens_at_a_time(runtime: ModuleType) -> None:
    """And one that was cancelled does not listen any more."""

    async def talk(stream: SocketStream) -> None:
        await stream.receive(1)
        await stream.send(frame(b"one"))
        await read_all(stream)

    heard: list[Event] = []
    async with peer(talk) as url, runtime.connect(Framed(), url) as connection:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(connection.listen, heard.append)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(LocalProtocolError):
                await connection.listen(heard.append)
            tasks.cancel_scope.cancel()
        await connection.send(b"x")
        assert await connection.next_event() == Frame(b"one")
    assert heard == []


async def test_a_loss_is_heard_with_its_cause(runtime: ModuleType) -> None:
    """As `next_event` tells it."""

    async def vanish(stream: SocketStream) -> None:
        await stream.receive(1)

    heard: list[Any] = []
    async with peer(vanish) as url, runtime.connect(Framed(), url) as connection:
        connection.post(bytes(16_000_000))
        await connection.listen(heard.append)

    assert isinstance(heard[-1].error, ConnectionLost)
    assert isinstance(heard[-1].error.__cause__, (OSError, Exception))


async def test_a_peer_that_does_not_read_is_not_answered_without_end(runtime: ModuleType) -> None:
    """Events wait while nothing can be written, then reading stops; later all goes on."""
    block = bytes(100_000)
    count = 400
    asked = 0
    may_read = anyio.Event()
    arrived = bytearray()

    async def reluctant(stream: SocketStream) -> None:
        nonlocal asked

        async def ask() -> None:
            nonlocal asked
            for _ in range(count):
                await stream.send(frame(b"x" * 60_000))
                asked += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            arrived.extend(await stream.receive(1))  # anyio reads ahead until it is asked once
            await may_read.wait()
            while len(arrived) < count * (len(block) + 4):
                arrived.extend(await stream.receive())

    async with peer(reluctant) as url, runtime.connect(Framed(), url) as connection:

        def answer(event: Event) -> None:
            if isinstance(event, Frame):
                connection.post(block)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(connection.listen, answer)
            before = -1
            while asked != before:  # until it makes no progress any more
                before = asked
                await anyio.sleep(0.1)
            assert asked < count
            may_read.set()

    assert frames(bytes(arrived)) == [block] * count


async def test_the_handler_of_a_server_may_listen(runtime: ModuleType) -> None:
    """Then an event costs no task switch, and the machine is driven without what led to it."""
    machines: list[str] = []

    async def echo(session: Any, request: Request) -> None:
        def answer(event: Event) -> None:
            if (message := event.message()) is not None:
                session.post(message)

        machines.append(type(session._session.machine).__name__)
        await session.listen(answer)

    async with runtime.serve(Site({"/echo": WebSocket(echo)})) as server:
        url = f"ws://127.0.0.1:{server.port}/echo"
        async with runtime.connect_websocket(url) as websocket:
            for number in range(100):
                await websocket.send(f"text {number}")
                await websocket.send(bytes((number,)))
            for number in range(100):
                assert (await anext(websocket)).text == f"text {number}"
                assert (await anext(websocket)).data == bytes((number,))

    assert machines == ["Connection"]
