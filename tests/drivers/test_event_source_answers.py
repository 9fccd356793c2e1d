"""The client of an event stream over real sockets: what it asks, and what it makes of answers."""

from __future__ import annotations

import errno
import gzip
import os
import ssl
import struct
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from socket import SO_LINGER, SOL_SOCKET
from types import ModuleType

import anyio
import pytest
import trustme
from anyio.abc import SocketAttribute, SocketStream

from eventproto import HandshakeRejected, Message, PeerTimeout
from eventproto.http import Unsent
from eventproto.sse import Disconnected, NotRepeated, Opened, State
from tests.drivers.peers import Peer, peer, read_request
from tests.drivers.proxies import proxy
from tests.drivers.streams import AT_ONCE, HEAD, Server
from tests.drivers.test_clients import free_port


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


async def test_a_post_whose_connection_is_reset(runtime: ModuleType) -> None:
    """That is not the end of an answer, though nothing says where its end would be."""

    async def serve(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(HEAD + b"data: a\n\n")
        await received.wait()
        linger = struct.pack("ii", 1, 0)
        stream.extra(SocketAttribute.raw_socket).setsockopt(SOL_SOCKET, SO_LINGER, linger)

    received = anyio.Event()
    async with peer(serve) as url:
        events = runtime.connect_sse(url, method="POST")
        assert (await anext(events)).text == "a"
        received.set()
        with pytest.raises(NotRepeated):
            await anext(events)


async def test_a_post_to_who_is_not_there_yet(runtime: ModuleType) -> None:
    """It was never sent, so it is sent when there is somebody."""
    port = free_port()
    events = runtime.connect_sse(
        f"http://127.0.0.1:{port}/", method="POST", retry=1, backoff=AT_ONCE
    )
    event = await events.next_event()
    assert isinstance(event, Disconnected)
    assert isinstance(event.error, Unsent)
    refused = os.strerror(errno.ECONNREFUSED)
    assert str(event.error) == f"no connection to 127.0.0.1:{port}: {refused}"
    assert isinstance(event.error.__cause__, ConnectionRefusedError)
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


async def test_a_server_that_hangs_up_behind_each_stream(
    runtime: ModuleType, authority: trustme.CA
) -> None:
    """Over TLS, with a goodbye; though it had said that it would wait for the next request."""
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_tls)
    client_tls = ssl.create_default_context()
    authority.configure_trust(client_tls)

    async def serve(stream: SocketStream) -> None:
        await read_request(stream)
        await stream.send(HEAD[:-2] + b"Content-Length: 9\r\n\r\ndata: a\n\n")

    async with (
        proxy(serve, "https", server_tls) as url,
        runtime.connect_sse(url, tls=client_tls, retry=1, backoff=AT_ONCE) as events,
    ):
        assert [(await anext(events)).text for _ in range(5)] == ["a"] * 5


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
