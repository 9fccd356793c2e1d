"""Calls that nobody waits for any more: each was carried out whole or not at all."""

from __future__ import annotations

import gc
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from eventproto import Message
from eventproto.engine import Depth, Engine, Job, Lease
from tests.engine.conftest import ManualClock, Open

# What is under way when a call is cancelled is not the same after each number of steps.
STEPS = (0, 1, 2, 3, 5, 8, 12)

CALLS: dict[str, Callable[[Engine, Job, Lease], Coroutine[Any, Any, object]]] = {
    "append": lambda engine, job, lease: engine.log.append("t", Message(data=b"x", id="new")),
    "read": lambda engine, job, lease: engine.log.read("t"),
    "put": lambda engine, job, lease: engine.queue.put("q", "new", b"x"),
    "claim": lambda engine, job, lease: engine.queue.claim("q", 5),
    "ack": lambda engine, job, lease: engine.queue.ack(job),
    "nack": lambda engine, job, lease: engine.queue.nack(job, 0, b"y"),
    "bury": lambda engine, job, lease: engine.queue.bury(job, "why"),
    "next_due": lambda engine, job, lease: engine.queue.next_due("q"),
    "depth": lambda engine, job, lease: engine.queue.depth("q"),
    "dead": lambda engine, job, lease: engine.queue.dead("q"),
    "replay": lambda engine, job, lease: engine.queue.replay("q"),
    "discard": lambda engine, job, lease: engine.queue.discard("q"),
    "set": lambda engine, job, lease: engine.leases.set("k", b"new"),
    "get": lambda engine, job, lease: engine.leases.get("k"),
    "delete": lambda engine, job, lease: engine.leases.delete("k", lease),
    "swap": lambda engine, job, lease: engine.leases.swap("k", lease, b"new"),
    "scan": lambda engine, job, lease: engine.leases.scan(),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_cancelled_call_leaves_all_in_order(
    open_engine: Open, clock: ManualClock, name: str
) -> None:
    """Whenever that is; the next calls have their own answers, not those of this one."""
    async with open_engine(remember=0) as engine:
        for steps in STEPS:
            clock.now += 100  # whatever was claimed is free again
            job, lease = await begin(engine)
            async with anyio.create_task_group() as group:
                group.start_soon(CALLS[name], engine, job, lease)
                for _ in range(steps):
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
            await check(engine)


async def begin(engine: Engine) -> tuple[Job, Lease]:
    """One record, a job that is held, one that waits, a dead letter, and a lease."""
    await engine.log.append("t", Message(data=b"x", id="old"))
    for job in await engine.queue.claim("q", 100):
        await engine.queue.ack(job)
    await engine.queue.discard("q")
    for id in ("dead", "held", "waits"):
        await engine.queue.put("q", id, b"x")
    dead, held = await engine.queue.claim("q", 2)
    await engine.queue.bury(dead, "why")
    return held, await engine.leases.set("k", b"old")


async def check(engine: Engine) -> None:
    """Everything is as one of the calls leaves it, or as it was."""
    await engine.leases.delete("other")  # behind what may still be under way
    ids = [record.message.id for record in (await engine.log.read("t")).records]
    assert ids in (["old"], ["old", "new"])
    depth = await engine.queue.depth("q")
    letters = await engine.queue.dead("q")
    assert depth in (Depth(2, 1), Depth(3, 1), Depth(1, 1), Depth(1, 2), Depth(3, 0), Depth(2, 0))
    assert len(letters) == depth.dead
    lease = await engine.leases.get("k")
    assert lease is None or lease.data in {b"old", b"new"}
    assert await engine.leases.scan() == (() if lease is None else (lease,))


async def test_others_go_on_when_one_is_cancelled(open_engine: Open) -> None:
    """Also those that share a transaction or a round trip with it."""
    done: list[str] = []

    async def put(engine: Engine, id: str) -> None:
        assert await engine.queue.put("q", id, b"")
        done.append(id)

    async with open_engine() as engine:
        async with anyio.create_task_group() as group, anyio.create_task_group() as in_vain:
            for number in range(50):
                group.start_soon(put, engine, f"{number}")
                in_vain.start_soon(engine.queue.put, "q", f"in vain {number}", b"")
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
            in_vain.cancel_scope.cancel()
        assert len(done) == 50
        jobs = await engine.queue.claim("q", 200)
        assert {job.id for job in jobs} >= {*done}
        assert len({job.id for job in jobs}) == len(jobs)


# coredis leaves those of a connection that was not made to the garbage collector.
@pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning")
async def test_an_engine_may_be_left_by_cancellation(open_engine: Open) -> None:
    """At any moment of its opening, too; it can be opened again."""
    engine: Any = open_engine()
    for steps in STEPS:

        async def open_and_stay() -> None:
            async with engine:
                await anyio.sleep_forever()

        async with anyio.create_task_group() as group:
            group.start_soon(open_and_stay)
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    async with engine:
        assert await engine.queue.put("q", "1", b"")
    gc.collect()  # what is said then is said of this test
