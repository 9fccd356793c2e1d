"""Calls over HTTP: a pool that keeps connections, and roles that live on it, on both runtimes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from types import ModuleType
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream
from typing_extensions import override

from eventproto import EOF, CallMachine, Chunk, Closed, ConnectionLost, End, Event, PeerTimeout
from eventproto._address import ANYWHERE
from eventproto._value import value
from eventproto.http import Call, Limits, Request, Response
from tests.drivers.peers import peer, read_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@value()
class Answered(Event):
    """A call that the application asked for has its result."""

    outcome: Response | Exception


@value()
class Piece(Event):
    """A piece of a streamed answer."""

    chunk: Chunk
    error: Exception | None


class Asker(CallMachine[Request | End | float]):
    """Makes the calls that it is told to; a number has it wait; others are answered with 200."""

    stream = False

    @override
    def _on_send(self, command: Request | End | float) -> None:
        match command:
            case Request():
                self._call(command, None, stream=self.stream)
            case End():
                self._close()
            case _:
                self._timers.set("alarm", self._now + command)

    @override
    def _on_call(self, call: Call) -> None:
        if call.request.method == "GET":
            self._answer(call.token, Response.of_text(200, call.request.url))

    @override
    def _on_result(self, about: Any, outcome: Response | Exception) -> None:
        self._events.append(Answered(outcome))

    @override
    def _on_body(self, about: Any, chunk: Chunk, error: Exception | None) -> None:
        self._events.append(Piece(chunk, error))

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        self._events.append(Answered(PeerTimeout(str(self.clock_offset > 1e9))))


async def test_a_connection_is_kept_for_the_next_call(runtime: ModuleType) -> None:
    """Two calls to one origin, one connection."""
    requests: list[list[bytes]] = []

    async def serve(stream: SocketStream) -> None:
        requests.append([])
        while raw := await read_request(stream):
            requests[-1].append(raw.split(b"\r\n")[0])
            await stream.send(OK)

    async with peer(serve) as url, runtime.run(Asker(), policy=ANYWHERE) as role:
        for path in ("/1", "/2"):
            await role.send(Request("GET", url + path))
            event = await role.next_event()
            assert event.outcome.body == b"ok"

    assert requests == [[b"GET /1 HTTP/1.1", b"GET /2 HTTP/1.1"]]


@pytest.mark.parametrize(("method", "survives"), [("GET", True), ("POST", False)])
async def test_a_connection_that_went_stale(
    runtime: ModuleType, method: str, survives: bool
) -> None:
    """An idempotent call is made again on a new connection; any other one is for the caller."""
    served = 0

    async def serve_once_each(stream: SocketStream) -> None:
        nonlocal served
        served += 1
        if await read_request(stream):
            await stream.send(OK)
        with suppress(anyio.EndOfStream):
            await stream.receive()  # the second request, which gets no answer

    async with peer(serve_once_each) as url, runtime.run(Asker(), policy=ANYWHERE) as role:
        await role.send(Request("GET", url))
        await role.next_event()
        await role.send(Request(method, url))
        event = await role.next_event()

    assert isinstance(event.outcome, Response) == survives
    assert served == (2 if survives else 1)
    if not survives:
        assert isinstance(event.outcome, ConnectionLost)


async def test_idle_connections_are_few(runtime: ModuleType) -> None:
    """However many calls were under way, a role does not run out of descriptors."""
    open_ones = 0
    all_are_open, some_were_dropped = anyio.Event(), anyio.Event()

    async def serve(stream: SocketStream) -> None:
        nonlocal open_ones
        open_ones += 1
        if open_ones == 80:
            all_are_open.set()
        while await read_request(stream):
            await all_are_open.wait()
            await stream.send(OK)
        open_ones -= 1
        if open_ones == 64:
            some_were_dropped.set()

    async with peer(serve) as url, runtime.run(Asker(), policy=ANYWHERE) as role:
        for _ in range(80):
            await role.send(Request("GET", url))
        for _ in range(80):
            assert (await role.next_event()).outcome.ok
        await some_were_dropped.wait()
        await role.send(Request("GET", url))
        assert (await role.next_event()).outcome.ok
        assert open_ones == 64


async def test_a_connection_is_not_kept_beyond_its_idle_time(runtime: ModuleType) -> None:
    """What lies between here and there may have forgotten it."""
    served = 0

    async def serve(stream: SocketStream) -> None:
        nonlocal served
        served += 1
        while await read_request(stream):
            await stream.send(OK)

    limits = Limits(idle_time=0.05)
    async with peer(serve) as url, runtime.run(Asker(), policy=ANYWHERE, limits=limits) as role:
        for _ in range(2):
            await role.send(Request("POST", url))
            assert (await role.next_event()).outcome.ok
            await anyio.sleep(0.1)

    assert served == 2


async def test_calls_run_side_by_side(runtime: ModuleType) -> None:
    """A slow server delays nobody else."""
    gate = anyio.Event()

    async def serve(stream: SocketStream) -> None:
        raw = await read_request(stream)
        if b"/slow" in raw:
            await gate.wait()
        await stream.send(OK)

    async with peer(serve) as url, runtime.run(Asker(), policy=ANYWHERE) as role:
        await role.send(Request("GET", url + "/slow"))
        await role.send(Request("GET", url + "/fast"))
        assert (await role.next_event()).outcome.ok
        gate.set()
        assert (await role.next_event()).outcome.ok


async def test_a_streamed_answer_comes_in_pieces(runtime: ModuleType) -> None:
    """The head first, then what comes as it comes, then the end or why there is none."""
    more = anyio.Event()

    async def serve(stream: SocketStream) -> None:
        await read_request(stream)
        await stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await more.wait()
        await stream.send(b"3\r\ntwo\r\n")

    asker = Asker()
    asker.stream = True
    async with peer(serve) as url, runtime.run(asker, policy=ANYWHERE) as role:
        await role.send(Request("GET", url))
        assert (await role.next_event()).outcome.status == 200
        assert await role.next_event() == Piece(b"one", None)
        more.set()
        assert await role.next_event() == Piece(b"two", None)
        last = await role.next_event()

    assert last.chunk is EOF
    assert isinstance(last.error, ConnectionLost)


async def test_who_cannot_be_reached_is_a_result(runtime: ModuleType) -> None:
    """The machine hears of it; nobody has to catch anything."""
    async with runtime.run(Asker(), policy=ANYWHERE) as role:
        await role.send(Request("GET", "http://127.0.0.1:1/"))
        event = await role.next_event()

    assert isinstance(event.outcome, ConnectionLost)
    assert isinstance(event.outcome.__cause__, OSError)


async def test_a_connection_that_does_not_come_about(runtime: ModuleType) -> None:
    """The same limit holds for connecting as for answering, and the error says which."""

    async def say_nothing(stream: SocketStream) -> None:
        await anyio.sleep_forever()  # also nothing of TLS

    limits = Limits(response_time=0.1)
    async with (
        peer(say_nothing) as url,
        runtime.run(Asker(), policy=ANYWHERE, limits=limits) as role,
    ):
        await role.send(Request("GET", url.replace("http:", "https:")))
        event = await role.next_event()

    assert isinstance(event.outcome, ConnectionLost)
    assert str(event.outcome).endswith("no connection within 0.1 seconds")


async def test_private_addresses_are_refused_by_default(runtime: ModuleType) -> None:
    """Roles call whom others name, so nobody on this network unless allowed."""
    # WebSub X2
    called = False

    async def serve(stream: SocketStream) -> None:
        nonlocal called
        called = True

    async with peer(serve) as url, runtime.run(Asker()) as role:
        await role.send(Request("GET", url))
        event = await role.next_event()

    assert isinstance(event.outcome.__cause__, PermissionError)
    assert not called


async def test_a_server_that_does_not_answer(runtime: ModuleType) -> None:
    """The limits of the connection end the waiting."""

    async def serve(stream: SocketStream) -> None:
        await read_request(stream)
        await anyio.sleep_forever()

    limits = Limits(response_time=0.1)
    async with peer(serve) as url, runtime.run(Asker(), policy=ANYWHERE, limits=limits) as role:
        await role.send(Request("GET", url))
        event = await role.next_event()

    assert isinstance(event.outcome, PeerTimeout)


async def test_an_answer_before_the_request_was_read(runtime: ModuleType) -> None:
    """A server that refuses a large body early is heard."""

    async def serve(stream: SocketStream) -> None:
        await stream.receive(1)
        await stream.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await stream.send_eof()
        async for _ in stream:
            pass

    async with peer(serve) as url, runtime.run(Asker(), policy=ANYWHERE) as role:
        await role.send(Request("POST", url, body=bytes(1_000_000)))
        event = await role.next_event()

    assert event.outcome.status == 413


async def test_a_role_is_called(runtime: ModuleType) -> None:
    """What a server does with the calls that come in; a role that has closed says 503."""
    async with runtime.run(Asker()) as role:
        response = await role.answer(Request("GET", "http://example.test/"))
        assert response.body == b"http://example.test/"

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_expect_503, role)
            await anyio.wait_all_tasks_blocked()
            await role.send(End())
        await _expect_503(role)

        assert await role.next_event() == Closed()
        assert await role.next_event() is None


async def _expect_503(role: Any) -> None:
    assert (await role.answer(Request("POST", "http://example.test/"))).status == 503


async def test_the_clock_of_a_role(runtime: ModuleType) -> None:
    """Deadlines fire, and the machine can tell the time on the wall."""
    async with runtime.run(Asker()) as role:
        await role.send(0.05)
        event = await role.next_event()

    assert str(event.outcome) == "True"


async def test_calls_end_with_the_block(
    runtime: ModuleType, count_tasks: Callable[[], int]
) -> None:
    """A call under way is dropped, and so are idle connections."""
    ended = anyio.Event()

    async def serve(stream: SocketStream) -> None:
        while await read_request(stream):
            pass
        ended.set()

    async with peer(serve) as url:
        await anyio.wait_all_tasks_blocked()
        before = count_tasks()
        async with runtime.run(Asker(), policy=ANYWHERE) as role:
            await role.send(Request("GET", url))
            await anyio.sleep(0.1)
        await ended.wait()
        await anyio.wait_all_tasks_blocked()
        assert count_tasks() == before
