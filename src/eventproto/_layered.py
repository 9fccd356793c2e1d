"""A byte-stream machine over another one, which it may replace: HTTP first, then the upgrade."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TypeVar

from typing_extensions import override

from eventproto._errors import ClosedError, RemoteProtocolError
from eventproto._event import Closed, Event
from eventproto._machine import Chunk, End, Machine

__all__ = ["Layered"]

CommandT = TypeVar("CommandT")


class Layered(Machine[CommandT, Chunk, Chunk]):
    """Passes the wire and the clock to an inner machine and reads its events.

    The inner machine's events are taken only when somebody takes events here, so its pauses and
    the order of its last words are kept.
    """

    def __init__(self, inner: Machine[Any, Chunk, Chunk]) -> None:
        super().__init__()
        self._inner = inner
        self._replaced = False

    @property
    def inner(self) -> Machine[Any, Chunk, Chunk]:
        """The machine that has the wire at the moment."""
        return self._inner

    def _on_inner_event(self, event: Event) -> None:
        """Report what an event of the inner machine means here; may raise RemoteProtocolError."""
        if isinstance(event, Closed):
            self._close(event.error)
        else:
            self._events.append(event)

    def _become(self, inner: Machine[Any, Chunk, Chunk], arrived: Iterable[Chunk] = ()) -> None:
        """Hand the wire to another machine, with what had arrived for it already."""
        self._outputs.extend(iter(self._inner.next_output, None))
        self._inner = inner
        self._replaced = True
        inner.handle_timeout(self._now)
        for chunk in arrived:
            inner.receive(chunk, self._now)

    @override
    def _on_send(self, command: CommandT) -> None:
        self._inner.send(command, self._now)

    @override
    def _on_receive(self, data: Chunk) -> None:
        self._inner.receive(data, self._now)

    @override
    def handle_timeout(self, now: float) -> None:
        self._tick(now)
        self._inner.handle_timeout(self._now)
        super().handle_timeout(now)

    @override
    def next_event(self) -> Event | None:
        while not self._events and self._closed is None:
            event = self._inner.next_event()
            if event is None:
                return None
            try:
                self._on_inner_event(event)
            except RemoteProtocolError as error:
                self._give_up(error)
        return super().next_event()

    def _give_up(self, error: Exception) -> None:
        """Close with an error of this layer's own."""
        with suppress(ClosedError):
            self._inner.send(End(), self._now)
        self._close(error)

    @override
    def next_output(self) -> Chunk | None:
        if self._outputs:
            return self._outputs.popleft()
        return self._inner.next_output()

    @property
    @override
    def deadline(self) -> float | None:
        deadlines = (self._timers.next, self._inner.deadline)
        return min((each for each in deadlines if each is not None), default=None)

    @property
    @override
    def backlog(self) -> int:
        if self._closed is not None:  # what the inner machine still has, nobody will ever take
            return len(self._events)
        return len(self._events) + self._inner.backlog

    @property
    @override
    def finished(self) -> bool:
        return self._inner.finished and not self._outputs

    @property
    @override
    def successor(self) -> Machine[Any, Chunk, Chunk] | None:
        """The machine that this one has become, once nothing is left of its own."""
        left = self._events or self._outputs or self._closed is not None
        return self._inner if self._replaced and not left else None
