"""What a block raised, without the groups that structured concurrency puts round it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["unwrapped"]


@contextmanager
def unwrapped() -> Generator[None]:
    """Raise what a block raised, not the group that a nursery puts round it."""
    try:
        yield
    except BaseExceptionGroup as group:
        only, *others = group.exceptions
        if others:
            raise
        raise only from only.__cause__
