"""How the contract test is given an engine."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from eventproto.engine import Clock, Engine, RetentionChoice

__all__ = ["EngineFactory"]


class EngineFactory(Protocol):
    """Opens an engine: a function, or a class, that takes these arguments."""

    def __call__(
        self, store: str, *, clock: Clock, retention: RetentionChoice, remember: float
    ) -> AbstractAsyncContextManager[Engine]:
        """Open a store.

        Args:
            store: Which one. A name that was not used before is that of an empty store; with one
                that was, everything must be there again, and two may be open at once.
            clock: Where the engine reads the time.
            retention: What each topic keeps.
            remember: For how long the id of a job that was acknowledged is known.
        """
        ...
