"""One client of a log: where it is, and what it is told next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic

from eventproto.site._channels import Channel, Entry
from eventproto.site._forms import EncodedT, Form
from eventproto.site._places import Start, write_places
from eventproto.sse import Gap

__all__ = ["Subscriber"]


class Subscriber(Generic[EncodedT]):
    """Turns the records that one client is to get into what is sent to it.

    A client that has just begun is at the end of a topic, and one that comes back is where it
    says that it was. It reads on from there, and is current as soon as its place in every topic
    is one that the `Channel` knows. Whoever then gives it what the channels are given, from the
    same step on, gives it everything once.

    Args:
        start: What the client asked for.
        channels: The topics of that, in the same order.
        form: How it is told.
        replay: Whether a client that has just begun is in front of the oldest record instead.
    """

    __slots__ = ("_channels", "_form", "_last_id", "_named", "_placed", "_places", "_replay")

    def __init__(
        self,
        start: Start,
        channels: Sequence[Channel[EncodedT]],
        form: Form[EncodedT],
        *,
        replay: bool,
    ) -> None:
        self._channels = tuple(channels)
        self._form = form
        self._named = start.channels
        self._replay = replay
        # As `Log.read` takes it: a cursor, or whatever the client has said.
        self._places = list(start.after)
        self._placed = None not in start.after  # whether the client's last id brings it back here
        self._last_id = start.after[0] or ""  # in a stream of one topic

    def place(self, index: int) -> str | None:
        """Where it is in a topic; None in front of the oldest record."""
        return self._places[index]

    def behind(self) -> int | None:
        """The index of a topic whose channel does not know its place, or None if it is current.

        The channels must have begun.
        """
        for index, channel in enumerate(self._channels):
            place = self._places[index]
            if place is None and not self._replay:
                place = self._places[index] = channel.tail
            if place is None or not channel.knows(place):
                return index
        return None

    def missing(self) -> int:
        """How much `missed` will be, at most."""
        pairs = zip(self._channels, self._places, strict=True)
        return sum(channel.count(place) for channel, place in pairs if place is not None)

    def missed(self) -> list[EncodedT]:
        """What all channels have had since, for a client that is current."""
        events: list[EncodedT] = []
        for index, channel in enumerate(self._channels):
            place = self._places[index]
            if place is not None:
                events += self.take(index, channel.since(place))
        return events

    def take(self, index: int, entries: Iterable[Entry[EncodedT]]) -> list[EncodedT]:
        """The next records of a topic."""
        events: list[EncodedT] = []
        for entry in entries:
            self._places[index] = entry.cursor
            if entry.body:
                self._last_id = self._written() if self._named else entry.id
                self._placed = True
                events.append(entry.encoded(self._last_id))
        return events

    def lose(self, index: int) -> EncodedT:
        """What says that the records behind its place in a topic are gone: the oldest is next."""
        channel = self._channels[index].topic if self._named else None
        after = self._places[index] if self._named else self._last_id
        self._placed = False
        return self._form.gap(Gap(after or "", "history", channel))

    def reach(self, index: int, tail: str) -> None:
        """There are no records behind its place in a topic, and this is its end."""
        self._places[index] = tail

    def announce(self) -> EncodedT | None:
        """What brings the client back here, if nothing that it has does: its mere place."""
        if self._placed:
            return None
        self._placed = True
        self._last_id = self._written() if self._named else self._places[0] or ""
        return self._form.place(self._last_id)

    def _written(self) -> str:
        topics = (channel.topic for channel in self._channels)
        pairs = zip(topics, self._places, strict=True)
        return write_places([(topic, place) for topic, place in pairs if place is not None])
