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
    order or are reset; the stream is chunked, compressed, or neither. One of the clients stays, one
    leaves now and then and comes back with the id that it kept, and one does so in the middle of
    what has come.
    """
    found: list[list[str]] = [[], [], []]

    async def follow(texts: list[str], stay: int, url: str) -> None:
        backoff = Backoff(initial=0.001, ceiling=0.005)
        place = ""
        while True:
            async with runtime.connect_sse(
                url, retry=1, backoff=backoff, last_event_id=place
            ) as events:
                async for message in events:
                    if message.type == "bye":
                        return
                    texts.append(message.text)
                    if len(texts) % stay == 0:
                        break
            place = events.last_event_id

    with MortalServer(LIVES, seed=len(runtime.__name__)) as server:
        async with anyio.create_task_group() as tasks:
            for texts, stay in zip(found, (1_000_000, 50, 3), strict=True):
                tasks.start_soon(follow, texts, stay, f"http://127.0.0.1:{server.port}/")

    assert server.restarts >= LIVES
    assert set(server.cuts) == {"line end", "character", "event"}
    for texts in found:
        assert texts == [text(number) for number in range(1, len(texts) + 1)]
        assert len(texts) > LIVES
