"""Queues in SQLite."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial

from eventproto.engine._checks import (
    check_data,
    check_lease,
    check_limit,
    check_name,
    check_put,
    check_text,
    check_time,
)
from eventproto.engine._interface import Hint
from eventproto.engine._values import Clock, DeadLetter, Depth, Job
from eventproto.engine.sqlite import _jobs
from eventproto.engine.sqlite._store import Store

__all__ = ["SqliteQueue"]


class SqliteQueue:
    """See `eventproto.engine.Queue`."""

    def __init__(self, store: Store, clock: Clock, remember: float) -> None:
        self._store = store
        self._clock = clock
        self._remember = remember
        self._hints = store.hints(_jobs.changes)

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
        check_put(queue, job_id, data, due, group)
        now = self._clock()
        job = _jobs.New(job_id, data, group, now if due is None else due)
        added = await self._store.write(partial(_jobs.put, queue=queue, job=job, now=now))
        return self._told(queue, added)

    async def claim(self, queue: str, n: int = 1, lease: float = 60.0) -> tuple[Job, ...]:
        """See `Queue.claim`."""
        check_name("queue", queue)
        check_limit("n", n, 1)
        check_lease(lease)
        return await self._store.write(
            partial(_jobs.claim, queue=queue, n=n, now=self._clock(), lease=lease)
        )

    async def ack(self, job: Job) -> bool:
        """See `Queue.ack`."""
        now = self._clock()
        until = now + self._remember if self._remember > 0 else None
        counted = await self._store.write(partial(_jobs.ack, job=job, now=now, until=until))
        return self._told(job.queue, counted)

    async def nack(self, job: Job, due: float, data: bytes | None = None) -> bool:
        """See `Queue.nack`."""
        check_time("due", due)
        if data is not None:
            check_data(data)
        counted = await self._store.write(partial(_jobs.nack, job=job, due=due, data=data))
        return self._told(job.queue, counted)

    async def bury(self, job: Job, reason: str) -> bool:
        """See `Queue.bury`."""
        check_text("reason", reason)
        counted = await self._store.write(
            partial(_jobs.bury, job=job, reason=reason, now=self._clock())
        )
        return self._told(job.queue, counted)

    async def next_due(self, queue: str) -> float | None:
        """See `Queue.next_due`."""
        check_name("queue", queue)
        return await self._store.read(partial(_jobs.next_due, queue=queue))

    async def depth(self, queue: str) -> Depth:
        """See `Queue.depth`."""
        check_name("queue", queue)
        return await self._store.read(partial(_jobs.depth, queue=queue))

    async def dead(self, queue: str, after: int = 0, limit: int = 100) -> tuple[DeadLetter, ...]:
        """See `Queue.dead`."""
        check_name("queue", queue)
        check_limit("limit", limit, 1)
        return await self._store.read(partial(_jobs.dead, queue=queue, after=after, limit=limit))

    async def replay(self, queue: str, first: int | None = None, last: int | None = None) -> int:
        """See `Queue.replay`."""
        check_name("queue", queue)
        count = await self._store.write(
            partial(_jobs.replay, queue=queue, first=first, last=last, now=self._clock())
        )
        self._told(queue, count > 0)
        return count

    async def discard(self, queue: str, first: int | None = None, last: int | None = None) -> int:
        """See `Queue.discard`."""
        check_name("queue", queue)
        return await self._store.write(partial(_jobs.discard, queue=queue, first=first, last=last))

    def watch(self, queues: Iterable[str], hint: Hint) -> AbstractContextManager[None]:
        """See `Queue.watch`."""
        return self._hints.watch(queues, hint)

    def _told(self, queue: str, changed: bool) -> bool:  # noqa: FBT001  # what the store said
        if changed:
            self._hints.tell(queue)
        return changed
