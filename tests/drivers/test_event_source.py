"""The client of an event stream over real sockets, on both runtimes: what it leaves behind."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import ModuleType

import anyio
import pytest
from anyio.abc import SocketStream

from eventproto import Closed, HandshakeRejected, Message, PeerTimeout, Steps
from eventproto.http import Unsent
from eventproto.sse import Disconnected, NotRepeated, Opened, ServerSentEvent, State
from tests.drivers.peers import Peer, peer, read_all, read_request
from tests.drivers.test_clients import free_port

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
AT_ONCE = Steps((0.01,) * 1000)


class Server:
    """Sends something to whoever asks, and notices when they have gone."""

    def __init__(self, *sent: bytes) -> None:
        self.sent = sent
        self.requests: list[bytes] = []
        self.asked = anyio.Event()
        self.gone = anyio.Event()

    async def __call__(self, stream: SocketStream) -> None:
        self.requests.append(await read_request(stream))
        self.asked.set()
        for data in self.sent:
            await stream.send(data)
        await wait_until_gone(stream)
        self.gone.set()


async def wait_until_gone(stream: SocketStream) -> None:
    """Until the client has dropped the connection, in whatever way."""
    with suppress(anyio.BrokenResourceError):
        await read_all(stream)


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


async def test_no_answer_in_time(runtime: ModuleType) -> None:
    """The head of an answer is waited for no longer than said."""
    async with peer(Server()) as url, runtime.connect_sse(url, response_time=0.1) as events:
        event = await events.next_event()
    assert isinstance(event, Disconnected)
    assert isinstance(event.error, PeerTimeout)


async def test_retry_after_a_date(runtime: ModuleType) -> None:
    """It is compared with the clock on the wall."""
    date = datetime.now(UTC) + timedelta(seconds=1000)
    head = f"HTTP/1.1 503 Busy\r\nRetry-After: {date:%a, %d %b %Y %H:%M:%S} GMT\r\n".encode()
    server = Server(head + b"Content-Length: 4\r\n\r\nbusy")
    async with peer(server) as url, runtime.connect_sse(url) as events:
        event = await events.next_event()
    assert isinstance(event, Disconnected)
    assert 900 < event.delay < 1100
    assert isinstance(event.error, HandshakeRejected)
    assert event.error.response.body == b"busy"


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


async def test_a_compressed_stream(runtime: ModuleType) -> None:
    """Each event as it comes, in as many connections as it takes."""
    requests: list[bytes] = []

    async def serve(stream: SocketStream) -> None:
        requests.append(await read_request(stream))
        number = len(requests)
        compress = zlib.compressobj(wbits=31)
        await stream.send(HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n")
        for _ in range(2):
            event = b"id: %d\ndata: %d\n\n" % (number, number)
            await stream.send(compress.compress(event) + compress.flush(zlib.Z_SYNC_FLUSH))

    async with peer(serve) as url:
        events = runtime.connect_sse(url, retry=1, backoff=AT_ONCE)
        found = [(await anext(events)).text for _ in range(6)]
        events.close()
    assert found == ["1", "1", "2", "2", "3", "3"]
    assert b"Accept-Encoding: gzip, deflate\r\n" in requests[0]
    assert b"Last-Event-ID: 1\r\n" in requests[1]


async def test_a_rejection_says_what_is_wrong(runtime: ModuleType) -> None:
    """Its body is part of the error, though it was meant to be a stream."""
    body = gzip.compress(b'{"error":"no such model"}')
    head = b"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with peer(Server(head, body[:10], body[10:])) as url:
        with pytest.raises(HandshakeRejected) as raised:
            async for _ in runtime.connect_sse(url, method="POST"):
                pass
    assert raised.value.response.body == b'{"error":"no such model"}'


async def test_a_post_is_one_question_with_one_answer(runtime: ModuleType) -> None:
    """The way services stream what a model says: the loop ends with the stream."""
    requests: list[bytes] = []

    async def serve(stream: SocketStream) -> None:
        requests.append(await stream.receive())
        await stream.send(HEAD[:-2] + b"Transfer-Encoding: chunked\r\n\r\n")
        await stream.send(b"9\r\ndata: a\n\n\r\n9\r\ndata: b\n\n\r\n0\r\n\r\n")

    question = Message.of_json({"stream": True})
    headers = {"Authorization": "Bearer x"}
    async with peer(serve) as url:
        events = runtime.connect_sse(url, method="POST", body=question, headers=headers)
        assert [message.text async for message in events] == ["a", "b"]
    [request] = requests
    assert request.startswith(b"POST / HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"stream":true}')
    assert b"Content-Type: application/json\r\n" in request
    assert b"Authorization: Bearer x\r\n" in request


async def test_a_post_whose_answer_breaks_off(runtime: ModuleType) -> None:
    """What came is there, and the request is not made again."""
    requests: list[bytes] = []

    async def serve(stream: SocketStream) -> None:
        requests.append(await stream.receive())
        await stream.send(HEAD[:-2] + b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n")

    found: list[str] = []
    async with peer(serve) as url:
        with pytest.raises(NotRepeated):  # noqa: PT012  # a loop is what it is about
            async for message in runtime.connect_sse(url, method="POST", retry=1, backoff=AT_ONCE):
                found.append(message.text)  # noqa: PERF401  # it raises
    assert found == ["a"]
    assert len(requests) == 1


async def test_a_post_to_who_is_not_there_yet(runtime: ModuleType) -> None:
    """It was never sent, so it is sent when there is somebody."""
    port = free_port()
    events = runtime.connect_sse(
        f"http://127.0.0.1:{port}/", method="POST", retry=1, backoff=AT_ONCE
    )
    event = await events.next_event()
    assert isinstance(event, Disconnected)
    assert isinstance(event.error, Unsent)
    server = Server(HEAD + b"data: a\n\n")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_serve, server, port)
        assert (await anext(events)).text == "a"
        events.close()
        await server.gone.wait()
        tasks.cancel_scope.cancel()
    assert len(server.requests) == 1


async def _serve(behave: Peer, port: int) -> None:
    async def attend(stream: SocketStream) -> None:
        async with stream:
            await behave(stream)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    async with listener:
        await listener.serve(attend)


async def test_where_to_go_on(runtime: ModuleType) -> None:
    """An application that keeps the id comes back another day."""
    server = Server(HEAD + b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n")
    async with peer(server) as url:
        async with runtime.connect_sse(url) as events:
            assert events.state is State.CONNECTING
            await anext(events)
            kept = events.last_event_id
        async with runtime.connect_sse(url, last_event_id=kept) as events:
            await anext(events)
    assert kept == "1"
    assert b"Last-Event-ID" not in server.requests[0]
    assert b"Last-Event-ID: 1\r\n" in server.requests[1]


async def test_where_messages_come_from(runtime: ModuleType) -> None:
    """The URL where the stream was found, which may be another one each time."""  # SSE E6, F21
    asked = 0

    async def serve(stream: SocketStream) -> None:
        nonlocal asked
        while request := await read_request(stream):
            if b"GET /moved" in request:
                await stream.send(HEAD + b"data: a\n\n")
                return
            asked += 1
            head = b"HTTP/1.1 307 Moved\r\nLocation: /moved?%d\r\nContent-Length: 0\r\n\r\n"
            await stream.send(head % asked)

    async with peer(serve) as url, runtime.connect_sse(url, retry=1, backoff=AT_ONCE) as events:
        assert (await anext(events)).source == f"{url}/moved?1"
        assert (await anext(events)).source == f"{url}/moved?2"


async def test_a_request_that_was_sent_in_part(runtime: ModuleType) -> None:
    """Waiting may be cancelled there; it goes on or fails later, but it is not repeated."""
    requests = 0
    read = anyio.Event()

    async def serve(stream: SocketStream) -> None:
        nonlocal requests
        requests += 1
        await read.wait()
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            size = 0
            while size < len(body):
                size += len(await stream.receive())
            await stream.send(HEAD + b"data: a\n\n")

    body = bytes(16 * 1024 * 1024)
    async with peer(serve) as url, runtime.connect_sse(url, method="POST", body=body) as events:
        with anyio.move_on_after(0.1):
            await events.next_event()
            pytest.fail("the server has not read it")
        read.set()
        event = await events.next_event()
    assert isinstance(event, Opened) or isinstance(event.error, NotRepeated)
    assert requests == 1


def test_one_that_was_never_asked(runtime: ModuleType) -> None:
    """Nothing was opened, so nothing is left, wherever it is dropped."""
    events = runtime.connect_sse("http://127.0.0.1:1/")
    del events
