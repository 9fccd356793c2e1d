"""What is particular to the engine in Redis: its connections, its clock, and others who use it."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from eventproto import LocalProtocolError, Message
from eventproto.engine import EngineError, StoreCorrupted, StoreUnavailable
from eventproto.engine.redis import RedisEngine
from tests.engine.conftest import ManualClock, StartServer
from tests.engine.redis_server import RedisServer
from tests.engine.steps import append, empty

# coredis leaves those of a connection that could not be made to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning")


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


@pytest.mark.parametrize("turns", [*range(8), 100])
async def test_nobody_waits_for_an_engine_that_was_closed(
    redis_server: RedisServer, turns: int
) -> None:
    """Wherever their calls are by then."""
    redis_server.ask("FLUSHALL")
    outcomes: list[str] = []
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
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
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


@pytest.mark.parametrize(
    ("url", "cluster"),
    [
        ("", False),
        ("localhost", False),
        ("http://localhost", False),
        ("redis://localhost:99999", False),
        ("redis://localhost:none", False),
        ("redis://[::", False),
        ("unix:///run/redis.sock", True),
    ],
)
def test_what_is_no_url_of_a_server_is_refused(url: str, cluster: bool) -> None:
    """Before anything is asked of it; a password in it is told to nobody."""
    with pytest.raises(LocalProtocolError, match="a server is at a URL"):
        RedisEngine(url, cluster=cluster)
