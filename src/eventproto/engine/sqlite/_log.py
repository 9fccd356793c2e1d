"""Topics in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from typing_extensions import override

from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto._value import value
from eventproto.engine._checked import CheckedLog
from eventproto.engine._codec import from_bytes, to_bytes
from eventproto.engine._cursors import Cursors, oldest_of, position_of
from eventproto.engine._values import Clock, Page, Record, Retention, RetentionChoice
from eventproto.engine.sqlite._store import Store

__all__ = ["SqliteLog"]


@value()
class _Topic:
    """A row of `topics`."""

    topic: int
    last: int
    trimmed_to: int
    trimmed_id: str | None
    count: int
    size: int


class SqliteLog(CheckedLog):
    """See `eventproto.engine.Log`."""

    def __init__(self, store: Store, clock: Clock, retention: RetentionChoice) -> None:
        super().__init__(store.hints(_last), retention)
        self._store = store
        self._clock = clock

    @override
    async def _append(self, topic: str, message: Message, retention: Retention) -> tuple[str, bool]:
        now = position_of(self._clock())
        return await self._store.write(
            lambda connection: _append(connection, topic, message, now, retention)
        )

    @override
    async def _read(self, topic: str, after: str | None, limit: int, retention: Retention) -> Page:
        oldest = oldest_of(position_of(self._clock()), retention)
        cursors, found, gap, last = await self._store.read(
            lambda connection: _read(connection, topic, after, limit, oldest)
        )
        records = tuple(
            Record(cursors.write(position), from_bytes(message)) for position, message in found
        )
        return Page(records, gap, cursors.write(last))


def _last(connection: sqlite3.Connection, topic: str) -> object:
    return connection.execute("SELECT last FROM topics WHERE name = ?", (topic,)).fetchone()


def _find(connection: sqlite3.Connection, topic: str) -> _Topic | None:
    row = connection.execute(
        "SELECT topic, last, trimmed_to, trimmed_id, count, size FROM topics WHERE name = ?",
        (topic,),
    ).fetchone()
    return None if row is None else _Topic(*row)


def _cursors(connection: sqlite3.Connection, topic: str) -> Cursors:
    (epoch,) = connection.execute("SELECT epoch FROM store").fetchone()
    return Cursors.of(epoch, topic)


def _append(
    connection: sqlite3.Connection, name: str, message: Message, now: int, retention: Retention
) -> tuple[str, bool]:
    cursors = _cursors(connection, name)
    topic = _find(connection, name)
    last = 0 if topic is None else topic.last
    if topic is not None and message.id is not None:
        held = connection.execute(
            "SELECT position FROM records WHERE topic = ? AND id = ? AND position > ?",
            (topic.topic, message.id, oldest_of(now, retention)),
        ).fetchone()
        if held is not None:
            return cursors.write(held[0]), False
    if message.id is not None and (cursors.read(message.id) or 0) > last:
        msg = f"the id {message.id!r} reads as a cursor that this topic is yet to give"
        raise LocalProtocolError(msg)
    if topic is None:
        made = connection.execute("INSERT INTO topics VALUES (NULL, ?, 0, 0, NULL, 0, 0)", (name,))
        topic = _Topic(made.lastrowid or 0, 0, 0, None, 0, 0)
    if retention.age is not None:
        topic = _trim(connection, topic, replace(retention, count=None, size=None), now)
    position = max(last + 1, now)
    if message.id is None:
        message = replace(message, id=cursors.write(position))
    size = len(message.data)
    connection.execute(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?)",
        (topic.topic, position, message.id, size, to_bytes(message)),
    )
    topic = replace(topic, last=position, count=topic.count + 1, size=topic.size + size)
    topic = _trim(connection, topic, replace(retention, age=None), now)
    connection.execute(
        "UPDATE topics SET last = ?, trimmed_to = ?, trimmed_id = ?, count = ?, size = ?"
        " WHERE topic = ?",
        (topic.last, topic.trimmed_to, topic.trimmed_id, topic.count, topic.size, topic.topic),
    )
    return cursors.write(position), True


def _trim(connection: sqlite3.Connection, topic: _Topic, retention: Retention, now: int) -> _Topic:
    """Delete from the old end what is too much; the row of the topic is for the caller to write."""
    count, total = topic.count, topic.size
    trimmed: tuple[int, str | None] = topic.trimmed_to, topic.trimmed_id
    oldest = oldest_of(now, retention)
    if oldest < 0 and not _too_much(count, total, retention):
        return topic
    rows = connection.execute(
        "SELECT position, id, size FROM records WHERE topic = ? ORDER BY position", (topic.topic,)
    )
    for position, id, size in rows:
        if position > oldest and not _too_much(count, total, retention):
            break
        trimmed = position, id
        count -= 1
        total -= size
    rows.close()
    if count == topic.count:
        return topic
    connection.execute(
        "DELETE FROM records WHERE topic = ? AND position <= ?", (topic.topic, trimmed[0])
    )
    return _Topic(topic.topic, topic.last, *trimmed, count, total)


def _too_much(count: int, size: int, retention: Retention) -> bool:
    return count > 1 and (
        (retention.count is not None and count > retention.count)
        or (retention.size is not None and size > retention.size)
    )


def _read(
    connection: sqlite3.Connection, name: str, after: str | None, limit: int, oldest: int
) -> tuple[Cursors, list[tuple[int, bytes]], bool, int]:
    cursors = _cursors(connection, name)
    topic = _find(connection, name)
    if topic is None:
        return cursors, [], after is not None and after != cursors.write(0), 0
    trimmed_to, trimmed_id = topic.trimmed_to, topic.trimmed_id
    if oldest > trimmed_to:
        row = connection.execute(
            "SELECT position, id FROM records WHERE topic = ? AND position <= ?"
            " ORDER BY position DESC LIMIT 1",
            (topic.topic, oldest),
        ).fetchone()
        trimmed_to, trimmed_id = row or (trimmed_to, trimmed_id)
    begin = (
        trimmed_to
        if after is None
        else _position(connection, topic.topic, cursors, after, (trimmed_to, trimmed_id))
    )
    found = connection.execute(
        "SELECT position, message FROM records WHERE topic = ? AND position > ?"
        " ORDER BY position LIMIT ?",
        (topic.topic, trimmed_to if begin is None else begin, limit),
    ).fetchall()
    return cursors, found, begin is None, topic.last


def _position(
    connection: sqlite3.Connection,
    topic: int,
    cursors: Cursors,
    after: str,
    trimmed: tuple[int, str | None],
) -> int | None:
    """Where to go on; None if something is missing from there."""
    position = cursors.read(after)
    if position is not None:
        statement = "SELECT 1 FROM records WHERE topic = ? AND position > ? AND position = ?"
        row = connection.execute(statement, (topic, trimmed[0], position)).fetchone()
        return position if position == trimmed[0] or row is not None else None
    if after == trimmed[1]:
        return trimmed[0]
    statement = "SELECT position FROM records WHERE topic = ? AND position > ? AND id = ?"
    row = connection.execute(statement, (topic, trimmed[0], after)).fetchone()
    return None if row is None else int(row[0])
