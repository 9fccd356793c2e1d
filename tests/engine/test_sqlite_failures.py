"""Files that are busy, full, damaged, or not ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from eventproto.engine import (
    EngineError,
    Retention,
    StoreCorrupted,
    StoreFull,
    StoreUnavailable,
    StoreVersionError,
)
from eventproto.engine.sqlite import SqliteEngine
from eventproto.engine.sqlite._schema import _use_wal
from tests.engine.conftest import OpenFile
from tests.engine.steps import content_of, fill, overwrite


async def damage(open_file: OpenFile, path: Path, *, from_page: int) -> bytes:
    """Make a file whose first pages alone are whole; what is in it."""
    async with open_file(retention=Retention(count=None)) as engine:
        await fill(engine, 200, size=1000)
    content = bytearray(content_of(path))
    for page in range(from_page, len(content) // 4096):
        content[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    overwrite(path, content)
    return bytes(content)


async def test_a_file_that_is_busy_for_too_long_is_unavailable(
    open_file: OpenFile, path: Path
) -> None:
    """Then everything may be asked for again."""
    async with open_file(patience=0.05) as engine:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="busy"):
                await engine.leases.set("k", b"v")
            assert await engine.leases.get("k") is None  # reading waits for nobody
            other.execute("ROLLBACK")
        await engine.leases.set("k", b"v")


async def test_a_file_that_is_locked_cannot_be_opened(open_file: OpenFile, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable, match="busy"):
            async with open_file(patience=0.05):
                pass


async def test_a_full_file_is_a_typed_error(open_file: OpenFile) -> None:
    """Nothing is lost, nothing half written; with room again, all goes on."""
    async with open_file() as engine:
        before = await fill(engine, 5, size=1000)
        await engine.queue.put("q", "1", b"")
        await engine._store.write(lambda db: db.execute("PRAGMA max_page_count = 1"))
        with pytest.raises(StoreFull, match="no room"):
            await fill(engine, 1, size=100_000)
        with pytest.raises(StoreFull):
            await engine.leases.set("k", bytes(100_000))
        records = (await engine.log.read("t")).records
        assert [record.cursor for record in records] == before
        (job,) = await engine.queue.claim("q")
        assert await engine.queue.ack(job)
        await engine._store.write(lambda db: db.execute("PRAGMA max_page_count = 1000000"))
        await fill(engine, 1, size=100_000)


@pytest.mark.parametrize("content", [b"not a database, but long enough", b"x" * 5000])
async def test_what_is_no_database_is_left_alone(
    open_file: OpenFile, path: Path, content: bytes
) -> None:
    overwrite(path, content)
    with pytest.raises(StoreCorrupted):
        async with open_file():
            pass
    assert content_of(path) == content


async def test_the_database_of_others_is_left_alone(open_file: OpenFile, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (x)")
    content = content_of(path)
    with pytest.raises(StoreCorrupted, match="another application"):
        async with open_file():
            pass
    assert content_of(path) == content


async def test_a_later_schema_is_left_alone(open_file: OpenFile, path: Path) -> None:
    async with open_file():
        pass
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    content = content_of(path)
    with pytest.raises(StoreVersionError, match="schema 99"):
        async with open_file():
            pass
    assert content_of(path) == content


async def test_a_damaged_file_is_refused(open_file: OpenFile, path: Path) -> None:
    """Before anything is written to it."""
    async with open_file() as engine:
        await fill(engine, 50, size=1000)
    content = bytearray(content_of(path))
    content[4096:-4096] = bytes(len(content) - 8192)
    overwrite(path, content)
    with pytest.raises(StoreCorrupted, match="damaged"):
        async with open_file():
            pass
    assert content_of(path) == content


async def test_damage_that_is_found_later_ends_all_writing(open_file: OpenFile, path: Path) -> None:
    """Without the check at the beginning; the error stays the same."""
    content = await damage(open_file, path, from_page=20)
    async with open_file(check=False) as engine:
        with pytest.raises(StoreCorrupted, match="damaged"):
            await engine._store.write(
                lambda db: db.execute("SELECT sum(length(message)) FROM records").fetchall()
            )
        with pytest.raises(StoreCorrupted, match="damaged"):
            await engine.leases.set("k", b"v")
    assert content_of(path) == content


async def test_damage_that_a_reader_finds_ends_all_writing(open_file: OpenFile, path: Path) -> None:
    """And whoever watches is not told, but nothing hangs."""
    content = await damage(open_file, path, from_page=2)
    async with open_file(check=False) as engine:
        with engine.log.watch(["t"], print):
            for _ in range(2):
                with pytest.raises(StoreCorrupted, match="damaged"):
                    await engine.log.read("t")
            with pytest.raises(StoreCorrupted, match="damaged"):
                await engine.leases.set("k", b"v")
    assert content_of(path) == content


class Stubborn:
    """A connection on which the journal is what others leave it."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    def execute(self, statement: str) -> Stubborn:
        if self.answers[0] == "busy":
            self.answers.pop(0)
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return self

    def fetchone(self) -> tuple[str]:
        return (self.answers.pop(0),)


def test_the_journal_is_waited_for(path: Path) -> None:
    """While others open the same new file; but not for ever, and a file without one is refused."""
    for answers in (["wal"], ["busy", "busy", "wal"]):
        _use_wal(Stubborn(*answers), path, patience=30)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.OperationalError):
        _use_wal(Stubborn("busy", "wal"), path, patience=-1)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="local disk"):
        _use_wal(Stubborn("delete"), path, patience=30)  # type: ignore[arg-type]


async def test_a_message_that_cannot_be_read_is_damage(open_file: OpenFile) -> None:
    async with open_file() as engine:
        await fill(engine, 1)
        await engine._store.write(lambda db: db.execute("UPDATE records SET message = x'ff'"))
        with pytest.raises(StoreCorrupted, match="should be a message"):
            await engine.log.read("t")


async def test_a_place_that_cannot_be_opened_is_an_error(
    tmp_path: Path, runtime: ModuleType
) -> None:
    for place in (tmp_path, tmp_path / "missing" / "file.db"):
        with pytest.raises(EngineError, match="cannot be opened"):
            async with SqliteEngine(place, runtime.Threads()):
                pass
