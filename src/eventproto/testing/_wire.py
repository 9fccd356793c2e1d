"""Two byte-stream machines on a simulated wire, under a simulated clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeAlias

from eventproto import EOF, Chunk, ClosedError, Event, Machine

__all__ = ["Wire"]

AnyStream: TypeAlias = Machine[Any, Chunk, Chunk]
Application: TypeAlias = Callable[[Event], Iterable[Any]]


class Wire:
    """Carries what each machine writes to the other one, as a network may: late, split, cut off.

    It does what a driver does: moves bytes, keeps the time, and when a machine has finished it
    drops the connection, so that the other side reads EOF.

    Args:
        left: One machine.
        right: The other.
        delay: Seconds from one side to the other.
        split: Cuts what was written into what arrives; whole chunks unless given.
        cut_after: The bytes, in both directions together, after which the connection breaks.
        start: The time on the clock at the beginning, in seconds.

    Attributes:
        now: The time on the simulated clock, in seconds.
    """

    def __init__(
        self,
        left: AnyStream,
        right: AnyStream,
        *,
        delay: float = 0.0,
        split: Callable[[bytes], Iterable[bytes]] | None = None,
        cut_after: int | None = None,
        start: float = 0.0,
    ) -> None:
        self.now = start
        self._ends = (left, right)
        self._delay = delay
        self._split = split
        self._room = cut_after
        self._arrivals: list[tuple[float, int, int, Chunk]] = []
        self._ticket = count()
        self._dropped = [False, False]
        self._ended = [False, False]  # nothing comes behind EOF
        self._events: tuple[list[Event], list[Event]] = ([], [])
        self._applications: list[Application | None] = [None, None]
        for machine in self._ends:
            machine.handle_timeout(start)
        self._settle()

    def answer(self, machine: AnyStream, application: Application) -> None:
        """Have `application` see each event of a machine and return the commands to send to it."""
        self._applications[self._ends.index(machine)] = application

    def send(self, machine: AnyStream, *commands: Any) -> None:  # noqa: ANN401  # the machine's
        """Send commands to one of the machines, now."""
        for command in commands:
            machine.send(command, self.now)
        self._settle()

    def events(self, machine: AnyStream) -> list[Event]:
        """All events that a machine has reported so far."""
        return self._events[self._ends.index(machine)]

    def run(self, until: float | None = None, *, max_steps: int = 100_000) -> None:
        """Let time pass until nothing is left to happen, or until a given time.

        Raises:
            AssertionError: It did not come to rest in `max_steps` steps.
        """
        self._settle()  # somebody may have used a machine without telling
        for _ in range(max_steps):
            arrival = self._arrivals[0][0] if self._arrivals else math.inf
            deadlines = [machine.deadline for machine in self._ends]
            timeout = min((when for when in deadlines if when is not None), default=math.inf)
            when = min(arrival, timeout)
            if when > (math.inf if until is None else until) or when == math.inf:
                self.now = max(self.now, until or self.now)
                return
            self.now = max(self.now, when)
            if arrival <= timeout:
                _, _, side, chunk = heappop(self._arrivals)
                self._ends[side].receive(chunk, self.now)
            else:
                for machine in self._ends:
                    machine.handle_timeout(self.now)
            self._settle()
        msg = f"still busy after {max_steps} steps, at {self.now} seconds"
        raise AssertionError(msg)

    def _settle(self) -> None:
        """Take events and output until neither side has any; drop who has finished."""
        while any(self._take_events(side) or self._take_output(side) for side in (0, 1)):
            pass
        for side, machine in enumerate(self._ends):
            if machine.finished and not self._dropped[side]:
                self._dropped[side] = True
                self._carry(1 - side, EOF)

    def _take_events(self, side: int) -> bool:
        event = self._ends[side].next_event()
        if event is None:
            return False
        self._events[side].append(event)
        application = self._applications[side]
        for command in application(event) if application else ():
            try:
                self._ends[side].send(command, self.now)
            except ClosedError:
                break  # a race that any application can lose
        return True

    def _take_output(self, side: int) -> bool:
        chunk = self._ends[side].next_output()
        if chunk is None:
            return False
        if chunk is EOF:
            self._carry(1 - side, EOF)
        else:
            for piece in self._split(chunk) if self._split else (chunk,):
                self._carry(1 - side, piece)
        return True

    def _carry(self, side: int, chunk: Chunk) -> None:
        if chunk is EOF or self._room is None:
            self._arrive(side, chunk)
            return
        if self._room:
            self._arrive(side, chunk[: self._room])
        self._room = max(0, self._room - len(chunk))
        if not self._room:
            self._arrive(0, EOF)
            self._arrive(1, EOF)

    def _arrive(self, side: int, chunk: Chunk) -> None:
        if not self._ended[side]:
            self._ended[side] = chunk is EOF
            arrival = (self.now + self._delay, next(self._ticket), side, chunk)
            heappush(self._arrivals, arrival)
