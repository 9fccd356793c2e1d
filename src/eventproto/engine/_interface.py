"""The contract of an engine. `eventproto.testing.check_engine` holds an implementation to it.

All times are Unix time in seconds on the clock of the engine. Names (topics, queues, keys, ids,
groups) are strings that are not empty. A call that breaks this raises `LocalProtocolError` and
changes nothing; a store that fails raises an `EngineError`. Once a call has returned, what it did
outlives the process, as far as the engine has a store that does. A call that was cancelled or that
failed with `StoreUnavailable` may have been carried out or not, or be carried out a moment later,
and may be repeated. A limit may be larger than all that a store can count to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from eventproto._event import Message
from eventproto.engine._values import DeadLetter, Depth, Job, Lease, Page

__all__ = ["Engine", "Hint", "Leases", "Log", "Queue"]

Hint: TypeAlias = Callable[[str], None]
"""Told the name of a topic or a queue that may have news. Must return at once and raise nothing."""


class Log(Protocol):
    """Topics: messages in order, appended at one end and trimmed at the other.

    Readers keep their own place. What they have not read when it is trimmed, they miss, and see
    that they did: `Page.gap`.
    """

    async def append(self, topic: str, message: Message) -> str:
        """Add a message behind all others of its topic.

        It is there once: where the topic still holds a message of the same id, nothing changes.

        Args:
            topic: What is appended to; it needs no creating.
            message: What is appended; without an id it gets its cursor as one.

        Returns:
            The cursor, that of the first message of this id.

        Raises:
            LocalProtocolError: The id reads as a cursor of this topic that is yet to be given.
            EngineError: The store failed.
        """
        ...

    async def read(self, topic: str, after: str | None = None, limit: int = 100) -> Page:
        """Read on behind a record.

        Args:
            topic: What is read; there need not be anything in it.
            after: The cursor or the id of the last record that was read; None starts at the oldest.
                Whatever is neither is a gap, never an error. What reads as a cursor of this topic
                is taken for one.
            limit: How many records at most; 0 asks only for the tail.

        Raises:
            LocalProtocolError: The limit is negative.
            EngineError: The store failed.
        """
        ...

    def watch(self, topics: Iterable[str], hint: Hint) -> AbstractContextManager[None]:
        """While the block runs, call `hint(topic)` when a topic may have news.

        It is called in the event loop that the block runs in. Hints may come for nothing, one may
        stand for many, and they may be lost: they save latency, and truth is in reading. So read
        once after the block was entered, and now and then without a hint.
        """
        ...


class Queue(Protocol):
    """Jobs, each of which one worker at a time claims, and does at least once.

    A job is open from `put` until `ack` or `bury`. Open jobs are claimed earliest due first, then
    in the order in which they were put. Of a group only the job that was put first can be
    claimed, so that one that waits for its retry holds up its group and nobody else.
    """

    async def put(
        self,
        queue: str,
        job_id: str,
        data: bytes,
        due: float | None = None,
        *,
        group: str | None = None,
    ) -> bool:
        """Add a job, unless its id is known.

        An id is known while its job is open or a dead letter, and after its `ack` for as long as
        the engine was told to remember.

        Args:
            queue: What it is put into; it needs no creating.
            job_id: What tells it from the other jobs of the queue.
            data: What is to be done.
            due: When it may be claimed; None for at once.
            group: Jobs of one group are done one after the other.

        Returns:
            Whether it was added.
        """
        ...

    async def claim(self, queue: str, n: int = 1, lease: float = 60.0) -> tuple[Job, ...]:
        """Take jobs that are due and that nobody else holds.

        Args:
            queue: Where to take them from.
            n: How many at most.
            lease: For how many seconds they are held. If nobody has ended them by then, they can
                be claimed again, with a larger token.
        """
        ...

    async def ack(self, job: Job) -> bool:
        """End a job that was done.

        Returns:
            Whether the claim still counted. If not, somebody else has claimed or ended the job
            since, and nothing changes. An expired lease alone costs nothing.
        """
        ...

    async def nack(self, job: Job, due: float, data: bytes | None = None) -> bool:
        """Give a job back, to be claimed again from `due` on.

        Args:
            job: As it was claimed.
            due: When it may be claimed.
            data: What replaces its data; None keeps it.

        Returns:
            Whether the claim still counted, as for `ack`.
        """
        ...

    async def bury(self, job: Job, reason: str) -> bool:
        """Give a job up: it becomes a dead letter.

        Returns:
            Whether the claim still counted, as for `ack`.
        """
        ...

    async def next_due(self, queue: str) -> float | None:
        """When `claim` may find something next: past if now, None if no job is open.

        It may be early (others may be faster), never late.
        """
        ...

    async def depth(self, queue: str) -> Depth:
        """How much the queue holds."""
        ...

    async def dead(self, queue: str, after: int = 0, limit: int = 100) -> tuple[DeadLetter, ...]:
        """List dead letters, first buried first.

        Args:
            queue: Whose dead letters.
            after: The number of the last one that was listed.
            limit: How many at most.
        """
        ...

    async def replay(self, queue: str, first: int | None = None, last: int | None = None) -> int:
        """Open dead letters again, as if they were put now, in the order of their burial.

        Args:
            queue: Whose dead letters.
            first: The smallest number; None for the oldest. To replay one, say its number twice.
            last: The largest number; None for the newest.

        Returns:
            How many there were.
        """
        ...

    async def discard(self, queue: str, first: int | None = None, last: int | None = None) -> int:
        """Delete dead letters. Their ids are forgotten.

        Args:
            queue: Whose dead letters.
            first: The smallest number; None for the oldest.
            last: The largest number; None for the newest.

        Returns:
            How many there were.
        """
        ...

    def watch(self, queues: Iterable[str], hint: Hint) -> AbstractContextManager[None]:
        """While the block runs, call `hint(queue)` when `next_due` may have become earlier.

        As for `Log.watch`. A lease that expires and a job that falls due give no hint: their time
        is known from `next_due`.
        """
        ...


class Leases(Protocol):
    """Records under keys that may expire. One that has is never seen again, by anybody."""

    async def set(self, key: str, data: bytes, expires: float | None = None) -> Lease:
        """Store a record, whatever was there before.

        Args:
            key: What it is stored under.
            data: What is stored.
            expires: From when on it is gone; None for never.
        """
        ...

    async def get(self, key: str) -> Lease | None:
        """Read a record; None if there is none or it has expired."""
        ...

    async def delete(self, key: str, expected: Lease | None = None) -> bool:
        """Remove a record.

        Args:
            key: What it is stored under.
            expected: Remove it only if it has not changed since; None removes it in any case.

        Returns:
            Whether it was there, and as expected.
        """
        ...

    async def swap(
        self, key: str, expected: Lease | None, data: bytes, expires: float | None = None
    ) -> Lease | None:
        """Store a record only if nobody has changed what was there (compare-and-set).

        Args:
            key: What it is stored under.
            expected: What was read there: None if nothing was.
            data: What is stored.
            expires: From when on it is gone; None for never.

        Returns:
            What is stored now; None if something else than expected was there.
        """
        ...

    async def scan(
        self, prefix: str = "", after: str | None = None, limit: int = 100
    ) -> tuple[Lease, ...]:
        """List records in the order of their keys, by code points.

        Args:
            prefix: What the keys start with.
            after: The key of the last record that was listed.
            limit: How many at most.
        """
        ...


class Engine(Protocol):
    """A log, a queue and leases in one store.

    Entering it connects to the store, leaving it ends all that was started.
    """

    @property
    def log(self) -> Log:
        """Its topics."""
        ...

    @property
    def queue(self) -> Queue:
        """Its queues."""
        ...

    @property
    def leases(self) -> Leases:
        """Its leases."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
