"""A Redis server that is away, that has forgotten, or that has no room."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from coredis.exceptions import ResponseError

from eventproto.engine import EngineError, StoreCorrupted, StoreFull, StoreUnavailable
from eventproto.engine.redis import RedisEngine
from eventproto.engine.redis._server import _explained
from tests.engine.conftest import StartServer
from tests.engine.redis_server import RedisServer
from tests.engine.steps import answered, append, contents, empty, until

# coredis leaves those of a connection that could not be made to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning")


async def test_a_server_that_forgot_everything_is_a_gap(start_server: StartServer) -> None:
    """Nothing hangs while it is away, and all goes on when it is back."""
    server = start_server()
    async with RedisEngine(server.url) as engine:
        cursor = await append(engine, "lost")
        empty_tail = (await engine.log.read("empty")).tail
        server.kill()
        with pytest.raises(StoreUnavailable):
            await append(engine, "never there")
        server.start()
        await answered(lambda: engine.log.read("t"))
        page = await engine.log.read("t", cursor)
        assert (page.records, page.gap) == ((), True)
        later = await append(engine, "new")
        assert (await engine.log.read("t", cursor)).gap
        assert (await engine.log.read("empty", empty_tail)).gap
        assert not (await engine.log.read("t", later)).gap
        assert await contents(engine, cursor) == ["new"]
        assert await engine.queue.put("q", "1", b"")
        assert len(await engine.queue.claim("q")) == 1


async def test_a_claim_does_not_outlive_what_was_flushed(redis_server: RedisServer) -> None:
    """Though there is a job of the same id again: its tokens go on."""
    async with empty(redis_server) as engine:
        await engine.queue.put("q", "1", b"")
        (lost,) = await engine.queue.claim("q")
        redis_server.ask("FLUSHALL")
        await engine.queue.put("q", "1", b"")
        (job,) = await engine.queue.claim("q")
        assert job.token > lost.token
        assert not await engine.queue.ack(lost)
        assert await engine.queue.ack(job)


async def test_a_server_that_keeps_everything_goes_on(start_server: StartServer) -> None:
    """However it ended."""
    server = start_server("--appendonly", "yes", "--appendfsync", "always")
    async with RedisEngine(server.url) as engine:
        cursor = await append(engine, "a")
        await append(engine, "b")
        await engine.queue.put("q", "1", b"")
        (job,) = await engine.queue.claim("q")
        lease = await engine.leases.set("k", b"v")
        server.kill()
        server.start()
        await answered(lambda: engine.log.read("t"))
        page = await engine.log.read("t", cursor)
        assert [record.message.text for record in page.records] == ["b"]
        assert not page.gap
        assert await engine.queue.ack(job)
        assert await engine.leases.swap("k", lease, b"w") is not None


async def test_a_server_that_was_restored_is_a_gap_to_who_saw_more(
    start_server: StartServer,
) -> None:
    """What was lost has a cursor that is never given again, whatever is appended then."""
    server = start_server()
    async with RedisEngine(server.url) as engine:
        kept = await append(engine, "kept")
        assert server.ask("SAVE") == b"+OK\r\n"
        lost = await append(engine, "lost")
        server.kill()
        server.start()
        await answered(lambda: engine.log.read("t"))
        assert (await engine.log.read("t", lost)).gap
        assert await append(engine, "new") != lost
        page = await engine.log.read("t", lost)
        assert page.gap
        assert [record.message.text for record in page.records] == ["kept", "new"]
        assert not (await engine.log.read("t", kept)).gap


async def test_a_server_that_is_not_there_is_unavailable(start_server: StartServer) -> None:
    server = start_server()
    server.kill()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        async with RedisEngine(server.url):
            pass
    server.start()


async def test_a_server_that_does_not_answer_is_unavailable(redis_server: RedisServer) -> None:
    """For longer than the patience."""
    async with empty(redis_server, patience=0.2) as engine:
        redis_server.ask("CLIENT", "PAUSE", "1000", "ALL")
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await append(engine, "a")
        redis_server.ask("CLIENT", "UNPAUSE")
        await answered(lambda: append(engine, "b"))


async def test_a_full_server_is_a_typed_error(start_server: StartServer) -> None:
    """Nothing is lost; with room again, all goes on."""
    server = start_server("--maxmemory-policy", "noeviction")
    async with RedisEngine(server.url) as engine:
        await append(engine, "a")
        server.ask("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreFull, match="no memory"):
            await append(engine, "b")
        server.ask("CONFIG", "SET", "maxmemory", "0")
        await append(engine, "c")
        assert await contents(engine) == ["a", "c"]


async def test_a_server_that_cannot_write_is_unavailable(
    start_server: StartServer, tmp_path: Path
) -> None:
    """As its disk may have room again."""
    server = start_server()
    (tmp_path / "dump.rdb").mkdir()
    async with RedisEngine(server.url) as engine:
        await append(engine, "a")
        server.ask("CONFIG", "SET", "save", "3600 1")
        server.ask("BGSAVE")
        await until(lambda: b"rdb_last_bgsave_status:err" in server.ask("INFO", "persistence"))
        with pytest.raises(StoreUnavailable, match="cannot write"):
            await append(engine, "b")
        assert await contents(engine) == ["a"]


@pytest.mark.parametrize(
    ("setting", "undo"),
    [
        ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    ],
)
async def test_a_server_that_may_not_write_is_unavailable(
    start_server: StartServer, setting: str, undo: str
) -> None:
    """It misses its replicas, or has become one."""
    server = start_server()
    async with RedisEngine(server.url) as engine:
        await append(engine, "a")
        server.ask(*setting.split())
        with pytest.raises(StoreUnavailable):
            await append(engine, "b")
        server.ask(*undo.split())
        await answered(lambda: append(engine, "c"))
        assert await contents(engine) == ["a", "c"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("-OOM command not allowed when used memory > 'maxmemory'.", StoreFull),
        ("-MISCONF Redis is configured to save RDB snapshots", StoreUnavailable),
        ("-READONLY You can't write against a read only replica.", StoreUnavailable),
        ("WRONGTYPE Operation against a key", StoreCorrupted),
        ("attempt to compare OOM with nil", EngineError),
    ],
)
def test_a_script_fails_as_its_command_does(said: str, kind: type[EngineError]) -> None:
    """Up to Redis 6.2, what the server says of it stands behind where it came up."""
    error = ResponseError(f"Error running script (call to f_12ab): @user_script:64: {said}")
    assert type(_explained(error)) is kind


async def test_all_who_wait_are_told_when_the_server_goes(start_server: StartServer) -> None:
    """Each call returns or raises what it is said to raise."""
    server = start_server()
    outcomes: list[str] = []
    async with RedisEngine(server.url) as engine:

        async def append_all() -> None:
            try:
                while True:
                    outcomes.append(await append(engine, "x"))
            except StoreUnavailable:
                outcomes.append("unavailable")

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(append_all)
                await until(lambda: len(outcomes) > 50)
                server.kill()
    assert outcomes.count("unavailable") == 20
