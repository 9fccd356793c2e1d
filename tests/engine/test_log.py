"""What every log promises, sentence by sentence."""

from __future__ import annotations

import re
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from eventproto import LocalProtocolError, Message
from eventproto.engine import Log, Retention
from tests.engine.conftest import ManualClock, Open


def text(content: str, **attributes: str) -> Message:
    return Message.of_text(content, **attributes)


async def fill(log: Log, topic: str, *contents: str) -> list[str]:
    return [await log.append(topic, text(content)) for content in contents]


async def contents(log: Log, topic: str, after: str | None = None) -> list[str]:
    return [record.message.text for record in (await log.read(topic, after)).records]


async def test_messages_come_back_as_they_were_in_order(open_engine: Open) -> None:
    """Every attribute, and data that is no text."""
    whole = Message(
        data=b"\x00\xff\r\n",
        type="added",
        id="1 é",
        source="/s",
        subject="x",
        time=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        content_type="application/octet-stream",
        extensions={"a": "b", "c": ""},
    )
    async with open_engine() as engine:
        cursor = await engine.log.append("t", whole)
        await engine.log.append("t", Message(data=b""))
        page = await engine.log.read("t")
    assert page.records[0].message == whole
    assert page.records[0].cursor == cursor
    assert page.records[1].message == Message(data=b"", id=page.records[1].cursor)


async def test_a_message_without_an_id_has_its_cursor_for_one(open_engine: Open) -> None:
    """So that it has the same id on every protocol."""
    async with open_engine() as engine:
        cursor = await engine.log.append("t", text("a"))
        (record,) = (await engine.log.read("t")).records
    assert record.message == text("a", id=cursor)


async def test_cursors_increase_also_as_strings(open_engine: Open, clock: ManualClock) -> None:
    """Also while the clock stands still or goes back; and they go through header fields."""
    async with open_engine() as engine:
        cursors = await fill(engine.log, "t", "a", "b")
        clock.now += 1000
        cursors += await fill(engine.log, "t", "c")
        clock.now -= 2000
        cursors += await fill(engine.log, "t", "d")
        assert await contents(engine.log, "t") == ["a", "b", "c", "d"]
    assert cursors == sorted(set(cursors))
    assert all(re.fullmatch(r"[A-Za-z0-9-]{1,40}", cursor) for cursor in cursors)


async def test_topics_do_not_know_each_other(open_engine: Open) -> None:
    """A cursor means nothing in another topic, and its message may be copied there."""
    async with open_engine() as engine:
        (cursor,) = await fill(engine.log, "a", "1")
        await fill(engine.log, "b", "2", "3")
        assert await contents(engine.log, "a") == ["1"]
        assert (await engine.log.read("b", cursor)).gap
        (record,) = (await engine.log.read("a")).records
        await engine.log.append("b", record.message)
        page = await engine.log.read("b", cursor)
    assert (page.records, page.gap) == ((), False)


async def test_reading_goes_on_behind_a_cursor_or_an_id(open_engine: Open) -> None:
    """What a consumer has may be a cursor, a `webhook-id` or a `Last-Event-ID`."""
    async with open_engine() as engine:
        await engine.log.append("t", text("a", id="one"))
        (cursor,) = await fill(engine.log, "t", "b")
        await fill(engine.log, "t", "c")
        assert await contents(engine.log, "t", "one") == ["b", "c"]
        assert await contents(engine.log, "t", cursor) == ["c"]
        page = await engine.log.read("t", "one", limit=1)
    assert [record.cursor for record in page.records] == [cursor]
    assert not page.gap


async def test_reading_the_tail_alone(open_engine: Open) -> None:
    """Then going on exactly there."""
    async with open_engine() as engine:
        cursors = await fill(engine.log, "t", "a", "b")
        page = await engine.log.read("t", limit=0)
        assert (page.records, page.gap, page.tail) == ((), False, cursors[-1])
        await fill(engine.log, "t", "c")
        assert await contents(engine.log, "t", page.tail) == ["c"]


async def test_the_tail_of_an_empty_topic_goes_on_there(open_engine: Open) -> None:
    """Without a gap, until something behind it was trimmed."""
    async with open_engine(retention=Retention(count=2)) as engine:
        tail = (await engine.log.read("t")).tail
        assert not (await engine.log.read("t", tail)).gap
        await fill(engine.log, "t", "a", "b")
        page = await engine.log.read("t", tail)
        assert (len(page.records), page.gap) == (2, False)
        await fill(engine.log, "t", "c")
        page = await engine.log.read("t", tail)
        assert (len(page.records), page.gap) == (2, True)


@pytest.mark.parametrize("after", ["", "unheard of", "\0", "é" * 100, "0", "-1", "aaaaaaaa-1"])
async def test_whatever_is_unknown_is_a_gap(open_engine: Open, after: str) -> None:
    """Never an error; also in a topic that is empty."""
    async with open_engine() as engine:
        assert (await engine.log.read("t", after)).gap
        await fill(engine.log, "t", "a")
        page = await engine.log.read("t", after)
    assert page.gap
    assert [record.message.text for record in page.records] == ["a"]


async def test_a_cursor_that_was_never_given_is_a_gap(open_engine: Open) -> None:
    """Before, between and behind the records."""
    async with open_engine() as engine:
        cursors = await fill(engine.log, "t", "a")
        clock_moves = await engine.log.append("t", text("b"))
        head, digits = cursors[0].split("-")
        for position in (int(digits) - 1, int(clock_moves.split("-")[1]) + 1, 10**16 - 1):
            page = await engine.log.read("t", f"{head}-{position:016d}")
            assert (len(page.records), page.gap) == (2, True)
        for odd in (f"{head}-", f"{head}-{'x' * 16}", f"{head}-{'٣' * 16}", cursors[0] + "0"):
            assert (await engine.log.read("t", odd)).gap


async def test_the_cursor_of_another_store_is_a_gap(open_engine: Open) -> None:
    """One that was flushed is another one; its epoch tells."""
    async with open_engine() as engine:
        (cursor,) = await fill(engine.log, "t", "a")
    async with open_engine() as engine:
        await fill(engine.log, "t", "a")
        assert (await engine.log.read("t", cursor)).gap


async def test_an_id_is_appended_once(open_engine: Open) -> None:
    """The first one stays; the same id in another topic is another message."""
    async with open_engine() as engine:
        first = await engine.log.append("t", text("a", id="1"))
        await fill(engine.log, "t", "b")
        assert await engine.log.append("t", text("other", id="1")) == first
        assert await contents(engine.log, "t") == ["a", "b"]
        assert await engine.log.append("u", text("a", id="1")) != first


async def test_a_record_is_appended_once_to_its_own_topic(open_engine: Open) -> None:
    """With the id that it was given."""
    async with open_engine() as engine:
        (cursor,) = await fill(engine.log, "t", "a")
        (record,) = (await engine.log.read("t")).records
        assert await engine.log.append("t", record.message) == cursor
        assert await contents(engine.log, "t") == ["a"]


async def test_an_id_may_come_again_once_it_is_trimmed(open_engine: Open) -> None:
    """Idempotency lasts as long as the record."""
    async with open_engine(retention=Retention(count=1)) as engine:
        first = await engine.log.append("t", text("a", id="1"))
        await fill(engine.log, "t", "b")
        second = await engine.log.append("t", text("c", id="1"))
        assert second > first
        assert await contents(engine.log, "t") == ["c"]
        page = await engine.log.read("t", "1")
        assert (page.records, page.gap) == ((), False)


async def test_an_id_that_is_a_cursor_to_come_is_refused(open_engine: Open) -> None:
    """Nobody could tell any more what it means; nothing has changed."""
    async with open_engine() as engine:
        (cursor,) = await fill(engine.log, "t", "a")
        head, digits = cursor.split("-")
        later = f"{head}-{int(digits) + 1:016d}"
        with pytest.raises(LocalProtocolError, match="yet to give"):
            await engine.log.append("t", text("b", id=later))
        assert await contents(engine.log, "t") == ["a"]
        earlier = f"{head}-{int(digits) - 1:016d}"
        await engine.log.append("t", text("b", id=earlier))
        page = await engine.log.read("t", earlier)
        assert (len(page.records), page.gap) == (2, True)  # taken for a cursor: too much is read


async def test_retention_by_count(open_engine: Open) -> None:
    """Who has read all that is gone has no gap, by cursor and by id."""
    async with open_engine(retention=Retention(count=2)) as engine:
        await engine.log.append("t", text("a", id="one"))
        second = await engine.log.append("t", text("b", id="two"))
        await fill(engine.log, "t", "c", "d")
        for after, gap in (("one", True), ("two", False), (second, False), (None, False)):
            page = await engine.log.read("t", after)
            assert page.gap is gap
            assert [record.message.text for record in page.records] == ["c", "d"]


async def test_retention_by_size(open_engine: Open) -> None:
    """Bytes of data; the newest is kept however large it is."""
    async with open_engine(retention=Retention(size=4)) as engine:
        await fill(engine.log, "t", "aa", "bb")
        assert await contents(engine.log, "t") == ["aa", "bb"]
        await fill(engine.log, "t", "c")
        assert await contents(engine.log, "t") == ["bb", "c"]
        await fill(engine.log, "t", "ddddd")
        assert await contents(engine.log, "t") == ["ddddd"]


async def test_retention_by_age(open_engine: Open, clock: ManualClock) -> None:
    """Without anybody appending; the last reader has no gap, and the topic goes on."""
    async with open_engine(retention=Retention(age=10)) as engine:
        first = await engine.log.append("t", text("a", id="one"))
        clock.now += 5
        await engine.log.append("t", text("b", id="two"))
        clock.now += 5
        page = await engine.log.read("t", "one")
        assert [record.message.text for record in page.records] == ["b"]
        assert not page.gap
        clock.now += 5
        unknown = first[:-16] + str(int(page.tail[-16:]) + 1)
        assert (await engine.log.read("t", unknown)).gap
        for after, gap in ((first, True), ("one", True), ("two", False), (page.tail, False)):
            now = await engine.log.read("t", after)
            assert (now.records, now.gap, now.tail) == ((), gap, page.tail)
        again = await engine.log.append("t", text("c", id="two"))  # it is not held any more
        assert again > page.tail
        assert await contents(engine.log, "t", page.tail) == ["c"]


async def test_retention_by_topic(open_engine: Open) -> None:
    """A function may choose."""
    kept = {"few": Retention(count=1)}
    async with open_engine(retention=lambda topic: kept.get(topic, Retention())) as engine:
        await fill(engine.log, "few", "a", "b")
        await fill(engine.log, "many", "a", "b")
        assert await contents(engine.log, "few") == ["b"]
        assert await contents(engine.log, "many") == ["a", "b"]


async def test_no_retention_keeps_everything(open_engine: Open) -> None:
    """None is no bound."""
    async with open_engine(retention=Retention(count=None, size=None)) as engine:
        await fill(engine.log, "t", *map(str, range(150)))
        assert len((await engine.log.read("t", limit=1000)).records) == 150
        assert len((await engine.log.read("t")).records) == 100


async def test_a_long_topic_is_trimmed_all_along(open_engine: Open) -> None:
    """What was trimmed long ago does not disturb what is there."""
    async with open_engine(retention=Retention(count=10)) as engine:
        cursors = await fill(engine.log, "t", *map(str, range(300)))
        assert await contents(engine.log, "t") == [str(each) for each in range(290, 300)]
        assert await contents(engine.log, "t", cursors[294]) == ["295", "296", "297", "298", "299"]
        assert not (await engine.log.read("t", cursors[289])).gap
        assert (await engine.log.read("t", cursors[288])).gap


async def test_what_is_watched_gives_hints(open_engine: Open) -> None:
    """While the block runs, to each watcher, and of what is watched alone."""
    first: list[str] = []
    second: list[str] = []
    async with open_engine() as engine:
        with engine.log.watch(["t", "u"], first.append), engine.log.watch(["t"], second.append):
            await fill(engine.log, "t", "a")
            assert {*first} >= {"t"} <= {*second}
            await fill(engine.log, "other", "a")
            await fill(engine.log, "u", "b")
            assert {*first} == {"t", "u"}
            assert {*second} == {"t"}
        first.clear()
        await fill(engine.log, "t", "c")
        assert first == []


async def test_a_watcher_may_leave_when_it_is_told(open_engine: Open) -> None:
    """The others are still told."""
    told: list[str] = []
    async with open_engine() as engine:
        leaving = ExitStack()
        leaving.enter_context(engine.log.watch(["t"], lambda _: leaving.close()))
        with engine.log.watch(["t"], told.append):
            await fill(engine.log, "t", "a")
            told.clear()
            await fill(engine.log, "t", "b")
    assert "t" in told


@pytest.mark.parametrize("topic", ["", "\ud800", None, b"t"])
async def test_a_topic_has_a_name(open_engine: Open, topic: str) -> None:
    """A string that is not empty and that UTF-8 can write."""
    async with open_engine() as engine:
        with pytest.raises(LocalProtocolError, match="topic"):
            await engine.log.append(topic, text("a"))
        with pytest.raises(LocalProtocolError, match="topic"):
            await engine.log.read(topic)


async def test_topics_may_have_any_name(open_engine: Open) -> None:
    """Whatever a store makes of it."""
    names = ["a", "A", "a ", "{a}", "a:b", "é", "e\u0301", "\0", "*", "%", "x" * 1000]
    async with open_engine() as engine:
        for name in names:
            await fill(engine.log, name, name)
        for name in names:
            assert await contents(engine.log, name) == [name]


async def test_a_limit_is_not_negative(open_engine: Open) -> None:
    """Zero is allowed."""
    async with open_engine() as engine:
        with pytest.raises(LocalProtocolError, match="limit must be at least 0"):
            await engine.log.read("t", limit=-1)


async def test_a_subclass_may_be_appended(open_engine: Open) -> None:
    """It is a message, too."""

    class Special(Message):
        __slots__ = ()

    async with open_engine() as engine:
        await engine.log.append("t", Special(data=b"x", id="1"))
        (record,) = (await engine.log.read("t")).records
    assert (record.message.data, record.message.id) == (b"x", "1")


@pytest.mark.parametrize("bound", [{"count": 0}, {"size": -1}, {"age": 0.0}, {"age": float("nan")}])
def test_a_bound_of_retention_is_positive(bound: dict[str, float]) -> None:
    """None is how to say none."""
    with pytest.raises(LocalProtocolError, match="must be positive or None"):
        Retention(**bound)  # type: ignore[arg-type]  # of either type
