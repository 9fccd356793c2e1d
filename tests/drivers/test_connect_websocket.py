"""One WebSocket, from the application's side, on both runtimes, over real sockets."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trustme
from anyio.abc import SocketStream

from eventproto import (
    ClosedError,
    ConnectionLost,
    HandshakeRejected,
    LimitExceeded,
    LocalProtocolError,
    Message,
    PeerTimeout,
)
from eventproto.http import Headers, Request, Response
from eventproto.site import Site, WebSocket
from eventproto.websocket import (
    Close,
    Deflate,
    Fragment,
    Limits,
    Opcode,
    Pong,
    Text,
    accept,
    encode_frame,
)
from tests.drivers.peers import peer, read_request


def fields(request: bytes) -> Headers:
    """The headers of a request."""
    lines = request.decode().split("\r\n")[1:-2]
    return Headers([(name, text) for name, _, text in (line.partition(":") for line in lines)])


async def welcome(stream: SocketStream, request: bytes) -> None:
    """Open a WebSocket."""
    response, connection = accept(Request("GET", "http://a/", fields(request)))
    assert connection is not None
    head = "".join(f"{name}: {text}\r\n" for name, text in response.headers)
    await stream.send(f"HTTP/1.1 101 Switching\r\n{head}\r\n".encode())


async def refuse(stream: SocketStream, status: int, *headers: str) -> None:
    """Refuse one."""
    lines = [f"HTTP/1.1 {status} No", "Content-Length: 2", *headers, "", "no"]
    await stream.send("\r\n".join(lines).encode())


async def test_redirects_are_followed(runtime: ModuleType) -> None:
    """To where a WebSocket is; with all headers, as long as it is the same server."""
    asked: list[tuple[bytes, str | None]] = []

    async def serve(stream: SocketStream) -> None:
        request = await read_request(stream)
        asked.append((request.split(b" ")[1], fields(request).get("Authorization")))
        if b"/old" in request:
            await refuse(stream, 308, "Location: /new")
        elif b"/new" in request:
            there = url.replace("127.0.0.1", "localhost")
            await refuse(stream, 302, f"Location: {there}/there")
        else:
            await welcome(stream, request)
            await stream.send(encode_frame(Opcode.TEXT, b"here"))
            await stream.send(encode_frame(Opcode.CLOSE))

    async with (
        peer(serve) as url,
        runtime.connect_websocket(
            url.replace("http", "ws") + "/old", headers=Headers({"Authorization": "Bearer x"})
        ) as websocket,
    ):
        (message,) = [message async for message in websocket]
        assert message.text == "here"
        assert message.source == url.replace("http://127.0.0.1", "ws://localhost") + "/there"

    assert asked == [(b"/old", "Bearer x"), (b"/new", "Bearer x"), (b"/there", None)]


async def test_redirects_have_an_end(runtime: ModuleType) -> None:
    """They are counted."""
    asked = 0

    async def serve(stream: SocketStream) -> None:
        nonlocal asked
        asked += 1
        await read_request(stream)
        await refuse(stream, 307, "Location: /")

    async with peer(serve) as url:
        with pytest.raises(LimitExceeded):
            async with runtime.connect_websocket(
                url.replace("http", "ws"), limits=Limits(redirects=3)
            ):
                pass

    assert asked == 4


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_credentials_are_given_once(runtime: ModuleType, asynchronous: bool) -> None:
    """To who asks for them; whoever has them not, or not the right ones, is refused."""
    asked: list[str | None] = []
    given = {"": Headers({"Authorization": "right"}), "wrong": Headers({"Authorization": "wrong"})}

    async def serve(stream: SocketStream) -> None:
        request = await read_request(stream)
        asked.append(fields(request).get("Authorization"))
        if asked[-1] == "right":
            await welcome(stream, request)
            await stream.send(encode_frame(Opcode.CLOSE))
        else:
            await refuse(stream, 401, "WWW-Authenticate: Bearer")

    def authenticate(response: Response) -> Headers | None:
        assert response.headers["WWW-Authenticate"] == "Bearer"
        return given.get(which)

    async def authenticate_slowly(response: Response) -> Headers | None:
        await anyio.sleep(0.01)
        return authenticate(response)

    hook = authenticate_slowly if asynchronous else authenticate
    async with peer(serve) as at:
        url = at.replace("http", "ws")
        which = ""
        async with runtime.connect_websocket(url, authenticate=hook):
            pass
        which = "wrong"
        with pytest.raises(HandshakeRejected) as raised:
            await runtime.connect_websocket(url, authenticate=hook).__aenter__()
        assert raised.value.response.body == b"no"
        which = "none"
        with pytest.raises(HandshakeRejected):
            await runtime.connect_websocket(url, authenticate=hook).__aenter__()

    assert asked == [None, "right", None, "wrong", None]


async def test_mistakes_are_told_before_anybody_connects(runtime: ModuleType) -> None:
    """By the call itself."""
    mistakes: list[tuple[str, dict[str, Any]]] = [
        ("http://a", {}),
        ("ws://a", {"subprotocols": ["not a token"]}),
        ("ws://a", {"headers": Headers({"Upgrade": "x"})}),
        ("ws://a", {"proxy": "a"}),
    ]
    for url, options in mistakes:
        with pytest.raises(LocalProtocolError):
            runtime.connect_websocket(url, **options)


async def test_a_block_is_entered_once_at_a_time(runtime: ModuleType) -> None:
    """But again later."""
    async with runtime.serve(Site({"/": WebSocket(echo)})) as server:
        connector = runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/")
        for _ in range(2):
            async with connector as websocket:
                await websocket.send("x")
                assert (await anext(websocket)).text == "x"
                with pytest.raises(LocalProtocolError):
                    await connector.__aenter__()
        broken = runtime.connect_websocket("ws://127.0.0.1:1/")
        for _ in range(2):
            with pytest.raises(OSError, match="127"):
                await broken.__aenter__()


async def echo(session: Any, request: Request) -> None:
    """Send every message back."""
    async for message in session:
        await session.send(message)


async def pieces(count: int) -> AsyncIterator[str]:
    """A message as it is made."""
    for number in range(count):
        await anyio.lowlevel.checkpoint()
        yield str(number)


async def test_what_may_be_sent(runtime: ModuleType) -> None:
    """Whole or in pieces, text or bytes, made at once or bit by bit; by either end."""

    async def send_all(session: Any, request: Request) -> None:
        await session.send("text")
        await session.send(b"bytes")
        await session.send(Message.of_text("message"))
        await session.send(Text("event"))
        await session.send(["a", "", "b"])
        await session.send(bytes([each]) for each in range(3))
        await session.send(pieces(4))
        await session.send(("last",))

    async with (
        runtime.serve(Site({"/": WebSocket(send_all)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket,
    ):
        found = [message.data async for message in websocket]
    expected = [b"text", b"bytes", b"message", b"event", b"ab", b"\0\1\2", b"0123", b"last"]
    assert found == expected

    async with (
        runtime.serve(Site({"/": WebSocket(echo)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket,
    ):
        await send_all(websocket, Request("GET", "ws://a/"))
        assert [(await anext(websocket)).data for _ in expected] == expected


async def test_no_piece_is_no_message(runtime: ModuleType) -> None:
    """Whether it is text cannot be known; the connection stays as it was."""

    async def send(session: Any, request: Request) -> None:
        nothings: list[Any] = [[], iter(()), pieces(0)]
        for nothing in nothings:
            with pytest.raises(LocalProtocolError, match="at least one"):
                await session.send(nothing)
        await session.send([""])

    async with (
        runtime.serve(Site({"/": WebSocket(send)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket,
    ):
        assert [message.text async for message in websocket] == [""]


async def test_pieces_leave_as_they_come(runtime: ModuleType) -> None:
    """And are seen as they come, by who asks for that."""
    read = anyio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"first"
        await read.wait()
        yield b"second"

    async def send_slowly(session: Any, request: Request) -> None:
        await session.send(slowly())

    async with (
        runtime.serve(Site({"/": WebSocket(send_slowly)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/", fragments=True) as websocket,
    ):
        assert await websocket.next_event() == Fragment(b"first", fin=False)
        read.set()
        rest = [event async for event in websocket.events() if isinstance(event, Fragment)]
    assert b"".join(each.data for each in rest) == b"second"  # type: ignore[misc]
    assert rest[-1].fin


async def test_messages_wait_for_one_that_is_sent_in_pieces(runtime: ModuleType) -> None:
    """Pings do not; and nobody waits for ever."""
    begun, go_on = anyio.Event(), anyio.Event()

    async def slowly() -> AsyncIterator[str]:
        yield "a"
        begun.set()
        await go_on.wait()
        yield "b"

    async with (
        runtime.serve(Site({"/": WebSocket(echo)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket,
    ):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(websocket.send, slowly())
            await begun.wait()
            for each in ("c", ["d", "e"], Text("f")):
                tasks.start_soon(websocket.send, each)
            await anyio.wait_all_tasks_blocked()
            await websocket.ping()
            go_on.set()
        found = [(await anext(websocket)).text for _ in range(4)]
    assert found[0] == "ab"
    assert sorted(found[1:]) == ["c", "de", "f"]


async def test_a_message_that_cannot_be_completed(runtime: ModuleType) -> None:
    """Closes the connection, because it can be neither ended nor taken back."""
    closes: list[Close | None] = []

    async def broken() -> AsyncIterator[str]:
        yield "a"
        raise ZeroDivisionError

    async def endless() -> AsyncIterator[str]:
        yield "a"
        await anyio.sleep_forever()

    async def cancelled(websocket: Any) -> None:
        with anyio.fail_after(0.05):
            await websocket.send(endless())

    async def listen(session: Any, request: Request) -> None:
        with suppress(Exception):
            async for _ in session:
                pass
        closes.append(session.close_received)

    async with runtime.serve(Site({"/": WebSocket(listen)})) as server:
        sendings: list[tuple[Any, type[Exception]]] = [
            (lambda websocket: websocket.send(broken()), ZeroDivisionError),
            (lambda websocket: websocket.send(["a", b"b"]), LocalProtocolError),
            (cancelled, TimeoutError),
        ]
        for send, error in sendings:
            async with runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket:
                with pytest.raises(error):
                    await send(websocket)
                with pytest.raises(ClosedError):
                    await websocket.send("behind it")
        async with runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket:
            for nothing in ([1], bytearray(b"x"), {"a": "b"}):  # none of it has left
                with pytest.raises(LocalProtocolError):
                    await websocket.send(nothing)
            await websocket.send("still open")

    assert [close and close.code for close in closes] == [1011, 1011, 1011, 1000]


async def test_who_waits_behind_pieces_is_told_of_the_end(runtime: ModuleType) -> None:
    """The peer goes in the middle of a message."""

    async def serve(stream: SocketStream) -> None:
        await welcome(stream, await read_request(stream))
        await go.wait()

    async def endless() -> AsyncIterator[str]:
        yield "a"
        await anyio.sleep_forever()

    async def expect_the_end(websocket: Any) -> None:
        with pytest.raises(ClosedError):
            await websocket.send("b")
        tasks.cancel_scope.cancel()

    go = anyio.Event()
    async with (
        peer(serve) as url,
        runtime.connect_websocket(url.replace("http", "ws")) as websocket,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(websocket.send, endless())
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(expect_the_end, websocket)
        await anyio.wait_all_tasks_blocked()
        go.set()
        with suppress(ConnectionLost):
            async for _ in websocket:
                pass


async def test_pings(runtime: ModuleType) -> None:
    """They are answered whether or not anybody takes events, and on both ends."""
    server_side: list[float] = []

    async def ping_and_echo(session: Any, request: Request) -> None:
        server_side.append(await session.ping())
        await echo(session, request)

    async with (
        runtime.serve(Site({"/": WebSocket(ping_and_echo)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket,
    ):
        assert websocket.latency is None
        first = await websocket.ping()
        assert websocket.latency == first > 0
        await websocket.send("x")
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(websocket.ping)
            assert (await anext(websocket)).text == "x"
        await websocket.send("y")
        assert (await anext(websocket)).text == "y"  # the Pongs are passed over

    assert server_side[0] > 0


async def test_a_ping_that_is_not_answered(runtime: ModuleType) -> None:
    """Because the peer goes, or says nothing more."""

    async def leave(stream: SocketStream) -> None:
        await welcome(stream, await read_request(stream))
        await stream.receive()

    async def be_silent(stream: SocketStream) -> None:
        await welcome(stream, await read_request(stream))
        async for _ in stream:
            pass

    limits = Limits(ping_interval=0.05, ping_timeout=0.05, close_time=0.05)
    for behave in (leave, be_silent):
        async with peer(behave) as url:
            with pytest.raises((ConnectionLost, PeerTimeout)):
                async with runtime.connect_websocket(
                    url.replace("http", "ws"), limits=limits
                ) as websocket:
                    await websocket.ping()


async def test_events_of_pings_stay(runtime: ModuleType) -> None:
    """Who looks at events sees the Pongs to its Pings."""
    async with (
        runtime.serve(Site({"/": WebSocket(echo)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket,
    ):
        await websocket.ping()
        assert isinstance(await websocket.next_event(), Pong)


async def test_closing(runtime: ModuleType) -> None:
    """With a code and a reason, in the middle of anything; and the end is waited for."""
    closes: list[Close | None] = []

    async def talk(session: Any, request: Request) -> None:
        await session.send("not read by anybody")
        async for _ in session:
            pass
        closes.append(session.close_received)

    async with runtime.serve(Site({"/": WebSocket(talk)})) as server:
        async with runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket:
            with pytest.raises(LocalProtocolError):
                await websocket.close(1005, "reason")
            await websocket.close(4001, "enough")
            assert websocket.closed.error is None
            await websocket.close()  # once more is no error
            with pytest.raises(ClosedError):
                await websocket.send("x")
            with pytest.raises(ClosedError):
                await websocket.ping()
        assert websocket.close_received == Close(4001)

    assert closes == [Close(4001, "enough")]


async def test_dropping(runtime: ModuleType) -> None:
    """Without a word."""
    ended = anyio.Event()

    async def listen(session: Any, request: Request) -> None:
        with pytest.raises(ConnectionLost):
            await anext(session)
        ended.set()

    async with runtime.serve(Site({"/": WebSocket(listen)})) as server:
        with suppress(ConnectionLost):
            async with runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as websocket:
                websocket.abort()
        await ended.wait()


async def test_tls_subprotocols_and_compression(runtime: ModuleType, authority: trustme.CA) -> None:
    """What is agreed on in the opening handshake."""
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_tls)
    client_tls = ssl.create_default_context()
    authority.configure_trust(client_tls)
    site = Site({"/": WebSocket(echo, subprotocols=["b"])})
    async with runtime.serve(site, host="localhost", tls=server_tls) as server:
        url = f"wss://localhost:{server.port}/"
        async with runtime.connect_websocket(
            url, tls=client_tls, subprotocols=["a", "b"], compression=Deflate()
        ) as websocket:
            assert websocket.subprotocol == "b"
            await websocket.send("x" * 100_000)
            assert (await anext(websocket)).text == "x" * 100_000
        with pytest.raises(ssl.SSLCertVerificationError):
            async with runtime.connect_websocket(url):
                pass


async def test_everything_has_ended_when_the_block_exits(
    runtime: ModuleType, count_tasks: Callable[[], int]
) -> None:
    """However it does, also while it is still connecting."""
    async with runtime.serve(Site({"/": WebSocket(echo)})) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        async with runtime.connect_websocket(url):
            pass
        await anyio.sleep(0.05)
        before = count_tasks()
        async with runtime.connect_websocket(url) as websocket:
            await websocket.send("x")
        with pytest.raises(ZeroDivisionError):
            async with runtime.connect_websocket(url):
                raise ZeroDivisionError
        with anyio.move_on_after(0.05):
            async with runtime.connect_websocket(url):
                await anyio.sleep_forever()
        with anyio.move_on_after(0):
            async with runtime.connect_websocket(url):
                pass
        await anyio.sleep(0.05)
        assert count_tasks() <= before
