"""Our client against a server of Starlette and sse-starlette, run by uvicorn in its own process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from eventproto import Closed, HandshakeRejected, Message, Steps
from eventproto.sse import Comment, Disconnected, Opened, RetryChanged, ServerSentEvent

AT_ONCE = Steps((0.01,) * 100)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the server is."""
    line = [sys.executable, str(Path(__file__).with_name("starlette_server.py"))]
    with subprocess.Popen(line, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


async def test_a_stream_over_many_connections(runtime: ModuleType, url: str) -> None:
    """Each of which ends in order; then the server says that this was all."""
    events = [
        event async for event in runtime.connect_sse(f"{url}/count", backoff=AT_ONCE).events()
    ]
    received = [event for event in events if isinstance(event, ServerSentEvent)]
    assert received == [
        ServerSentEvent(f"n\u00b0 {number}\nof \u2028 10", "count", str(number))
        for number in range(1, 11)
    ]
    assert [type(event) for event in events[:6]] == [
        *(Opened, Comment, RetryChanged, ServerSentEvent, ServerSentEvent, Disconnected)
    ]
    assert sum(isinstance(event, Disconnected) for event in events) == 5
    assert events[-1] == Closed()


async def test_a_question(runtime: ModuleType, url: str) -> None:
    """As it is put to a language model."""
    answer = runtime.connect_sse(
        f"{url}/ask",
        method="POST",
        body=Message.of_json({"question": "how are you"}),
        headers={"Authorization": "Bearer secret"},
    )
    assert [message.text async for message in answer] == ["how", "are", "you", "[DONE]"]


async def test_a_question_that_is_refused(runtime: ModuleType, url: str) -> None:
    """The error has what the server says about it."""
    with pytest.raises(HandshakeRejected) as raised:
        async for _ in runtime.connect_sse(f"{url}/ask", method="POST", body=b"{}"):
            pass
    assert raised.value.response.body == b'{"error":"who are you?"}'


async def test_pings_are_signs_of_life(runtime: ModuleType, url: str) -> None:
    """Two of them, each later than the last by almost as much as may be."""
    async with runtime.connect_sse(f"{url}/idle", read_timeout=2.0) as source:
        events = [await source.next_event() for _ in range(4)]
    assert [type(event) for event in events] == [Opened, Comment, Comment, ServerSentEvent]


async def test_a_compressed_stream(runtime: ModuleType, url: str) -> None:
    """Chunked by uvicorn, and flushed after each event."""
    async with runtime.connect_sse(f"{url}/compressed") as source:
        found = [(await anext(source)).text for _ in range(10)]
        assert found == [str(number) for number in range(10)]
        last = await source.next_event()
    assert isinstance(last, Disconnected)
    assert last.error is None  # the stream was whole


async def test_a_server_that_is_busy(runtime: ModuleType, url: str) -> None:
    """Then it sends the client to where the stream is."""
    async with runtime.connect_sse(f"{url}/busy", retry=1, backoff=AT_ONCE) as source:
        first = await source.next_event()
        assert isinstance(first.error, HandshakeRejected)
        assert first.error.response.body == b"later"
        assert first.delay == pytest.approx(1.01)
        opened = await source.next_event()
        assert opened.url == f"{url}/count"
