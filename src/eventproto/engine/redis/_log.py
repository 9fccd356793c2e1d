"""Topics in Redis."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto._retry import Entropy
from eventproto.engine._checks import check_limit, check_name
from eventproto.engine._codec import from_bytes, to_bytes
from eventproto.engine._cursors import TAG_SIZE, Cursors, tag
from eventproto.engine._interface import Hint
from eventproto.engine._values import Page, Record, RetentionChoice, retention_of
from eventproto.engine.redis import _log_scripts as scripts
from eventproto.engine.redis._server import Server, Time, key_of

__all__ = ["RedisLog"]

# For how many seconds the tail of a topic that nothing was appended to is known.
_EMPTY = 3600


class RedisLog:
    """See `eventproto.engine.Log`."""

    def __init__(
        self, server: Server, prefix: str, time: Time, retention: RetentionChoice, entropy: Entropy
    ) -> None:
        self._server = server
        self._key = partial(key_of, prefix, "log")
        self._time = time
        self._retention = retention
        self._entropy = entropy
        self._hints = server.hints(lambda topic: self._key(topic) + ":news")

    async def append(self, topic: str, message: Message) -> str:
        """See `Log.append`."""
        check_name("topic", topic)
        retention = retention_of(self._retention, topic)
        found, position, added = await self._server.run(
            scripts.APPEND,
            self._keys(topic),
            self._time(),
            tag(self._entropy(TAG_SIZE)),
            message.id or "",
            to_bytes(message),
            len(message.data),
            self._key(topic) + ":news",
            *map(_or_none, (retention.count, retention.size, _microseconds(retention.age))),
        )
        if added < 0:
            msg = f"the id {message.id!r} reads as a cursor that this topic is yet to give"
            raise LocalProtocolError(msg)
        if added:
            self._hints.tell(topic)
        return Cursors(found.decode()).write(int(position))

    async def read(self, topic: str, after: str | None = None, limit: int = 100) -> Page:
        """See `Log.read`."""
        check_name("topic", topic)
        check_limit("limit", limit, 0)
        age = retention_of(self._retention, topic).age
        found, last, gap, *rest = await self._server.run(
            scripts.READ,
            self._keys(topic),
            self._time(),
            tag(self._entropy(TAG_SIZE)),
            int(after is not None),
            (after or "").encode(errors="surrogatepass"),
            limit,
            _or_none(_microseconds(age)),
            _EMPTY,
        )
        cursors = Cursors(found.decode())
        records = tuple(
            _record(cursors.write(int(position)), from_bytes(stored))
            for position, stored in zip(rest[::2], rest[1::2], strict=True)
        )
        return Page(records, bool(gap), cursors.write(int(last)))

    def watch(self, topics: Iterable[str], hint: Hint) -> AbstractContextManager[None]:
        """See `Log.watch`."""
        return self._hints.watch(topics, hint)

    def _keys(self, topic: str) -> list[str]:
        key = self._key(topic)
        return [f"{key}:topic", f"{key}:records", f"{key}:ids"]


def _record(cursor: str, message: Message) -> Record:
    return Record(cursor, replace(message, id=cursor) if message.id is None else message)


def _or_none(number: int | None) -> int | str:
    return "" if number is None else number


def _microseconds(age: float | None) -> int | None:
    return None if age is None else int(age * 1e6)
