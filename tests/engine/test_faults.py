"""What is confirmed outlives the process that confirmed it, and a disk that is full."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from eventproto import Message
from eventproto.engine import Log, Retention, StoreFull
from eventproto.engine.sqlite import SqliteEngine
from tests.engine.faults import engine_of, run_faults

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_no_job_is_lost_when_workers_are_killed(kind: str, tmp_path: Path) -> None:
    """And each that is done twice was held by one of them. `tests.engine.faults` does more."""
    with engine_of(kind, tmp_path) as address:
        outcome = run_faults(address, tmp_path, jobs=200, kills=2, lease=1.0, effort=0.005)
    assert outcome.handled == outcome.jobs == 200
    assert outcome.kills == 2
    assert outcome.unexplained == []
    assert outcome.twice <= outcome.held + outcome.late


APPENDING = """
import asyncio, sys
from eventproto import Message
from eventproto.asyncio import open_engine

async def main():
    async with open_engine(f"sqlite:{sys.argv[1]}") as engine:
        for number in range(10**6):
            message = Message(data=bytes(number % 5000), id=f"{number}")
            await engine.log.append("t", message)
            print(number, flush=True)

asyncio.run(main())
"""


def test_what_was_confirmed_is_there_when_the_writer_is_killed(tmp_path: Path) -> None:
    """At any moment; and nothing stands there in part."""
    path = tmp_path / "x.db"
    confirmed = -1
    for pause in (0.05, 0.1, 0.13):
        command = [sys.executable, "-c", APPENDING, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(pause)
            process.kill()
            lines = process.stdout.read().splitlines()
            confirmed = max(confirmed, int(lines[-1]) if lines else 0)
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            ids = [int(row[0]) for row in db.execute("SELECT id FROM records ORDER BY position")]
            assert ids == list(range(len(ids)))
            assert len(ids) > confirmed
            assert db.execute("SELECT count FROM topics").fetchone() == (len(ids),)


DYING = """
import asyncio, os, signal, sys
from eventproto import Message
from eventproto.asyncio import Threads
from eventproto.engine.sqlite import SqliteEngine

def die(connection):
    connection.execute("PRAGMA cache_size = 1")  # so that it is written before the commit
    for number in range(2000):
        connection.execute(
            "INSERT INTO leases VALUES (?, ?, NULL, 0)", (f"half {number}", bytes(1000))
        )
    connection.execute("DELETE FROM records")
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with SqliteEngine(sys.argv[1], Threads()) as engine:
        await engine.log.append("t", Message(data=b"whole"))
        await engine._store.write(die)

asyncio.run(main())
"""


async def test_nothing_is_there_of_a_transaction_that_was_killed(
    tmp_path: Path, runtime: ModuleType
) -> None:
    """Though most of it was in the file already."""
    path = tmp_path / "x.db"
    done = subprocess.run([sys.executable, "-c", DYING, path], check=False)  # noqa: ASYNC221
    assert done.returncode == -signal.SIGKILL
    assert path.with_name("x.db-wal").stat().st_size > 1_000_000
    async with SqliteEngine(path, runtime.Threads()) as engine:
        (record,) = (await engine.log.read("t")).records
        assert record.message.data == b"whole"
        assert await engine.leases.scan() == ()
        await engine.leases.set("k", b"")


CUT_OFF = """
import asyncio, resource, sys
from eventproto import Message
from eventproto.asyncio import Threads
from eventproto.engine import EngineError, Retention
from eventproto.engine.sqlite import SqliteEngine

async def main():
    keep_all = Retention(count=None, size=None)
    async with SqliteEngine(sys.argv[1], Threads(), retention=keep_all) as engine:
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, unlimited[1]))
        try:
            for number in range(1000):
                await engine.log.append("t", Message(data=bytes(20_000)))
                print("confirmed", flush=True)
        except EngineError as error:
            print(type(error).__name__, flush=True)
        print((await engine.log.read("t", limit=0)).tail is not None, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        await engine.log.append("t", Message(data=b"behind"))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no files")
async def test_a_write_that_is_cut_off_is_a_typed_error(
    tmp_path: Path, runtime: ModuleType
) -> None:
    """Whatever the system refuses it for; what was confirmed is there, and all goes on."""
    path = tmp_path / "x.db"
    command = [sys.executable, "-c", CUT_OFF, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: ASYNC221
    *confirmed, error, read = done.stdout.split()
    assert error in {"EngineError", "StoreFull"}
    assert read == "True"
    assert len(confirmed) > 5
    async with SqliteEngine(path, runtime.Threads()) as engine:
        sizes = [len(each.message.data) for each in (await engine.log.read("t")).records]
    assert sizes == [20_000] * len(confirmed) + [len(b"behind")]


async def fill(log: Log, cursors: list[str]) -> None:
    while True:
        cursors.append(await log.append("t", Message(data=bytes(20_000))))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root can mount a tmpfs, and only Linux has one")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_is_a_typed_error(small_disk: Path, runtime: ModuleType) -> None:
    """Nothing that was confirmed is lost; with room again, all goes on."""
    cursors: list[str] = []
    path = small_disk / "x.db"
    keep_all = Retention(count=None, size=None)
    async with SqliteEngine(path, runtime.Threads(), retention=keep_all) as engine:
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(1_000_000))
        with pytest.raises(StoreFull, match="no room"):
            await fill(engine.log, cursors)
        with pytest.raises(StoreFull):
            await engine.queue.put("q", "1", bytes(20_000))
        page = await engine.log.read("t", limit=1000)
        assert [record.cursor for record in page.records] == cursors
        ballast.unlink()
        cursors.append(await engine.log.append("t", Message(data=bytes(20_000))))
        assert await engine.queue.put("q", "1", b"")
    async with SqliteEngine(path, runtime.Threads(), retention=keep_all) as engine:
        page = await engine.log.read("t", limit=1000)
        assert [record.cursor for record in page.records] == cursors
        assert len(cursors) > 5
        assert len(await engine.queue.claim("q")) == 1
