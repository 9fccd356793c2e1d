"""Who is let in, and what becomes of a handler that fails, on both runtimes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import anyio
import pytest

from eventproto import Event, HandshakeRejected
from eventproto.http import Headers, Request, Response
from eventproto.site import EventStream, Site, WebSocket
from eventproto.websocket import Close, Fragment, Text
from tests.drivers.test_server import raw_exchange


async def events_of(runtime: ModuleType, endpoint: WebSocket) -> list[Event]:
    """All that a client sees of an endpoint to which it says nothing."""
    async with (
        runtime.serve(Site({"/": endpoint})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as socket,
    ):
        with anyio.fail_after(5):
            return [event async for event in socket.events()]


async def test_an_answer_instead_of_a_websocket(runtime: ModuleType) -> None:
    """The client sees all of it; who may come in does."""

    async def greet(session: Any, request: Request) -> None:
        await session.send(request.headers["Authorization"])

    def admit(request: Request) -> Response | None:
        if "Authorization" in request.headers:
            return None
        return Response(401, Headers({"WWW-Authenticate": "Bearer"}), b"who are you?")

    async with runtime.serve(Site({"/": WebSocket(greet, admit=admit)})) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        with pytest.raises(HandshakeRejected) as rejected:
            async with runtime.connect_websocket(url):
                pass
        answer = rejected.value.response
        assert (answer.status, answer.body) == (401, b"who are you?")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

        def authenticate(response: Response) -> Headers:
            return Headers({"Authorization": response.headers["WWW-Authenticate"]})

        async with runtime.connect_websocket(url, authenticate=authenticate) as socket:
            assert (await anext(socket)).text == "Bearer"


async def test_a_decision_that_fails(runtime: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets 500, whoever runs the server the reason."""

    def admit(request: Request) -> Response | None:
        raise ZeroDivisionError

    async def handler(session: Any, request: Request) -> None:
        raise AssertionError

    site = Site({"/s": WebSocket(handler, admit=admit), "/e": EventStream(handler, admit=admit)})
    async with runtime.serve(site) as server:
        with pytest.raises(HandshakeRejected) as rejected:
            async with runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/s"):
                pass
        assert rejected.value.response.status == 500
        found = await raw_exchange(
            server.port, b"GET /e HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        assert found.startswith(b"HTTP/1.1 500")
    for path in ("/s", "/e"):
        assert f"answering a request for {path} failed" in caplog.text
    assert caplog.text.count("\nZeroDivisionError") == 2


async def test_a_handler_that_fails_at_once(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """The peer sees the handshake, and then Close 1011."""

    async def fail(session: Any, request: Request) -> None:
        raise ZeroDivisionError

    events = await events_of(runtime, WebSocket(fail))
    assert events[0] == Close(1011)
    assert "the handler of / failed" in caplog.text


async def test_a_handler_that_fails_later(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """What it has said before has left."""

    async def fail(session: Any, request: Request) -> None:
        await session.send("hello")
        raise ZeroDivisionError

    assert (await events_of(runtime, WebSocket(fail)))[:2] == [Text("hello"), Close(1011)]
    assert "ZeroDivisionError" in caplog.text


async def test_a_handler_that_fails_amid_a_message(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, though the session has said Close by itself."""

    async def fail(session: Any, request: Request) -> None:
        await session.send(str(1 // number) for number in (1, 0))

    events = await events_of(runtime, WebSocket(fail))
    assert events[0] == Close(1011, "a message was not completed")
    assert "ZeroDivisionError" in caplog.text


async def test_a_handler_that_returns_at_once(runtime: ModuleType) -> None:
    """Close 1000, or the one that it has posted."""

    async def leave(session: Any, request: Request) -> None:
        pass

    async def refuse(session: Any, request: Request) -> None:
        session.post(Close(3000, "who are you?"))

    assert (await events_of(runtime, WebSocket(leave)))[0] == Close(1000)
    assert (await events_of(runtime, WebSocket(refuse)))[0] == Close(3000, "who are you?")


async def test_an_end_of_another_connection(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that trips over it has failed; one that trips over its own has not."""

    async def leave(session: Any, request: Request) -> None:
        pass

    async def relay(session: Any, request: Request) -> None:
        async with runtime.connect_websocket(f"ws://127.0.0.1:{port}/leave") as other:
            async for _ in other:
                pass
            await other.send("too late")

    async def talk_on(session: Any, request: Request) -> None:
        async for _ in session:
            pass
        await session.send("too late")

    site = Site(
        {"/leave": WebSocket(leave), "/relay": WebSocket(relay), "/talk": WebSocket(talk_on)}
    )
    async with runtime.serve(site) as server:
        port = server.port
        async with runtime.connect_websocket(f"ws://127.0.0.1:{port}/talk"):
            pass
        assert caplog.text == ""
        async with runtime.connect_websocket(f"ws://127.0.0.1:{port}/relay") as socket:
            assert await socket.next_event() == Close(1011)
    assert "the handler of /relay failed" in caplog.text
    assert "/talk" not in caplog.text


async def test_a_stream_whose_handler_fails_at_once(runtime: ModuleType) -> None:
    """The client sees the head of the answer, and that it breaks off."""

    async def fail(session: Any, request: Request) -> None:
        raise ZeroDivisionError

    async with runtime.serve(Site({"/": EventStream(fail)})) as server:
        found = await raw_exchange(server.port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 200")
    assert not found.endswith(b"0\r\n\r\n")


async def test_fragments_are_for_the_handler(runtime: ModuleType) -> None:
    """As an option of the endpoint."""
    heard: list[Event] = []

    async def listen(session: Any, request: Request) -> None:
        heard.extend([event async for event in session.events()])

    async with (
        runtime.serve(Site({"/": WebSocket(listen, fragments=True)})) as server,
        runtime.connect_websocket(f"ws://127.0.0.1:{server.port}/") as socket,
    ):
        await socket.send("hello")
    assert heard[0] == Fragment("hello")
