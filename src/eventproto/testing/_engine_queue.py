"""What a `Queue` is compared with."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, initialize, multiple, rule

from eventproto.engine import DeadLetter, Depth, Job
from eventproto.testing._engine_machine import EngineMachine, handles

__all__ = ["QueueMachine"]

_ids = st.sampled_from("123456")
_groups = st.sampled_from([None, None, "g", "h"])
_offsets = st.none() | st.integers(-3, 12)
_spans = st.none() | st.integers(0, 6)


class _Open:
    def __init__(self, id: str, data: bytes, group: str | None, due: float) -> None:
        self.id = id
        self.data = data
        self.group = group
        self.due = due
        self.attempt = 0
        self.token = 0
        self.expires = 0.0


class QueueMachine(EngineMachine):
    """Jobs, in groups and without, that are put, claimed, ended, lost, buried and replayed."""

    claimed: Bundle[Job] = Bundle("claimed")

    @initialize()
    def begin(self) -> None:
        self.start()
        self.open: list[_Open] = []  # in the order in which they were put
        self.dead: list[DeadLetter] = []
        self.done: dict[str, float] = {}
        self.last_token = 0
        self.last_number = 0

    # What the model says.

    def heads(self) -> list[_Open]:
        first_of: dict[str, _Open] = {}
        for job in self.open:
            if job.group is not None:
                first_of.setdefault(job.group, job)
        heads = [job for job in self.open if job.group is None or first_of[job.group] is job]
        return sorted(heads, key=lambda job: job.due)

    def claimable(self) -> list[_Open]:
        return [
            job
            for job in self.heads()
            if job.due <= self.now and (not job.token or job.expires <= self.now)
        ]

    def knows(self, id: str) -> bool:
        return (
            any(job.id == id for job in self.open)
            or any(letter.id == id for letter in self.dead)
            or self.done.get(id, 0) > self.now
        )

    def holder(self, job: Job) -> _Open | None:
        for each in self.open:
            if each.id == job.id and each.token == job.token:
                return each
        return None

    def taken(self, jobs: list[Job], expected: list[_Open], lease: float) -> MultipleResults[Job]:
        by_id = {job.id: job for job in jobs}
        assert len(by_id) == len(jobs), "one job was claimed twice"
        assert by_id.keys() == {each.id for each in expected}
        for each in expected:
            each.attempt += 1
            job = by_id[each.id]
            assert job.token > each.token
            assert job.token > self.last_token
            each.token = job.token
            each.expires = job.expires
            claim = Job(
                "q", each.id, each.data, each.group, each.attempt, job.token, self.now + lease
            )
            assert job == claim
        self.last_token = max([self.last_token, *(job.token for job in jobs)])
        return multiple(*jobs)

    # What is done.

    @rule(handle=handles, id=_ids, data=st.binary(max_size=2), offset=_offsets, group=_groups)
    def put(self, handle: int, id: str, data: bytes, offset: int | None, group: str | None) -> None:
        due = None if offset is None else self.now + offset
        added = self.loop.call(
            lambda: self.engine(handle).queue.put("q", id, data, due, group=group)
        )
        assert added is not self.knows(id)
        if added:
            self.open.append(_Open(id, data, group, self.now if due is None else due))

    @rule(id=_ids)
    def put_together(self, id: str) -> None:
        added = self.loop.together(
            *(lambda at=at: self.engine(at % 2).queue.put("q", id, b"") for at in range(4))
        )
        assert sum(added) == (not self.knows(id))
        if any(added):
            self.open.append(_Open(id, b"", None, self.now))

    @rule(target=claimed, handle=handles, n=st.integers(1, 3), lease=st.sampled_from([1, 5]))
    def claim(self, handle: int, n: int, lease: int) -> MultipleResults[Job]:
        jobs = self.loop.call(lambda: self.engine(handle).queue.claim("q", n, lease))
        expected = self.claimable()[:n]
        assert [job.id for job in jobs] == [each.id for each in expected]
        return self.taken(list(jobs), expected, lease)

    @rule(target=claimed, n=st.integers(1, 3), workers=st.integers(2, 4))
    def claim_together(self, n: int, workers: int) -> MultipleResults[Job]:
        claims = self.loop.together(
            *(lambda at=at: self.engine(at % 2).queue.claim("q", n, 5.0) for at in range(workers))
        )
        jobs = [job for claim in claims for job in claim]
        return self.taken(jobs, self.claimable()[: n * workers], 5.0)

    @rule(handle=handles, job=claimed)
    def ack(self, handle: int, job: Job) -> None:
        counted = self.loop.call(lambda: self.engine(handle).queue.ack(job))
        self._ended(job, counted)

    @rule(job=claimed)
    def ack_together(self, job: Job) -> None:
        counted = self.loop.together(
            *(lambda at=at: self.engine(at % 2).queue.ack(job) for at in range(4))
        )
        assert sum(counted) <= 1
        self._ended(job, any(counted))

    def _ended(self, job: Job, counted: bool) -> None:  # noqa: FBT001  # what the engine said
        held = self.holder(job)
        assert counted is (held is not None)
        if held is not None:
            self.open.remove(held)
            self.done[job.id] = self.now + self.remember

    @rule(
        handle=handles,
        job=claimed,
        offset=st.integers(-3, 12),
        data=st.none() | st.binary(max_size=2),
    )
    def nack(self, handle: int, job: Job, offset: int, data: bytes | None) -> None:
        due = self.now + offset
        counted = self.loop.call(lambda: self.engine(handle).queue.nack(job, due, data))
        held = self.holder(job)
        assert counted is (held is not None)
        if held is not None:
            held.token = 0
            held.due = due
            held.data = held.data if data is None else data

    @rule(handle=handles, job=claimed, reason=st.sampled_from(["", "why", "é\0"]))
    def bury(self, handle: int, job: Job, reason: str) -> None:
        counted = self.loop.call(lambda: self.engine(handle).queue.bury(job, reason))
        held = self.holder(job)
        assert counted is (held is not None)
        if held is None:
            return
        self.open.remove(held)
        found = self._dead(handle)
        assert found[:-1] == self.dead
        assert len(found) == len(self.dead) + 1
        last = found[-1]
        assert last.number > self.last_number
        assert last == DeadLetter(
            last.number, held.id, held.data, held.group, held.attempt, reason, self.now
        )
        self.last_number = last.number
        self.dead.append(last)

    @rule(handle=handles)
    def bury_all_that_is_due(self, handle: int) -> None:
        jobs = self.loop.call(lambda: self.engine(handle).queue.claim("q", 9, 5.0))
        self.taken(list(jobs), self.claimable(), 5.0)
        for job in jobs:
            self.bury(handle=handle, job=job, reason="all")

    @rule(handle=handles, after=st.integers(0, 6), limit=st.integers(1, 3))
    def list_dead(self, handle: int, after: int, limit: int) -> None:
        number = self._number(after) or 0
        found = self._dead(handle, after=number, limit=limit)
        assert found == [letter for letter in self.dead if letter.number > number][:limit]

    @rule(handle=handles, first=_spans, last=_spans)
    def replay(self, handle: int, first: int | None, last: int | None) -> None:
        span = self._number(first), self._number(last)
        many = self.loop.call(lambda: self.engine(handle).queue.replay("q", *span))
        letters = self._dig_up(*span)
        assert many == len(letters)
        for letter in letters:
            self.open.append(_Open(letter.id, letter.data, letter.group, self.now))

    @rule(handle=handles, first=_spans, last=_spans)
    def discard(self, handle: int, first: int | None, last: int | None) -> None:
        span = self._number(first), self._number(last)
        many = self.loop.call(lambda: self.engine(handle).queue.discard("q", *span))
        assert many == len(self._dig_up(*span))

    @rule(handle=handles)
    def look(self, handle: int) -> None:
        queue = self.engine(handle).queue
        assert self.loop.call(lambda: queue.depth("q")) == Depth(len(self.open), len(self.dead))
        found = self.loop.call(lambda: queue.next_due("q"))
        times = [max(job.due, job.expires if job.token else 0) for job in self.heads()]
        if not times:
            assert found is None
        else:
            assert found is not None
            assert found <= max(min(times), self.now)

    def _dead(self, handle: int, **options: int) -> list[DeadLetter]:
        return list(self.loop.call(lambda: self.engine(handle).queue.dead("q", **options)))

    def _number(self, place: int | None) -> int | None:
        # Numbers around those that exist, whatever an engine starts with.
        first = self.dead[0].number if self.dead else 1
        return None if place is None else first - 1 + place

    def _dig_up(self, first: int | None, last: int | None) -> list[DeadLetter]:
        found = [
            letter
            for letter in self.dead
            if (first is None or letter.number >= first) and (last is None or letter.number <= last)
        ]
        self.dead = [letter for letter in self.dead if letter not in found]
        return found
