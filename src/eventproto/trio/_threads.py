"""How a thread reaches an event loop of trio."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventproto.engine import Soon

__all__ = ["Threads"]


class Threads:
    """See `eventproto.engine.Threads`."""

    def event(self) -> trio.Event:
        """See `Threads.event`."""
        return trio.Event()

    def soon(self) -> Soon:
        """See `Threads.soon`."""
        token = trio.lowlevel.current_trio_token()

        def soon(function: Callable[[], object]) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(function)

        return soon
