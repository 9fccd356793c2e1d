"""A thread with a connection to a file, for what would keep an event loop waiting."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from copy import copy
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, Literal, TypeVar

from eventproto._errors import EventprotoError
from eventproto.engine._errors import EngineError, StoreCorrupted, StoreUnavailable
from eventproto.engine._threads import Event, Soon

__all__ = ["ConnectionThread", "Step"]

T = TypeVar("T")

_BATCH: Final = 256  # calls in one transaction; many more would keep the first ones waiting


class Step(Generic[T]):
    """Something to do with a connection, and what came of it."""

    __slots__ = ("done", "error", "function", "result")

    def __init__(self, function: Callable[[sqlite3.Connection], T], done: Event) -> None:
        self.function = function
        self.done = done
        self.result: T | None = None
        self.error: Exception | None = None


class ConnectionThread:
    """Runs all that waits in one transaction, tells all who wait, and begins again.

    So calls that come while one transaction is brought to the disk share the next one, and the
    disk is waited for once for all of them.

    Args:
        name: What the thread is called.
        open_file: Makes the connection.
        explain: What an error of SQLite means.
        soon: How to reach the event loop.
        damage: What was found to be damaged, shared by all threads of a file: none of them goes on.
        begin: What kind of transactions it makes.
        between: Called between transactions; says after how many seconds without any it is to be
            called again, None for never.
    """

    def __init__(
        self,
        name: str,
        open_file: Callable[[], sqlite3.Connection],
        explain: Callable[[sqlite3.Error], EngineError],
        soon: Soon,
        damage: list[StoreCorrupted],
        *,
        begin: Literal["BEGIN", "BEGIN IMMEDIATE"] = "BEGIN",
        between: Callable[[sqlite3.Connection], float | None] = lambda _: None,
    ) -> None:
        self._open = open_file
        self._explain = explain
        self._begin = begin
        self._soon = soon
        self._damage = damage
        self._between = between
        self._waiting: SimpleQueue[Step[Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._main, name=name)
        self._thread.start()

    def put(self, step: Step[Any]) -> None:
        """Have a step run; its event is set when it was."""
        self._waiting.put(step)

    def end(self) -> None:
        """Have it end, behind all that waits."""
        self._waiting.put(None)

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def _main(self) -> None:
        try:
            with closing(self._open()) as connection:
                self._serve(connection)
        except Exception as error:  # noqa: BLE001  # told to who asks: nobody waits for ever
            self._refuse_all(self._explained(error))

    def _refuse_all(self, error: Exception) -> None:
        running = True
        while running:
            steps, running = self._take(None)
            _fail(steps, error)
            self._soon(_tell(steps))

    def _serve(self, connection: sqlite3.Connection) -> None:
        patience: float | None = None
        running = True
        while running:
            steps, running = self._take(patience)
            if steps:
                self._run(connection, steps)
                self._soon(_tell(steps))
            patience = self._between_steps(connection)

    def _take(self, patience: float | None) -> tuple[list[Step[Any]], bool]:
        """What waits, at most one batch of it, and whether there will be more."""
        steps: list[Step[Any]] = []
        try:
            while len(steps) < _BATCH:
                step = self._waiting.get(timeout=patience)
                if step is None:
                    return steps, False
                steps.append(step)
                patience = 0
        except Empty:
            pass
        return steps, True

    def _run(self, connection: sqlite3.Connection, steps: list[Step[Any]]) -> None:
        if self._damage:
            _fail(steps, self._damage[0])
            return
        try:
            connection.execute(self._begin)
            for step in steps:
                self._take_step(connection, step)
            connection.execute("COMMIT")
        except Exception as failure:  # noqa: BLE001  # told to who asked
            if connection.in_transaction:
                with suppress(sqlite3.Error):  # if it goes on, the next BEGIN fails, and tells
                    connection.execute("ROLLBACK")
            error = self._explained(failure)
            if len(steps) == 1 or isinstance(error, StoreUnavailable):
                _fail(steps, error)
            else:  # whose fault it was is seen when each is alone
                for step in steps:
                    self._run(connection, [step])

    @staticmethod
    def _take_step(connection: sqlite3.Connection, step: Step[Any]) -> None:
        step.error = None
        try:
            step.result = step.function(connection)
        except EventprotoError as error:  # raised before anything was written
            step.error = error

    def _between_steps(self, connection: sqlite3.Connection) -> float | None:
        try:
            return self._between(connection)
        except sqlite3.Error as error:  # hints may be lost; who reads meets it again
            self._explained(error)
            return None

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.Error):
            error = self._explain(error)
        if isinstance(error, StoreCorrupted):
            self._damage.append(error)
        return error


def _fail(steps: list[Step[Any]], error: Exception) -> None:
    for step in steps:
        # One for each, or every raise would lengthen the traceback of all.
        step.error = copy(error)
        step.error.__cause__ = error.__cause__


def _tell(steps: list[Step[Any]]) -> Callable[[], None]:
    def tell() -> None:
        for step in steps:
            step.done.set()

    return tell
