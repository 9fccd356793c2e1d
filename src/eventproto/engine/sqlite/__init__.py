"""The engine that keeps everything in one file, for all processes of one machine."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from eventproto._retry import Entropy
from eventproto.engine._checks import check_remember
from eventproto.engine._cursors import EPOCH_SIZE
from eventproto.engine._threads import Threads
from eventproto.engine._values import Clock, Retention, RetentionChoice
from eventproto.engine.sqlite._leases import SqliteLeases
from eventproto.engine.sqlite._log import SqliteLog
from eventproto.engine.sqlite._queue import SqliteQueue
from eventproto.engine.sqlite._schema import Synchronous
from eventproto.engine.sqlite._store import Store

__all__ = ["SqliteEngine", "Synchronous"]


class SqliteEngine:
    """An engine in one SQLite file, which any number of processes of one machine may open.

    Writes are made in a thread, all that wait at a time in one transaction; reads are made in
    another thread and wait for none of them.

    Args:
        path: The file, on a local disk. It is made if it is not there, and what is no file of an
            engine is refused and left as it is.
        threads: How a thread reaches the event loop: `eventproto.asyncio.Threads()` or
            `eventproto.trio.Threads()`.
        retention: What each topic keeps, or a function that says it for a topic.
        remember: For how many seconds a queue knows the id of a job that was acknowledged. One
            hour unless said.
        synchronous: `"full"` waits for the disk before a call returns, so that what returned is
            there after a loss of power, too: the promise of an engine. `"normal"` does not wait:
            faster, and it still survives the end of any process, but what was written in the
            last moments before a loss of power may be gone.
        patience: For how many seconds to wait while other processes write, before a call fails
            with `StoreUnavailable`.
        check: Whether to read all of the file when it is opened, and refuse one that is damaged.
            It costs about a second per gigabyte.
        interval: How often to look for news of other processes while something is watched, in
            seconds. What this process writes is news at once.
        clock: Where it reads the time, also in a thread of its own.
        entropy: What the epoch of a new file is drawn from.

    Raises:
        LocalProtocolError: `remember` is negative.

    Attributes:
        log: See `Log`.
        queue: See `Queue`.
        leases: See `Leases`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        threads: Threads,
        *,
        retention: RetentionChoice = Retention(),
        remember: float = 3600.0,
        synchronous: Synchronous = "full",
        patience: float = 30.0,
        check: bool = True,
        interval: float = 0.05,
        clock: Clock = time.time,
        entropy: Entropy = os.urandom,
    ) -> None:
        check_remember(remember)
        self._store = Store(
            Path(path),
            threads,
            synchronous=synchronous,
            patience=patience,
            check=check,
            interval=interval,
            epoch=lambda: entropy(EPOCH_SIZE),
        )
        self.log = SqliteLog(self._store, clock, retention)
        self.queue = SqliteQueue(self._store, clock, remember)
        self.leases = SqliteLeases(self._store, clock)

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            LocalProtocolError: It is open already.
            StoreCorrupted: It is damaged, or not a file of an engine.
            StoreVersionError: A later version of this library wrote it.
            EngineError: It cannot be opened.
        """
        await self._store.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish what was asked for, and close the file."""
        self._store.close()
