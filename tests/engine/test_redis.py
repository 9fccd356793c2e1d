"""What is particular to the engine in Redis: its server goes and comes, and others use it."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from eventproto import LocalProtocolError, Message
from eventproto.engine import (
    Engine,
    EngineError,
    StoreCorrupted,
    StoreFull,
    StoreUnavailable,
)
from eventproto.engine.redis import RedisEngine
from eventproto.engine.redis._server import key_of
from tests.engine.conftest import ManualClock
from tests.engine.redis_server import RedisServer

StartServer = Callable[..., RedisServer]

# coredis leaves those of a connection that could not be made to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning")


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server that the test may do anything to."""
    servers: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        server = RedisServer(tmp_path, *options)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()
    gc.collect()  # what is said then is said of this test


@asynccontextmanager
async def empty(server: RedisServer, **options: object) -> AsyncGenerator[RedisEngine]:
    server.ask("FLUSHALL")
    async with RedisEngine(server.url, **options) as engine:  # type: ignore[arg-type]
        yield engine


async def append(engine: Engine, content: str) -> str:
    return await engine.log.append("t", Message.of_text(content))


async def contents(engine: Engine, after: str | None = None) -> list[str]:
    return [record.message.text for record in (await engine.log.read("t", after)).records]


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while not condition():  # noqa: ASYNC110  # another process fulfils it
            await anyio.sleep(0.01)


async def answered(call: Callable[[], Awaitable[object]]) -> None:
    """Wait until the server answers again, as a worker does."""
    with anyio.fail_after(30):
        while True:
            try:
                await call()
            except StoreUnavailable:
                await anyio.sleep(0.05)
            else:
                return


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


async def test_news_of_other_processes_are_hinted_at(redis_server: RedisServer) -> None:
    """And of this one, once more."""
    told: list[str] = []
    async with empty(redis_server) as one, RedisEngine(redis_server.url) as other:
        with one.log.watch(["t", "other"], told.append):
            await until(lambda: "t" in told)  # at first for nothing
            told.clear()
            await append(other, "a")
            await until(lambda: "t" in told)
            with one.queue.watch(["q"], told.append):
                await until(lambda: "q" in told)
                told.clear()
                await other.queue.put("q", "1", b"")
                await until(lambda: "q" in told)
        told.clear()
        await append(other, "b")
        await anyio.sleep(0.05)
        assert told == []


async def test_much_may_be_watched_at_once(redis_server: RedisServer) -> None:
    """What is added while the server is told of the rest is not forgotten."""
    told: list[str] = []
    async with empty(redis_server) as one, RedisEngine(redis_server.url) as other:
        with ExitStack() as watching:
            for number in range(30):
                watching.enter_context(one.log.watch([f"{number}"], told.append))
                await anyio.lowlevel.checkpoint()
            await until(lambda: len(set(told)) == 30)
            told.clear()
            for number in range(30):
                await other.log.append(f"{number}", Message(data=b""))
            await until(lambda: len(set(told)) == 30)


async def test_hints_come_again_when_the_server_does(start_server: StartServer) -> None:
    """One of them at once, for what came meanwhile."""
    server = start_server()
    told: list[str] = []
    async with RedisEngine(server.url) as one, RedisEngine(server.url) as other:
        with one.log.watch(["t"], told.append):
            await until(lambda: bool(told))
            server.kill()
            await anyio.sleep(0.1)
            told.clear()
            server.start()
            await until(lambda: bool(told))
            told.clear()
            await answered(lambda: append(other, "a"))
            await until(lambda: bool(told))


async def test_the_clock_is_that_of_the_server(redis_server: RedisServer) -> None:
    """Unless it is given."""
    async with empty(redis_server) as engine:
        lease = await engine.leases.set("k", b"", 1_000_000_000.0)
        assert await engine.leases.get(lease.key) is None
        await engine.leases.set("k", b"", 100_000_000_000.0)
        assert await engine.leases.get(lease.key)
        await engine.queue.put("q", "1", b"", 1_000_000_000.5)
        assert await engine.queue.next_due("q") == 1_000_000_000.5
        (job,) = await engine.queue.claim("q", lease=10.25)
        assert job.expires > 1_700_000_000
        first = await append(engine, "a")
        assert await append(engine, "b") > first
    clock = ManualClock()
    clock.now = 0.1 + 0.2
    async with empty(redis_server, clock=clock) as engine:
        await engine.queue.put("q", "1", b"")
        (job,) = await engine.queue.claim("q", lease=1 / 3)
        assert job.expires == clock.now + 1 / 3


async def test_it_is_open_while_it_is_entered(redis_server: RedisServer) -> None:
    """And can be entered again, but not twice at once."""
    engine = RedisEngine(redis_server.url)
    with pytest.raises(LocalProtocolError, match="not open"):
        await engine.leases.get("k")
    for _ in range(2):
        async with engine:
            await engine.leases.set("k", b"v")
            with pytest.raises(LocalProtocolError, match="open already"):
                await engine.__aenter__()
    with pytest.raises(LocalProtocolError, match="not open"):
        await engine.leases.get("k")


async def test_what_ends_the_block_is_what_leaves_it(redis_server: RedisServer) -> None:
    """Errors and cancellation, not wrapped in anything."""

    async def fail() -> None:
        async with RedisEngine(redis_server.url) as engine:
            with engine.log.watch(["t"], print):
                await append(engine, "a")
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    with anyio.move_on_after(0.05) as scope:
        async with RedisEngine(redis_server.url):
            await anyio.sleep_forever()
    assert scope.cancelled_caught


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


async def test_calls_that_wait_share_a_round_trip(redis_server: RedisServer) -> None:
    """Each has its own answer; scripts that the server has forgotten are brought again."""
    found: dict[int, str] = {}
    async with empty(redis_server) as engine:

        async def put(number: int) -> None:
            assert await engine.queue.put("q", f"{number}", b"")
            await engine.leases.set("k", b"")
            lease = await engine.leases.set(f"{number}", f"{number}".encode())
            found[number] = lease.data.decode()

        redis_server.ask("SCRIPT", "FLUSH")
        async with anyio.create_task_group() as group:
            for number in range(600):
                group.start_soon(put, number)
        assert found == {number: f"{number}" for number in range(600)}
        assert (await engine.queue.depth("q")).open == 600


async def test_an_error_is_only_theirs_who_made_it(redis_server: RedisServer) -> None:
    outcomes: list[str] = []
    async with empty(redis_server) as engine:
        redis_server.ask("SET", "eventproto:log:{t}:topic", "other")

        async def append_to(topic: str) -> None:
            try:
                await engine.log.append(topic, Message(data=b""))
                outcomes.append(topic)
            except StoreCorrupted:
                outcomes.append(f"not {topic}")

        async with anyio.create_task_group() as group:
            for topic in ("a", "t", "b", "t", "c"):
                group.start_soon(append_to, topic)
    assert sorted(outcomes) == ["a", "b", "c", "not t", "not t"]


async def test_nobody_waits_for_an_engine_that_was_closed(redis_server: RedisServer) -> None:
    outcomes: list[str] = []
    redis_server.ask("FLUSHALL")
    engine = RedisEngine(redis_server.url)

    async def read() -> None:
        try:
            while True:
                await engine.log.read("t")
        except StoreUnavailable:
            outcomes.append("unavailable")
        except LocalProtocolError:
            outcomes.append("not open")

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group, engine:
            for _ in range(20):
                group.start_soon(read)
            await anyio.sleep(0.1)
    assert len(outcomes) == 20


async def test_a_server_that_evicts_is_refused(start_server: StartServer) -> None:
    server = start_server("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    with pytest.raises(EngineError, match="noeviction"):
        async with RedisEngine(server.url):
            pass


async def test_a_server_that_wants_a_password_refuses(start_server: StartServer) -> None:
    server = start_server("--requirepass", "secret")
    with pytest.raises(EngineError):
        async with RedisEngine(server.url):
            pass
    async with RedisEngine(server.url.replace("//", "//:secret@")) as engine:
        await append(engine, "a")


async def test_the_keys_of_others_are_left_alone(redis_server: RedisServer) -> None:
    async with empty(redis_server) as engine:
        redis_server.ask("SET", "eventproto:log:{t}:topic", "other")
        with pytest.raises(StoreCorrupted, match="somebody else"):
            await append(engine, "a")
        assert b"other" in redis_server.ask("GET", "eventproto:log:{t}:topic")


async def test_a_topic_that_was_only_read_is_not_kept(redis_server: RedisServer) -> None:
    """Its tail is known for an hour."""
    async with empty(redis_server) as engine:
        await engine.log.read("t")
        answer = redis_server.ask("TTL", "eventproto:log:{t}:topic")
        assert 3500 < int(answer[1:]) <= 3600
        await append(engine, "a")
        assert redis_server.ask("TTL", "eventproto:log:{t}:topic") == b":-1\r\n"


async def test_what_is_one_step_is_in_one_slot(start_server: StartServer) -> None:
    """A cluster refuses a script whose keys are not."""
    server = start_server("--cluster-enabled", "yes")
    assert server.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == b"+OK\r\n"
    await until(lambda: b"cluster_state:ok" in server.ask("CLUSTER", "INFO"))
    for cluster in (False, True):
        async with RedisEngine(server.url, cluster=cluster, prefix=f"{cluster}") as engine:
            for name in ("t", "{t}", "}", "a{b}c", "%"):
                await engine.log.append(name, Message(data=b""))
                assert len((await engine.log.read(name)).records) == 1
                await engine.queue.put(name, "1", b"", group="g")
                (job,) = await engine.queue.claim(name)
                assert await engine.queue.bury(job, "why")
                assert await engine.queue.replay(name) == 1
            await engine.leases.set("a", b"")
            await engine.leases.set("b", b"")
            assert len(await engine.leases.scan()) == 2


def test_names_do_not_share_keys() -> None:
    """Whatever braces they have."""
    names = ["t", "{t}", "%7Bt%7D", "}", "{", "{}"]
    assert len({key_of("p", "log", name) for name in names}) == len(names)
    assert key_of("p", "log", "a{b}") == "p:log:{a%7Bb%7D}"
