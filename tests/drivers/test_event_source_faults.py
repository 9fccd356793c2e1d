"""Servers that are killed and come back: no event is lost on the way, and none comes twice."""

from __future__ import annotations

from types import ModuleType

import anyio

from eventproto import Backoff
from tests.drivers.mortal import MortalServer, event, text

LIVES = 200


def test_what_the_server_sends() -> None:
    """It has all the places in which to cut it."""
    assert event(3) == (
        b"id: 3\r\ndata: 3 h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\r\ndata: xxx\r\n\r\n"
    )
    assert text(3).endswith("\nxxx")


async def test_no_event_is_lost_or_repeated(runtime: ModuleType) -> None:
    """Over 200 deaths, of a server that three clients keep busy.

    It is killed in the middle of a CRLF, of a character, and of an event; the connections end in
    order or are reset; the stream is chunked, compressed, or neither.
    """
    found: list[list[str]] = [[], [], []]

    async def follow(texts: list[str], url: str) -> None:
        backoff = Backoff(initial=0.001, ceiling=0.005)
        async with runtime.connect_sse(url, retry=1, backoff=backoff) as events:
            async for message in events:
                if message.type == "bye":
                    return
                texts.append(message.text)

    with MortalServer(LIVES, seed=len(runtime.__name__)) as server:
        async with anyio.create_task_group() as tasks:
            for texts in found:
                tasks.start_soon(follow, texts, f"http://127.0.0.1:{server.port}/")

    assert server.restarts >= LIVES
    assert set(server.cuts) == {"line end", "character", "event"}
    for texts in found:
        assert texts == [text(number) for number in range(1, len(texts) + 1)]
        assert len(texts) > LIVES
