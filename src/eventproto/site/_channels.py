"""Topics as they are replayed: each record encoded once, and the newest at hand."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Hashable
from itertools import islice
from typing import Final, Generic

from eventproto._errors import LocalProtocolError
from eventproto.engine import Record
from eventproto.site._forms import EncodedT, Form
from eventproto.site._logs import LogSocket, LogStream

__all__ = ["Channel", "Entry"]

_RECENT_COUNT: Final = 256
_RECENT_SIZE: Final = 1024 * 1024

# What a header would not bring back as it was sent.
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f]|^ | \Z").search


class Entry(Generic[EncodedT]):
    """A record as clients get it.

    Attributes:
        cursor: That of the record.
        id: The place behind it, for a client of this topic alone.
        body: All of it but the place; empty if the protocol has no form for the record.
        trouble: Why there is no form for it, or no key; or None.
    """

    __slots__ = ("_form", "_key", "_made", "_place", "body", "cursor", "id", "trouble")

    def __init__(
        self,
        cursor: str,
        place: str,
        form: Form[EncodedT],
        body: bytes,
        *,
        key: Hashable = None,
        trouble: Exception | None = None,
    ) -> None:
        self.cursor = cursor
        self.id = place
        self.body = body
        self.trouble = trouble
        self._form = form
        self._key = key
        # Only for the last place: of channels, clients may say that they are anywhere.
        self._place: str | None = None
        self._made: EncodedT

    def encoded(self, place: str) -> EncodedT:
        """The record with a place: the same object for all who are at the same one."""
        if place != self._place:
            self._made = self._form.record(self.body, place, self._key)
            self._place = place
        return self._made

    def forget(self) -> None:
        """Forget what was made, once everybody has it."""
        if self._place is not None:
            self._place = None
            del self._made


class Channel(Generic[EncodedT]):
    """One topic, as far as this process has read it.

    Whoever reads the topic adds what it has read. The newest records are kept, so that a client
    can be handed over from reading for itself to hearing what others hear, by cursor and without
    a record lost or repeated: either its place is known here, and so is all that came behind it,
    or it has to read on.

    Args:
        topic: What is read.
        endpoint: How it is replayed.
        form: How it is told.
        named: Whether clients are told which channel a record is of.

    Attributes:
        topic: What is read.
        tail: The cursor of the newest record that was read; None before anything was.
    """

    def __init__(
        self, topic: str, endpoint: LogStream | LogSocket, form: Form[EncodedT], *, named: bool
    ) -> None:
        self.topic = topic
        self.tail: str | None = None
        self._endpoint = endpoint
        self._form = form
        self._name = topic if named else None
        self._recent: deque[Entry[EncodedT]] = deque()
        self._size = 0
        self._first = 0  # the number of the oldest recent entry; numbers only grow
        self._behind: dict[str, int] = {}  # by cursor or id: the number of what comes next
        self._base: tuple[str, ...] = ()  # what the oldest recent entry comes behind

    def begin(self, tail: str | None) -> None:
        """Forget what came before: nobody's place is known here any more, except this one.

        Args:
            tail: The place from which reading goes on; None for the oldest record.
        """
        self._first += len(self._recent)
        self._recent.clear()
        self._behind.clear()
        self._size = 0
        self.tail = tail
        self._base = () if tail is None else (tail,)
        self._behind.update(dict.fromkeys(self._base, self._first))

    def add(self, record: Record) -> Entry[EncodedT]:
        """Take the next record of the topic."""
        entry = self.entry(record)
        self._recent.append(entry)
        number = self._first + len(self._recent)
        self._behind[entry.id] = number
        self._behind[entry.cursor] = number
        self._size += len(entry.body)
        self.tail = entry.cursor
        while len(self._recent) > _RECENT_COUNT or (
            self._size > _RECENT_SIZE and len(self._recent) > 1
        ):
            self._drop_oldest()
        return entry

    def knows(self, place: str) -> bool:
        """Whether all that came behind a cursor or an id is at hand."""
        return place in self._behind

    def count(self, place: str) -> int:
        """How much came behind a place that it knows."""
        return self._first + len(self._recent) - self._behind[place]

    def since(self, place: str) -> list[Entry[EncodedT]]:
        """What came behind a place that it knows."""
        return list(islice(self._recent, self._behind[place] - self._first, None))

    def entry(self, record: Record) -> Entry[EncodedT]:
        """A record as clients get it, also one that is not new."""
        number = self._behind.get(record.cursor, self._first)
        if number > self._first:
            return self._recent[number - self._first - 1]
        message, place = record.message, self._place_of(record)
        try:
            body = self._form.body(message, self._name, self.topic)
        except LocalProtocolError as error:
            return Entry(record.cursor, place, self._form, b"", trouble=error)
        try:
            key = self.topic, self._endpoint.key(message)
            hash(key)
        except Exception as error:  # noqa: BLE001  # whatever the application's function raises
            return Entry(record.cursor, place, self._form, body, trouble=error)
        return Entry(record.cursor, place, self._form, body, key=key)

    def _place_of(self, record: Record) -> str:
        """The id of a record, unless a client that sends it would not be taken back by it."""
        own = record.message.id
        if not own or _UNFIT(own) or len(own.encode()) > self._endpoint.id_size:
            return record.cursor
        return own

    def _drop_oldest(self) -> None:
        for place in self._base:
            if self._behind.get(place) == self._first:  # not if an id was used again
                del self._behind[place]
        oldest = self._recent.popleft()
        self._base = (oldest.cursor, oldest.id)
        self._size -= len(oldest.body)
        self._first += 1
