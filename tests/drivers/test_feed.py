"""Where a client goes over from history to what is new: every interleaving, without a runtime.

Nothing here waits for anything real. A scheduler lets all tasks take a step in turn, and between
any two steps a record may be appended: at each of them once, for each way in which a client comes.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from itertools import combinations_with_replacement, product
from types import coroutine
from typing import Any, cast

import pytest
from typing_extensions import override

from eventproto import Message
from eventproto._drive._feed import Feeds
from eventproto._drive._role import Flag
from eventproto._drive._stream import StreamSession
from eventproto.engine import Page, Retention
from eventproto.http import Request
from eventproto.site import Followed, LogStream, Start
from eventproto.sse import Decoder, Encoded, Gap, ServerSentEvent
from tests.drivers.log_streams import Store

STEPS = 14  # after so many, nobody has anything left to do
APPENDED = 3


@coroutine
def turn() -> Generator[None]:
    """Let everybody else take a step."""
    yield


class Slot:
    """An event of this runtime, which has no way to sleep."""

    def __init__(self) -> None:
        self.is_set = False

    def set(self) -> None:
        self.is_set = True

    async def wait(self) -> None:
        while not self.is_set:
            await turn()


class Scheduler:
    """A runtime, as far as feeding needs one: all tasks in turn."""

    def __init__(self) -> None:
        self.tasks: list[Coroutine[Any, Any, None]] = []

    def new_flag(self) -> Slot:
        return Slot()

    async def wait_for(self, flag: Flag, seconds: float) -> None:
        await flag.wait()

    async def take_turns(self) -> None:
        await turn()

    def spawn(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.tasks.append(task())

    def step(self) -> None:
        for task in self.tasks.copy():
            try:
                task.send(None)
            except StopIteration:
                self.tasks.remove(task)


class SlowStore(Store):
    """A log whose readers are told what was there a moment ago."""

    @override
    async def read(self, topic: str, after: str | None = None, limit: int = 100) -> Page:
        await turn()
        page = await self.log.read(topic, after, limit)
        await turn()
        return page


class Connection:
    """What a client has been told."""

    def __init__(self) -> None:
        self.told: list[Encoded] = []

    def post_all(self, commands: Iterable[tuple[Encoded, ...]]) -> None:
        for command in commands:
            self.told += command

    async def send_all(self, commands: Iterable[tuple[Encoded, ...]]) -> None:
        self.post_all(commands)
        await turn()

    @property
    def read(self) -> list[ServerSentEvent]:
        found = Decoder().receive(b"".join(each.data for each in self.told))
        return [event for event in found if isinstance(event, ServerSentEvent)]


def at_once(task: Coroutine[Any, Any, object]) -> None:
    """Run what does not wait for anything."""
    with pytest.raises(StopIteration):
        task.send(None)


def play(
    endpoint: LogStream, start: Start, joins: Sequence[int], appends: Sequence[tuple[int, str]]
) -> list[list[ServerSentEvent]]:
    """What each client was told: they join, and records are appended, before these steps."""
    scheduler = Scheduler()
    feeds = Feeds(scheduler)
    connections: list[Connection] = []
    number = 3
    for step in range(STEPS + STEPS):
        for _ in range(joins.count(step)):
            connections.append(connection := Connection())
            followed = Followed(endpoint, Request("GET", "http://localhost/"), start)
            follower = feeds.join(followed, cast("StreamSession[Any]", connection))
            scheduler.spawn(follower.catch_up)
        for when, topic in appends:
            if when == step:
                at_once(endpoint.log.append(topic, record(number)))
                number += 1
        scheduler.step()
    for task in scheduler.tasks:
        task.close()
    return [connection.read for connection in connections]


def record(number: int) -> Message:
    return Message(data=b"%d" % number, id=f"id-{number}")


def store(*topics: str, **options: Any) -> SlowStore:
    """One that holds two records of each topic."""
    made = SlowStore(**options)
    for topic, number in product(topics, (1, 2)):
        at_once(made.append(topic, record(number)))
    return made


def schedules(*topics: str) -> Iterator[tuple[tuple[int, ...], list[tuple[int, str]]]]:
    """When clients join and what is appended when: alone, and into a topic that others follow."""
    for joins in ((0,), (0, 4)):
        for steps in combinations_with_replacement(range(STEPS), APPENDED):
            yield joins, [(step, topics[at % len(topics)]) for at, step in enumerate(steps)]


def numbers(events: Iterable[ServerSentEvent]) -> list[int]:
    return [int(event.data) for event in events if event.event != "gap"]


ALL = [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("place", "expected"),
    [("id-1", ALL[1:]), ("id-2", ALL[2:]), ("unknown", ALL), (None, ALL)],
)
def test_nothing_is_lost_or_repeated_at_the_seam(place: str | None, expected: list[int]) -> None:
    """Whatever comes between the steps of a client that reads on and of who reads for all."""
    for joins, appends in schedules("a"):
        endpoint = LogStream(store("a"), "a", replay=True)
        for read in play(endpoint, Start(("a",), (place,), channels=False), joins, appends):
            assert numbers(read) == expected, (joins, appends)
            gaps = [Gap.of(event) for event in read if event.event == "gap"]
            assert gaps == [Gap("unknown", "history")] * (place == "unknown")


def test_a_client_that_has_just_begun_misses_nothing_behind_its_place() -> None:
    """It gets all of the end of the topic, from where it was told that it is."""
    for joins, appends in schedules("a"):
        endpoint = LogStream(store("a"), "a")
        for read in play(endpoint, Start(("a",), (None,), channels=False), joins, appends):
            assert numbers(read) == ALL[len(ALL) - len(read) :], (joins, appends)


def test_channels_have_a_seam_each() -> None:
    """Each channel is in order, and the place in all of them grows with each event."""
    for joins, appends in schedules("a", "b"):
        endpoint = LogStream(store("a", "b"), ["a", "b"], replay=True)
        start = Start(("a", "b"), (None, None), channels=True)
        for read in play(endpoint, start, joins, appends):
            of_a = numbers(event for event in read if event.event == "a")
            of_b = numbers(event for event in read if event.event == "b")
            assert (of_a, of_b) == ([1, 2, 3, 5], [1, 2, 4]), (joins, appends)


def test_a_gap_stands_wherever_the_log_was_trimmed_under_a_reader() -> None:
    """And nowhere else: what it had no time to read is missing, and nothing else."""
    seen = set()
    for joins, appends in schedules("a"):
        endpoint = LogStream(store("a", retention=Retention(count=1)), "a")
        for read in play(endpoint, Start(("a",), ("id-2",), channels=False), joins, appends):
            last = 2
            for before, event in zip([None, *read], read, strict=False):
                if event.event != "gap":
                    number = int(event.data)
                    is_told = before is not None and before.event == "gap"
                    assert number > last, (joins, appends)
                    assert is_told == (number > last + 1), (joins, appends)
                    last = number
            assert last == ALL[-1], (joins, appends)
            seen.add(len(read))
    assert seen == {2, 3}  # with and without a gap
