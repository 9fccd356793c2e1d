"""Opening a file: what is in it, how durable it is, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeAlias

from eventproto.engine._errors import (
    EngineError,
    StoreCorrupted,
    StoreFull,
    StoreUnavailable,
    StoreVersionError,
)

__all__ = ["Synchronous", "connect", "create", "explain"]

Synchronous: TypeAlias = Literal["full", "normal"]
"""When what was committed is on the disk: at once, or with the next checkpoint."""

# Written into the head of the file, so that no other program's file is taken for one of ours.
_APPLICATION_ID: Final = int.from_bytes(b"evpr", "big")

# One tuple of statements for each version of the schema. What was released is never changed.
# A statement may use a new epoch, as `:epoch`.
_MIGRATIONS: Final = (
    (
        "CREATE TABLE store (epoch BLOB NOT NULL, version INTEGER NOT NULL)",
        "INSERT INTO store VALUES (:epoch, 0)",
        # The log. A position is what is in a cursor.
        """CREATE TABLE topics (
            topic INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            last INTEGER NOT NULL,
            trimmed_to INTEGER NOT NULL,
            trimmed_id TEXT,
            count INTEGER NOT NULL,
            size INTEGER NOT NULL
        )""",
        """CREATE TABLE records (
            topic INTEGER NOT NULL,
            position INTEGER NOT NULL,
            id TEXT NOT NULL,
            size INTEGER NOT NULL,
            message BLOB NOT NULL
        )""",
        "CREATE UNIQUE INDEX records_by_position ON records (topic, position)",
        "CREATE UNIQUE INDEX records_by_id ON records (topic, id)",
        # The queue. A job is claimed while `expires` is not null, and can be while `head` is set:
        # it has no group, or is the first of its group.
        """CREATE TABLE queues (
            queue INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            token INTEGER NOT NULL DEFAULT 0,
            burial INTEGER NOT NULL DEFAULT 0,
            open INTEGER NOT NULL DEFAULT 0,
            dead INTEGER NOT NULL DEFAULT 0,
            changes INTEGER NOT NULL DEFAULT 0
        )""",
        """CREATE TABLE jobs (
            number INTEGER PRIMARY KEY,
            queue INTEGER NOT NULL,
            id TEXT NOT NULL,
            data BLOB NOT NULL,
            "group" TEXT,
            head INTEGER NOT NULL,
            due REAL NOT NULL,
            attempt INTEGER NOT NULL DEFAULT 0,
            token INTEGER NOT NULL DEFAULT 0,
            expires REAL
        )""",
        "CREATE UNIQUE INDEX jobs_by_id ON jobs (queue, id)",
        "CREATE INDEX jobs_ready ON jobs (queue, due, number) WHERE expires IS NULL AND head = 1",
        "CREATE INDEX jobs_claimed ON jobs (queue, expires) WHERE expires IS NOT NULL",
        'CREATE INDEX jobs_by_group ON jobs (queue, "group", number) WHERE "group" IS NOT NULL',
        """CREATE TABLE dead (
            queue INTEGER NOT NULL,
            number INTEGER NOT NULL,
            id TEXT NOT NULL,
            data BLOB NOT NULL,
            "group" TEXT,
            attempt INTEGER NOT NULL,
            reason TEXT NOT NULL,
            at REAL NOT NULL
        )""",
        "CREATE UNIQUE INDEX dead_by_number ON dead (queue, number)",
        "CREATE UNIQUE INDEX dead_by_id ON dead (queue, id)",
        """CREATE TABLE done (
            queue INTEGER NOT NULL,
            id TEXT NOT NULL,
            until REAL NOT NULL,
            PRIMARY KEY (queue, id)
        ) WITHOUT ROWID""",
        "CREATE INDEX done_by_time ON done (queue, until)",
        # The leases.
        """CREATE TABLE leases (
            key TEXT NOT NULL PRIMARY KEY,
            data BLOB NOT NULL,
            expires REAL,
            version INTEGER NOT NULL
        )""",
        "CREATE INDEX leases_by_time ON leases (expires) WHERE expires IS NOT NULL",
    ),
)

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def connect(path: Path, *, synchronous: Synchronous, patience: float) -> sqlite3.Connection:
    """Open a file that is there.

    Args:
        path: The file.
        synchronous: When what was committed is on the disk.
        patience: For how many seconds to wait while other processes write.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=patience, isolation_level=None
    )
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA fullfsync = ON")  # on macOS fsync alone leaves it in the drive
    return connection


def create(
    path: Path,
    *,
    synchronous: Synchronous,
    patience: float,
    check: bool,
    epoch: Callable[[], bytes],
) -> sqlite3.Connection:
    """Open a file, make what is missing in it, and check what is there.

    Args:
        path: The file; a new one is made if there is none.
        synchronous: When what was committed is on the disk.
        patience: For how many seconds to wait while other processes write.
        check: Whether to read all of it and see that it is whole.
        epoch: Draws an epoch, for a file that has none.

    Raises:
        EngineError: It cannot be opened, or should not be written to.
    """
    try:
        path.open("ab").close()
    except OSError as error:
        msg = f"{path} cannot be opened: {error}"
        raise EngineError(msg) from error
    connection = connect(path, synchronous=synchronous, patience=patience)
    try:
        _recognise(connection, path)
        if check:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                msg = f"{path} is damaged: {found}"
                raise StoreCorrupted(msg)
        _use_wal(connection, path, patience)
        _migrate(connection, path, epoch)
    except BaseException:
        connection.close()
        raise
    return connection


def explain(error: sqlite3.Error, path: Path) -> EngineError:
    """What an error of SQLite means to who uses an engine."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what is extended
    match code:
        case sqlite3.SQLITE_FULL:
            explained: EngineError = StoreFull(f"there is no room for {path}: {error}")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            explained = StoreCorrupted(f"{path} is damaged: {error}")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            explained = StoreUnavailable(f"{path} was busy for too long: {error}")
        case _:
            explained = EngineError(f"{path} failed: {error}")
    explained.__cause__ = error
    return explained


def _recognise(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse the files of others before anything is written."""
    # In this order: who makes the file meanwhile has written its name with the first object.
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION_ID and (application or objects):
        msg = f"{path} is the database of another application"
        raise StoreCorrupted(msg)


def _use_wal(connection: sqlite3.Connection, path: Path, patience: float) -> None:
    # SQLite itself does not wait here for others who do the same.
    give_up = time.monotonic() + patience
    mode = None
    while mode is None:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
    if mode != "wal":
        msg = f"{path} must be on a local disk, where processes share memory; journal: {mode}"
        raise EngineError(msg)


def _migrate(connection: sqlite3.Connection, path: Path, epoch: Callable[[], bytes]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        msg = f"{path} has schema {version}, this library knows those up to {len(_MIGRATIONS)}"
        raise StoreVersionError(msg)
    if version < len(_MIGRATIONS):
        for statements in _MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement, {"epoch": epoch()})
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    connection.execute("COMMIT")
