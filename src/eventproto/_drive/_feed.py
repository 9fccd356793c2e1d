"""Replaying a log to many clients: each topic is read once, and each record encoded once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final, Protocol

from eventproto import ClosedError, sse, websocket
from eventproto._drive._role import Flag
from eventproto._drive._stream import StreamSession
from eventproto.engine import EngineError, Page, Record
from eventproto.site import Followed, LogSocket, LogStream
from eventproto.site._channels import Channel, Entry
from eventproto.site._forms import Form, form_of
from eventproto.site._subscriber import Subscriber

__all__ = ["FeedRuntime", "Feeds", "Follower"]

_PAGE: Final = 100  # records that are read at a time
_STEP: Final = 16  # records that go to everybody before others have their turn
_PIECE: Final = 256 * 1024  # bytes that are sent to a client before it must have taken them
_LOG: Final = logging.getLogger("eventproto")


class FeedRuntime(Protocol):
    """What a runtime gives."""

    def new_flag(self) -> Flag:
        """An event of the runtime."""
        ...

    async def wait_for(self, flag: Flag, seconds: float) -> None:
        """Wait until a flag is set, but not longer than this."""
        ...

    async def take_turns(self) -> None:
        """Let everybody else run once."""
        ...

    def spawn(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a task that ends with the server, if not by itself."""
        ...


class Feeds:
    """All topics that the clients of a server follow."""

    def __init__(self, runtime: FeedRuntime) -> None:
        self._runtime = runtime
        self._readers: dict[tuple[int, str, bool], _Reader] = {}

    def join(self, followed: Followed, connection: StreamSession[Any]) -> Follower:
        """Take a client in; it gets nothing before it is attached."""
        start, endpoint = followed.start, followed.endpoint
        form = form_of(endpoint)
        readers = [
            self._reader(endpoint, form, topic, named=start.channels) for topic in start.topics
        ]
        channels = [reader.channel for reader in readers]
        subscriber = Subscriber(start, channels, form, replay=endpoint.replay)
        follower = Follower(subscriber, connection, readers, form, endpoint.limits)
        for reader in readers:
            reader.users += 1
        return follower

    def leave(self, follower: Follower) -> None:
        """Forget a client, and the topics that nobody follows any more."""
        for reader in follower.readers:
            reader.followers.pop(follower, None)
            reader.users -= 1
            if not reader.users:
                del self._readers[reader.key]
                reader.wake()

    def _reader(
        self, endpoint: LogStream | LogSocket, form: Form[Any], topic: str, *, named: bool
    ) -> _Reader:
        key = id(endpoint), topic, named
        reader = self._readers.get(key)
        if reader is None:
            channel = Channel(topic, endpoint, form, named=named)
            reader = self._readers[key] = _Reader(key, channel, endpoint, self._runtime)
            self._runtime.spawn(reader.run)
        return reader


class Follower:
    """A client that follows topics: it reads what it has missed, then it hears what is new.

    Attributes:
        readers: Of its topics.
    """

    __slots__ = ("__weakref__", "_connection", "_form", "_limits", "_subscriber", "readers")

    def __init__(
        self,
        subscriber: Subscriber[Any],
        connection: StreamSession[Any],
        readers: Sequence[_Reader],
        form: Form[Any],
        limits: sse.Limits | websocket.Limits,
    ) -> None:
        self.readers = tuple(readers)
        self._subscriber = subscriber
        self._connection = connection
        self._form = form
        self._limits = limits

    def attach(self) -> bool:
        """Have it hear what is new, if it has all that is not; say whether it does."""
        if any(reader.channel.tail is None for reader in self.readers):
            return False
        subscriber = self._subscriber
        if subscriber.behind() is not None or subscriber.missing():
            return False
        place = subscriber.announce()
        if place is not None:
            self._post([place])
        for index, reader in enumerate(self.readers):
            reader.followers[self] = index
        return True

    async def catch_up(self) -> None:
        """Read what it has missed, until it can be attached, no faster than the client does."""
        while not self.attach():
            for reader in self.readers:
                await reader.begun.wait()
            index = self._subscriber.behind()
            if index is None:
                await self._send(self._subscriber.missed())
            else:
                await self._read_on(index)

    async def _read_on(self, index: int) -> None:
        subscriber, reader = self._subscriber, self.readers[index]
        page = await reader.read(subscriber.place(index))
        events = [subscriber.lose(index)] if page.gap else []
        events += subscriber.take(index, reader.entries(page.records))
        if not page.records:
            subscriber.reach(index, page.tail)
        await self._send(events)
        if not page.records and not reader.channel.knows(page.tail):
            await reader.catch_up()

    def hear(self, index: int, entries: Iterable[Entry[Any]]) -> None:
        """There are new records in one of its topics."""
        self._post(self._subscriber.take(index, entries))

    def lose(self, index: int, tail: str | None) -> None:
        """One of its topics has a gap; if nothing is left of it, this is its end."""
        events = [self._subscriber.lose(index)]
        if tail is not None:
            self._subscriber.reach(index, tail)
            place = self._subscriber.announce()
            events += [] if place is None else [place]
        self._post(events)

    def _post(self, events: Sequence[Any]) -> None:
        """Send events: what the connection has no room for is under the policy for slow clients."""
        if len(events) == 1:  # as most often
            self._connection.post_all(self._form.commands(events))
            return
        self._connection.post_all(
            command for piece in self._pieces(events) for command in self._form.commands(piece)
        )

    async def _send(self, events: Sequence[Any]) -> None:
        """Send events, each piece when the client has taken the one before."""
        for piece in self._pieces(events):
            await self._connection.send_all(self._form.commands(piece))

    def _pieces(self, events: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """Events in pieces that may wait for a client, or one that is quick would be too slow."""
        most, size = self._limits.output_count, min(self._limits.output_size, _PIECE)
        piece: list[Any] = []
        left = size
        for event in events:
            if piece and (len(piece) >= most or len(event) > left):
                yield piece
                piece, left = [], size
            piece.append(event)
            left -= len(event)
        if piece:
            yield piece


class _Reader:
    """Reads one topic for all who follow it."""

    def __init__(
        self,
        key: tuple[int, str, bool],
        channel: Channel[Any],
        endpoint: LogStream | LogSocket,
        runtime: FeedRuntime,
    ) -> None:
        self.key = key
        self.channel = channel
        self.followers: dict[Follower, int] = {}  # those attached, and which of theirs this is
        self.users = 0  # those and the ones that are still reading for themselves
        self.begun = runtime.new_flag()
        self._runtime = runtime
        self._endpoint = endpoint
        self._news = runtime.new_flag()
        self._moved = runtime.new_flag()

    async def run(self) -> None:
        """Read until nobody follows any more."""
        with ExitStack() as watching:
            try:
                watching.enter_context(self._endpoint.log.watch([self.channel.topic], self._hint))
            except Exception:  # noqa: BLE001  # reading goes on, for hints are not the truth
                _LOG.exception("watching %s failed", self.channel.topic)
            while self.users:
                self._news = self._runtime.new_flag()  # before reading, so that no hint is missed
                try:
                    await self._read_news()
                except EngineError as error:
                    _LOG.warning("reading %s failed: %s", self.channel.topic, error)
                except Exception:  # noqa: BLE001  # or one record could end the whole server
                    _LOG.exception("reading %s failed", self.channel.topic)
                else:
                    moved, self._moved = self._moved, self._runtime.new_flag()
                    moved.set()
                if self.users:
                    await self._runtime.wait_for(self._news, self._endpoint.poll)

    def wake(self) -> None:
        """Have it look again at what there is to do."""
        self._news.set()

    async def catch_up(self) -> None:
        """Wait until it has read once more."""
        moved = self._moved
        self.wake()
        await moved.wait()

    async def read(self, after: str | None) -> Page:
        """Read a page of the topic."""
        await self._runtime.take_turns()  # not every store makes its readers wait
        return await self._endpoint.log.read(self.channel.topic, after, _PAGE)

    def entries(self, records: Iterable[Record]) -> list[Entry[Any]]:
        """Records that were read so."""
        return [self._checked(self.channel.entry(record)) for record in records]

    def _hint(self, _topic: str) -> None:
        self._news.set()

    async def _read_news(self) -> None:
        channel = self.channel
        if channel.tail is None:
            page = await self._endpoint.log.read(channel.topic, None, 0)
            channel.begin(page.tail)
            self.begun.set()
        full = True
        while full and self.users:
            page = await self.read(channel.tail)
            if page.gap:
                self._lose(page)
            for at in range(0, len(page.records), _STEP):
                self._distribute(page.records[at : at + _STEP])
                await self._runtime.take_turns()
            full = len(page.records) == _PAGE

    def _lose(self, page: Page) -> None:
        tail = None if page.records else page.tail
        self.channel.begin(tail)
        self._tell(lambda follower, index: follower.lose(index, tail))

    def _distribute(self, records: Iterable[Record]) -> None:
        entries = [self._checked(self.channel.add(record)) for record in records]
        self._tell(lambda follower, index: follower.hear(index, entries))
        for entry in entries:
            entry.forget()

    def _tell(self, tell: Callable[[Follower, int], None]) -> None:
        """Tell everybody, and forget who has gone, or was given up and still takes what is left."""
        for follower, index in tuple(self.followers.items()):
            try:
                tell(follower, index)
            except ClosedError:
                del self.followers[follower]

    def _checked(self, entry: Entry[Any]) -> Entry[Any]:
        if entry.trouble is not None:
            lacks = "key" if entry.body else "form"
            topic, error = self.channel.topic, entry.trouble
            _LOG.error("record %s of %s has no %s", entry.cursor, topic, lacks, exc_info=error)
        return entry
