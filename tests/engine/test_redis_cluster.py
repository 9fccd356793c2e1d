"""A cluster of Redis servers: where the keys are, and what happens while that changes."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from hypothesis import settings

from eventproto import LocalProtocolError, Message
from eventproto.engine import StoreUnavailable
from eventproto.engine.redis import RedisEngine
from eventproto.engine.redis._server import key_of
from eventproto.testing import check_engine
from tests.engine.redis_server import RedisCluster
from tests.engine.steps import answered, append, contents, together, until

# coredis leaves those of a cluster to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning")

MANY = [f"{number}" for number in range(60)]  # so many are on every node

_prefixes = count()


@pytest.fixture(autouse=True)
def collect() -> Iterator[None]:
    """What is said of what a test leaves is said of that test."""
    yield
    gc.collect()


@pytest.fixture
def prefix() -> str:
    """Of keys that no other test has."""
    return f"test {next(_prefixes)}"


@pytest.fixture
def losing_cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    """One whose first node is followed by a replica."""
    cluster = RedisCluster(tmp_path, replicas=1)
    cluster.start()
    yield cluster
    cluster.stop()


async def test_what_is_one_step_is_in_one_slot(redis_cluster: RedisCluster, prefix: str) -> None:
    """Or a cluster would refuse it; whatever braces a name has."""
    async with RedisEngine(redis_cluster.url, cluster=True, prefix=prefix) as engine:
        for name in ("t", "{t}", "}", "a{b}c", "%", "{}"):
            await engine.log.append(name, Message(data=b"", id="1"))
            assert len((await engine.log.read(name, "0")).records) == 1
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


@pytest.mark.parametrize("prefix", ["", "a{}", "}", "\ud800", None])
def test_a_prefix_leaves_the_slot_alone(prefix: str) -> None:
    """Braces in it would say what is hashed."""
    with pytest.raises(LocalProtocolError, match="prefix"):
        RedisEngine("redis://localhost", prefix=prefix)


@pytest.mark.parametrize("runtime_name", ["asyncio", "trio"])
def test_it_keeps_the_contract(
    redis_cluster: RedisCluster, prefix: str, runtime_name: Literal["asyncio", "trio"]
) -> None:
    """With few programs: a cluster takes long to open, and only where a call goes is another."""

    def open_cluster(store: str, **options: Any) -> RedisEngine:
        return RedisEngine(redis_cluster.url, cluster=True, prefix=f"{prefix} {store}", **options)

    programs = settings(max_examples=settings().max_examples // 50, stateful_step_count=25)
    check_engine(open_cluster, runtime=runtime_name, settings=programs)


async def test_any_node_leads_to_all_of_them(redis_cluster: RedisCluster, prefix: str) -> None:
    """Calls go to each at once; scripts that they have forgotten are brought again."""
    for node in redis_cluster.nodes:
        node.ask("SCRIPT", "FLUSH")
    last = redis_cluster.nodes[-1].url
    async with (
        RedisEngine(redis_cluster.url, cluster=True, prefix=prefix) as one,
        RedisEngine(last, cluster=True, prefix=prefix) as other,
    ):
        await together(lambda name: one.log.append(name, Message(data=b"")), MANY)
        for name in MANY:
            assert len((await other.log.read(name)).records) == 1
    sizes = [int(node.ask("DBSIZE")[1:]) for node in redis_cluster.nodes]
    assert min(sizes) > 10


async def test_news_reach_all_nodes(redis_cluster: RedisCluster, prefix: str) -> None:
    told: set[str] = set()
    async with (
        RedisEngine(redis_cluster.url, cluster=True, prefix=prefix) as one,
        RedisEngine(redis_cluster.nodes[-1].url, cluster=True, prefix=prefix) as other,
    ):
        with one.log.watch(MANY, told.add):
            await until(lambda: told == {*MANY})  # at first for nothing
            told.clear()
            await together(lambda name: other.log.append(name, Message(data=b"")), MANY)
            await until(lambda: told == {*MANY})


async def test_while_a_topic_moves_to_another_node(
    redis_cluster: RedisCluster, prefix: str
) -> None:
    """Half of it here and half of it there is no answer; nothing is lost."""
    nodes, name_of = redis_cluster.nodes, redis_cluster.name_of
    key = key_of(prefix, "log", "t")
    slot = nodes[0].ask("CLUSTER", "KEYSLOT", key)[1:].strip().decode()
    here = [node.ask("EXISTS", key) for node in nodes].index(b":0\r\n")
    there = (here + 1) % 3

    def move(part: str) -> None:
        port = str(nodes[there].port)
        moved = nodes[here].ask("MIGRATE", "127.0.0.1", port, f"{key}:{part}", "0", "5000")
        assert moved == b"+OK\r\n"

    async with RedisEngine(redis_cluster.url, cluster=True, prefix=prefix) as engine:
        await append(engine, "before")
        nodes[there].ask("CLUSTER", "SETSLOT", slot, "IMPORTING", name_of(here))
        nodes[here].ask("CLUSTER", "SETSLOT", slot, "MIGRATING", name_of(there))
        await append(engine, "still here")
        move("records")
        with pytest.raises(StoreUnavailable):
            await append(engine, "nowhere")
        move("topic")
        move("ids")
        await append(engine, "there already")
        for node in nodes:
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", name_of(there))
        await append(engine, "there")
        assert await contents(engine) == ["before", "still here", "there already", "there"]


async def test_a_node_that_is_lost_is_replaced(losing_cluster: RedisCluster, prefix: str) -> None:
    """Nothing hangs meanwhile; news come again, too."""
    told: set[str] = set()
    url = losing_cluster.nodes[1].url
    async with (
        RedisEngine(url, cluster=True, prefix=prefix) as engine,
        RedisEngine(url, cluster=True, prefix=prefix) as other,
    ):

        async def append_to(name: str, id: str) -> None:
            await answered(lambda: other.log.append(name, Message(data=b"", id=id)))

        with engine.log.watch(MANY, told.add), anyio.fail_after(60):
            for name in MANY:
                await append_to(name, "before")
            await until(lambda: told == {*MANY})
            losing_cluster.nodes[0].wait_for(b":1\r\n", "WAIT", "1", "0")
            losing_cluster.nodes[0].kill()
            for name in MANY:
                await append_to(name, "behind")
                page = await other.log.read(name, "before")
                assert (len(page.records), page.gap) == (1, False)
            told.clear()
            for number in count():
                for name in MANY:
                    await append_to(name, f"{number}")
                if told == {*MANY}:
                    break
