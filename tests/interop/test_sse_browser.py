"""Our SSE stream read by the EventSource of a browser, over real sockets."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import anyio

from eventproto import Message
from eventproto.engine import MemoryEngine, Retention
from eventproto.http import Request
from eventproto.site import EventStream, LogStream, Site
from eventproto.sse import Comment, Cors, RetryChanged, ServerSentEvent, last_event_id
from tests.interop.browser import PAGE, browser

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

    site = Site({"/events": EventStream(send_all), "/": PAGE})
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
            await anyio.sleep(0.05)  # or it may be dropped before it has left
            session.abort()

    site = Site({"/events": EventStream(count), "/": PAGE})
    async with runtime.serve(site) as server, browser(tmp_path) as page:
        found, _ = await page.run(f"http://127.0.0.1:{server.port}/", COLLECT)

    assert [each[2] for each in found] == [str(number) for number in range(1, 9)]
    assert asked == ["", *(str(number) for number in range(1, 8))]


async def test_channels_of_one_stream(runtime: ModuleType, tmp_path: Path) -> None:
    """A page listens to each by its name, and comes back to its place in all of them."""
    # SSE H4, F14, G1
    script = """
        const found = [], listen = (source, ...names) => {
            for (const name of names) source.addEventListener(name, event => {
                found.push([event.type, event.data]);
                if (event.data === "last") { second(event.lastEventId); source.close(); }
                if (event.data === "missed") { source.close(); done(found); }
            });
        };
        listen(new EventSource("/events?channel=news&channel=prices"), "news:alarm", "prices");
        const second = place => listen(
            new EventSource("/events?channel=news&last_event_id=" + encodeURIComponent(place)),
            "news:alarm", "news",
        );
    """
    log = MemoryEngine().log
    await log.append("prices", Message.of_text("1"))
    await log.append("weather", Message.of_text("rain"))
    await log.append("news", Message.of_text("seen", type="alarm"))
    await log.append("prices", Message.of_text("last"))

    async def append_one_more(session: Any, request: Request) -> None:
        await log.append("news", Message.of_text("missed"))

    events = LogStream(log, ["news", "prices", "weather"], replay=True)
    site = Site({"/events": events, "/more": EventStream(append_one_more), "/": PAGE})
    async with runtime.serve(site) as server, browser(tmp_path) as page:
        script = script.replace("second(", "fetch('/more'), second(", 1)
        found = await page.run(f"http://127.0.0.1:{server.port}/", script)

    assert sorted(found[:3]) == [["news:alarm", "seen"], ["prices", "1"], ["prices", "last"]]
    assert found[3:] == [["news", "missed"]]


async def test_a_gap_is_heard(runtime: ModuleType, tmp_path: Path) -> None:
    """Before what is left of the history."""
    # SSE G4
    script = """
        const found = [], source = new EventSource("/events?last_event_id=1");
        const take = event => {
            found.push([event.type, event.data]);
            if (event.data === "5") { source.close(); done(found); }
        };
        source.addEventListener("gap", take);
        source.addEventListener("message", take);
    """
    log = MemoryEngine(retention=Retention(count=2)).log
    for number in range(1, 6):
        await log.append("numbers", Message.of_text(str(number), id=str(number)))

    site = Site({"/events": LogStream(log, "numbers"), "/": PAGE})
    async with runtime.serve(site) as server, browser(tmp_path) as page:
        found = await page.run(f"http://127.0.0.1:{server.port}/", script)

    gap = ["gap", '{"after":"1","reason":"history"}']
    assert found == [gap, ["message", "4"], ["message", "5"]]


async def test_pages_of_other_origins(runtime: ModuleType, tmp_path: Path) -> None:
    """They read what the server lets them, also after a preflight for an unsafe event id."""
    # SSE F22, F23
    script = """
        const sources = {};
        const found = {};
        const closed = () => { if (Object.keys(found).length == 2) done(found); };
        for (const path of ["/open", "/closed"]) {
            const source = new EventSource(ORIGIN + path);
            source.onmessage = event => {
                if (event.data !== "last") return;
                found[path] = event.lastEventId; source.close(); closed();
            };
            source.onerror = () => {
                if (source.readyState === 2) { found[path] = "refused"; closed(); }
            };
        }
    """
    asked: list[str] = []

    async def come_back(session: Any, request: Request) -> None:
        asked.append(last_event_id(request))
        await session.send(RetryChanged(10))
        await session.send(
            ServerSentEvent("last" if asked[-1] else "first", id='"{unsafe}" \u2603')
        )

    open_to_all = EventStream(come_back, cors=Cors())
    other = Site({"/open": open_to_all, "/closed": EventStream(come_back)})
    async with (
        runtime.serve(other) as elsewhere,
        runtime.serve(Site({"/": PAGE})) as server,
        browser(tmp_path) as page,
    ):
        origin = f"'http://127.0.0.1:{elsewhere.port}'"
        url = f"http://127.0.0.1:{server.port}/"
        found = await page.run(url, script.replace("ORIGIN", origin))

    assert found == {"/open": '"{unsafe}" \u2603', "/closed": "refused"}
