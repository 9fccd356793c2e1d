"""The state machine that holds another one to the laws, and the law that it cannot hold it to."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeAlias, cast

from hypothesis import given
from hypothesis import settings as Settings  # noqa: N812  # beside an argument of that name
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from typing_extensions import override

from eventproto import (
    EOF,
    CallMachine,
    Closed,
    ClosedError,
    End,
    Event,
    LocalProtocolError,
    Machine,
)
from eventproto.testing._state import state_of
from eventproto.testing._transcript import comparable

__all__ = ["LawsMachine", "Subject", "late_as_early"]

AnyMachine: TypeAlias = Machine[Any, Any, Any]
Drawn: TypeAlias = Callable[[Sequence[Any]], st.SearchStrategy[Any]]

_STEPS_TO_THE_END: Final = 1000


class Subject(NamedTuple):
    """What is held to the laws: see `check_machine`."""

    make_machine: Callable[[], AnyMachine]
    inputs: Drawn
    commands: Drawn


class LawsMachine(RuleBasedStateMachine):
    """A machine, its driver, its application, and the time that passes."""

    subject: ClassVar[Subject]

    def __init__(self) -> None:
        super().__init__()
        self.machine = self.subject.make_machine()
        self.now = 1000.0
        self.told = -math.inf  # the time that the machine knows for certain
        self.events: list[Event] = []
        self.written: list[Any] = []

    @classmethod
    def of(cls, subject: Subject) -> type[Self]:
        """This one for one kind of machine: hypothesis makes them without arguments."""
        made = cast("type[Self]", type(cls.__name__, (cls,), {}))
        made.subject = subject
        return made

    # The application, which may be wrong, or too late.

    @rule(data=st.data(), prompt=st.booleans())
    def send(self, data: st.DataObject, prompt: bool) -> None:  # noqa: FBT001  # drawn
        if prompt:  # so that a refusal can be seen to change nothing, not even the time
            self.handle_timeout()
        self._send(data.draw(self.subject.commands(self.events), "command"))

    @rule()
    def send_nonsense(self) -> None:
        assert not self._send(object()), "took a command that there cannot be"

    @rule()
    def take_event(self) -> None:
        event = self.machine.next_event()
        if event is not None:
            assert not self.closed, f"reported {event} after {self.events[-1]}"
            self.events.append(event)

    # The driver.

    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        brought = data.draw(self.subject.inputs(self.written), "input")
        if self.closed:
            with self._unchanged("something came after the end"):
                self.machine.receive(brought, self.now)
        else:
            _bring(self.machine, brought, self.now)

    @rule()
    def receive_nonsense(self) -> None:
        with self._unchanged("something came that cannot be"):
            try:
                self.machine.receive(object(), self.now)
            except LocalProtocolError:
                return
        msg = "took what cannot come on a wire"
        raise AssertionError(msg)

    @rule()
    def take_output(self) -> None:
        output = self.machine.next_output()
        if output is not None:
            self.written.append(output)

    # The clock.

    @rule(seconds=st.sampled_from([0.25, 4.0, 20.0, 70.0, 10_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def handle_timeout(self) -> None:
        self.machine.handle_timeout(self.now)
        self.told = self.now
        deadline = self.machine.deadline
        assert deadline is None or deadline > self.now, f"still due after {self.now}: {deadline}"
        with self._unchanged("handle_timeout was called again"):
            self.machine.handle_timeout(self.now)
            self.machine.handle_timeout(self.now - 1)

    @rule(share=st.sampled_from([0.1, 0.5, 0.9]))
    def handle_timeout_early(self, share: float) -> None:
        deadline = self.machine.deadline
        if deadline is not None and deadline > self.now:
            shown = self._shown()
            self.now += (deadline - self.now) * share
            self.handle_timeout()
            assert self._shown() == shown, "something happened before its time"

    @rule()
    def handle_deadline(self) -> None:
        deadline = self.machine.deadline
        if deadline is not None:
            self.now = max(self.now, deadline)
            self.handle_timeout()

    # All that there is to take.

    @rule()
    def drain(self) -> None:
        finished, written = self.machine.finished, len(self.written)
        before = -1
        while before != len(self.events) + len(self.written):
            before = len(self.events) + len(self.written)
            self.take_event()
            self.take_output()
        assert self.machine.backlog == 0, "there is a backlog, but nothing to take"
        assert self.machine.finished == self.closed, "finished is wrong after all was taken"
        if finished:
            assert self.closed, "it had finished, but not closed"
            assert written == len(self.written), "it had finished, but not written all"
        if self.closed:
            assert self.machine.deadline is None, "a deadline after the end"

    @override
    def teardown(self) -> None:
        self._send(End())
        self.drain()
        if not isinstance(self.machine, CallMachine):
            self.machine.receive(EOF, self.now)
        for _ in range(_STEPS_TO_THE_END):
            self.drain()
            if self.closed:
                break
            assert self.machine.deadline is not None, "after End, nothing ends it"
            self.handle_deadline()
        assert self.closed, "it does not end"
        assert not self._send(End()), "took a command after the end"

    # What is common to them.

    @property
    def closed(self) -> bool:
        """Whether the end was reported."""
        return bool(self.events) and isinstance(self.events[-1], Closed)

    def _shown(self) -> tuple[object, ...]:
        return self.machine.backlog, self.machine.deadline, self.machine.finished

    def _send(self, command: object) -> bool:
        """Send a command that may be refused; say whether it was not."""
        before = state_of(self.machine)
        error: Exception | None = None
        try:
            self.machine.send(command, self.now)
        except (LocalProtocolError, ClosedError) as refusal:
            error = refusal
        if self.closed:
            assert isinstance(error, ClosedError), f"{command} is too late, but got {error!r}"
        if error is not None and self.now == self.told:  # else the time was news
            assert state_of(self.machine) == before, f"changed, although it raised {error!r}"
        return error is None

    @contextmanager
    def _unchanged(self, what: str) -> Generator[None]:
        before = state_of(self.machine)
        yield
        assert state_of(self.machine) == before, f"changed when {what}"


def late_as_early(subject: Subject, settings: Settings) -> None:
    """Check that events are the same if nobody takes them before the end."""

    @settings
    @given(st.data(), st.integers(1, 8))
    def check(data: st.DataObject, count: int) -> None:
        early, late = _Taken(subject.make_machine()), _Taken(subject.make_machine())
        for _ in range(count):
            early.take_events()
            early.take_outputs()
            late.take_outputs()
            brought = data.draw(subject.inputs(early.outputs), "input")
            for each in (early, late):
                _bring(each.machine, brought, 0.0)
            if brought is EOF:
                break
        for each in (early, late):
            each.take_events()
            each.take_outputs()
        assert late.shown() == early.shown(), "taking events late changes them, or the output"

    check()


class _Taken:
    """What was taken from a machine at one time."""

    def __init__(self, machine: AnyMachine) -> None:
        self.machine = machine
        self.events: list[Event] = []
        self.outputs: list[Any] = []
        machine.handle_timeout(0.0)

    def take_events(self) -> None:
        self.events += iter(self.machine.next_event, None)

    def take_outputs(self) -> None:
        self.outputs += iter(self.machine.next_output, None)

    def shown(self) -> tuple[list[object], list[Any]]:
        """All of it; how bytes are cut does not matter."""
        joined: list[Any] = []
        for each in self.outputs:
            if joined and isinstance(each, bytes) and isinstance(joined[-1], bytes):
                joined[-1] += each
            else:
                joined.append(each)
        return [comparable(each) for each in self.events], joined


def _bring(machine: AnyMachine, brought: Any, now: float) -> None:  # noqa: ANN401  # either wire's
    """Give a machine what the wire brings; a role may refuse what breaks the order of a call."""
    try:
        machine.receive(brought, now)
    except LocalProtocolError:
        assert isinstance(machine, CallMachine), "what a peer sends must not raise"
        before = state_of(machine)
        with suppress(LocalProtocolError):
            machine.receive(brought, now)
        assert state_of(machine) == before, f"changed, although it refused {brought}"
