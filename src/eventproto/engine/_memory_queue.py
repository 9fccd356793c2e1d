"""Queues in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable
from contextlib import AbstractContextManager
from heapq import heappop, heappush
from itertools import count

from eventproto.engine._checks import (
    check_data,
    check_lease,
    check_limit,
    check_name,
    check_put,
    check_text,
    check_time,
)
from eventproto.engine._hints import Hints
from eventproto.engine._interface import Hint
from eventproto.engine._values import Clock, DeadLetter, Depth, Job

__all__ = ["MemoryQueue"]


class MemoryQueue:
    """See `eventproto.engine.Queue`."""

    def __init__(self, clock: Clock, remember: float) -> None:
        self._clock = clock
        self._remember = remember
        self._queues: dict[str, _Jobs] = {}
        self._hints = Hints()

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
        held = self._queues.get(queue)
        if held is None:
            held = self._queues[queue] = _Jobs()
        now = self._clock()
        held.forget(now)
        if held.knows(job_id):
            return False
        held.open(_Open(job_id, data, group), now if due is None else due)
        self._hints.tell(queue)
        return True

    async def claim(self, queue: str, n: int = 1, lease: float = 60.0) -> tuple[Job, ...]:
        """See `Queue.claim`."""
        check_name("queue", queue)
        check_limit("n", n, 1)
        check_lease(lease)
        held = self._queues.get(queue)
        return () if held is None else tuple(held.claim(queue, n, self._clock(), lease))

    async def ack(self, job: Job) -> bool:
        """See `Queue.ack`."""
        held, claimed = self._claimed(job)
        if held is None or claimed is None:
            return False
        held.close(claimed)
        if self._remember > 0:
            until = self._clock() + self._remember
            held.done[job.id] = until
            held.forgetting.append((until, job.id))
        self._hints.tell(job.queue)
        return True

    async def nack(self, job: Job, due: float, data: bytes | None = None) -> bool:
        """See `Queue.nack`."""
        check_time("due", due)
        if data is not None:
            check_data(data)
        held, claimed = self._claimed(job)
        if held is None or claimed is None:
            return False
        if data is not None:
            claimed.data = data
        held.wait(claimed, due)
        self._hints.tell(job.queue)
        return True

    async def bury(self, job: Job, reason: str) -> bool:
        """See `Queue.bury`."""
        check_text("reason", reason)
        held, claimed = self._claimed(job)
        if held is None or claimed is None:
            return False
        held.close(claimed)
        held.bury(claimed, reason, self._clock())
        self._hints.tell(job.queue)
        return True

    async def next_due(self, queue: str) -> float | None:
        """See `Queue.next_due`."""
        check_name("queue", queue)
        held = self._queues.get(queue)
        return None if held is None else held.next_due()

    async def depth(self, queue: str) -> Depth:
        """See `Queue.depth`."""
        check_name("queue", queue)
        held = self._queues.get(queue)
        return Depth(0, 0) if held is None else Depth(len(held.jobs), len(held.dead))

    async def dead(self, queue: str, after: int = 0, limit: int = 100) -> tuple[DeadLetter, ...]:
        """See `Queue.dead`."""
        check_name("queue", queue)
        check_limit("limit", limit, 1)
        held = self._queues.get(queue)
        return () if held is None else tuple(held.buried(after + 1, None)[:limit])

    async def replay(self, queue: str, first: int | None = None, last: int | None = None) -> int:
        """See `Queue.replay`."""
        letters = self._dig_up(queue, first, last)
        if letters:
            now = self._clock()
            for letter in letters:
                self._queues[queue].open(_Open(letter.id, letter.data, letter.group), now)
            self._hints.tell(queue)
        return len(letters)

    async def discard(self, queue: str, first: int | None = None, last: int | None = None) -> int:
        """See `Queue.discard`."""
        return len(self._dig_up(queue, first, last))

    def watch(self, queues: Iterable[str], hint: Hint) -> AbstractContextManager[None]:
        """See `Queue.watch`."""
        return self._hints.watch(queues, hint)

    def _claimed(self, job: Job) -> tuple[_Jobs, _Open] | tuple[None, None]:
        held = self._queues.get(job.queue)
        claimed = None if held is None else held.jobs.get(job.id)
        if held is None or claimed is None or not 0 < job.token == claimed.token:
            return None, None
        return held, claimed

    def _dig_up(self, queue: str, first: int | None, last: int | None) -> list[DeadLetter]:
        check_name("queue", queue)
        held = self._queues.get(queue)
        return [] if held is None else held.dig_up(first, last)


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
        self.tokens = count(1)
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
        for _ in range(n):
            job = self._pop_due(self.ready, now)
            if job is None:
                return
            job.attempt += 1
            job.token = next(self.tokens)
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

    def buried(self, first: int | None, last: int | None) -> list[DeadLetter]:
        return [self.dead[number] for number in self.dead_numbers[self._span(first, last)]]

    def dig_up(self, first: int | None, last: int | None) -> list[DeadLetter]:
        letters = self.buried(first, last)
        del self.dead_numbers[self._span(first, last)]
        for letter in letters:
            del self.dead[letter.number]
            self.dead_ids.remove(letter.id)
        return letters

    def _span(self, first: int | None, last: int | None) -> slice:
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
