"""A log that is emptied, fails, gives no hints or holds nonsense: its clients stay."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import pytest
from typing_extensions import override

from eventproto import Overflow
from eventproto.engine import MemoryEngine, StoreUnavailable
from eventproto.site import LogStream, Site
from eventproto.sse import Gap
from tests.drivers.log_streams import Store, gaps, ids, publish
from tests.drivers.stream_client import eventually, follow


def contains(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return text in caplog.text


async def test_hints_may_be_lost(runtime: ModuleType) -> None:
    """Now and then the log is read all the same."""
    store = Store()
    store.deaf = True
    async with (
        runtime.serve(Site({"/": LogStream(store, "a", poll=0.05)})) as server,
        follow(server.port) as client,
    ):
        await client.read_id()
        await publish(store, 1)
        await client.read_events(1)


async def test_a_log_that_cannot_be_watched(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """It is as if all hints were lost, and no end of the server."""

    class Unwatched(Store):
        @override
        def watch(self, topics: object, hint: object) -> Any:
            raise ZeroDivisionError

    store = Unwatched()
    async with (
        runtime.serve(Site({"/": LogStream(store, "a", poll=0.05)})) as server,
        follow(server.port) as client,
    ):
        await client.read_id()
        await publish(store, 1)
        await client.read_events(1)
    assert "watching a failed" in caplog.text


async def test_a_client_that_asks_for_a_topic_without_a_name(runtime: ModuleType) -> None:
    """Gets 500, and is no end of the server."""
    log = MemoryEngine().log
    stream = LogStream(log, lambda request: dict(request.query)["user"])
    async with (
        runtime.serve(Site({"/": stream})) as server,
        follow(server.port, "/?user=a") as client,
        follow(server.port, "/?user=") as other,
    ):
        assert other.head.status_code == 500
        await client.read_id()
        await publish(log, 1)
        await client.read_events(1)


@pytest.mark.parametrize("left", [0, 3])
async def test_a_store_that_was_emptied(runtime: ModuleType, left: int) -> None:
    """Everybody sees the gap, has a new place, and hears what comes next."""
    store = Store()
    site = Site({"/": LogStream(store, "a"), "/many": LogStream(store, ["a", "b"])})
    async with (
        runtime.serve(site) as server,
        follow(server.port) as client,
        follow(server.port, "/many") as many,
    ):
        await client.read_id()
        await many.read_id()
        await publish(store, 1)
        await client.read_events(1)
        place = (await many.read_events(1))[0].id
        store.flush()
        await publish(store, *range(2, 2 + left))
        for hint in store.hints:
            hint("a")
        await client.read_events(2 + left)
        await many.read_events(3 + left)  # both of its channels have a gap
        assert gaps(client) == [Gap("id-1", "history")]
        cursor = dict(each.split("=") for each in str(place).split("&"))["a"]
        assert Gap(cursor, "history", "a") in gaps(many)
        if not left:
            place = await client.read_id((await store.read("a", limit=0)).tail)
        await publish(store, 9)
        await client.read_events(3 + left)
        assert client.ids[-1] == "id-9"
        async with follow(server.port, last="id-4" if left else str(place)) as again:
            await again.read_events(1)
            assert again.ids == ["id-9"]


async def test_a_store_that_fails_for_a_while(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients stay, and miss nothing."""
    store = Store()
    async with (
        runtime.serve(Site({"/": LogStream(store, "a", poll=0.05)})) as server,
        follow(server.port) as client,
    ):
        await client.read_id()
        for error in (ZeroDivisionError("a bug"), StoreUnavailable("it is away")):
            store.broken = error
            await publish(store, 1)
            await eventually(partial(contains, caplog, str(error)))
        async with follow(server.port, last="unknown") as other:  # has to read for itself
            await other.read_to_end()
            assert other.said == []
            assert not other.ended
        store.broken = None
        await publish(store, 2)
        await client.read_events(2)
        assert client.ids == ids(1, 2)


async def test_a_record_that_has_no_form(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told to whoever runs the server, and everybody goes on behind it."""
    log = MemoryEngine().log
    async with (
        runtime.serve(Site({"/": LogStream(log, "a")})) as server,
        follow(server.port) as client,
    ):
        await client.read_id()
        await publish(log, 1)
        await publish(log, 2, type="a\nb")
        await publish(log, 3)
        await client.read_events(2)
        assert client.ids == ["id-1", "id-3"]
    assert "of a has no form" in caplog.text


@pytest.mark.parametrize("key", [lambda _: 1 / 0, lambda _: []])
async def test_a_record_that_has_no_key(
    runtime: ModuleType, caplog: pytest.LogCaptureFixture, key: Any
) -> None:
    """It replaces nothing, and nobody misses anything."""
    log = MemoryEngine().log
    stream = LogStream(log, "a", key=key, overflow=Overflow.COALESCE)
    async with (
        runtime.serve(Site({"/": stream})) as server,
        follow(server.port) as client,
        follow(server.port) as other,
    ):
        await client.read_id()
        await other.read_id()
        await publish(log, 1, 2)
        for each in (client, other):
            await each.read_events(2)
            assert each.ids == ids(1, 2)
    assert "of a has no key" in caplog.text
