"""The threads of the engine in SQLite, and the transactions that calls share."""

from __future__ import annotations

import sqlite3
import threading
from types import ModuleType

import anyio
import pytest

from eventproto import LocalProtocolError, Message
from eventproto.engine import EngineError
from tests.engine.conftest import OpenFile
from tests.engine.steps import fill


async def test_it_leaves_no_thread_behind(open_file: OpenFile) -> None:
    before = threading.active_count()
    async with open_file() as engine:
        await fill(engine, 3)
        assert threading.active_count() == before + 2
    assert threading.active_count() == before


async def test_what_was_asked_for_is_done_before_it_closes(open_file: OpenFile) -> None:
    """Even when nobody waits for it any more."""
    async with open_file() as engine:
        await fill(engine, 1)
        with anyio.move_on_after(0) as scope:
            await engine.leases.set("k", b"v")
        assert scope.cancelled_caught
    async with open_file() as engine:
        assert await engine.leases.get("k")


async def test_calls_that_wait_together_share_a_transaction(open_file: OpenFile) -> None:
    """And one that is refused harms none of them."""
    statements: list[str] = []
    cursors: list[str] = []
    refused: list[Exception] = []
    async with open_file() as engine:
        (cursor,) = await fill(engine, 1)
        to_come = cursor[:-16] + "9" * 16
        await engine._store.write(lambda db: db.set_trace_callback(statements.append))
        hold = threading.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(engine._store.write, lambda db: hold.wait())

            async def append(id: str) -> None:
                try:
                    cursors.append(await engine.log.append("t", Message(data=b"", id=id)))
                except LocalProtocolError as error:
                    refused.append(error)

            for id in ("1", to_come, "2"):
                group.start_soon(append, id)
            await anyio.sleep(0.05)
            hold.set()
        assert len(cursors) == 2
        assert len(refused) == 1
        assert statements.count("COMMIT") == 2
        assert len((await engine.log.read("t", cursor)).records) == 2


async def test_a_bug_harms_only_who_made_it(open_file: OpenFile) -> None:
    """Nothing of a failed transaction stays, and the thread goes on."""

    def broken(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM leases")
        raise ZeroDivisionError

    async with open_file() as engine:
        await engine.leases.set("k", b"v")
        with pytest.raises(ZeroDivisionError):
            await engine._store.write(broken)
        assert await engine.leases.get("k")
        with pytest.raises(EngineError, match="no such table"):
            await engine._store.write(lambda db: db.execute("SELECT * FROM unheard_of"))


async def test_nobody_waits_for_a_thread_that_has_failed(open_file: OpenFile) -> None:
    """Whatever it failed with, each who asks is told; writing has a thread of its own."""
    engine = open_file()

    def fail(connection: sqlite3.Connection) -> float | None:
        raise ZeroDivisionError

    engine._store._look = fail  # type: ignore[method-assign]
    async with engine:
        with anyio.fail_after(30):
            for _ in range(2):
                with pytest.raises(ZeroDivisionError):
                    await engine.leases.get("k")
            await engine.leases.set("k", b"")


async def test_a_bug_does_not_harm_those_of_the_same_transaction(open_file: OpenFile) -> None:
    """They are done again without it."""

    def broken(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM leases")
        raise ZeroDivisionError

    failed: list[Exception] = []
    async with open_file() as engine:
        hold = threading.Event()

        async def fail() -> None:
            try:
                await engine._store.write(broken)
            except ZeroDivisionError as error:
                failed.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(engine._store.write, lambda db: hold.wait())
            group.start_soon(engine.leases.set, "before", b"")
            group.start_soon(fail)
            group.start_soon(engine.leases.set, "behind", b"")
            await anyio.sleep(0.05)
            hold.set()
        assert len(failed) == 1
        assert [lease.key for lease in await engine.leases.scan()] == ["before", "behind"]


async def test_many_more_calls_than_go_into_a_transaction(open_file: OpenFile) -> None:
    async with open_file() as engine, anyio.create_task_group() as group:
        for number in range(600):
            group.start_soon(engine.queue.put, "q", f"{number}", b"")
    async with open_file() as engine:
        assert (await engine.queue.depth("q")).open == 600


async def test_an_event_loop_that_has_ended_is_not_reached(runtime: ModuleType) -> None:
    """What a thread still has to say is dropped."""
    soon = runtime.Threads().soon()
    told = anyio.Event()
    threading.Thread(target=soon, args=(told.set,)).start()
    with anyio.fail_after(30):
        await told.wait()
