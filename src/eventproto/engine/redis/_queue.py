"""Queues in Redis."""

from __future__ import annotations

from functools import partial
from typing import Any

from typing_extensions import override

from eventproto.engine._checked import CheckedQueue, Span
from eventproto.engine._values import DeadLetter, Depth, Job
from eventproto.engine.redis import _queue_scripts as scripts
from eventproto.engine.redis._server import Server, Time, exact, key_of

__all__ = ["RedisQueue"]


class RedisQueue(CheckedQueue):
    """See `eventproto.engine.Queue`."""

    def __init__(self, server: Server, prefix: str, time: Time, remember: float) -> None:
        super().__init__(server.hints(self._channel))
        self._server = server
        self._key = partial(key_of, prefix, "queue")
        self._time = time
        self._remember = remember

    @override
    async def _put(
        self, queue: str, job_id: str, data: bytes, due: float | None, group: str | None
    ) -> bool:
        when, channel = "" if due is None else exact(due), self._channel(queue)
        put = await self._run(
            queue, scripts.PUT, self._time(), job_id, data, when, group or "", channel
        )
        return bool(put)

    @override
    async def _claim(self, queue: str, n: int, lease: float) -> tuple[Job, ...]:
        expires, *claimed = await self._run(queue, scripts.CLAIM, self._time(), n, exact(lease))
        return tuple(
            Job(queue, id.decode(), data, group.decode() or None, attempt, token, float(expires))
            for id, data, group, attempt, token in claimed
        )

    @override
    async def _ack(self, job: Job) -> bool:
        return await self._end(job, scripts.ACK, self._time(), exact(self._remember))

    @override
    async def _nack(self, job: Job, due: float, data: bytes | None) -> bool:
        change = int(data is not None), data or b""
        return await self._end(job, scripts.NACK, "", exact(due), *change)

    @override
    async def _bury(self, job: Job, reason: str) -> bool:
        return await self._end(job, scripts.BURY, self._time(), reason)

    @override
    async def _next_due(self, queue: str) -> float | None:
        due = await self._run(queue, scripts.NEXT_DUE, "")
        return None if due is None else float(due)

    @override
    async def _depth(self, queue: str) -> Depth:
        return Depth(*await self._run(queue, scripts.DEPTH, ""))

    @override
    async def _dead(self, queue: str, after: int, limit: int) -> tuple[DeadLetter, ...]:
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

    @override
    async def _replay(self, queue: str, span: Span) -> int:
        bounds, channel = _bounds(span), self._channel(queue)
        return int(await self._run(queue, scripts.REPLAY, self._time(), *bounds, channel))

    @override
    async def _discard(self, queue: str, span: Span) -> int:
        return int(await self._run(queue, scripts.DISCARD, *_bounds(span)))

    def _channel(self, queue: str) -> str:
        return self._key(queue) + ":news"

    async def _end(self, job: Job, script: str, time: str, *args: str | bytes | int) -> bool:
        channel = self._channel(job.queue)
        return bool(await self._run(job.queue, script, time, job.id, job.token, channel, *args))

    async def _run(self, queue: str, script: str, *args: str | bytes | int) -> Any:  # noqa: ANN401  # a reply
        key = self._key(queue)
        return await self._server.run(script, [f"{key}:{part}" for part in scripts.KEYS], *args)


def _bounds(span: Span) -> tuple[int | str, int | str]:
    first, last = span
    return "-inf" if first is None else first, "+inf" if last is None else last
