"""Queues in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import count

from typing_extensions import override

from eventproto.engine._checked import CheckedQueue, Span
from eventproto.engine._cursors import position_of
from eventproto.engine._hints import Hints
from eventproto.engine._values import Clock, DeadLetter, Depth, Job

__all__ = ["MemoryQueue"]


class MemoryQueue(CheckedQueue):
    """See `eventproto.engine.Queue`."""

    def __init__(self, clock: Clock, remember: float) -> None:
        super().__init__(Hints())
        self._clock = clock
        self._remember = remember
        self._queues: dict[str, _Jobs] = {}

    @override
    async def _put(
        self, queue: str, job_id: str, data: bytes, due: float | None, group: str | None
    ) -> bool:
        held = self._queues.get(queue)
        if held is None:
            held = self._queues[queue] = _Jobs()
        now = self._clock()
        held.forget(now)
        if held.knows(job_id):
            return False
        held.open(_Open(job_id, data, group), now if due is None else due)
        return True

    @override
    async def _claim(self, queue: str, n: int, lease: float) -> tuple[Job, ...]:
        held = self._queues.get(queue)
        return () if held is None else tuple(held.claim(queue, n, self._clock(), lease))

    @override
    async def _ack(self, job: Job) -> bool:
        held, claimed = self._claimed(job)
        if held is None or claimed is None:
            return False
        held.close(claimed)
        if self._remember > 0:
            until = self._clock() + self._remember
            held.done[job.id] = until
            held.forgetting.append((until, job.id))
        return True

    @override
    async def _nack(self, job: Job, due: float, data: bytes | None) -> bool:
        held, claimed = self._claimed(job)
        if held is None or claimed is None:
            return False
        if data is not None:
            claimed.data = data
        held.wait(claimed, due)
        return True

    @override
    async def _bury(self, job: Job, reason: str) -> bool:
        held, claimed = self._claimed(job)
        if held is None or claimed is None:
            return False
        held.close(claimed)
        held.bury(claimed, reason, self._clock())
        return True

    @override
    async def _next_due(self, queue: str) -> float | None:
        held = self._queues.get(queue)
        return None if held is None else held.next_due()

    @override
    async def _depth(self, queue: str) -> Depth:
        held = self._queues.get(queue)
        return Depth(0, 0) if held is None else Depth(len(held.jobs), len(held.dead))

    @override
    async def _dead(self, queue: str, after: int, limit: int) -> tuple[DeadLetter, ...]:
        held = self._queues.get(queue)
        return () if held is None else tuple(held.buried((after + 1, None))[:limit])

    @override
    async def _replay(self, queue: str, span: Span) -> int:
        letters = self._dig_up(queue, span)
        now = self._clock()
        for letter in letters:
            self._queues[queue].open(_Open(letter.id, letter.data, letter.group), now)
        return len(letters)

    @override
    async def _discard(self, queue: str, span: Span) -> int:
        return len(self._dig_up(queue, span))

    def _claimed(self, job: Job) -> tuple[_Jobs, _Open] | tuple[None, None]:
        held = self._queues.get(job.queue)
        claimed = None if held is None else held.jobs.get(job.id)
        if held is None or claimed is None or job.token != claimed.token:
            return None, None
        return held, claimed

    def _dig_up(self, queue: str, span: Span) -> list[DeadLetter]:
        held = self._queues.get(queue)
        return [] if held is None else held.dig_up(span)


class _Open:
    """A job that is waiting or claimed."""

    __slots__ = ("attempt", "data", "due", "group", "id", "number", "ticket", "token")

    def __init__(self, job_id: str, data: bytes, group: str | None) -> None:
        self.id = job_id
        self.data = data
        self.group = group
        self.number = 0
        self.due = 0.0
        self.attempt = 0
        self.token = 0  # of the claim that counts; 0 for none
        self.ticket = 0  # of the heap entry that counts; negative for none


# (when, number of the job, ticket, job); nothing behind the ticket is ever compared.
_Heap = list[tuple[float, int, int, _Open]]


class _Jobs:
    """One queue. A heap entry counts while its ticket is that of its job; others are skipped."""

    def __init__(self) -> None:
        self.jobs: dict[str, _Open] = {}
        self.groups: dict[str, deque[_Open]] = {}
        self.ready: _Heap = []
        self.leased: _Heap = []
        self.numbers = count(1)
        self.token = 0  # the last one
        self.dead: dict[int, DeadLetter] = {}
        self.dead_numbers: list[int] = []
        self.dead_ids: set[str] = set()
        self.burials = count(1)
        self.done: dict[str, float] = {}  # id -> until when it is remembered
        self.forgetting: deque[tuple[float, str]] = deque()

    def knows(self, job_id: str) -> bool:
        return job_id in self.jobs or job_id in self.dead_ids or job_id in self.done

    def forget(self, now: float) -> None:
        while self.forgetting and self.forgetting[0][0] <= now:
            del self.done[self.forgetting.popleft()[1]]

    def open(self, job: _Open, due: float) -> None:
        job.number = next(self.numbers)
        job.due = due
        self.jobs[job.id] = job
        if job.group is not None:
            members = self.groups.setdefault(job.group, deque())
            members.append(job)
            if members[0] is not job:
                return
        self._push(self.ready, due, job)

    def claim(self, queue: str, n: int, now: float, lease: float) -> Iterable[Job]:
        while (job := self._pop_due(self.leased, now)) is not None:
            self._push(self.ready, job.due, job)
        earliest = position_of(now)
        for _ in range(n):
            job = self._pop_due(self.ready, now)
            if job is None:
                return
            job.attempt += 1
            job.token = self.token = max(self.token + 1, earliest)
            expires = now + lease
            self._push(self.leased, expires, job)
            yield Job(queue, job.id, job.data, job.group, job.attempt, job.token, expires)

    def wait(self, job: _Open, due: float) -> None:
        job.token = 0
        job.due = due
        self._push(self.ready, due, job)

    def close(self, job: _Open) -> None:
        job.ticket = -1
        del self.jobs[job.id]
        if job.group is not None:
            members = self.groups[job.group]
            members.popleft()
            if members:
                self._push(self.ready, members[0].due, members[0])
            else:
                del self.groups[job.group]

    def next_due(self) -> float | None:
        tops = [self._top(heap) for heap in (self.ready, self.leased)]
        return min((when for when in tops if when is not None), default=None)

    def bury(self, job: _Open, reason: str, now: float) -> None:
        number = next(self.burials)
        self.dead[number] = DeadLetter(
            number, job.id, job.data, job.group, job.attempt, reason, now
        )
        self.dead_numbers.append(number)
        self.dead_ids.add(job.id)

    def buried(self, span: Span) -> list[DeadLetter]:
        return [self.dead[number] for number in self.dead_numbers[self._slice(span)]]

    def dig_up(self, span: Span) -> list[DeadLetter]:
        letters = self.buried(span)
        del self.dead_numbers[self._slice(span)]
        for letter in letters:
            del self.dead[letter.number]
            self.dead_ids.remove(letter.id)
        return letters

    def _slice(self, span: Span) -> slice:
        first, last = span
        begin = 0 if first is None else bisect_left(self.dead_numbers, first)
        return slice(begin, None if last is None else bisect_right(self.dead_numbers, last))

    def _push(self, heap: _Heap, when: float, job: _Open) -> None:
        job.ticket += 1
        heappush(heap, (when, job.number, job.ticket, job))
        # Claims that have ended leave entries behind; never more than half.
        if len(heap) > 2 * len(self.jobs) + 16:
            heap[:] = sorted(entry for entry in heap if entry[2] == entry[3].ticket)

    def _top(self, heap: _Heap) -> float | None:
        while heap and heap[0][2] != heap[0][3].ticket:
            heappop(heap)
        return heap[0][0] if heap else None

    def _pop_due(self, heap: _Heap, now: float) -> _Open | None:
        when = self._top(heap)
        return None if when is None or when > now else heappop(heap)[3]
