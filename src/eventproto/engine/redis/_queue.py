"""Queues in Redis."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from eventproto.engine._checks import (
    check_data,
    check_lease,
    check_limit,
    check_name,
    check_put,
    check_text,
    check_time,
)
from eventproto.engine._interface import Hint
from eventproto.engine._values import DeadLetter, Depth, Job
from eventproto.engine.redis import _queue_scripts as scripts
from eventproto.engine.redis._server import Server, Time, exact, key_of

__all__ = ["RedisQueue"]


class RedisQueue:
    """See `eventproto.engine.Queue`."""

    def __init__(self, server: Server, prefix: str, time: Time, remember: float) -> None:
        self._server = server
        self._key = partial(key_of, prefix, "queue")
        self._time = time
        self._remember = remember
        self._hints = server.hints(self._channel)

    async def put(
        self,
        queue: str,
        job_id: str,
        data: bytes,
        due: float | None = None,
        *,
        group: str | None = None,
    ) -> bool:
        """See `Queue.put`."""
        check_put(queue, job_id, data, due, group)
        when = "" if due is None else exact(due)
        channel = self._channel(queue)
        return await self._changed(
            queue, scripts.PUT, self._time(), job_id, data, when, group or "", channel
        )

    async def claim(self, queue: str, n: int = 1, lease: float = 60.0) -> tuple[Job, ...]:
        """See `Queue.claim`."""
        check_name("queue", queue)
        check_limit("n", n, 1)
        check_lease(lease)
        expires, *claimed = await self._run(queue, scripts.CLAIM, self._time(), n, exact(lease))
        return tuple(
            Job(queue, id.decode(), data, group.decode() or None, attempt, token, float(expires))
            for id, data, group, attempt, token in claimed
        )

    async def ack(self, job: Job) -> bool:
        """See `Queue.ack`."""
        remember, channel = exact(self._remember), self._channel(job.queue)
        return await self._changed(
            job.queue, scripts.ACK, self._time(), job.id, job.token, remember, channel
        )

    async def nack(self, job: Job, due: float, data: bytes | None = None) -> bool:
        """See `Queue.nack`."""
        check_time("due", due)
        if data is not None:
            check_data(data)
        change = int(data is not None), data or b"", self._channel(job.queue)
        return await self._changed(job.queue, scripts.NACK, job.id, job.token, exact(due), *change)

    async def bury(self, job: Job, reason: str) -> bool:
        """See `Queue.bury`."""
        check_text("reason", reason)
        channel = self._channel(job.queue)
        return await self._changed(
            job.queue, scripts.BURY, self._time(), job.id, job.token, reason, channel
        )

    async def next_due(self, queue: str) -> float | None:
        """See `Queue.next_due`."""
        check_name("queue", queue)
        due = await self._run(queue, scripts.NEXT_DUE, "")
        return None if due is None else float(due)

    async def depth(self, queue: str) -> Depth:
        """See `Queue.depth`."""
        check_name("queue", queue)
        return Depth(*await self._run(queue, scripts.DEPTH, ""))

    async def dead(self, queue: str, after: int = 0, limit: int = 100) -> tuple[DeadLetter, ...]:
        """See `Queue.dead`."""
        check_name("queue", queue)
        check_limit("limit", limit, 1)
        return tuple(
            DeadLetter(
                int(number),
                id.decode(),
                data,
                group.decode() or None,
                attempt,
                why.decode(),
                float(at),
            )
            for number, id, data, group, attempt, why, at in await self._run(
                queue, scripts.DEAD, after, limit
            )
        )

    async def replay(self, queue: str, first: int | None = None, last: int | None = None) -> int:
        """See `Queue.replay`."""
        check_name("queue", queue)
        span, channel = _span(first, last), self._channel(queue)
        count: int = await self._run(queue, scripts.REPLAY, self._time(), *span, channel)
        if count:
            self._hints.tell(queue)
        return count

    async def discard(self, queue: str, first: int | None = None, last: int | None = None) -> int:
        """See `Queue.discard`."""
        check_name("queue", queue)
        count: int = await self._run(queue, scripts.DISCARD, *_span(first, last))
        return count

    def watch(self, queues: Iterable[str], hint: Hint) -> AbstractContextManager[None]:
        """See `Queue.watch`."""
        return self._hints.watch(queues, hint)

    def _channel(self, queue: str) -> str:
        return self._key(queue) + ":news"

    async def _run(self, queue: str, script: str, *args: str | bytes | int) -> Any:  # noqa: ANN401  # a reply
        key = self._key(queue)
        return await self._server.run(script, [f"{key}:{part}" for part in scripts.KEYS], *args)

    async def _changed(self, queue: str, script: str, *args: str | bytes | int) -> bool:
        changed = bool(await self._run(queue, script, *args))
        if changed:
            self._hints.tell(queue)
        return changed


def _span(first: int | None, last: int | None) -> tuple[int | str, int | str]:
    return "-inf" if first is None else first, "+inf" if last is None else last
