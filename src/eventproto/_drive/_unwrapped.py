"""What a block raised, without the groups that structured concurrency puts round it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["unwrapped"]


@contextmanager
def unwrapped(*beside: type[BaseException]) -> Generator[None]:
    """Raise what a block raised, not the group that a nursery puts round it.

    Args:
        beside: What does not count beside an error, such as being cancelled if that is said again
            as long as it holds.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        _, errors = group.split(beside)
        only, *others = (errors or group).exceptions
        if others:
            raise
        raise only from only.__cause__
