"""Leases in SQLite."""

from __future__ import annotations

import sqlite3

from eventproto.engine._checks import check_limit, check_name, check_record, check_text
from eventproto.engine._values import Clock, Lease
from eventproto.engine.sqlite._store import Store

__all__ = ["SqliteLeases"]


class SqliteLeases:
    """See `eventproto.engine.Leases`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def set(self, key: str, data: bytes, expires: float | None = None) -> Lease:
        """See `Leases.set`."""
        check_record(key, data, expires)
        now = self._clock()
        return await self._store.write(
            lambda connection: _store(connection, key, data, expires, now)
        )

    async def get(self, key: str) -> Lease | None:
        """See `Leases.get`."""
        check_name("key", key)
        now = self._clock()
        return await self._store.read(lambda connection: _get(connection, key, now))

    async def delete(self, key: str, expected: Lease | None = None) -> bool:
        """See `Leases.delete`."""
        check_name("key", key)
        now = self._clock()

        def delete(connection: sqlite3.Connection) -> bool:
            held = _get(connection, key, now)
            if held is None or (expected is not None and held.version != expected.version):
                return False
            connection.execute("DELETE FROM leases WHERE key = ?", (key,))
            return True

        return await self._store.write(delete)

    async def swap(
        self, key: str, expected: Lease | None, data: bytes, expires: float | None = None
    ) -> Lease | None:
        """See `Leases.swap`."""
        check_record(key, data, expires)
        now = self._clock()

        def swap(connection: sqlite3.Connection) -> Lease | None:
            held = _get(connection, key, now)
            if (held and held.version) != (expected and expected.version):
                return None
            return _store(connection, key, data, expires, now)

        return await self._store.write(swap)

    async def scan(
        self, prefix: str = "", after: str | None = None, limit: int = 100
    ) -> tuple[Lease, ...]:
        """See `Leases.scan`."""
        check_text("prefix", prefix)
        check_limit("limit", limit, 1)
        now = self._clock()
        return await self._store.read(
            lambda connection: _scan(connection, prefix, after, limit, now)
        )


def _get(connection: sqlite3.Connection, key: str, now: float) -> Lease | None:
    row = connection.execute(
        "SELECT key, data, expires, version FROM leases"
        " WHERE key = ? AND (expires IS NULL OR expires > ?)",
        (key, now),
    ).fetchone()
    return None if row is None else _lease(row)


def _store(
    connection: sqlite3.Connection, key: str, data: bytes, expires: float | None, now: float
) -> Lease:
    connection.execute("DELETE FROM leases WHERE expires <= ?", (now,))
    connection.execute("UPDATE store SET version = version + 1")
    (version,) = connection.execute("SELECT version FROM store").fetchone()
    connection.execute(
        "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", (key, data, expires, version)
    )
    return _lease((key, data, expires, version))


def _scan(
    connection: sqlite3.Connection, prefix: str, after: str | None, limit: int, now: float
) -> tuple[Lease, ...]:
    # What comes next behind a string is that string with a zero character behind it.
    begin = prefix if after is None else max(prefix, after + "\0")
    rows = connection.execute(
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
