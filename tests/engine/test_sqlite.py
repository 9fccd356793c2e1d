"""What is particular to the engine in SQLite: its file, its threads, and other processes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType

import anyio
import pytest

from eventproto import LocalProtocolError, Message
from eventproto.engine import (
    Engine,
    EngineError,
    Retention,
    StoreCorrupted,
    StoreFull,
    StoreUnavailable,
    StoreVersionError,
)
from eventproto.engine.sqlite import SqliteEngine
from eventproto.engine.sqlite._schema import _use_wal

Open = Callable[..., SqliteEngine]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine é?#%20.db"


@pytest.fixture
def open_file(path: Path, runtime: ModuleType) -> Open:
    def open_path(**options: object) -> SqliteEngine:
        return SqliteEngine(path, runtime.Threads(), **options)  # type: ignore[arg-type]

    return open_path


async def fill(engine: Engine, count: int, size: int = 1) -> list[str]:
    return [await engine.log.append("t", Message(data=bytes(size))) for _ in range(count)]


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def overwrite(path: Path, content: bytes | bytearray) -> None:
    path.write_bytes(content)


async def test_everything_is_there_again(open_file: Open) -> None:
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


async def test_it_is_open_while_it_is_entered(open_file: Open) -> None:
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


async def test_it_leaves_no_thread_behind(open_file: Open) -> None:
    before = threading.active_count()
    async with open_file() as engine:
        await fill(engine, 3)
        assert threading.active_count() == before + 2
    assert threading.active_count() == before


async def test_what_was_asked_for_is_done_before_it_closes(open_file: Open) -> None:
    """Even when nobody waits for it any more."""
    async with open_file() as engine:
        await fill(engine, 1)
        with anyio.move_on_after(0) as scope:
            await engine.leases.set("k", b"v")
        assert scope.cancelled_caught
    async with open_file() as engine:
        assert await engine.leases.get("k")


async def test_a_commit_is_on_the_disk(open_file: Open) -> None:
    """Unless it is told otherwise."""
    for synchronous, level in (("full", 2), ("normal", 1)):
        async with open_file(synchronous=synchronous) as engine:
            read = lambda db: db.execute("PRAGMA synchronous").fetchone()  # noqa: E731
            assert await engine._store.write(read) == (level,)
            mode = lambda db: db.execute("PRAGMA journal_mode").fetchone()  # noqa: E731
            assert await engine._store.write(mode) == ("wal",)


async def test_calls_that_wait_together_share_a_transaction(open_file: Open) -> None:
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


async def test_a_bug_harms_only_who_made_it(open_file: Open) -> None:
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


async def test_a_bug_does_not_harm_those_of_the_same_transaction(open_file: Open) -> None:
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


async def test_many_more_calls_than_go_into_a_transaction(open_file: Open) -> None:
    async with open_file() as engine, anyio.create_task_group() as group:
        for number in range(600):
            group.start_soon(engine.queue.put, "q", f"{number}", b"")
    async with open_file() as engine:
        assert (await engine.queue.depth("q")).open == 600


async def test_several_engines_may_have_one_file(open_file: Open) -> None:
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


async def test_news_of_other_processes_are_hinted_at(open_file: Open) -> None:
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


async def test_a_file_that_is_busy_for_too_long_is_unavailable(open_file: Open, path: Path) -> None:
    """Then everything may be asked for again."""
    async with open_file(patience=0.05) as engine:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="busy"):
                await engine.leases.set("k", b"v")
            assert await engine.leases.get("k") is None  # reading waits for nobody
            other.execute("ROLLBACK")
        await engine.leases.set("k", b"v")


async def test_a_file_that_is_locked_cannot_be_opened(open_file: Open, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable, match="busy"):
            async with open_file(patience=0.05):
                pass


async def test_a_full_file_is_a_typed_error(open_file: Open) -> None:
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
    open_file: Open, path: Path, content: bytes
) -> None:
    overwrite(path, content)
    with pytest.raises(StoreCorrupted):
        async with open_file():
            pass
    assert content_of(path) == content


async def test_the_database_of_others_is_left_alone(open_file: Open, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (x)")
    content = content_of(path)
    with pytest.raises(StoreCorrupted, match="another application"):
        async with open_file():
            pass
    assert content_of(path) == content


async def test_a_later_schema_is_left_alone(open_file: Open, path: Path) -> None:
    async with open_file():
        pass
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    content = content_of(path)
    with pytest.raises(StoreVersionError, match="schema 99"):
        async with open_file():
            pass
    assert content_of(path) == content


async def test_a_damaged_file_is_refused(open_file: Open, path: Path) -> None:
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


async def test_damage_that_is_found_later_ends_all_writing(open_file: Open, path: Path) -> None:
    """Without the check at the beginning; the error stays the same."""
    async with open_file(retention=Retention(count=None)) as engine:
        await fill(engine, 200, size=1000)
    content = bytearray(content_of(path))
    for page in range(20, len(content) // 4096):
        content[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    overwrite(path, content)
    async with open_file(check=False) as engine:
        with pytest.raises(StoreCorrupted, match="damaged"):
            await engine._store.write(
                lambda db: db.execute("SELECT sum(length(message)) FROM records").fetchall()
            )
        with pytest.raises(StoreCorrupted, match="damaged"):
            await engine.leases.set("k", b"v")
    assert content_of(path) == content


async def test_damage_that_a_reader_finds_ends_all_writing(open_file: Open, path: Path) -> None:
    """And whoever watches is not told, but nothing hangs."""
    async with open_file(retention=Retention(count=None)) as engine:
        await fill(engine, 200, size=1000)
    content = bytearray(content_of(path))
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    overwrite(path, content)
    async with open_file(check=False) as engine:
        with engine.log.watch(["t"], print):
            for _ in range(2):
                with pytest.raises(StoreCorrupted, match="damaged"):
                    await engine.log.read("t")
            with pytest.raises(StoreCorrupted, match="damaged"):
                await engine.leases.set("k", b"v")
    assert content_of(path) == content


async def test_watching_may_begin_before_it_is_open(open_file: Open) -> None:
    told: list[str] = []
    engine = open_file()
    with engine.log.watch(["t"], told.append):
        async with engine:
            await fill(engine, 1)
    assert "t" in told


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


async def test_a_message_that_cannot_be_read_is_damage(open_file: Open) -> None:
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


async def test_many_may_open_a_new_file_at_once(open_file: Open) -> None:
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


async def test_an_event_loop_that_has_ended_is_not_reached(runtime: ModuleType) -> None:
    """What a thread still has to say is dropped."""
    soon = runtime.Threads().soon()
    told = anyio.Event()
    threading.Thread(target=soon, args=(told.set,)).start()
    with anyio.fail_after(30):
        await told.wait()
