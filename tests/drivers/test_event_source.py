"""The client of an event stream over real sockets, on both runtimes: what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import ModuleType

import anyio
import pytest
from anyio.abc import SocketStream

from eventproto import Closed, LocalProtocolError, PeerTimeout
from eventproto.sse import Disconnected, NotRepeated, Opened, ServerSentEvent, State
from tests.drivers.peers import peer, read_request
from tests.drivers.streams import HEAD, Server, wait_until_gone


async def test_nothing_comes_after_close(runtime: ModuleType) -> None:
    """Not even events that had come already, complete as they were."""  # SSE E10, F20
    server = Server(HEAD + b"data: a\n\ndata: b\n\ndata: c\n\n")
    async with peer(server) as url:
        events = runtime.connect_sse(url)
        assert (await anext(events)).text == "a"
        events.close()
        assert events.state is State.CLOSED
        assert await events.next_event() == Closed()
        assert await events.next_event() is None
        with pytest.raises(StopAsyncIteration):
            await anext(events)
        events.close()
        await server.gone.wait()


async def test_leaving_the_loop_drops_the_connection(runtime: ModuleType) -> None:
    """Without a block, when nobody holds the events any more."""
    server = Server(HEAD + b"data: a\n\ndata: b\n\n")
    async with peer(server) as url:
        async for message in runtime.connect_sse(url):
            assert message.text == "a"
            break
        await server.gone.wait()


async def test_leaving_the_block_drops_the_connection(
    runtime: ModuleType, count_tasks: Callable[[], int]
) -> None:
    """Whatever it is left by, and no task stays behind."""
    server = Server(HEAD + b"data: a\n\ndata: b\n\n")
    async with peer(server) as url:
        await anyio.wait_all_tasks_blocked()
        before = count_tasks()
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  # a block is what it is about
            async with runtime.connect_sse(url) as events:
                async for _ in events:
                    raise ZeroDivisionError
        await server.gone.wait()
        await anyio.wait_all_tasks_blocked()
        assert count_tasks() == before


@pytest.mark.parametrize("sent", [[], [HEAD], [HEAD, b"data: a\n\n"]])
async def test_cancellation_drops_the_connection(runtime: ModuleType, sent: list[bytes]) -> None:
    """Before there is an answer, before there is an event, and after that."""
    server = Server(*sent)

    async def follow(url: str) -> None:
        async with runtime.connect_sse(url) as events:
            async for _ in events:
                pass

    async with peer(server) as url:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow, url)
            await server.asked.wait()
            await anyio.sleep(0.02)
            tasks.cancel_scope.cancel()
        await server.gone.wait()


@pytest.mark.parametrize("every", [False, True])
async def test_a_cancellation_that_is_kept_keeps_no_connection(
    runtime: ModuleType, *, every: bool
) -> None:
    """Though its traceback has the frames of who has waited: as the task keeps it, on asyncio."""
    server = Server(HEAD + b"data: a\n\n")
    kept: list[BaseException] = []

    async def follow(url: str) -> None:
        try:
            async for _ in runtime.connect_sse(url).events() if every else runtime.connect_sse(url):
                pass
        except BaseException as error:
            kept.append(error)
            raise

    async with peer(server) as url:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow, url)
            await server.asked.wait()
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert kept
        await server.gone.wait()


async def test_cancelled_waiting_loses_nothing(runtime: ModuleType) -> None:
    """Whoever waits for a while only, and asks again, misses no event and repeats no request."""
    stream = [b"id: %d\nda" % number + b"ta: %d\n\n" % number for number in range(100)]
    requests: list[bytes] = []

    async def serve(stream_: SocketStream) -> None:
        if not (request := await read_request(stream_)):
            return  # the waiting was cancelled while it connected
        requests.append(request)
        await anyio.sleep(0.01)
        for data in [HEAD, *stream]:
            await stream_.send(data[:5])
            await anyio.sleep(0.001)
            await stream_.send(data[5:])
        await wait_until_gone(stream_)

    found: list[str] = []
    async with peer(serve) as url, runtime.connect_sse(url, method="POST") as events:
        while len(found) < 100:
            with anyio.move_on_after(0.002):
                found.append((await anext(events)).text)  # it may be cancelled
    assert found == [str(number) for number in range(100)]
    assert len(requests) == 1


@pytest.mark.parametrize("sent", [[], [HEAD]])
async def test_one_task_asks_at_a_time(runtime: ModuleType, sent: list[bytes]) -> None:
    """Two would make two requests, and either would get what the other one has missed."""
    server = Server(*sent)
    async with peer(server) as url, anyio.create_task_group() as tasks:
        events = runtime.connect_sse(url, method="POST")
        tasks.start_soon(_exhaust, events)
        await server.asked.wait()
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(LocalProtocolError):
            await anext(events)
        events.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize("sent", [[], [HEAD]])
async def test_close_wakes_who_waits(runtime: ModuleType, sent: list[bytes]) -> None:
    """In another task: for an answer, or for an event."""
    server = Server(*sent)
    async with peer(server) as url, anyio.create_task_group() as tasks:
        events = runtime.connect_sse(url, method="POST")
        tasks.start_soon(_exhaust, events)
        await server.asked.wait()
        await anyio.wait_all_tasks_blocked()
        events.close()
        await server.gone.wait()


async def test_close_wakes_who_waits_for_time(runtime: ModuleType) -> None:
    """There may be an hour to wait."""
    events = runtime.connect_sse("http://127.0.0.1:1/", retry=3_600_000)
    assert isinstance(await events.next_event(), Disconnected)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_exhaust, events)
        await anyio.wait_all_tasks_blocked()
        events.close()


async def test_close_while_connecting(runtime: ModuleType) -> None:
    """The connection that comes about is dropped."""
    server = Server()
    async with peer(server) as url:
        events = runtime.connect_sse(url)
        pool = events._pool
        connecting, go_on, connect = anyio.Event(), anyio.Event(), pool.connect

        async def connect_slowly(request: object) -> object:
            connecting.set()
            await go_on.wait()
            return await connect(request)

        pool.connect = connect_slowly
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_exhaust, events)
            await connecting.wait()
            events.close()
            go_on.set()
        await server.gone.wait()
        assert server.requests == [b""]


async def _exhaust(events: object) -> None:
    async for event in events.events():  # type: ignore[attr-defined]  # of either runtime
        assert isinstance(event, Opened | Closed)


async def test_silence_drops_the_connection(runtime: ModuleType) -> None:
    """Right then, not when the next one is made."""
    server = Server(HEAD, b": hello\n\n")
    async with (
        peer(server) as url,
        runtime.connect_sse(url, read_timeout=0.1, retry=3_600_000) as events,
    ):
        *_, last = [await events.next_event() for _ in range(3)]
        assert isinstance(last, Disconnected)
        assert isinstance(last.error, PeerTimeout)
        await server.gone.wait()


async def test_silence_of_a_post(runtime: ModuleType) -> None:
    """It is the end, with an error that says why."""
    async with peer(Server(HEAD)) as url:
        with pytest.raises(NotRepeated) as raised:
            async for _ in runtime.connect_sse(url, method="POST", read_timeout=0.1):
                pass
    assert isinstance(raised.value.__cause__, PeerTimeout)


@pytest.mark.parametrize("patience", [None, 0.01])
async def test_a_slow_application_is_no_silent_server(
    runtime: ModuleType, patience: float | None
) -> None:
    """What came while nobody asked has come in time, also when somebody had asked in vain."""
    absent = anyio.Event()

    async def serve(stream: SocketStream) -> None:
        await read_request(stream)
        await stream.send(HEAD + b"data: a\n\n")
        await absent.wait()
        await stream.send(b"data: b\n\n")
        await wait_until_gone(stream)

    async with peer(serve) as url, runtime.connect_sse(url, read_timeout=0.2) as events:
        assert (await anext(events)).text == "a"
        if patience is not None:
            with anyio.move_on_after(patience):
                await anext(events)
        absent.set()
        await anyio.sleep(0.3)
        assert await events.next_event() == ServerSentEvent("b", id="")


async def test_a_slow_application_slows_the_server_down(runtime: ModuleType) -> None:
    """Nobody reads a stream whose events nobody takes."""
    size = 64 * 1024 * 1024
    sent = 0

    async def serve(stream: SocketStream) -> None:
        nonlocal sent
        await read_request(stream)
        await stream.send(HEAD)
        block = b"data: " + b"x" * 100_000 + b"\n\n"
        with anyio.move_on_after(60), suppress(anyio.BrokenResourceError):
            while sent < size:
                await stream.send(block)
                sent += len(block)

    async with peer(serve) as url, runtime.connect_sse(url) as events:
        await anext(events)
        await anyio.sleep(0.2)
        before = -1
        while before != sent:
            before = sent
            await anyio.sleep(0.05)
        assert sent < size / 2


def test_one_that_was_never_asked(runtime: ModuleType) -> None:
    """Nothing was opened, so nothing is left, wherever it is dropped."""
    events = runtime.connect_sse("http://127.0.0.1:1/")
    del events
