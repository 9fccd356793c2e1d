"""Every engine keeps the contract that is published for implementers, on both runtimes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import settings

from eventproto.engine import MemoryEngine
from eventproto.engine.redis import RedisEngine
from eventproto.engine.sqlite import SqliteEngine
from eventproto.testing import check_engine
from tests.engine.redis_server import RedisServer

Runtime = Literal["asyncio", "trio"]

# As few as notice all the engines that `tests/testing/test_engine.py` breaks, and some more. With
# `HYPOTHESIS_PROFILE=dev` they are ten times as many.
PROGRAMS = settings(max_examples=settings().max_examples // 5, stateful_step_count=25)


@pytest.mark.parametrize("runtime", ["asyncio", "trio"])
def test_the_engine_in_memory(runtime: Runtime) -> None:
    stores: dict[str, MemoryEngine] = {}

    def open_memory(store: str, **options: Any) -> MemoryEngine:
        if store not in stores:
            stores.clear()
            stores[store] = MemoryEngine(**options)
        return stores[store]

    check_engine(open_memory, runtime=runtime, settings=PROGRAMS)


@pytest.mark.parametrize("runtime", ["asyncio", "trio"])
def test_the_engine_in_sqlite(runtime: Runtime, tmp_path: Path) -> None:
    threads = import_module(f"eventproto.{runtime}").Threads()

    def open_sqlite(store: str, **options: Any) -> SqliteEngine:
        return SqliteEngine(tmp_path / store, threads, synchronous="normal", **options)

    check_engine(open_sqlite, runtime=runtime, settings=PROGRAMS)


@pytest.mark.parametrize("program", ["redis", "valkey"])
@pytest.mark.parametrize("runtime", ["asyncio", "trio"])
def test_the_engine_in_redis(
    runtime: Runtime, program: str, request: pytest.FixtureRequest
) -> None:
    server: RedisServer = request.getfixturevalue(f"{program}_server")

    def open_redis(store: str, **options: Any) -> RedisEngine:
        return RedisEngine(server.url, prefix=f"{runtime} {store}", **options)

    check_engine(open_redis, runtime=runtime, settings=PROGRAMS)
