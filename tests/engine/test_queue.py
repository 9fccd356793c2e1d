"""What every queue promises, sentence by sentence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from eventproto import LocalProtocolError
from eventproto.engine import Depth, Job, Queue
from tests.engine.conftest import ManualClock, Open

JOB = Job("q", "1", b"", None, 1, 1, 0.0)


async def put(queue: Queue, *ids: str, **options: Any) -> None:
    for each in ids:
        assert await queue.put("q", each, each.encode(), **options)


def ids(jobs: Iterable[Job]) -> list[str]:
    return [job.id for job in jobs]


async def claim(queue: Queue, n: int = 100, lease: float = 60.0) -> list[str]:
    return ids(await queue.claim("q", n, lease))


async def bury(queue: Queue, *reasons: str) -> None:
    for job, reason in zip(await queue.claim("q", len(reasons)), reasons, strict=True):
        assert await queue.bury(job, reason)


async def test_a_job_is_claimed_with_all_that_it_has(open_engine: Open, clock: ManualClock) -> None:
    async with open_engine() as engine:
        assert await engine.queue.put("q", "1", b"\x00\xff", group="g")
        (job,) = await engine.queue.claim("q", lease=30)
    assert job == Job("q", "1", b"\x00\xff", "g", 1, job.token, clock.now + 30)
    assert job.token > 0


async def test_an_id_is_put_once(open_engine: Open, clock: ManualClock) -> None:
    """While it is waiting, claimed or dead, and for as long as it is remembered when done."""
    async with open_engine(remember=10) as engine:
        queue = engine.queue
        await put(queue, "1", "2")
        assert not await queue.put("q", "1", b"other")
        one, two = await queue.claim("q", 2)
        assert one.data == b"1"
        assert not await queue.put("q", "1", b"other")
        assert await queue.ack(one)
        assert await queue.bury(two, "why")
        clock.now += 9.5
        assert not await queue.put("q", "1", b"other")
        clock.now += 0.5
        assert await queue.put("q", "1", b"other")
        assert not await queue.put("q", "2", b"other")
        assert await queue.put("other queue", "2", b"other")


async def test_nothing_need_be_remembered(open_engine: Open) -> None:
    async with open_engine(remember=0) as engine:
        await put(engine.queue, "1")
        (job,) = await engine.queue.claim("q")
        assert await engine.queue.ack(job)
        await put(engine.queue, "1")
        (again,) = await engine.queue.claim("q")
    assert again.token > job.token
    assert again.attempt == 1


async def test_jobs_are_claimed_by_due_time_then_as_they_were_put(
    open_engine: Open, clock: ManualClock
) -> None:
    async with open_engine() as engine:
        await put(engine.queue, "later", due=clock.now + 10)
        await put(engine.queue, "b", "a")
        await put(engine.queue, "past", due=clock.now - 10)
        assert await claim(engine.queue, 2) == ["past", "b"]
        assert await claim(engine.queue) == ["a"]
        assert await claim(engine.queue) == []
        clock.now += 10
        assert await claim(engine.queue) == ["later"]


async def test_a_claimed_job_is_nobody_elses_until_its_lease_ends(
    open_engine: Open, clock: ManualClock
) -> None:
    """Then it comes first again, with a larger token, and the first claim counts no more."""
    async with open_engine() as engine:
        queue = engine.queue
        await put(queue, "1")
        clock.now += 1
        await put(queue, "2")
        (first,) = await queue.claim("q", lease=10)
        assert await claim(queue) == ["2"]
        clock.now += 9.5
        assert await claim(queue) == []
        clock.now += 0.5
        (second,) = await queue.claim("q")
        assert (second.id, second.attempt) == ("1", 2)
        assert second.token > first.token
        assert not await queue.ack(first)
        assert not await queue.nack(first, 0)
        assert not await queue.bury(first, "")
        assert await queue.ack(second)
        assert not await queue.ack(second)


async def test_a_claim_is_known_by_its_queue_id_and_token(open_engine: Open) -> None:
    """Who keeps only these elsewhere can end the job, and its group goes on."""
    async with open_engine() as engine:
        queue = engine.queue
        await put(queue, "1", "2", "3", group="g")
        for end in (queue.ack, lambda job: queue.bury(job, "why")):
            (job,) = await queue.claim("q")
            assert await end(Job("q", job.id, b"", None, 0, job.token, 0.0))
        assert await claim(queue) == ["3"]
        (letter,) = await queue.dead("q")
        assert (letter.id, letter.data, letter.group, letter.attempt) == ("2", b"2", "g", 1)


async def test_a_claim_outlives_its_lease_while_nobody_else_wants_the_job(
    open_engine: Open, clock: ManualClock
) -> None:
    """What was done need not be done again."""
    async with open_engine() as engine:
        await put(engine.queue, "1", "2")
        one, two = await engine.queue.claim("q", 2, lease=10)
        clock.now += 20
        assert await engine.queue.ack(one)
        assert await claim(engine.queue, 1) == ["2"]
        assert not await engine.queue.ack(two)
        assert await engine.queue.depth("q") == Depth(1, 0)


async def test_a_job_that_was_given_back_waits(open_engine: Open, clock: ManualClock) -> None:
    """With its data, or with other data; the claim has ended."""
    async with open_engine() as engine:
        queue = engine.queue
        await put(queue, "1")
        (job,) = await queue.claim("q")
        assert await queue.nack(job, clock.now + 5)
        assert not await queue.nack(job, clock.now)
        assert not await queue.ack(job)
        assert await queue.next_due("q") == clock.now + 5
        assert await claim(queue) == []
        clock.now += 5
        (job,) = await queue.claim("q")
        assert (job.data, job.attempt) == (b"1", 2)
        assert await queue.nack(job, clock.now, b"more")
        (job,) = await queue.claim("q")
        assert (job.data, job.attempt) == (b"more", 3)


async def test_a_group_is_done_one_after_the_other(open_engine: Open, clock: ManualClock) -> None:
    """Whatever their due times; other groups and jobs go on."""
    async with open_engine() as engine:
        queue = engine.queue
        await put(queue, "a1", group="a", due=clock.now + 5)
        await put(queue, "a2", "a3", group="a")
        await put(queue, "b1", "b2", group="b")
        await put(queue, "c")
        assert await claim(queue) == ["b1", "c"]
        clock.now += 5
        (a1,) = await queue.claim("q")
        assert a1.id == "a1"
        assert await claim(queue) == []
        assert await queue.nack(a1, clock.now + 5)
        assert await claim(queue) == []
        clock.now += 5
        (a1,) = await queue.claim("q")
        assert await queue.ack(a1)
        (a2,) = await queue.claim("q")
        assert a2.id == "a2"
        assert await queue.bury(a2, "poison")
        assert await claim(queue) == ["a3"]


async def test_a_group_that_has_ended_may_begin_again(open_engine: Open) -> None:
    async with open_engine() as engine:
        for each in ("1", "2"):
            await put(engine.queue, each, group="g")
            (job,) = await engine.queue.claim("q")
            assert await engine.queue.ack(job)


async def test_the_lease_of_a_group_expires_too(open_engine: Open, clock: ManualClock) -> None:
    """And its order is kept."""
    async with open_engine() as engine:
        await put(engine.queue, "1", "2", group="g")
        assert await claim(engine.queue, lease=10) == ["1"]
        clock.now += 10
        assert await claim(engine.queue) == ["1"]


async def test_when_something_is_next(open_engine: Open, clock: ManualClock) -> None:
    """Waiting jobs and leases; nothing if nothing is open."""
    async with open_engine() as engine:
        queue = engine.queue
        assert await queue.next_due("q") is None
        await put(queue, "1", due=clock.now + 7)
        assert await queue.next_due("q") == clock.now + 7
        await put(queue, "2", group="g")
        await put(queue, "3", group="g", due=clock.now - 3)
        due = await queue.next_due("q")
        assert due is not None
        assert due <= clock.now
        (job,) = await queue.claim("q", lease=3)
        assert await queue.next_due("q") == clock.now + 3
        assert await queue.ack(job)
        due = await queue.next_due("q")
        assert due is not None
        assert due <= clock.now
        (job,) = await queue.claim("q", lease=30)
        assert await queue.next_due("q") == clock.now + 7
        clock.now += 7
        (last,) = await queue.claim("q", lease=30)
        assert await queue.ack(last)
        assert await queue.ack(job)
        assert await queue.next_due("q") is None


async def test_dead_letters_are_listed_with_their_reason(
    open_engine: Open, clock: ManualClock
) -> None:
    async with open_engine() as engine:
        queue = engine.queue
        assert await queue.dead("q") == ()
        await put(queue, "1", "2", "3", group=None)
        await bury(queue, "one é", "", "three")
        assert await queue.depth("q") == Depth(0, 3)
        assert await claim(queue) == []
        letters = await queue.dead("q")
        assert [(each.id, each.data, each.reason) for each in letters] == [
            ("1", b"1", "one é"),
            ("2", b"2", ""),
            ("3", b"3", "three"),
        ]
        assert {(each.attempt, each.at, each.group) for each in letters} == {(1, clock.now, None)}
        assert sorted(each.number for each in letters) == [each.number for each in letters]
        assert await queue.dead("q", limit=2) == letters[:2]
        assert await queue.dead("q", after=letters[1].number) == letters[2:]


async def test_one_dead_letter_a_range_or_all_are_replayed(open_engine: Open) -> None:
    """As if they were put anew."""
    async with open_engine() as engine:
        queue = engine.queue
        await put(queue, "1", "2", "3", "4", "5")
        await bury(queue, *"abcde")
        numbers = [letter.number for letter in await queue.dead("q")]
        assert await queue.replay("q", numbers[2], numbers[2]) == 1
        assert await claim(queue) == ["3"]
        assert await queue.replay("q", numbers[1], numbers[3]) == 2
        (two, four) = await queue.claim("q", 9)
        assert [(two.id, two.attempt, two.data), four.id] == [("2", 1, b"2"), "4"]
        assert await queue.replay("q") == 2
        assert await claim(queue) == ["1", "5"]
        assert await queue.replay("q") == 0
        assert await queue.replay("q", 0, -1) == 0
        assert await queue.depth("q") == Depth(5, 0)
        assert await queue.ack(two)


async def test_a_replayed_job_goes_to_the_end_of_its_group(open_engine: Open) -> None:
    async with open_engine() as engine:
        await put(engine.queue, "1", "2", group="g")
        await bury(engine.queue, "why")
        assert [letter.group for letter in await engine.queue.dead("q")] == ["g"]
        assert await engine.queue.replay("q") == 1
        (two,) = await engine.queue.claim("q", 9)
        assert two.id == "2"
        assert await engine.queue.ack(two)
        assert await claim(engine.queue) == ["1"]


async def test_dead_letters_are_discarded(open_engine: Open) -> None:
    """And their ids are free again."""
    async with open_engine() as engine:
        queue = engine.queue
        await put(queue, "1", "2", "3")
        await bury(queue, *"abc")
        first, second, third = await queue.dead("q")
        assert await queue.discard("q", first.number, second.number) == 2
        assert await queue.dead("q") == (third,)
        assert await queue.discard("q", last=first.number) == 0
        assert await queue.discard("q") == 1
        await put(queue, "1", "3")
        await bury(queue, "again")
        (letter,) = await queue.dead("q")
        assert letter.number > third.number


async def test_queues_that_were_never_put_into_are_empty(open_engine: Open) -> None:
    async with open_engine() as engine:
        queue = engine.queue
        assert await queue.claim("q") == ()
        assert await queue.depth("q") == Depth(0, 0)
        assert await queue.replay("q") == await queue.discard("q") == 0
        assert not await queue.ack(JOB)
        await put(queue, "2")
        assert not await queue.ack(JOB)
        (job,) = await queue.claim("q")
        assert not await queue.ack(replace(job, queue="other"))


async def test_many_claims_leave_nothing_behind(open_engine: Open, clock: ManualClock) -> None:
    """Leases that were ended early, over and over, behind one that is about to expire."""
    async with open_engine(remember=0) as engine:
        await put(engine.queue, "held")
        assert await claim(engine.queue, lease=5) == ["held"]
        for each in range(100):
            await put(engine.queue, str(each))
            (job,) = await engine.queue.claim("q", lease=1000 - each)
            assert job.id == str(each)
            if each % 2:
                assert await engine.queue.nack(job, clock.now)
                (job,) = await engine.queue.claim("q", lease=1000)
            assert await engine.queue.ack(job)
        assert await engine.queue.depth("q") == Depth(1, 0)
        clock.now += 1000
        assert await claim(engine.queue) == ["held"]


async def test_what_is_watched_gives_hints(open_engine: Open, clock: ManualClock) -> None:
    """Whenever something may be claimed earlier than was known."""
    told: list[str] = []
    async with open_engine() as engine:
        queue = engine.queue
        with queue.watch(["q"], told.append):
            await queue.put("other", "1", b"")
            await put(queue, "1")
            assert {*told} == {"q"}
            await put(queue, "2", "3", group="g")
            one, two = await queue.claim("q", 2)
            changes: list[Callable[[], Awaitable[object]]] = [
                lambda: queue.nack(one, clock.now),
                lambda: queue.bury(two, ""),
                lambda: queue.replay("q"),
            ]
            for change in changes:
                told.clear()
                assert await change()
                assert {*told} == {"q"}
        told.clear()
        await put(queue, "4")
    assert told == []


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda queue: queue.put("", "1", b""), "queue must be"),
        (lambda queue: queue.put("q", "", b""), "job_id must be"),
        (lambda queue: queue.put("q", "\udc00", b""), "surrogate"),
        (lambda queue: queue.put("q", "1", "text"), "data must be bytes, not str"),
        (lambda queue: queue.put("q", "1", bytearray()), "data must be bytes"),
        (lambda queue: queue.put("q", "1", b"", float("nan")), "due must be a finite"),
        (lambda queue: queue.put("q", "1", b"", group=""), "group must be"),
        (lambda queue: queue.claim("q", 0), "n must be at least 1"),
        (lambda queue: queue.claim("q", lease=0), "a lease must last"),
        (lambda queue: queue.claim("q", lease=float("inf")), "lease must be a finite"),
        (lambda queue: queue.claim(""), "queue must be"),
        (lambda queue: queue.nack(JOB, float("inf")), "due must be a finite"),
        (lambda queue: queue.nack(JOB, 0, "text"), "data must be bytes"),
        (lambda queue: queue.bury(JOB, "\ud800"), "reason has half"),
        (lambda queue: queue.dead("q", limit=0), "limit must be at least 1"),
        (lambda queue: queue.dead(""), "queue must be"),
        (lambda queue: queue.depth(""), "queue must be"),
        (lambda queue: queue.next_due(""), "queue must be"),
        (lambda queue: queue.replay(""), "queue must be"),
        (lambda queue: queue.discard(""), "queue must be"),
    ],
)
async def test_what_makes_no_sense_is_refused(open_engine: Open, call: Any, complaint: str) -> None:
    """Before anything has changed."""
    async with open_engine() as engine:
        with pytest.raises(LocalProtocolError, match=complaint):
            await call(engine.queue)
        assert await engine.queue.depth("q") == Depth(0, 0)


@pytest.mark.parametrize("remember", [-1, float("nan")])
def test_remembering_takes_time(open_engine: Open, remember: float) -> None:
    with pytest.raises(LocalProtocolError, match="remember"):
        open_engine(remember=remember)
