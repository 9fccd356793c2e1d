"""Topics in Redis."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from typing_extensions import override

from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto._retry import Entropy
from eventproto.engine._checked import CheckedLog
from eventproto.engine._codec import from_bytes, to_bytes
from eventproto.engine._cursors import TAG_SIZE, Cursors, age_of, tag
from eventproto.engine._values import Page, Record, Retention, RetentionChoice
from eventproto.engine.redis import _log_scripts as scripts
from eventproto.engine.redis._server import Server, Time, key_of

__all__ = ["RedisLog"]

# For how many seconds the tail of a topic that nothing was appended to is known.
_EMPTY = 3600


class RedisLog(CheckedLog):
    """See `eventproto.engine.Log`."""

    def __init__(
        self, server: Server, prefix: str, time: Time, retention: RetentionChoice, entropy: Entropy
    ) -> None:
        super().__init__(server.hints(lambda topic: self._key(topic) + ":news"), retention)
        self._server = server
        self._key = partial(key_of, prefix, "log")
        self._time = time
        self._entropy = entropy

    @override
    async def _append(self, topic: str, message: Message, retention: Retention) -> tuple[str, bool]:
        found, position, added = await self._server.run(
            scripts.APPEND,
            self._keys(topic),
            self._time(),
            tag(self._entropy(TAG_SIZE)),
            message.id or "",
            to_bytes(message),
            len(message.data),
            self._key(topic) + ":news",
            *map(_or_none, (retention.count, retention.size, age_of(retention))),
        )
        if added < 0:
            msg = f"the id {message.id!r} reads as a cursor that this topic is yet to give"
            raise LocalProtocolError(msg)
        return Cursors(found.decode()).write(int(position)), bool(added)

    @override
    async def _read(self, topic: str, after: str | None, limit: int, retention: Retention) -> Page:
        found, last, gap, *rest = await self._server.run(
            scripts.READ,
            self._keys(topic),
            self._time(),
            tag(self._entropy(TAG_SIZE)),
            int(after is not None),
            after or "",
            limit,
            _or_none(age_of(retention)),
            _EMPTY,
        )
        cursors = Cursors(found.decode())
        records = tuple(
            _record(cursors.write(int(position)), from_bytes(stored))
            for position, stored in zip(rest[::2], rest[1::2], strict=True)
        )
        return Page(records, bool(gap), cursors.write(int(last)))

    def _keys(self, topic: str) -> list[str]:
        key = self._key(topic)
        return [f"{key}:topic", f"{key}:records", f"{key}:ids"]


def _record(cursor: str, message: Message) -> Record:
    return Record(cursor, replace(message, id=cursor) if message.id is None else message)


def _or_none(number: int | None) -> int | str:
    return "" if number is None else number
