"""The engines that the tests of the contract run against, and a clock that they set."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eventproto.engine import Engine, MemoryEngine
from eventproto.engine.sqlite import SqliteEngine

Open = Callable[..., AbstractAsyncContextManager[Engine]]


class ManualClock:
    """Unix time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite"])
def open_engine(
    request: pytest.FixtureRequest, clock: ManualClock, runtime: ModuleType, tmp_path: Path
) -> Open:
    """Opens an engine with nothing in it."""
    stores = count()

    def open_memory(**options: Any) -> MemoryEngine:
        return MemoryEngine(**{"clock": clock, **options})

    def open_sqlite(**options: Any) -> SqliteEngine:
        path = tmp_path / f"{next(stores)}.db"
        return SqliteEngine(
            path, runtime.Threads(), **{"clock": clock, "synchronous": "normal", **options}
        )

    choice: dict[str, Open] = {"memory": open_memory, "sqlite": open_sqlite}
    return choice[request.param]
