"""A file, as an event loop sees it: one thread writes, another reads and looks for news."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from eventproto._errors import LocalProtocolError
from eventproto.engine._errors import StoreCorrupted
from eventproto.engine._hints import Hints
from eventproto.engine._threads import Threads
from eventproto.engine.sqlite._schema import Synchronous, connect, create, explain
from eventproto.engine.sqlite._thread import ConnectionThread, Step

__all__ = ["Changes", "Store"]

T = TypeVar("T")

Changes: TypeAlias = Callable[[sqlite3.Connection, str], object]
"""What differs, for a topic or a queue, when there is news of it."""


class Store:
    """A file that is read and written while it is open.

    Args:
        path: The file.
        threads: How to reach the event loop.
        synchronous: When what was committed is on the disk.
        patience: For how many seconds to wait while other processes write.
        check: Whether to check all of the file when it is opened.
        interval: How often to look for news of other processes, in seconds.
        epoch: Draws an epoch for a new file.
    """

    def __init__(
        self,
        path: Path,
        threads: Threads,
        *,
        synchronous: Synchronous,
        patience: float,
        check: bool,
        interval: float,
        epoch: Callable[[], bytes],
    ) -> None:
        self._path = path
        self._threads = threads
        self._interval = interval
        self._create = partial(
            create, path, synchronous=synchronous, patience=patience, check=check, epoch=epoch
        )
        self._connect = partial(connect, path, synchronous=synchronous, patience=patience)
        self._writer: ConnectionThread | None = None
        self._reader: ConnectionThread | None = None
        self._watched: list[tuple[Hints, Changes]] = []
        self._version: int | None = None  # of the file, when news was last looked for
        self._known: dict[tuple[Hints, str], object] = {}

    def hints(self, changes: Changes) -> Hints:
        """Hints of what other processes change."""
        hints = Hints(self._look_soon)
        self._watched.append((hints, changes))
        return hints

    async def open(self) -> None:
        """Open the file.

        Raises:
            LocalProtocolError: It is open already.
            EngineError: It cannot be opened.
        """
        if self._writer is not None:
            msg = f"{self._path} is open already: make another engine for it"
            raise LocalProtocolError(msg)
        self._soon = soon = self._threads.soon()
        name = f"eventproto {self._path.name}"
        explained = partial(explain, path=self._path)
        damage: list[StoreCorrupted] = []
        try:
            self._writer = ConnectionThread(
                f"{name} writes", self._create, explained, soon, damage, begin="BEGIN IMMEDIATE"
            )
            await self.write(_nothing)  # the other one needs the file
            self._reader = ConnectionThread(
                f"{name} reads", self._connect, explained, soon, damage, between=self._look
            )
            await self.read(_nothing)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file, when all that was asked for is done. The event loop waits for that."""
        threads = self._reader, self._writer
        self._reader = self._writer = None
        for thread in threads:
            if thread is not None:
                thread.end()
                thread.join()

    async def write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in a transaction that writes; it returns when that is on the disk."""
        return await self._run(self._writer, function)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in a transaction that reads."""
        return await self._run(self._reader, function)

    async def _run(
        self, thread: ConnectionThread | None, function: Callable[[sqlite3.Connection], T]
    ) -> T:
        if thread is None:
            msg = f"{self._path} is not open: enter the engine with `async with`"
            raise LocalProtocolError(msg)
        step = Step(function, self._threads.event())
        thread.put(step)
        await step.done.wait()
        if step.error is not None:
            raise step.error
        return step.result  # type: ignore[return-value]  # there was no error, so it is a T

    def _look_soon(self) -> None:
        if self._reader is not None:
            self._reader.put(Step(_nothing, self._threads.event()))

    def _look(self, connection: sqlite3.Connection) -> float | None:
        """Have the watchers told what has changed; say when to look again."""
        watched = {
            (hints, name): changes for hints, changes in self._watched for name in hints.names()
        }
        if not watched:
            return None
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version != self._version or not watched.keys() <= self._known.keys():
            known = {
                (hints, name): changes(connection, name)
                for (hints, name), changes in watched.items()
            }
            for (hints, name), state in known.items():
                if self._known.get((hints, name), self) != state:
                    self._soon(partial(hints.tell, name))
            self._known = known
            self._version = version
        return self._interval


def _nothing(connection: sqlite3.Connection) -> None:
    """What is done to see whether anything can be done."""
