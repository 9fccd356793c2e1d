"""Named deadlines: set and moved in constant time, found on a heap."""

from __future__ import annotations

import math
from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import count

__all__ = ["Timers"]


class Timers:
    """The deadlines of one machine, each under a name of its own.

    A deadline that moves later costs one dictionary store: its old heap entry stays where it is
    and is corrected when it comes up. So a keepalive that is pushed back by every message is free.

    What is set to infinity never fires. What is set to a time that has passed fires next, but not
    at the same time again: whoever takes all that is due comes to an end, whatever they set.

    Attributes:
        moved: Whether a deadline was set or stopped since `next` was asked for.
        known: What it was then.
    """

    __slots__ = ("_due", "_heap", "_passed", "_ticket", "known", "moved")

    def __init__(self) -> None:
        self._due: dict[Hashable, float] = {}
        # (when the entry comes up, a tie-breaker so that names need no order, name)
        self._heap: list[tuple[float, int, Hashable]] = []
        self._passed = -math.inf  # up to when something was looked for that is due
        self._ticket = count()
        self.known: float | None = None
        self.moved = False

    def set(self, name: Hashable, when: float) -> None:
        """Have `name` fire at `when`, instead of at whatever time it was set to before."""
        if not when > self._passed:  # a schedule may even say that it is not a number
            when = math.nextafter(self._passed, math.inf)
        before = self._due.get(name)
        self._due[name] = when
        if before is None or when < before:
            heappush(self._heap, (when, next(self._ticket), name))
            self._compact()
        self.moved = True

    def stop(self, name: Hashable) -> None:
        """Forget `name`; it is no error if it was not set."""
        self._due.pop(name, None)
        self.moved = True

    def clear(self) -> None:
        """Forget all names."""
        self._due.clear()
        self._heap.clear()
        self.moved = True

    @property
    def next(self) -> float | None:
        """When the earliest deadline is, or None if there is none."""
        if self.moved:
            self.known = self._earliest()
            self.moved = False
        return self.known

    def _earliest(self) -> float | None:
        heap = self._heap
        while heap:
            when, _, name = heap[0]
            due = self._due.get(name)
            if due == when:
                return when if when < math.inf else None
            heappop(heap)
            if due is not None and due > when:
                heappush(heap, (due, next(self._ticket), name))
        return None

    def pop_due(self, now: float) -> Hashable | None:
        """Take the earliest name whose deadline is not after `now`, or None."""
        self._passed = max(self._passed, now)
        when = self.next
        if when is None or when > now:
            return None
        name = heappop(self._heap)[2]
        del self._due[name]
        self.moved = True
        return name

    def __contains__(self, name: Hashable) -> bool:
        return name in self._due

    def _compact(self) -> None:
        # Names that are set earlier or stopped leave entries behind; never more than half.
        if len(self._heap) > 2 * len(self._due) + 16:
            self._heap = [(when, next(self._ticket), name) for name, when in self._due.items()]
            self._heap.sort()
