"""A page that follows a log over WebSockets, as the guide has it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import anyio

from eventproto import Message
from eventproto.engine import MemoryEngine
from eventproto.http import Request
from eventproto.site import LogSocket, LogStream, Site
from tests.drivers.stream_client import eventually
from tests.interop.browser import PAGE, browser

# A page has no way to set a header of a WebSocket, so its place goes into the query.
FOLLOW = """
    const found = [];
    let place = "";
    function follow() {
        const query = `last_event_id=${encodeURIComponent(place)}&channel=a&channel=b`;
        const socket = new WebSocket(`ws://${location.host}/log?${query}`, "cloudevents.json");
        socket.onmessage = ({data}) => {
            const event = JSON.parse(data);
            place = event.lasteventid ?? place;
            found.push([event.type, event.channel ?? "", event.data ?? "", socket.protocol]);
            if (event.type === "place") socket.send("ready");
            if (event.data === "last") { socket.onclose = null; done(found); }
        };
        socket.onclose = () => setTimeout(follow, 10);
    }
"""


async def test_a_page_comes_back_with_its_place(runtime: ModuleType, tmp_path: Path) -> None:
    """Whenever it was cut off, also before the first record."""
    log = MemoryEngine().log
    come = 0

    async def talk(session: Any, request: Request) -> None:
        nonlocal come
        come += 1
        async for _ in session:
            await publish.wait()
            await log.append("a", Message.of_text("\N{SNOWMAN}", type="t"))
            session.abort()

    async def publish_more() -> None:
        publish.set()
        await eventually(lambda: come == 2)
        for connection in tuple(server._connections):
            connection.abort()
        await log.append("b", Message.of_text("last"))

    publish = anyio.Event()
    site = Site({"/log": LogSocket(log, ["a", "b", "c"], handler=talk), "/": PAGE})
    async with (
        runtime.serve(site) as server,
        browser(tmp_path) as page,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(publish_more)
        found = await page.run(f"http://127.0.0.1:{server.port}/", FOLLOW + "follow();")

    assert found == [
        ["place", "", "", "cloudevents.json"],
        ["t", "a", "\N{SNOWMAN}", "cloudevents.json"],
        ["message", "b", "last", "cloudevents.json"],
    ]


async def test_a_page_goes_over_from_a_stream(runtime: ModuleType, tmp_path: Path) -> None:
    """With the id that the stream has given it."""
    log = MemoryEngine().log
    for text in ("one", "two", "last"):
        await log.append("a", Message.of_text(text))
    topics = ["a", "b"]
    stream = LogStream(log, topics, replay=True)
    site = Site({"/log": LogSocket(log, topics), "/events": stream, "/": PAGE})
    script = """
        const source = new EventSource("/events");
        source.addEventListener("a", event => {
            if (event.data !== "two") return;
            source.close();
            place = event.lastEventId;
            follow();
        });
    """
    async with runtime.serve(site) as server, browser(tmp_path) as page:
        found = await page.run(f"http://127.0.0.1:{server.port}/", FOLLOW + script)

    assert found == [["message", "a", "last", "cloudevents.json"]]
