"""What driver tests look at besides the library itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import trio
import trustme


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority of our own."""
    return trustme.CA()


@pytest.fixture
def count_tasks(anyio_backend: str) -> Callable[[], int]:
    """How many tasks the runtime has at the moment."""
    if anyio_backend == "trio":
        return lambda: trio.lowlevel.current_statistics().tasks_living
    return lambda: len(asyncio.all_tasks())
