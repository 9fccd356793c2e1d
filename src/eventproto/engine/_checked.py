"""What the parts of every engine do alike: they refuse what makes no sense, and tell who watches.

What remains for an engine is one method for each step, with arguments that are as they should be.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TypeAlias

from eventproto._event import Message
from eventproto.engine._checks import (
    check_data,
    check_expected,
    check_job,
    check_lease,
    check_limit,
    check_message,
    check_name,
    check_number,
    check_place,
    check_text,
    check_time,
)
from eventproto.engine._hints import Hints
from eventproto.engine._interface import Hint
from eventproto.engine._values import (
    DeadLetter,
    Depth,
    Job,
    Lease,
    Page,
    Retention,
    RetentionChoice,
)

__all__ = ["CheckedLeases", "CheckedLog", "CheckedQueue", "Span"]

Span: TypeAlias = tuple[int | None, int | None]
"""The numbers of the first and the last dead letter that are meant; None is no bound."""


class CheckedLog(ABC):
    """A `Log`, but for its store."""

    def __init__(self, hints: Hints, retention: RetentionChoice) -> None:
        self._hints = hints
        self._retention = retention

    async def append(self, topic: str, message: Message) -> str:
        """See `Log.append`."""
        check_name("topic", topic)
        check_message(message)
        cursor, added = await self._append(topic, message, self._retention_of(topic))
        if added:
            self._hints.tell(topic)
        return cursor

    async def read(self, topic: str, after: str | None = None, limit: int = 100) -> Page:
        """See `Log.read`."""
        check_name("topic", topic)
        place = check_place(after)
        limit = check_limit("limit", limit, 0)
        return await self._read(topic, place, limit, self._retention_of(topic))

    def watch(self, topics: Iterable[str], hint: Hint) -> AbstractContextManager[None]:
        """See `Log.watch`."""
        return self._hints.watch(topics, hint)

    def _retention_of(self, topic: str) -> Retention:
        choice = self._retention
        return choice if isinstance(choice, Retention) else choice(topic)

    @abstractmethod
    async def _append(self, topic: str, message: Message, retention: Retention) -> tuple[str, bool]:
        """Add a message unless its id is there; the cursor, and whether it was added."""

    @abstractmethod
    async def _read(
        self, topic: str, after: str | None, limit: int, retention: Retention
    ) -> Page: ...


class CheckedQueue(ABC):
    """A `Queue`, but for its store."""

    def __init__(self, hints: Hints) -> None:
        self._hints = hints

    async def put(
        self,
        queue: str,
        job_id: str,
        data: bytes,
        due: float | None = None,
        *,
        group: str | None = None,
    ) -> bool:
        """See `Queue.put`."""
        check_name("queue", queue)
        check_name("job_id", job_id)
        check_data(data)
        when = None if due is None else check_time("due", due)
        if group is not None:
            check_name("group", group)
        return self._told(queue, await self._put(queue, job_id, data, when, group))

    async def claim(self, queue: str, n: int = 1, lease: float = 60.0) -> tuple[Job, ...]:
        """See `Queue.claim`."""
        check_name("queue", queue)
        return await self._claim(queue, check_limit("n", n, 1), check_lease(lease))

    async def ack(self, job: Job) -> bool:
        """See `Queue.ack`."""
        check_job(job)
        return self._told(job.queue, await self._ack(job))

    async def nack(self, job: Job, due: float, data: bytes | None = None) -> bool:
        """See `Queue.nack`."""
        check_job(job)
        when = check_time("due", due)
        if data is not None:
            check_data(data)
        return self._told(job.queue, await self._nack(job, when, data))

    async def bury(self, job: Job, reason: str) -> bool:
        """See `Queue.bury`."""
        check_job(job)
        check_text("reason", reason)
        return self._told(job.queue, await self._bury(job, reason))

    async def next_due(self, queue: str) -> float | None:
        """See `Queue.next_due`."""
        check_name("queue", queue)
        return await self._next_due(queue)

    async def depth(self, queue: str) -> Depth:
        """See `Queue.depth`."""
        check_name("queue", queue)
        return await self._depth(queue)

    async def dead(self, queue: str, after: int = 0, limit: int = 100) -> tuple[DeadLetter, ...]:
        """See `Queue.dead`."""
        check_name("queue", queue)
        after = check_number("after", after)
        return await self._dead(queue, after, check_limit("limit", limit, 1))

    async def replay(self, queue: str, first: int | None = None, last: int | None = None) -> int:
        """See `Queue.replay`."""
        check_name("queue", queue)
        count = await self._replay(queue, _span(first, last))
        self._told(queue, count > 0)
        return count

    async def discard(self, queue: str, first: int | None = None, last: int | None = None) -> int:
        """See `Queue.discard`."""
        check_name("queue", queue)
        return await self._discard(queue, _span(first, last))

    def watch(self, queues: Iterable[str], hint: Hint) -> AbstractContextManager[None]:
        """See `Queue.watch`."""
        return self._hints.watch(queues, hint)

    def _told(self, queue: str, changed: bool) -> bool:  # noqa: FBT001  # what the store said
        if changed:
            self._hints.tell(queue)
        return changed

    @abstractmethod
    async def _put(
        self, queue: str, job_id: str, data: bytes, due: float | None, group: str | None
    ) -> bool: ...

    @abstractmethod
    async def _claim(self, queue: str, n: int, lease: float) -> tuple[Job, ...]: ...

    @abstractmethod
    async def _ack(self, job: Job) -> bool: ...

    @abstractmethod
    async def _nack(self, job: Job, due: float, data: bytes | None) -> bool: ...

    @abstractmethod
    async def _bury(self, job: Job, reason: str) -> bool: ...

    @abstractmethod
    async def _next_due(self, queue: str) -> float | None: ...

    @abstractmethod
    async def _depth(self, queue: str) -> Depth: ...

    @abstractmethod
    async def _dead(self, queue: str, after: int, limit: int) -> tuple[DeadLetter, ...]: ...

    @abstractmethod
    async def _replay(self, queue: str, span: Span) -> int: ...

    @abstractmethod
    async def _discard(self, queue: str, span: Span) -> int: ...


class CheckedLeases(ABC):
    """A `Leases`, but for its store."""

    async def set(self, key: str, data: bytes, expires: float | None = None) -> Lease:
        """See `Leases.set`."""
        return await self._set(key, data, _record(key, data, expires))

    async def get(self, key: str) -> Lease | None:
        """See `Leases.get`."""
        check_name("key", key)
        return await self._get(key)

    async def delete(self, key: str, expected: Lease | None = None) -> bool:
        """See `Leases.delete`."""
        check_name("key", key)
        check_expected(expected)
        return await self._delete(key, expected)

    async def swap(
        self, key: str, expected: Lease | None, data: bytes, expires: float | None = None
    ) -> Lease | None:
        """See `Leases.swap`."""
        when = _record(key, data, expires)
        check_expected(expected)
        return await self._swap(key, expected, data, when)

    async def scan(
        self, prefix: str = "", after: str | None = None, limit: int = 100
    ) -> tuple[Lease, ...]:
        """See `Leases.scan`."""
        check_text("prefix", prefix)
        if after is not None:
            check_text("after", after)
        limit = check_limit("limit", limit, 1)
        # What comes next behind a string is that string with a zero character behind it.
        begin = prefix if after is None else max(prefix, after + "\0")
        return await self._scan(prefix, begin, limit)

    @abstractmethod
    async def _set(self, key: str, data: bytes, expires: float | None) -> Lease: ...

    @abstractmethod
    async def _get(self, key: str) -> Lease | None: ...

    @abstractmethod
    async def _delete(self, key: str, expected: Lease | None) -> bool: ...

    @abstractmethod
    async def _swap(
        self, key: str, expected: Lease | None, data: bytes, expires: float | None
    ) -> Lease | None: ...

    @abstractmethod
    async def _scan(self, prefix: str, begin: str, limit: int) -> tuple[Lease, ...]:
        """List records from the key `begin` on, as long as they start with the prefix."""


def _span(first: int | None, last: int | None) -> Span:
    return (
        None if first is None else check_number("first", first),
        None if last is None else check_number("last", last),
    )


def _record(key: str, data: bytes, expires: float | None) -> float | None:
    check_name("key", key)
    check_data(data)
    return None if expires is None else check_time("expires", expires)
