"""The engine that keeps everything in memory, and forgets it with the process."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Self

from eventproto._retry import Entropy
from eventproto.engine._checks import check_remember
from eventproto.engine._cursors import EPOCH_SIZE
from eventproto.engine._memory_leases import MemoryLeases
from eventproto.engine._memory_log import MemoryLog
from eventproto.engine._memory_queue import MemoryQueue
from eventproto.engine._values import Clock, Retention, RetentionChoice

__all__ = ["MemoryEngine"]


class MemoryEngine:
    """An engine for tests, and for what need not outlive the process.

    It belongs to one event loop, works without being entered, and never suspends its caller.

    Args:
        retention: What each topic keeps, or a function that says it for a topic.
        remember: For how many seconds a queue knows the id of a job that was acknowledged. One
            hour unless said; it costs the memory of that many ids.
        clock: Where it reads the time.
        entropy: What the epoch of its log is drawn from.

    Raises:
        LocalProtocolError: `remember` is negative.

    Attributes:
        log: See `Log`.
        queue: See `Queue`.
        leases: See `Leases`.
    """

    def __init__(
        self,
        *,
        retention: RetentionChoice = Retention(),
        remember: float = 3600.0,
        clock: Clock = time.time,
        entropy: Entropy = os.urandom,
    ) -> None:
        check_remember(remember)
        self.log = MemoryLog(entropy(EPOCH_SIZE), clock, retention)
        self.queue = MemoryQueue(clock, remember)
        self.leases = MemoryLeases(clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Keeps everything: it may be entered again."""
