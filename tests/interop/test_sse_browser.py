"""Our SSE stream read by the EventSource of a browser, over real sockets."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from eventproto import Message
from eventproto.http import Request
from eventproto.site import EventStream, Site
from eventproto.sse import Comment, RetryChanged, ServerSentEvent, last_event_id
from tests.interop.browser import Page, browser

COLLECT = """
    const found = [], source = new EventSource("/events");
    const take = event => {
        found.push([event.type, event.data, event.lastEventId]);
        if (event.data === "last") { source.close(); done([found, source.readyState]); }
    };
    for (const type of ["message", "greeting", "order.paid"]) source.addEventListener(type, take);
"""


async def test_types_data_and_ids(runtime: ModuleType, tmp_path: Path) -> None:
    """A browser sees what was sent; what is not an event, it does not see."""
    # SSE I1, I2, I3, I4, I7
    events = [
        ServerSentEvent("hello", id="1"),
        ServerSentEvent("two\nlines", "greeting", "2"),
        ServerSentEvent(" spaces \N{LINE SEPARATOR}\N{SNOWMAN}\x85\x0b\x00", id="\N{SNOWMAN} 3"),
        ServerSentEvent("the id stays"),
        ServerSentEvent("trailing line ends\n\n", id=""),
        ServerSentEvent("", "greeting", "5"),
    ]

    async def send_all(session: Any, request: Request) -> None:
        await session.send(Comment("welcome"))
        for event in events:
            await session.send(event)
            await session.send(Comment())
        await session.send(Message.of_json([1], type="order.paid", id="6"))
        await session.send(ServerSentEvent("last"))

    site = Site({"/events": EventStream(send_all), "/": Page()})
    async with runtime.serve(site) as server, browser(tmp_path) as page:
        found, state = await page.run(f"http://127.0.0.1:{server.port}/", COLLECT)

    assert found == [
        ["message", "hello", "1"],
        ["greeting", "two\nlines", "2"],
        ["message", " spaces \N{LINE SEPARATOR}\N{SNOWMAN}\x85\x0b\x00", "\N{SNOWMAN} 3"],
        ["message", "the id stays", "\N{SNOWMAN} 3"],
        ["message", "trailing line ends\n\n", ""],
        ["greeting", "", "5"],
        ["order.paid", "[1]", "6"],
        ["message", "last", "6"],
    ]
    assert state == 2  # CLOSED


async def test_it_comes_back_with_its_last_event_id(runtime: ModuleType, tmp_path: Path) -> None:
    """When the server ends the stream, or cuts it in the middle of an event."""
    # SSE D8, E8, E9, F11, F14, H1
    asked: list[str] = []

    async def count(session: Any, request: Request) -> None:
        asked.append(last_event_id(request))
        if len(asked) == 1:
            await session.send(RetryChanged(20))
        number = int(asked[-1] or 0) + 1
        await session.send(ServerSentEvent("last" if number == 8 else "tick", id=str(number)))
        if number % 2:
            await session.send(ServerSentEvent("", "no listener", str(number)))
            session.abort()

    site = Site({"/events": EventStream(count), "/": Page()})
    async with runtime.serve(site) as server, browser(tmp_path) as page:
        found, _ = await page.run(f"http://127.0.0.1:{server.port}/", COLLECT)

    assert [each[2] for each in found] == [str(number) for number in range(1, 9)]
    assert asked == ["", *(str(number) for number in range(1, 8))]
