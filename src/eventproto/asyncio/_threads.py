"""How a thread reaches an event loop of asyncio."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventproto.engine import Soon

__all__ = ["Threads"]


class Threads:
    """See `eventproto.engine.Threads`."""

    def event(self) -> asyncio.Event:
        """See `Threads.event`."""
        return asyncio.Event()

    def soon(self) -> Soon:
        """See `Threads.soon`."""
        loop = asyncio.get_running_loop()

        def soon(function: Callable[[], object]) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(function)

        return soon
