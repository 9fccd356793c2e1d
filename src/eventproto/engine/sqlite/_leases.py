"""Leases in SQLite."""

from __future__ import annotations

import sqlite3

from typing_extensions import override

from eventproto.engine._checked import CheckedLeases
from eventproto.engine._cursors import position_of
from eventproto.engine._values import Clock, Lease
from eventproto.engine.sqlite._store import Store

__all__ = ["SqliteLeases"]


class SqliteLeases(CheckedLeases):
    """See `eventproto.engine.Leases`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @override
    async def _set(self, key: str, data: bytes, expires: float | None) -> Lease:
        now = self._clock()
        return await self._store.write(lambda db: _store(db, key, data, expires, now))

    @override
    async def _get(self, key: str) -> Lease | None:
        now = self._clock()
        return await self._store.read(lambda db: _get(db, key, now))

    @override
    async def _delete(self, key: str, expected: Lease | None) -> bool:
        now = self._clock()

        def delete(db: sqlite3.Connection) -> bool:
            held = _get(db, key, now)
            if held is None or (expected is not None and held.version != expected.version):
                return False
            db.execute("DELETE FROM leases WHERE key = ?", (key,))
            return True

        return await self._store.write(delete)

    @override
    async def _swap(
        self, key: str, expected: Lease | None, data: bytes, expires: float | None
    ) -> Lease | None:
        now = self._clock()

        def swap(db: sqlite3.Connection) -> Lease | None:
            held = _get(db, key, now)
            if (held and held.version) != (expected and expected.version):
                return None
            return _store(db, key, data, expires, now)

        return await self._store.write(swap)

    @override
    async def _scan(self, prefix: str, begin: str, limit: int) -> tuple[Lease, ...]:
        now = self._clock()
        return await self._store.read(lambda db: _scan(db, prefix, begin, limit, now))


def _get(db: sqlite3.Connection, key: str, now: float) -> Lease | None:
    row = db.execute(
        "SELECT key, data, expires, version FROM leases"
        " WHERE key = ? AND (expires IS NULL OR expires > ?)",
        (key, now),
    ).fetchone()
    return None if row is None else _lease(row)


def _store(
    db: sqlite3.Connection, key: str, data: bytes, expires: float | None, now: float
) -> Lease:
    db.execute("DELETE FROM leases WHERE expires <= ?", (now,))
    # The time, or one more: a file that was restored gives no version again. (As for cursors.)
    db.execute("UPDATE store SET version = max(version + 1, ?)", (position_of(now),))
    (version,) = db.execute("SELECT version FROM store").fetchone()
    db.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", (key, data, expires, version))
    return _lease((key, data, expires, version))


def _scan(
    db: sqlite3.Connection, prefix: str, begin: str, limit: int, now: float
) -> tuple[Lease, ...]:
    rows = db.execute(
        "SELECT key, data, expires, version FROM leases"
        " WHERE key >= ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?",
        (begin, now, limit),
    )
    found: list[Lease] = []
    for row in rows:
        if not row[0].startswith(prefix):
            break
        found.append(_lease(row))
    rows.close()
    return tuple(found)


def _lease(row: tuple[str, bytes, float | None, int]) -> Lease:
    key, data, expires, version = row
    return Lease(key, data, expires, str(version))
