"""What a `Log` is compared with."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, rule

from eventproto import Message
from eventproto.engine import Page, Retention
from eventproto.testing._engine_machine import EngineMachine, handles

__all__ = ["LogMachine"]

_topics = st.sampled_from(["a", "b"])
_ids = st.none() | st.sampled_from(["1", "2", "3"])
_data = st.binary(max_size=3)
_retentions = st.builds(
    Retention,
    count=st.sampled_from([None, 1, 3]),
    size=st.sampled_from([None, 4]),
    age=st.sampled_from([None, 10.5]),  # never exactly over at a whole second
)


class _Topic:
    """All that was ever appended, the first `kept` of which are gone."""

    def __init__(self) -> None:
        self.cursors: list[str] = []
        self.messages: list[Message] = []
        self.times: list[float] = []
        self.kept = 0

    def held(self) -> list[Message]:
        return self.messages[self.kept :]

    def place_of_id(self, id: str | None) -> int | None:
        for place in range(self.kept, len(self.messages)):
            if self.messages[place].id == id:
                return place
        return None

    def append(self, cursor: str, message: Message, now: float) -> None:
        assert cursor.isascii(), cursor
        assert cursor.isprintable(), cursor
        assert not set(" ,=;") & set(cursor), cursor
        assert not self.cursors or cursor > self.cursors[-1], (self.cursors[-1], cursor)
        self.cursors.append(cursor)
        self.messages.append(replace(message, id=message.id or cursor))
        self.times.append(now)

    def trim(self, retention: Retention, now: float) -> None:
        if retention.age is not None:
            while self.held() and self.times[self.kept] <= now - retention.age:
                self.kept += 1
        while len(self.held()) > 1 and (
            len(self.held()) > (retention.count or 10**9)
            or sum(len(each.data) for each in self.held()) > (retention.size or 10**9)
        ):
            self.kept += 1

    def behind(self, after: str | None) -> int | None:
        """The place behind a cursor or an id; None if something is missing from there."""
        if after is None:
            return self.kept
        if after in self.cursors:
            place: int | None = self.cursors.index(after)
        elif self.kept and self.messages[self.kept - 1].id == after:
            place = self.kept - 1
        else:
            place = self.place_of_id(after)
        return None if place is None or place + 1 < self.kept else place + 1


class LogMachine(EngineMachine):
    """Appends and reads, by cursors and ids that are held, trimmed, of other topics, unknown."""

    cursors: Bundle[str] = Bundle("cursors")

    @initialize(retention=_retentions)
    def begin(self, retention: Retention) -> None:
        self.start(retention)
        self.topics = {"a": _Topic(), "b": _Topic()}

    @rule(target=cursors, handle=handles, topic=_topics)
    def tail(self, handle: int, topic: str) -> str:
        page = self.loop.call(lambda: self.engine(handle).log.read(topic, limit=0))
        if cursors := self.topics[topic].cursors:
            assert page == Page((), gap=False, tail=cursors[-1])
            return page.tail
        again = self.loop.call(lambda: self.engine(handle).log.read(topic, page.tail))
        assert again == Page((), gap=False, tail=page.tail)
        return "unknown"  # what it means later is not for the model to say

    @rule(target=cursors, handle=handles, topic=_topics, data=_data, id=_ids | cursors)
    def append(self, handle: int, topic: str, data: bytes, id: str | None) -> str:
        held = self.topics[topic]
        held.trim(self.retention, self.now)
        message = Message(data=data, id=id)
        place = None if id is None else held.place_of_id(id)
        cursor = self.loop.call(lambda: self.engine(handle).log.append(topic, message))
        if place is not None:
            assert cursor == held.cursors[place]
        else:
            held.append(cursor, message, self.now)
            held.trim(self.retention, self.now)
        return cursor

    @rule(topic=_topics, id=_ids, data=st.lists(_data, min_size=2, max_size=4))
    def append_together(self, topic: str, id: str | None, data: list[bytes]) -> None:
        held = self.topics[topic]
        held.trim(self.retention, self.now)
        place = None if id is None else held.place_of_id(id)
        messages = [Message(data=each, id=id) for each in data]
        cursors = self.loop.together(
            *(
                lambda at=at: self.engine(at % 2).log.append(topic, messages[at])
                for at in range(len(messages))
            )
        )
        if place is not None:
            assert set(cursors) == {held.cursors[place]}
        elif id is None:
            assert len(set(cursors)) == len(cursors)
            for cursor, message in sorted(zip(cursors, messages, strict=True), key=lambda x: x[0]):
                held.append(cursor, message, self.now)
                held.trim(self.retention, self.now)
        else:
            # Which of them was the first is the engine's to say.
            assert len(set(cursors)) == 1, cursors
            page = self.loop.call(lambda: self.engine(0).log.read(topic))
            assert page.records[-1].message in messages
            held.append(cursors[0], page.records[-1].message, self.now)
            held.trim(self.retention, self.now)

    @rule(
        handle=handles,
        topic=_topics,
        after=_ids | cursors | st.just("unknown"),
        limit=st.integers(0, 5),
    )
    def read(self, handle: int, topic: str, after: str | None, limit: int) -> None:
        held = self.topics[topic]
        held.trim(self.retention, self.now)
        page = self.loop.call(lambda: self.engine(handle).log.read(topic, after, limit))
        place = held.behind(after)
        begin = held.kept if place is None else place
        assert page.gap is (place is None)
        found = [(record.cursor, record.message) for record in page.records]
        expected = list(zip(held.cursors, held.messages, strict=True))
        assert found == expected[begin : begin + limit]
        if held.cursors:
            assert page.tail == held.cursors[-1]
