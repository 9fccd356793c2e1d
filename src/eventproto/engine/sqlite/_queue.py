"""Queues in SQLite."""

from __future__ import annotations

from functools import partial

from typing_extensions import override

from eventproto.engine._checked import CheckedQueue, Span
from eventproto.engine._values import Clock, DeadLetter, Depth, Job
from eventproto.engine.sqlite import _jobs
from eventproto.engine.sqlite._store import Store

__all__ = ["SqliteQueue"]


class SqliteQueue(CheckedQueue):
    """See `eventproto.engine.Queue`."""

    def __init__(self, store: Store, clock: Clock, remember: float) -> None:
        super().__init__(store.hints(_jobs.changes))
        self._store = store
        self._clock = clock
        self._remember = remember

    @override
    async def _put(
        self, queue: str, job_id: str, data: bytes, due: float | None, group: str | None
    ) -> bool:
        now = self._clock()
        job = _jobs.New(job_id, data, group, now if due is None else due)
        return await self._store.write(partial(_jobs.put, queue=queue, job=job, now=now))

    @override
    async def _claim(self, queue: str, n: int, lease: float) -> tuple[Job, ...]:
        # A lease begins when others can see it: the file may have been busy until then.
        return await self._store.write(
            lambda db: _jobs.claim(db, queue=queue, n=n, now=self._clock(), lease=lease)
        )

    @override
    async def _ack(self, job: Job) -> bool:
        now = self._clock()
        until = now + self._remember if self._remember > 0 else None
        return await self._store.write(partial(_jobs.ack, job=job, now=now, until=until))

    @override
    async def _nack(self, job: Job, due: float, data: bytes | None) -> bool:
        return await self._store.write(partial(_jobs.nack, job=job, due=due, data=data))

    @override
    async def _bury(self, job: Job, reason: str) -> bool:
        now = self._clock()
        return await self._store.write(partial(_jobs.bury, job=job, reason=reason, now=now))

    @override
    async def _next_due(self, queue: str) -> float | None:
        return await self._store.read(partial(_jobs.next_due, queue=queue))

    @override
    async def _depth(self, queue: str) -> Depth:
        return await self._store.read(partial(_jobs.depth, queue=queue))

    @override
    async def _dead(self, queue: str, after: int, limit: int) -> tuple[DeadLetter, ...]:
        return await self._store.read(partial(_jobs.dead, queue=queue, after=after, limit=limit))

    @override
    async def _replay(self, queue: str, span: Span) -> int:
        now = self._clock()
        return await self._store.write(partial(_jobs.replay, queue=queue, span=span, now=now))

    @override
    async def _discard(self, queue: str, span: Span) -> int:
        return await self._store.write(partial(_jobs.discard, queue=queue, span=span))
