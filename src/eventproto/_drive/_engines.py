"""Engines by address, so that where an application keeps its data is a line of configuration."""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager

from eventproto import LocalProtocolError
from eventproto.engine import Clock, Engine, MemoryEngine, Retention, RetentionChoice, Threads

__all__ = ["Engines"]


class Engines:
    """Opens engines on one runtime."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    def open(
        self,
        address: str,
        *,
        retention: RetentionChoice = Retention(),
        remember: float = 3600.0,
        clock: Clock | None = None,
    ) -> AbstractAsyncContextManager[Engine]:
        """Open the engine at an address, for the time of a block.

        Args:
            address: `memory:` for one that forgets everything with the block; `sqlite:PATH` for a
                file of this machine; `redis://`, `rediss://` or `unix://` for a Redis or Valkey
                server, and the same with `redis+cluster://` or `rediss+cluster://` for a cluster.
            retention: What each topic keeps, or a function that says it for a topic.
            remember: For how many seconds a queue knows the id of a job that was acknowledged.
            clock: Where the engine reads the time; None for the one of the store.

        Raises:
            LocalProtocolError: There is no engine for this address.
            ModuleNotFoundError: The extra `redis` is not installed, and needed.
        """
        scheme, _, rest = address.partition(":")
        if address == "memory:":
            return MemoryEngine(retention=retention, remember=remember, clock=clock or time.time)
        if scheme == "sqlite" and rest:
            from eventproto.engine.sqlite import SqliteEngine  # noqa: PLC0415  # may not be built

            return SqliteEngine(
                rest,
                self._threads,
                retention=retention,
                remember=remember,
                clock=clock or time.time,
            )
        kind, _, cluster = scheme.partition("+")
        if kind in {"redis", "rediss", "unix"} and cluster in {"", "cluster"}:
            from eventproto.engine.redis import RedisEngine  # noqa: PLC0415  # an extra

            return RedisEngine(
                f"{kind}:{rest}",
                cluster=bool(cluster),
                retention=retention,
                remember=remember,
                clock=clock,
            )
        msg = f"an engine is at memory:, sqlite:PATH or redis://HOST, not at {address!r}"
        raise LocalProtocolError(msg)
