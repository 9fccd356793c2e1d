"""What a queue does with a connection: each function is run in one transaction."""

from __future__ import annotations

import sqlite3
from typing import Final, TypeAlias

from eventproto._value import value
from eventproto.engine._checked import Span
from eventproto.engine._cursors import position_of
from eventproto.engine._values import DeadLetter, Depth, Job

__all__ = [
    "New",
    "ack",
    "bury",
    "changes",
    "claim",
    "dead",
    "depth",
    "discard",
    "nack",
    "next_due",
    "put",
    "replay",
]

Db: TypeAlias = sqlite3.Connection

_LAST: Final = 2**63 - 1


@value()
class New:
    """A job that is to be put."""

    id: str
    data: bytes
    group: str | None
    due: float


def put(db: Db, *, queue: str, job: New, now: float) -> bool:
    """Add a job unless its id is known."""
    number = _find(db, queue)
    if number is None:
        number = db.execute("INSERT INTO queues (name) VALUES (?)", (queue,)).lastrowid or 0
    elif _knows(db, number, job.id, now):
        return False
    _open(db, number, job)
    return True


def claim(db: Db, *, queue: str, n: int, now: float, lease: float) -> tuple[Job, ...]:
    """Claim jobs that are due."""
    row = db.execute("SELECT queue, token FROM queues WHERE name = ?", (queue,)).fetchone()
    if row is None:
        return ()
    number, token = row
    db.execute("UPDATE jobs SET expires = NULL WHERE queue = ? AND expires <= ?", (number, now))
    rows = db.execute(
        'SELECT number, id, data, "group", attempt FROM jobs'
        " WHERE queue = ? AND due <= ? AND expires IS NULL AND head = 1"
        " ORDER BY due, number LIMIT ?",
        (number, now, n),
    ).fetchall()
    if not rows:
        return ()
    expires = now + lease
    token = max(token, position_of(now) - 1)
    db.executemany(
        "UPDATE jobs SET attempt = attempt + 1, token = ?, expires = ? WHERE number = ?",
        [(token + place, expires, row[0]) for place, row in enumerate(rows, 1)],
    )
    db.execute("UPDATE queues SET token = ? WHERE queue = ?", (token + len(rows), number))
    return tuple(
        Job(queue, id, data, group, attempt + 1, token + place, expires)
        for place, (_, id, data, group, attempt) in enumerate(rows, 1)
    )


def ack(db: Db, *, job: Job, now: float, until: float | None) -> bool:
    """End a job, and know its id until then."""
    row = _claimed(db, job)
    if row is None:
        return False
    queue, number, group, *_ = row
    _close(db, queue, number, group)
    if until is not None:
        db.execute("DELETE FROM done WHERE queue = ? AND until <= ?", (queue, now))
        db.execute("INSERT OR REPLACE INTO done VALUES (?, ?, ?)", (queue, job.id, until))
    return True


def nack(db: Db, *, job: Job, due: float, data: bytes | None) -> bool:
    """Give a job back."""
    row = _claimed(db, job)
    if row is None:
        return False
    queue, number, *_ = row
    db.execute(
        "UPDATE jobs SET token = 0, expires = NULL, due = ?, data = coalesce(?, data)"
        " WHERE number = ?",
        (due, data, number),
    )
    db.execute("UPDATE queues SET changes = changes + 1 WHERE queue = ?", (queue,))
    return True


def bury(db: Db, *, job: Job, reason: str, now: float) -> bool:
    """Make a job a dead letter."""
    row = _claimed(db, job)
    if row is None:
        return False
    queue, number, group, data, attempt = row
    _close(db, queue, number, group)
    db.execute("UPDATE queues SET burial = burial + 1, dead = dead + 1 WHERE queue = ?", (queue,))
    db.execute(
        "INSERT INTO dead SELECT queue, burial, ?, ?, ?, ?, ?, ? FROM queues WHERE queue = ?",
        (job.id, data, group, attempt, reason, now, queue),
    )
    return True


def next_due(db: Db, *, queue: str) -> float | None:
    """When something can be claimed."""
    number = _find(db, queue)
    times = [
        row[0]
        for row in (
            db.execute(
                "SELECT due FROM jobs WHERE queue = ? AND expires IS NULL AND head = 1"
                " ORDER BY due LIMIT 1",
                (number,),
            ).fetchone(),
            db.execute(
                "SELECT expires FROM jobs WHERE queue = ? AND expires IS NOT NULL"
                " ORDER BY expires LIMIT 1",
                (number,),
            ).fetchone(),
        )
        if row is not None
    ]
    return min(times, default=None)


def depth(db: Db, *, queue: str) -> Depth:
    """How much there is."""
    row = db.execute("SELECT open, dead FROM queues WHERE name = ?", (queue,)).fetchone()
    return Depth(0, 0) if row is None else Depth(*row)


def dead(db: Db, *, queue: str, after: int, limit: int) -> tuple[DeadLetter, ...]:
    """List dead letters."""
    rows = db.execute(
        'SELECT number, id, data, "group", attempt, reason, at FROM dead'
        " WHERE queue = ? AND number > ? ORDER BY number LIMIT ?",
        (_find(db, queue), after, limit),
    )
    return tuple(DeadLetter(*row) for row in rows)


def replay(db: Db, *, queue: str, span: Span, now: float) -> int:
    """Open dead letters again."""
    number = _find(db, queue)
    if number is None:
        return 0
    rows = db.execute(
        'SELECT id, data, "group" FROM dead'
        " WHERE queue = ? AND number BETWEEN ? AND ? ORDER BY number",
        (number, *_bounds(span)),
    ).fetchall()
    for id, data, group in rows:
        _open(db, number, New(id, data, group, now))
    return discard(db, queue=queue, span=span)


def discard(db: Db, *, queue: str, span: Span) -> int:
    """Delete dead letters."""
    number = _find(db, queue)
    if number is None:
        return 0
    count = db.execute(
        "DELETE FROM dead WHERE queue = ? AND number BETWEEN ? AND ?", (number, *_bounds(span))
    ).rowcount
    db.execute("UPDATE queues SET dead = dead - ? WHERE queue = ?", (count, number))
    return count


def changes(db: Db, queue: str) -> object:
    """What differs when there is news of a queue."""
    return db.execute("SELECT changes FROM queues WHERE name = ?", (queue,)).fetchone()


def _find(db: Db, queue: str) -> int | None:
    row = db.execute("SELECT queue FROM queues WHERE name = ?", (queue,)).fetchone()
    return None if row is None else int(row[0])


def _knows(db: Db, queue: int, id: str, now: float) -> bool:
    known = db.execute(
        "SELECT 1 FROM jobs WHERE queue = :queue AND id = :id"
        " UNION ALL SELECT 1 FROM dead WHERE queue = :queue AND id = :id"
        " UNION ALL SELECT 1 FROM done WHERE queue = :queue AND id = :id AND until > :now",
        {"queue": queue, "id": id, "now": now},
    ).fetchone()
    return known is not None


def _claimed(db: Db, job: Job) -> tuple[int, int, str | None, bytes, int] | None:
    """The queue, number, group, data and attempt of a job whose claim still counts."""
    return db.execute(  # type: ignore[no-any-return]
        'SELECT queue, number, "group", data, attempt FROM jobs'
        " WHERE queue = (SELECT queue FROM queues WHERE name = ?) AND id = ? AND token = ?",
        (job.queue, job.id, job.token),
    ).fetchone()


def _open(db: Db, queue: int, job: New) -> None:
    db.execute(
        'INSERT INTO jobs (queue, id, data, "group", head, due)'
        " VALUES (:queue, :id, :data, :group, :group IS NULL OR NOT EXISTS"
        ' (SELECT 1 FROM jobs WHERE queue = :queue AND "group" = :group), :due)',
        {"queue": queue, "id": job.id, "data": job.data, "group": job.group, "due": job.due},
    )
    db.execute("UPDATE queues SET open = open + 1, changes = changes + 1 WHERE queue = ?", (queue,))


def _close(db: Db, queue: int, number: int, group: str | None) -> None:
    db.execute("DELETE FROM jobs WHERE number = ?", (number,))
    if group is not None:
        db.execute(
            "UPDATE jobs SET head = 1 WHERE number ="
            ' (SELECT min(number) FROM jobs WHERE queue = ? AND "group" = ?)',
            (queue, group),
        )
    db.execute("UPDATE queues SET open = open - 1, changes = changes + 1 WHERE queue = ?", (queue,))


def _bounds(span: Span) -> tuple[int, int]:
    first, last = span
    return 0 if first is None else first, _LAST if last is None else last
