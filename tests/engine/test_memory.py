"""What is particular to the engine in memory."""

from __future__ import annotations

from eventproto import Message
from eventproto.engine import Engine, MemoryEngine
from tests.engine.conftest import ManualClock


async def test_it_works_without_being_entered() -> None:
    """And keeps everything when it was."""
    engine = MemoryEngine()
    await engine.log.append("t", Message(data=b"x"))
    async with engine as entered:
        assert entered is engine
    assert len((await engine.log.read("t")).records) == 1


async def test_it_is_an_engine(clock: ManualClock) -> None:
    """For a type checker, too."""
    engine: Engine = MemoryEngine(clock=clock)
    assert (engine.log, engine.queue, engine.leases) == (engine.log, engine.queue, engine.leases)


async def test_hints_come_once_and_for_news_alone() -> None:
    """Nothing is lost on the way, and nothing comes for what has not changed."""
    told: list[str] = []
    engine = MemoryEngine()
    with engine.log.watch(["t", "t"], told.append), engine.queue.watch(["q"], told.append):
        await engine.log.append("t", Message(data=b"", id="1"))
        await engine.log.append("t", Message(data=b"", id="1"))
        await engine.queue.put("q", "1", b"")
        await engine.queue.put("q", "1", b"")
    assert told == ["t", "q"]


async def test_a_strange_clock_makes_cursors_all_the_same() -> None:
    """Before 1970, and far in the future."""
    for now in (-5.0, 1e300):
        engine = MemoryEngine(clock=lambda now=now: now)  # type: ignore[misc]
        first = await engine.log.append("t", Message(data=b""))
        assert await engine.log.append("t", Message(data=b"")) > first
        assert not (await engine.log.read("t", first)).gap


async def test_tokens_outlive_the_engine(clock: ManualClock) -> None:
    """What was fenced off by those of one process is not open to those of the next."""
    tokens = []
    for _ in range(2):
        engine = MemoryEngine(clock=clock)
        for id in ("1", "2", "3"):
            await engine.queue.put("q", id, b"")
        tokens += [job.token for job in await engine.queue.claim("q", 3)]
        clock.now += 1
    assert tokens == sorted({*tokens})
