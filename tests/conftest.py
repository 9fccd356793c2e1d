"""What every test may use: both runtimes, and Hypothesis that repeats itself."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from types import ModuleType

# `ci` draws the same examples in every run. `dev` looks for new ones, and takes its time.
# Neither looks at a clock: a busy machine is no failure.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=50,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", settings.get_profile("ci"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session", autouse=True)
def _programs_are_not_measured() -> None:
    """What tests start covers no line that has no test of its own, and would take longer."""
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Async tests run once on each runtime."""
    name: str = request.param
    return name


@pytest.fixture
def runtime(anyio_backend: str) -> ModuleType:
    """The driver package of the runtime that the test runs on."""
    return import_module(f"eventproto.{anyio_backend}")
