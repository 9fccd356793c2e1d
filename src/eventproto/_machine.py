"""The one shape of every machine: three doors in, three doors out.

The application, the wire and the clock come in through `send`, `receive` and `handle_timeout`.
What happened, what to write and when to wake up leave through `next_event`, `next_output` and
`deadline`. A machine does no I/O, reads no clock and draws no randomness of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Hashable
from enum import Enum
from typing import Any, ClassVar, Final, Generic, Literal, TypeAlias, TypeVar

from eventproto._errors import ClosedError, EventprotoError, LocalProtocolError, RemoteProtocolError
from eventproto._event import Closed, Event
from eventproto._timers import Timers
from eventproto._value import value

__all__ = ["DEFAULT_BACKLOG", "EOF", "Chunk", "End", "Machine"]

CommandT = TypeVar("CommandT")  # what the application may ask for
InT = TypeVar("InT")  # what the wire brings
OutT = TypeVar("OutT")  # what must go on the wire


class _Eof(Enum):
    EOF = "EOF"


EOF: Final = _Eof.EOF
"""The end of a byte stream, in either direction. An empty chunk is not the end."""

Chunk: TypeAlias = bytes | Literal[_Eof.EOF]
"""What moves on a byte-stream wire, either way."""

DEFAULT_BACKLOG: Final = 256
"""How many events a machine parses ahead of the application."""


_NEVER: Final = float("-inf")


@value()
class End:
    """The command that ends any machine in the orderly way of its protocol.

    Attributes:
        going_away: Whether this side is shutting down, rather than done with this one peer.
    """

    going_away: bool = False


class Machine(ABC, Generic[CommandT, InT, OutT]):
    """What all protocols are written as, and all that a driver needs to know of them.

    Any order of calls is correct. After each call through a door in, and after taking an event,
    the doors out may have changed: draining them late costs progress, never correctness.

    `now` is seconds on any one monotonic clock; a value that runs backwards is read as the latest
    one seen. The first call through a door in starts the clock, so a driver begins with
    `handle_timeout(now)`.

    Args:
        max_backlog: How many events are parsed ahead; at this many, what the wire brought stays
            bytes until events are taken.
    """

    _wire: ClassVar[tuple[type, ...]] = (bytes, _Eof)
    """What the wire brings."""

    def __init__(self, *, max_backlog: int = DEFAULT_BACKLOG) -> None:
        if max_backlog < 1:
            msg = f"max_backlog must be at least 1, got {max_backlog}"
            raise LocalProtocolError(msg)
        self._now = _NEVER
        self._events: deque[Event] = deque()
        self._outputs: deque[OutT] = deque()
        self._timers = Timers()
        self._max_backlog = max_backlog
        self._paused = False
        self._failure: EventprotoError | None = None
        self._closed: Closed | None = None

    # The doors in.

    def send(self, command: CommandT, now: float) -> None:
        """Do what the application asks for.

        Raises:
            LocalProtocolError: The protocol forbids it; the machine has not changed.
            ClosedError: Too late, the machine has closed.
        """
        if self._closed is not None:
            msg = f"{type(self).__name__} has closed"
            raise ClosedError(msg, reason=self._closed.error)
        if now > self._now:  # rarely where answers follow what they answer
            self._tick(now)
        self._on_send(command)

    def receive(self, data: InT, now: float) -> None:
        """Take what the wire brought. Never raises for it; after the end it is ignored.

        Raises:
            LocalProtocolError: No wire of this kind brings that; the machine has not changed.
        """
        if not isinstance(data, self._wire):
            kinds = " or ".join(_kind(each) for each in self._wire)
            msg = f"{type(self).__name__} receives {kinds}, not {type(data).__name__}"
            raise LocalProtocolError(msg)
        if self._closed is not None or (self._failure is not None and not _is_end(data)):
            return  # EOF still counts: who has last words to say may wait for it behind them
        self._tick(now)
        try:
            self._on_receive(data)
        except RemoteProtocolError as error:
            self._fail(error)
        else:
            self._advance()

    def handle_timeout(self, now: float) -> None:
        """Do what is due, earliest first. Early, late and repeated calls are harmless."""
        self._tick(now)
        while (timer := self._timers.pop_due(self._now)) is not None:
            self._on_timeout(timer)

    # The doors out.

    def next_event(self) -> Event | None:
        """Take the next thing that happened, or None. The last one is always a `Closed`."""
        events = self._events
        if events:
            return events.popleft()
        if self._paused:
            self._advance()
        while self._failure is not None and not events:
            # Only now: the application has had its chance to answer all that came before.
            failure, self._failure = self._failure, None
            self._on_failure(failure)
        return events.popleft() if events else None

    def next_output(self) -> OutT | None:
        """Take the next thing to write to the wire, or None."""
        return self._outputs.popleft() if self._outputs else None

    @property
    def deadline(self) -> float | None:
        """When to call `handle_timeout`, on the clock of `now`; None for never."""
        timers = self._timers
        return timers.next if timers.moved else timers.known

    # What a driver looks at.

    @property
    def backlog(self) -> int:
        """How much nobody has taken yet; a driver stops reading while there is much.

        Events, and whatever else of a protocol would pile up if the peer went on.
        """
        return len(self._events) + (self._failure is not None)

    @property
    def finished(self) -> bool:
        """Whether it has closed and all output was taken: drop the transport."""
        return self._closed is not None and not self._outputs

    @property
    def successor(self) -> Machine[Any, InT, OutT] | None:
        """The machine that has taken over all doors of this one, or None.

        A driver that sees one goes on with it, and saves the way through this one.
        """
        return None

    # What a protocol fills in.

    def _on_start(self) -> None:
        """The clock runs, `self._now` is set: set the timers that run from the beginning."""

    @abstractmethod
    def _on_send(self, command: CommandT) -> None:
        """Carry out a command, or raise LocalProtocolError before anything has changed."""

    @abstractmethod
    def _on_receive(self, data: InT) -> None:
        """Take one input: all of it, or keep it for `_parse`. May raise RemoteProtocolError."""

    def _parse(self) -> bool:
        """Report the next event of what was kept; say whether there may be another."""
        return False

    def _on_timeout(self, timer: Hashable) -> None:
        """Do what is due under this name, and set it again only to a later time."""
        raise AssertionError(timer)

    def _on_failure(self, error: EventprotoError) -> None:
        """Queue the last words that the protocol provides, then close."""
        self._close(error)

    # What a protocol uses.

    def _fail(self, error: EventprotoError) -> None:
        """End because of the peer or the wire, once the events before this have been taken."""
        if self._failure is None and self._closed is None:
            self._failure = error

    def _close(self, error: Exception | None = None) -> None:
        self._failure = None  # only one end is reported
        self._closed = Closed(error)
        self._timers.clear()
        self._events.append(self._closed)

    def _tick(self, now: float) -> None:
        if now > self._now:
            first = self._now == _NEVER
            self._now = now
            if first:
                self._on_start()

    def _advance(self) -> None:
        self._paused = False
        try:
            while self._closed is None and self._failure is None:
                if self.backlog >= self._max_backlog:
                    self._paused = True
                    return
                if not self._parse():
                    return
        except RemoteProtocolError as error:
            self._fail(error)


def _kind(wire: type) -> str:
    return "EOF" if wire is _Eof else wire.__name__


def _is_end(data: object) -> bool:
    return data is EOF
