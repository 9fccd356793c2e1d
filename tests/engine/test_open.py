"""Engines by their address."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from eventproto import LocalProtocolError, Message
from eventproto.engine import MemoryEngine, Retention
from eventproto.engine.redis import RedisEngine
from eventproto.engine.sqlite import SqliteEngine
from tests.engine.conftest import ManualClock
from tests.engine.redis_server import RedisServer


async def test_the_address_says_which_engine(
    runtime: ModuleType, tmp_path: Path, redis_server: RedisServer, clock: ManualClock
) -> None:
    """With the same options for all of them."""
    redis_server.ask("FLUSHALL")
    addresses: dict[str, type[MemoryEngine | SqliteEngine | RedisEngine]] = {
        "memory:": MemoryEngine,
        f"sqlite:{tmp_path / 'x.db'}": SqliteEngine,
        f"{redis_server.url}/3": RedisEngine,
    }
    for address, kind in addresses.items():
        opened = runtime.open_engine(address, retention=Retention(count=1), clock=clock)
        async with opened as engine:
            assert isinstance(engine, kind)
            cursors = [await engine.log.append("t", Message(data=b"")) for _ in range(2)]
            assert cursors[0][-16:] == str(int(clock.now * 1e6))
            assert len((await engine.log.read("t")).records) == 1


def test_without_a_clock_it_is_that_of_the_store(runtime: ModuleType) -> None:
    """For memory and SQLite, the one of this machine."""
    assert isinstance(runtime.open_engine("memory:"), MemoryEngine)
    assert isinstance(runtime.open_engine("redis+cluster://localhost"), RedisEngine)


@pytest.mark.parametrize(
    "address", ["", "memory:x", "memory", "sqlite:", "postgres://h", "redis+x://h", "x+cluster://h"]
)
def test_other_addresses_are_refused(runtime: ModuleType, address: str) -> None:
    with pytest.raises(LocalProtocolError, match="an engine is at"):
        runtime.open_engine(address)
