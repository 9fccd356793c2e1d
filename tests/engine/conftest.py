"""The engines that the tests of the contract run against, and a clock that they set."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from eventproto.engine import Engine, MemoryEngine

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


@pytest.fixture(params=["memory"])
def open_engine(clock: ManualClock) -> Open:
    """Opens an engine with nothing in it."""

    def open_memory(**options: Any) -> MemoryEngine:
        return MemoryEngine(**{"clock": clock, **options})

    return open_memory
