"""What a runtime gives to everything that runs on it: the time, flags, and tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

__all__ = ["Flag", "Operation", "Primitives", "Tasks"]

T = TypeVar("T")

Operation: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""What a task does."""


class Flag(Protocol):
    """What `asyncio.Event` and `trio.Event` have in common."""

    def set(self) -> None:
        """Wake everybody who waits."""

    async def wait(self) -> Any:  # noqa: ANN401  # each runtime returns something else, unused
        """Wait until it is set."""


class Tasks(Protocol):
    """Tasks that end, at the latest, with the block that they were started in."""

    def start(self, operation: Operation) -> None:
        """Start a task; what it raises, the block raises."""

    def cancel(self) -> None:
        """Cancel all of them."""


class Primitives(Protocol):
    """What a runtime gives."""

    def now(self) -> float:
        """The time on the runtime's clock."""
        ...

    def unix_time(self) -> float:
        """The time on the wall."""
        ...

    def new_flag(self) -> Flag:
        """An event of the runtime."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Wait."""

    async def before(
        self, deadline: float | None, operation: Callable[[], Awaitable[T]]
    ) -> T | None:
        """Run an operation, but cancel it at the deadline, if any, and return None then."""

    async def first_of(
        self, one: Coroutine[Any, Any, object], other: Coroutine[Any, Any, object], /
    ) -> None:
        """Do two things until one of them is done, and cancel the other."""

    def open_tasks(self) -> AbstractAsyncContextManager[Tasks]:
        """A block for tasks, which cancels them in the end and waits until they have ended."""
        ...
