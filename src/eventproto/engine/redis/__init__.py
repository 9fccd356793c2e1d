"""The engine that keeps everything on a Redis or Valkey server, for any number of machines.

It needs the extra `redis`, and Redis 6.2 or later.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from eventproto._errors import LocalProtocolError
from eventproto._retry import Entropy
from eventproto.engine._checks import check_name, check_remember
from eventproto.engine._values import Clock, Retention, RetentionChoice
from eventproto.engine.redis._leases import RedisLeases
from eventproto.engine.redis._log import RedisLog
from eventproto.engine.redis._queue import RedisQueue
from eventproto.engine.redis._server import Server, exact

__all__ = ["RedisEngine"]


class RedisEngine:
    """An engine on a Redis or Valkey server, or a cluster of them.

    Every step is one script, so that no two clients ever see half of one. All keys of a topic, of
    a queue, and of all leases are in one slot of a cluster each.

    What it promises is what the server promises: to lose nothing that was confirmed, the server
    needs `appendonly yes` with `appendfsync always`, and `maxmemory-policy noeviction`. What a
    server did lose is visible as a gap.

    Args:
        url: Where the server is: `redis://`, `rediss://` or `unix://`.
        cluster: Whether it is one of a cluster.
        prefix: What all keys begin with; not empty, and without braces, which say what is hashed.
        retention: What each topic keeps, or a function that says it for a topic.
        remember: For how many seconds a queue knows the id of a job that was acknowledged. One
            hour unless said.
        patience: For how many seconds to wait for an answer, before a call fails with
            `StoreUnavailable`.
        clock: Where it reads the time; None, the default, has the server say it, so that clients
            whose clocks differ agree.
        entropy: What epochs and versions are drawn from.

    Raises:
        LocalProtocolError: `remember` is negative, the prefix has braces, or the URL is that of
            no server.

    Attributes:
        log: See `Log`.
        queue: See `Queue`.
        leases: See `Leases`.
    """

    def __init__(
        self,
        url: str,
        *,
        cluster: bool = False,
        prefix: str = "eventproto",
        retention: RetentionChoice = Retention(),
        remember: float = 3600.0,
        patience: float = 10.0,
        clock: Clock | None = None,
        entropy: Entropy = os.urandom,
    ) -> None:
        check_remember(remember)
        check_name("prefix", prefix)
        if not {"{", "}"}.isdisjoint(prefix):
            msg = f"a prefix must not have braces, got {prefix!r:.80}"
            raise LocalProtocolError(msg)

        def time() -> str:
            return "" if clock is None else exact(clock())

        self._server = Server(url, cluster=cluster, patience=patience)
        self.log = RedisLog(self._server, prefix, time, retention, entropy)
        self.queue = RedisQueue(self._server, prefix, time, remember)
        self.leases = RedisLeases(self._server, prefix, time, entropy)

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            LocalProtocolError: It is open already.
            StoreUnavailable: There is no server that answers.
            EngineError: The server refuses.
        """
        await self._server.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect."""
        await self._server.close()
