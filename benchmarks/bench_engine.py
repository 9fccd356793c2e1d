"""Engines next to the floor of their stores: `python -m benchmarks.bench_engine`.

Messages of 200 bytes are appended, and jobs of 200 bytes put, claimed and acknowledged, by one
caller that waits for each call, and by 64 at once. The floor of SQLite is a loop of bare inserts
with the same durability, one or 64 in a transaction; that of Redis is `redis-benchmark` with XADD
over one or 64 connections. Both are measured in turns, since a disk that others use is not as fast
at one moment as at the next. What is shown is the median of five turns: calls per second, and what
share of the floor that is. Then: what one read of 100 records and one claim with its
acknowledgement cost, from 1,000 to 1,000,000 records.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from eventproto import Message
from eventproto.asyncio import Threads
from eventproto.engine import Engine, MemoryEngine, Retention
from eventproto.engine._codec import to_bytes
from eventproto.engine.redis import RedisEngine
from eventproto.engine.sqlite import SqliteEngine
from tests.engine.redis_server import RedisServer

_MESSAGE: Final = Message(data=b"x" * 200)
_STORED: Final = to_bytes(_MESSAGE)
_ALL: Final = Retention(count=None, size=None)
_TOGETHER: Final = 64
_SECONDS: Final = 0.4
_TURNS: Final = 5
_SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)

_numbers = count()


def main() -> None:
    missing = [each for each in ("redis-server", "redis-benchmark") if shutil.which(each) is None]
    if missing:
        print(f"skipped: this needs {' and '.join(missing)} (Debian: redis-server, redis-tools)")
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        server = RedisServer(folder, "--appendonly", "no")
        server.start()
        try:
            speed(folder, server)
            growth(folder, server)
        finally:
            server.stop()


# Calls per second


Floor = Callable[[int], float]


def speed(folder: Path, server: RedisServer) -> None:
    floors: dict[str, Floor | None] = {
        "memory": None,
        "sqlite": partial(insert_loop, folder / "floor.db"),
        "redis": partial(redis_benchmark, server),
    }
    for kind, floor in floors.items():
        asyncio.run(measure_all(kind, floor, folder, server))


def insert_loop(path: Path, together: int) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE IF NOT EXISTS t (message BLOB)")
        done = 0
        start = perf_counter()
        while perf_counter() < start + _SECONDS:
            db.execute("BEGIN IMMEDIATE")
            for _ in range(together):
                db.execute("INSERT INTO t VALUES (?)", (_STORED,))
            db.execute("COMMIT")
            done += together
        return done / (perf_counter() - start)


def redis_benchmark(server: RedisServer, together: int) -> float:
    calls = 10_000 if together == 1 else 20_000
    command = ["redis-benchmark", "-p", str(server.port), "-c", str(together), "-n", str(calls)]
    command += ["--csv", "XADD", "floor", "*", "message", "x" * len(_STORED)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(ran.stdout.splitlines()[-1].split(",")[1].strip('"'))


async def measure_all(kind: str, floor: Floor | None, folder: Path, server: RedisServer) -> None:
    async with opened(kind, folder, server) as engine:

        async def append() -> None:
            await engine.log.append("t", _MESSAGE)

        async def read() -> None:
            await engine.log.read("t", limit=1)

        async def put() -> None:
            await engine.queue.put("q", str(next(_numbers)), _MESSAGE.data)

        async def claim_and_ack() -> None:
            for job in await engine.queue.claim("q"):
                await engine.queue.ack(job)

        calls = {"append": append, "read one": read, "put": put, "claim + ack": claim_and_ack}
        for what, call in calls.items():
            alone, together = [await compared(call, each, floor) for each in (1, _TOGETHER)]
            print(f"{kind:7} {what:12} alone {alone}   together {together}")


async def compared(call: Callable[[], Awaitable[None]], together: int, floor: Floor | None) -> str:
    rates, shares = [], []
    for _ in range(_TURNS):
        least = None if floor is None else floor(together)
        rates.append(await rate(call, together))
        if least is not None:
            shares.append(rates[-1] / least)
    share = f" = {median(shares):5.2f}" if shares else ""
    return f"{median(rates):9,.0f} /s{share}"


async def rate(call: Callable[[], Awaitable[None]], together: int) -> float:
    async def repeat(until: float) -> int:
        done = 0
        while perf_counter() < until:
            await call()
            done += 1
            if not done % 64:
                await asyncio.sleep(0)  # the engine in memory never suspends
        return done

    start = perf_counter()
    done = await asyncio.gather(*(repeat(start + _SECONDS) for _ in range(together)))
    return sum(done) / (perf_counter() - start)


# What calls cost when there is much


def growth(folder: Path, server: RedisServer) -> None:
    print("microseconds for      " + "".join(f"{size:12,}" for size in _SIZES))
    for kind in ("memory", "sqlite", "redis"):
        costs = [asyncio.run(costs_at(kind, size, folder, server)) for size in _SIZES]
        for place, what in enumerate(("read 100", "claim + ack")):
            print(f"{kind:8} {what:12} " + "".join(f"{each[place]:12,.0f}" for each in costs))


async def costs_at(kind: str, size: int, folder: Path, server: RedisServer) -> tuple[float, float]:
    async with opened(kind, folder, server) as engine:
        await fill(engine, size, server)
        middle = f"{size // 2}"

        async def read() -> None:
            page = await engine.log.read("t", middle)
            assert len(page.records) == 100

        async def claim_and_ack() -> None:
            (job,) = await engine.queue.claim("q")
            assert await engine.queue.ack(job)

        return await best_cost(read), await best_cost(claim_and_ack)


async def best_cost(call: Callable[[], Awaitable[None]]) -> float:
    best = float("inf")
    for _ in range(100):
        start = perf_counter()
        await call()
        best = min(best, perf_counter() - start)
    return best * 1e6


async def fill(engine: Engine, size: int, server: RedisServer) -> None:
    """Records and jobs numbered from 1, on the shortest way there is."""
    if isinstance(engine, SqliteEngine):
        await engine._store.write(lambda db: fill_sqlite(db, size))
    elif isinstance(engine, RedisEngine):
        fill_redis(server, size)
    else:
        for number in range(1, size + 1):
            await engine.log.append("t", Message(data=_MESSAGE.data, id=f"{number}"))
            await engine.queue.put("q", f"{number}", _MESSAGE.data)


def fill_sqlite(db: sqlite3.Connection, size: int) -> None:
    db.execute("INSERT INTO topics VALUES (1, 't', ?, 0, NULL, ?, ?)", (size, size, size * 200))
    db.executemany(
        "INSERT INTO records VALUES (1, ?, ?, 200, ?)",
        ((number, f"{number}", _STORED) for number in range(1, size + 1)),
    )
    db.execute("INSERT INTO queues (queue, name, open) VALUES (1, 'q', ?)", (size,))
    db.executemany(
        "INSERT INTO jobs (queue, id, data, head, due) VALUES (1, ?, ?, 1, 0)",
        ((f"{number}", _MESSAGE.data) for number in range(1, size + 1)),
    )


_FILL: Final = """
for number = ARGV[1], ARGV[2] do
  local id = string.format('%.0f', number)
  redis.call('XADD', KEYS[1], id .. '-0', 'id', id, 'size', 200, 'message', ARGV[3])
  redis.call('HSET', KEYS[2], id, id)
  local place = string.format('%016.0f', number)
  local job = {number = place, due = '0', attempt = 0, token = 0, group = ''}
  redis.call('HSET', KEYS[3], id, cmsgpack.pack(job))
  redis.call('HSET', KEYS[4], id, ARGV[3])
  redis.call('ZADD', KEYS[5], 0, place .. id)
end
"""


def fill_redis(server: RedisServer, size: int) -> None:
    log, queue = "eventproto:log:{t}:", "eventproto:queue:{q}:"
    keys = [log + part for part in ("records", "ids")]
    keys += [queue + part for part in ("jobs", "data", "ready")]
    server.ask("HSET", log + "topic", "tag", "a" * 8, "last", f"{size}", "count", f"{size}")
    server.ask("HSET", queue + "queue", "number", f"{size}")
    for first in range(1, size + 1, 10_000):
        last = min(first + 9_999, size)
        answer = server.ask("EVAL", _FILL, "5", *keys, f"{first}", f"{last}", _STORED.decode())
        assert answer == b"$-1\r\n", answer


@asynccontextmanager
async def opened(kind: str, folder: Path, server: RedisServer) -> AsyncGenerator[Engine]:
    """An empty engine that keeps all records, and no ids of jobs that are done."""
    options: dict[str, Any] = {"retention": _ALL, "remember": 0.0}
    if kind == "memory":
        engine: Any = MemoryEngine(**options)
    elif kind == "sqlite":
        engine = SqliteEngine(folder / f"{next(_numbers)}.db", Threads(), **options)
    else:
        server.ask("FLUSHALL")
        engine = RedisEngine(server.url, patience=60.0, **options)
    async with engine:
        yield engine


if __name__ == "__main__":
    main()
