"""Who wants to be told of news in the same process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager

from eventproto._errors import LocalProtocolError
from eventproto.engine._checks import check_name
from eventproto.engine._interface import Hint

__all__ = ["Hints"]


class Hints:
    """The watchers of topics or of queues, by name.

    Args:
        on_change: Called when something else is watched, for engines that must look for news.
    """

    __slots__ = ("_on_change", "_watchers")

    def __init__(self, on_change: Callable[[], None] | None = None) -> None:
        # Each under a key of its own, so that one function may watch twice.
        self._watchers: dict[str, dict[object, Hint]] = {}
        self._on_change = on_change

    def watch(self, names: Iterable[str], hint: Hint) -> AbstractContextManager[None]:
        """See `Log.watch`."""
        if isinstance(names, str):
            msg = f"what is watched must be several names, not the one of {names!r:.80}"
            raise LocalProtocolError(msg)
        watched = tuple(names)
        for name in watched:
            check_name("what is watched", name)
        return self._watch({*watched}, hint)

    def names(self) -> tuple[str, ...]:
        """What is watched; may be asked from any thread."""
        return tuple(self._watchers)

    def tell(self, name: str) -> None:
        """There may be news."""
        # A copy: who is told may stop watching.
        for hint in tuple(self._watchers.get(name, {}).values()):
            hint(name)

    @contextmanager
    def _watch(self, watched: set[str], hint: Hint) -> Generator[None]:
        key = object()
        for name in watched:
            self._watchers.setdefault(name, {})[key] = hint
        if self._on_change is not None:
            self._on_change()
        try:
            yield
        finally:
            for name in watched:
                watchers = self._watchers[name]
                del watchers[key]
                if not watchers:
                    del self._watchers[name]
            if self._on_change is not None:
                self._on_change()
