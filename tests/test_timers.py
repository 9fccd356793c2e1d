"""Named deadlines."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from eventproto._timers import Timers

names = st.sampled_from(["a", "b", ("c", 1), None])
times = st.floats(allow_nan=False, min_value=0, max_value=100) | st.integers(0, 10)


def test_earliest_first() -> None:
    """However they were set, and however names compare."""
    timers = Timers()
    for name, when in (("late", 3), (("early", 1), 1), (7, 2)):
        timers.set(name, when)
    assert timers.next == 1
    assert [timers.pop_due(3) for _ in range(4)] == [("early", 1), 7, "late", None]
    assert timers.next is None


def test_nothing_is_due_early() -> None:
    """A deadline is due when it is reached, not before."""
    timers = Timers()
    timers.set("a", 5)
    assert timers.pop_due(4.999) is None
    assert timers.pop_due(5) == "a"


def test_set_again() -> None:
    """A name has one deadline: the last that it was set to."""
    timers = Timers()
    for when in (5, 9, 2, 7):
        timers.set("a", when)
        assert timers.next == when
    assert timers.pop_due(6) is None
    assert [timers.pop_due(7), timers.pop_due(7)] == ["a", None]


def test_stop_and_clear() -> None:
    """What is forgotten does not fire, and forgetting it twice is no error."""
    timers = Timers()
    timers.set("a", 1)
    timers.set("b", 2)
    timers.stop("a")
    timers.stop("a")
    assert ("a" in timers, "b" in timers) == (False, True)
    assert timers.next == 2
    timers.clear()
    assert timers.next is None
    assert timers.pop_due(9) is None
    assert "b" not in timers


def test_infinity_never_comes() -> None:
    """A driver need not know what an infinite deadline is."""
    timers = Timers()
    timers.set("never", math.inf)
    assert timers.next is None
    timers.set("sometime", 3)
    assert timers.next == 3
    assert [timers.pop_due(math.inf), timers.pop_due(math.inf)] == ["sometime", None]


@pytest.mark.parametrize("now", [5.0, 1e300, 1_800_000_000_000_000_003])
@pytest.mark.parametrize("wait", [0.0, 1e-9, -1.0, math.nan])
def test_what_is_set_anew_while_it_is_due_waits_for_the_next_time(now: float, wait: float) -> None:
    """Or a wait too short for the clock, as of a schedule of the application's, would never end."""
    timers = Timers()
    timers.set("a", 1)
    timers.set("b", 2)
    fired = []
    while (name := timers.pop_due(now)) is not None:
        fired.append(name)
        timers.set(name, now + wait)
        assert len(fired) < 3
    assert fired == ["a", "b"]
    assert timers.next is not None
    assert timers.next > now


@given(st.lists(times, min_size=30, max_size=60))
def test_memory_is_bounded_by_the_names(moves: list[float]) -> None:
    """However often they are set and stopped."""
    timers = Timers()
    timers.set("other", 50)
    for when in moves:
        timers.stop("a")
        timers.set("a", when)
        timers.set("b", when)
    assert len(timers._heap) <= 2 * 3 + 17


class TimersAndADictionary(RuleBasedStateMachine):
    """A dictionary of deadlines that is searched whole is the oracle."""

    @initialize()
    def start(self) -> None:
        self.timers = Timers()
        self.oracle: dict[Any, float] = {}
        self.passed = -math.inf

    @rule(name=names, when=times)
    def set(self, name: Any, when: float) -> None:
        self.timers.set(name, when)
        self.oracle[name] = max(when, math.nextafter(self.passed, math.inf))

    @rule(name=names)
    def stop(self, name: Any) -> None:
        self.timers.stop(name)
        self.oracle.pop(name, None)

    @rule()
    def clear(self) -> None:
        self.timers.clear()
        self.oracle.clear()

    @rule(now=times)
    def pop_due(self, now: float) -> None:
        self.passed = max(self.passed, now)
        expected = min(self.oracle.values(), default=None)
        if expected is None or expected > now:
            assert self.timers.pop_due(now) is None
        else:
            name: Any = self.timers.pop_due(now)
            assert self.oracle.pop(name) == expected

    @invariant()
    def agree(self) -> None:
        if hasattr(self, "timers"):
            assert self.timers.next == min(self.oracle.values(), default=None)
            assert all((name in self.timers) == (name in self.oracle) for name in ("a", None))


test_timers_and_a_dictionary = TimersAndADictionary.TestCase
