"""Who wants to be told of news in the same process."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from eventproto.engine._interface import Hint

__all__ = ["Hints"]


class Hints:
    """The watchers of topics or of queues, by name."""

    __slots__ = ("_watchers",)

    def __init__(self) -> None:
        # Each under a key of its own, so that one function may watch twice.
        self._watchers: dict[str, dict[object, Hint]] = {}

    @contextmanager
    def watch(self, names: Iterable[str], hint: Hint) -> Generator[None]:
        """See `Log.watch`."""
        watched = set(names)
        key = object()
        for name in watched:
            self._watchers.setdefault(name, {})[key] = hint
        try:
            yield
        finally:
            for name in watched:
                watchers = self._watchers[name]
                del watchers[key]
                if not watchers:
                    del self._watchers[name]

    def tell(self, name: str) -> None:
        """There may be news."""
        # A copy: who is told may stop watching.
        for hint in tuple(self._watchers.get(name, {}).values()):
            hint(name)
