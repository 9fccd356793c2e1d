"""Topics in memory."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

from typing_extensions import override

from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto.engine._checked import CheckedLog
from eventproto.engine._cursors import Cursors, oldest_of, position_of
from eventproto.engine._hints import Hints
from eventproto.engine._values import Clock, Page, Record, Retention, RetentionChoice

__all__ = ["MemoryLog"]


class MemoryLog(CheckedLog):
    """See `eventproto.engine.Log`."""

    def __init__(self, epoch: bytes, clock: Clock, retention: RetentionChoice) -> None:
        super().__init__(Hints(), retention)
        self._epoch = epoch
        self._clock = clock
        self._topics: dict[str, _Topic] = {}

    @override
    async def _append(self, topic: str, message: Message, retention: Retention) -> tuple[str, bool]:
        held = self._find(topic)
        now = position_of(self._clock())
        held.expire(now, retention)
        position = None if message.id is None else held.ids.get(message.id)
        added = position is None
        if position is None:
            position = held.append(message, now)
            held.trim(retention)
            self._topics[topic] = held
        return held.cursors.write(position), added

    @override
    async def _read(self, topic: str, after: str | None, limit: int, retention: Retention) -> Page:
        held = self._find(topic)
        held.expire(position_of(self._clock()), retention)
        return held.read(after, limit)

    def _find(self, topic: str) -> _Topic:
        # What nothing was appended to is not kept: readers may ask for topics at will.
        return self._topics.get(topic) or _Topic(Cursors.of(self._epoch, topic))


class _Topic:
    """Records by position; the first `start` of the positions are trimmed already."""

    __slots__ = (
        "cursors",
        "ids",
        "last",
        "positions",
        "records",
        "size",
        "start",
        "trimmed_id",
        "trimmed_to",
    )

    def __init__(self, cursors: Cursors) -> None:
        self.cursors = cursors
        self.positions: list[int] = []
        self.records: dict[int, Record] = {}
        self.start = 0
        self.ids: dict[str, int] = {}
        self.size = 0
        self.last = 0
        # The last record that is gone: who has read so far has missed nothing.
        self.trimmed_to = 0
        self.trimmed_id: str | None = None

    def append(self, message: Message, now: int) -> int:
        if message.id is not None and (self.cursors.read(message.id) or 0) > self.last:
            msg = f"the id {message.id!r} reads as a cursor that this topic is yet to give"
            raise LocalProtocolError(msg)
        position = max(self.last + 1, now)
        cursor = self.cursors.write(position)
        if message.id is None:
            message = replace(message, id=cursor)
        self.positions.append(position)
        self.records[position] = Record(cursor, message)
        self.ids[message.id or cursor] = position
        self.size += len(message.data)
        self.last = position
        return position

    def read(self, after: str | None, limit: int) -> Page:
        place = self.start if after is None else self._behind(after)
        gap = place is None
        begin = self.start if place is None else place
        found = tuple(self.records[each] for each in self.positions[begin : begin + limit])
        return Page(found, gap, self.cursors.write(self.last))

    def _behind(self, after: str) -> int | None:
        position = self.cursors.read(after)
        if position is None:
            position = self.trimmed_to if after == self.trimmed_id else self.ids.get(after)
        if position is None or not (position == self.trimmed_to or position in self.records):
            return None
        return bisect_right(self.positions, position, self.start)

    def expire(self, now: int, retention: Retention) -> None:
        oldest = oldest_of(now, retention)
        while self.start < len(self.positions) and self.positions[self.start] <= oldest:
            self._trim_one()

    def trim(self, retention: Retention) -> None:
        count, size = retention.count, retention.size
        while (kept := len(self.positions) - self.start) > 1 and (
            (count is not None and kept > count) or (size is not None and self.size > size)
        ):
            self._trim_one()

    def _trim_one(self) -> None:
        position = self.positions[self.start]
        message = self.records.pop(position).message
        self.trimmed_to = position
        self.trimmed_id = message.id
        self.size -= len(message.data)
        del self.ids[message.id or ""]
        self.start += 1
        # As many are moved as were trimmed, so that each trim costs constant time in the mean.
        if self.start * 2 > len(self.positions) + 32:
            del self.positions[: self.start]
            self.start = 0
