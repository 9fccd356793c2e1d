"""What is particular to the engine in SQLite: its file, and other processes that open it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from eventproto import LocalProtocolError, Message
from eventproto.engine import Engine, EngineError, Job
from eventproto.engine.sqlite import _schema
from tests.engine.conftest import ManualClock, OpenFile
from tests.engine.steps import content_of, fill, overwrite


async def test_everything_is_there_again(open_file: OpenFile) -> None:
    """With the epoch, the tokens, the versions."""
    async with open_file() as engine:
        (cursor,) = await fill(engine, 1)
        await engine.queue.put("q", "1", b"data", group="g")
        (job,) = await engine.queue.claim("q")
        lease = await engine.leases.set("k", b"v")
    async with open_file() as engine:
        page = await engine.log.read("t", cursor)
        assert (page.records, page.gap, page.tail) == ((), False, cursor)
        assert await engine.queue.ack(job)
        assert await engine.leases.get("k") == lease
        swapped = await engine.leases.swap("k", lease, b"w")
        assert swapped is not None
        assert swapped.version != lease.version


async def test_a_file_that_was_restored_gives_nothing_again(
    open_file: OpenFile, path: Path, clock: ManualClock
) -> None:
    """Cursors, tokens and versions that were lost with it stay lost."""
    async with open_file(clock=clock) as engine:
        await fill(engine, 1)
        await engine.queue.put("q", "1", b"")
        await engine.leases.set("k", b"")
    copy = content_of(path)
    async with open_file(clock=clock) as engine:
        (cursor,) = await fill(engine, 1)
        (job,) = await engine.queue.claim("q")
        lease = await engine.leases.set("k", b"lost")
    overwrite(path, copy)
    clock.now += 1
    async with open_file(clock=clock) as engine:
        assert (await engine.log.read("t", cursor)).gap
        assert await fill(engine, 1) != [cursor]
        assert (await engine.log.read("t", cursor)).gap
        (again,) = await engine.queue.claim("q")
        assert again.token > job.token
        assert not await engine.queue.ack(job)
        await engine.leases.set("k", b"other")
        assert await engine.leases.swap("k", lease, b"") is None


async def test_a_lease_begins_when_the_file_is_free(
    open_file: OpenFile, path: Path, clock: ManualClock
) -> None:
    """Or a job would be for others before its worker has it."""
    jobs: list[Job] = []

    async def claim(engine: Engine) -> None:
        jobs.extend(await engine.queue.claim("q", lease=10))

    async with open_file(clock=clock) as engine:
        await engine.queue.put("q", "1", b"")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with anyio.create_task_group() as group:
                group.start_soon(claim, engine)
                await anyio.sleep(0.05)
                clock.now += 100
                other.execute("ROLLBACK")
    assert [job.expires for job in jobs] == [clock.now + 10]


async def test_an_older_schema_is_brought_up_to_date(
    open_file: OpenFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one of those who open the file, with all that is in it; or not at all."""
    async with open_file() as engine:
        await fill(engine, 3)
    later = (*_schema._MIGRATIONS, ("CREATE TABLE extra (x)", "INSERT INTO extra VALUES (1)"))
    broken = (*later, ("CREATE TABLE more (x)", "INSERT INTO nowhere VALUES (1)"))
    monkeypatch.setattr(_schema, "_MIGRATIONS", broken)
    with pytest.raises(EngineError, match="nowhere"):
        async with open_file():
            pass
    monkeypatch.setattr(_schema, "_MIGRATIONS", later)
    for _ in range(2):
        async with open_file() as engine, open_file() as other:
            assert len((await other.log.read("t")).records) == 3
            await engine.leases.set("k", b"")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert db.execute("SELECT x FROM extra").fetchall() == [(1,)]


async def test_it_is_open_while_it_is_entered(open_file: OpenFile) -> None:
    """And can be entered again, but not twice at once."""
    engine = open_file()
    with pytest.raises(LocalProtocolError, match="not open"):
        await engine.leases.get("k")
    async with engine:
        await engine.leases.set("k", b"v")
        with pytest.raises(LocalProtocolError, match="open already"):
            await engine.__aenter__()
        assert await engine.leases.get("k")
    with pytest.raises(LocalProtocolError, match="not open"):
        await engine.leases.set("k", b"w")
    async with engine:
        assert await engine.leases.get("k")


async def test_a_commit_is_on_the_disk(open_file: OpenFile) -> None:
    """Unless it is told otherwise."""
    for synchronous, level in (("full", 2), ("normal", 1)):
        async with open_file(synchronous=synchronous) as engine:
            read = lambda db: db.execute("PRAGMA synchronous").fetchone()  # noqa: E731
            assert await engine._store.write(read) == (level,)
            mode = lambda db: db.execute("PRAGMA journal_mode").fetchone()  # noqa: E731
            assert await engine._store.write(mode) == ("wal",)


async def test_several_engines_may_have_one_file(open_file: OpenFile) -> None:
    """As several processes do; each job is for one of them."""
    async with open_file() as one, open_file() as other:
        for each in range(20):
            assert await one.queue.put("q", str(each), b"")
            assert not await other.queue.put("q", str(each), b"")
        claimed: list[str] = []

        async def work(engine: Engine) -> None:
            while jobs := await engine.queue.claim("q", 3):
                claimed.extend(job.id for job in jobs)
                for job in jobs:
                    assert await engine.queue.ack(job)

        async with anyio.create_task_group() as group:
            for engine in (one, other, one, other):
                group.start_soon(work, engine)
        assert sorted(claimed) == sorted(map(str, range(20)))


async def test_news_of_other_processes_are_hinted_at(open_file: OpenFile) -> None:
    """Within the interval; of topics and queues that are not there yet, too."""
    async with open_file(interval=0.01) as one, open_file() as other:
        news = {name: anyio.Event() for name in ("t", "q")}

        def hint(name: str) -> None:
            news[name].set()

        log, queue = one.log.watch(["t"], hint), one.queue.watch(["q"], hint)
        with log, queue, anyio.fail_after(30):
            for each in ("1", "2"):
                await news["t"].wait()  # at first for nothing
                await news["q"].wait()
                news.update(t=anyio.Event(), q=anyio.Event())
                await other.log.append("t", Message(data=b""))
                await other.queue.put("q", each, b"")
            await news["t"].wait()
            await news["q"].wait()


async def test_watching_may_begin_before_it_is_open(open_file: OpenFile) -> None:
    told: list[str] = []
    engine = open_file()
    with engine.log.watch(["t"], told.append):
        async with engine:
            await fill(engine, 1)
    assert "t" in told


def test_a_file_that_is_made_meanwhile_is_no_other_applications(tmp_path: Path) -> None:
    """Between any two looks at it."""
    path = tmp_path / "engine.db"
    path.touch()
    options: Any = {"synchronous": "normal", "patience": 5.0}
    connection = _schema.connect(path, **options)

    def execute(statement: str) -> SimpleNamespace:
        row = connection.execute(statement).fetchone()
        _schema.create(path, **options, check=False, epoch=lambda: b"epoch").close()
        return SimpleNamespace(fetchone=lambda: row)

    between = cast("sqlite3.Connection", SimpleNamespace(execute=execute))
    _schema._recognise(between, path)  # directly, or there would be no telling when
    connection.close()


async def test_many_may_open_a_new_file_at_once(open_file: OpenFile) -> None:
    """One of them makes it."""
    cursors: list[str] = []

    async def enter() -> None:
        async with open_file() as engine:
            cursors.extend(await fill(engine, 1))

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(enter)
    assert len({cursor[:-16] for cursor in cursors}) == 1
    async with open_file() as engine:
        assert len((await engine.log.read("t")).records) == 6
