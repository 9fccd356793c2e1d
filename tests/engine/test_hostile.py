"""What callers get wrong, and what they may well do though it looks wrong: no engine minds."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from eventproto import LocalProtocolError, Message
from eventproto.engine import Job, Lease, Retention
from tests.engine.conftest import Open
from tests.engine.steps import together

HALF = "half \ud800"
NO_NUMBER: Any = "1"
JOB = Job("q", "1", b"", None, 1, 1, 0.0)
LEASE = Lease("k", b"", None, "1")


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda engine: engine.log.append("t", "text"), "a log takes a Message, not str"),
        (lambda engine: engine.log.read("t", 5), "after must be a cursor, an id or None, not int"),
        (lambda engine: engine.log.read("t", limit="1"), "limit must be a whole number, not str"),
        (lambda engine: engine.queue.put("q", "1", b"", "now"), "due must be a finite number"),
        (lambda engine: engine.queue.put("q", "1", b"", 10**400), "due must be a finite number"),
        (lambda engine: engine.queue.put("q", "1", b"", group=HALF), "group has half .* index 5"),
        (lambda engine: engine.queue.claim("q", 1.0), "n must be a whole number, not float"),
        (lambda engine: engine.queue.claim("q", lease=None), "lease must be a finite number"),
        (lambda engine: engine.queue.ack("1"), "what was claimed must be a Job, not str"),
        (lambda engine: engine.queue.ack(replace(JOB, token=0)), "token of a claim is from 1"),
        (lambda engine: engine.queue.nack(replace(JOB, token=2**60), 0), "token of a claim is"),
        (
            lambda engine: engine.queue.nack(replace(JOB, token=NO_NUMBER), 0),
            "token must be",
        ),
        (lambda engine: engine.queue.bury(replace(JOB, id=HALF), ""), "job_id has half"),
        (lambda engine: engine.queue.bury(replace(JOB, queue=""), ""), "queue must be a string"),
        (lambda engine: engine.queue.bury(JOB, None), "reason must be a string, not NoneType"),
        (lambda engine: engine.queue.dead("q", after="1"), "after must be a whole number"),
        (lambda engine: engine.queue.replay("q", "1"), "first must be a whole number"),
        (lambda engine: engine.queue.discard("q", None, 1.5), "last must be a whole number"),
        (lambda engine: engine.leases.set("k", b"", "soon"), "expires must be a finite number"),
        (lambda engine: engine.leases.delete("k", "1"), "expected must be a Lease or None"),
        (lambda engine: engine.leases.delete("k", replace(LEASE, version="")), "version must be"),
        (lambda engine: engine.leases.swap("k", replace(LEASE, version=HALF), b""), "version has"),
        (lambda engine: engine.leases.scan(after=HALF), "after has half"),
        (lambda engine: engine.leases.scan(prefix=None), "prefix must be a string"),
    ],
)
async def test_what_is_of_the_wrong_kind_is_refused(
    open_engine: Open, call: Any, complaint: str
) -> None:
    """With an error that says what was expected; and nothing has changed."""
    async with open_engine() as engine:
        with pytest.raises(LocalProtocolError, match=complaint):
            await call(engine)
        assert (await engine.log.read("t")).records == ()
        assert await engine.queue.next_due("q") is None
        assert await engine.leases.scan() == ()


@pytest.mark.parametrize("names", ["t", ["t", HALF], [""], [None]])
async def test_what_cannot_be_watched_is_refused(open_engine: Open, names: Any) -> None:
    """A string would be watched letter by letter; and who watches something else is not harmed."""
    told: list[str] = []
    async with open_engine() as engine:
        with engine.log.watch(["u"], told.append):
            for part in (engine.log, engine.queue):
                with pytest.raises(LocalProtocolError, match=r"what is watched (must be|has half)"):
                    part.watch(names, told.append)
            await engine.log.append("u", Message(data=b""))
            assert len((await engine.log.read("u")).records) == 1
    assert "u" in told


async def test_a_place_that_no_store_can_write_is_a_gap(open_engine: Open) -> None:
    """It is what a client sent back, and as unknown as any."""
    async with open_engine() as engine:
        await engine.log.append("t", Message(data=b"a"))
        page = await engine.log.read("t", HALF)
    assert (page.gap, len(page.records)) == (True, 1)


@pytest.mark.parametrize("many", [sys.maxsize, 10**30])
async def test_a_limit_may_be_larger_than_any_store(open_engine: Open, many: int) -> None:
    async with open_engine() as engine:
        await engine.log.append("t", Message(data=b"a"))
        await engine.queue.put("q", "1", b"")
        await engine.leases.set("k", b"")
        assert len((await engine.log.read("t", limit=many)).records) == 1
        assert len(await engine.leases.scan(limit=many)) == 1
        (job,) = await engine.queue.claim("q", many)
        assert await engine.queue.bury(job, "why")
        assert len(await engine.queue.dead("q", -many, many)) == 1
        assert await engine.queue.dead("q", many) == ()
        assert await engine.queue.replay("q", many) == 0
        assert await engine.queue.replay("q", last=-many) == 0
        assert await engine.queue.replay("q", -many, many) == 1


async def test_whole_numbers_are_times_too(open_engine: Open) -> None:
    """Also those that no store would take for an integer."""
    async with open_engine() as engine:
        assert await engine.queue.put("q", "1", b"", 2**70)
        assert await engine.queue.next_due("q") == 2.0**70
        lease = await engine.leases.set("k", b"", 2**70)
        assert lease.expires == 2.0**70
        assert await engine.leases.get("k") == lease


@pytest.mark.parametrize("age", [1e300, float("inf")])
async def test_an_age_that_nothing_reaches_is_no_bound(open_engine: Open, age: float) -> None:
    async with open_engine(retention=Retention(age=age)) as engine:
        cursor = await engine.log.append("t", Message(data=b"a", id="1"))
        assert await engine.log.append("t", Message(data=b"b", id="1")) == cursor
        assert len((await engine.log.read("t")).records) == 1


async def test_a_megabyte_is_kept_whole(open_engine: Open) -> None:
    """Of every byte that there is."""
    data = bytes(range(256)) * 4096
    async with open_engine() as engine:
        await engine.log.append("t", Message(data=data))
        (record,) = (await engine.log.read("t")).records
        assert record.message.data == data
        await engine.queue.put("q", "1", data)
        (job,) = await engine.queue.claim("q")
        assert await engine.queue.nack(job, 0, data[::-1])
        (job,) = await engine.queue.claim("q")
        assert job.data == data[::-1]
        assert await engine.queue.bury(job, "é\0" * 1000)
        (letter,) = await engine.queue.dead("q")
        assert (letter.data, letter.reason) == (job.data, "é\0" * 1000)
        lease = await engine.leases.set("k", data)
        assert await engine.leases.get("k") == lease


async def test_thousands_of_topics(open_engine: Open) -> None:
    """Each is there, and costs its neighbours nothing."""
    names = [f"{number}" for number in range(3_000)]
    async with open_engine() as engine:
        await together(lambda name: engine.log.append(name, Message(data=name.encode())), names)
        for name in ("0", "1500", "2999"):
            (record,) = (await engine.log.read(name)).records
            assert record.message.data == name.encode()


async def test_ids_may_be_of_anything(open_engine: Open) -> None:
    """What ends a string elsewhere, what separates, what is escaped, what looks like a number."""
    ids = [
        "\0",
        "a\0",
        "a\0b",
        " ",
        "\n",
        "0",
        "-1",
        "1e5",
        "{x}",
        "'",
        "é",
        "\U0001f600",
        "x" * 5000,
    ]
    async with open_engine(remember=60) as engine:
        for id in ids:
            assert await engine.queue.put("q", id, id.encode(), group=id)
            await engine.log.append("t", Message(data=id.encode(), id=id))
            await engine.leases.set(id, id.encode())
        jobs = await engine.queue.claim("q", 100)
        assert [(job.id, job.group, job.data) for job in jobs] == [(i, i, i.encode()) for i in ids]
        for job in jobs:
            assert await engine.queue.ack(job)
            assert not await engine.queue.put("q", job.id, b"")
        records = (await engine.log.read("t")).records
        assert [record.message.id for record in records] == ids
        for place, id in enumerate(ids):
            page = await engine.log.read("t", id)
            assert (len(page.records), page.gap) == (len(ids) - place - 1, False)
        assert [lease.key for lease in await engine.leases.scan()] == sorted(ids)
