"""A machine over another machine, which it may replace."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pytest
from typing_extensions import override

from eventproto import (
    EOF,
    Chunk,
    Closed,
    ClosedError,
    ConnectionLost,
    End,
    Event,
    LocalProtocolError,
    Machine,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto._layered import Layered
from eventproto._value import value


@value()
class Line(Event):
    """What an inner machine reports."""

    data: bytes


class Inner(Machine[Any, Chunk, Chunk]):
    """Reports each chunk, and echoes it under its own name."""

    def __init__(self, name: bytes) -> None:
        super().__init__()
        self.name = name

    @override
    def _on_start(self) -> None:
        self._timers.set("silence", self._now + 10)

    @override
    def _on_send(self, command: Any) -> None:
        if isinstance(command, End):
            self._outputs.append(self.name + b" ends")
            self._close()
        elif command is None:
            msg = "nothing to send"
            raise LocalProtocolError(msg)
        else:
            self._outputs.append(self.name + command)

    @override
    def _on_receive(self, data: Chunk) -> None:
        if data is EOF:
            self._fail(ConnectionLost("eof"))
        else:
            self._events.append(Line(data))

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        self._fail(PeerTimeout("silence"))


class Outer(Layered[Any]):
    """Turns upgrade lines into upgrades, and takes others as they are."""

    @override
    def _on_inner_event(self, event: Event) -> None:
        if event == Line(b"bad"):
            msg = "bad"
            raise RemoteProtocolError(msg, code=1)
        if event == Line(b"bad and gone"):
            self._inner.send(End(), self._now)
            msg = "bad"
            raise RemoteProtocolError(msg, code=1)
        if event == Line(b"upgrade"):
            self._inner.send(b" goodbye", self._now)
            self._become(Inner(b"second"), [b"early"])
        else:
            super()._on_inner_event(event)


def take(machine: Outer) -> list[Event]:
    return list(iter(machine.next_event, None))


def test_everything_passes_through() -> None:
    """Commands, bytes, the clock, outputs, the deadline, the backlog."""
    machine = Outer(Inner(b"first"))
    machine.handle_timeout(5)
    assert machine.deadline == 15
    machine.send(b" a", 5)
    assert (machine.next_output(), machine.next_output()) == (b"first a", None)
    machine.receive(b"x", 5)
    machine.receive(b"y", 5)
    assert machine.backlog == 2
    assert take(machine) == [Line(b"x"), Line(b"y")]
    assert machine.backlog == 0


def test_mistakes_are_the_inner_machines() -> None:
    """And they change nothing."""
    machine = Outer(Inner(b"first"))
    with pytest.raises(LocalProtocolError):
        machine.send(None, 0)
    assert not machine.finished


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (lambda machine: machine.receive(EOF, 0), ConnectionLost),
        (lambda machine: machine.handle_timeout(10), PeerTimeout),
    ],
)
def test_it_ends_like_the_inner_one(end: Any, error: type[Exception]) -> None:
    """With the same error, after all that came before."""
    machine = Outer(Inner(b"first"))
    machine.receive(b"x", 0)
    end(machine)
    line, closed = take(machine)
    assert line == Line(b"x")
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, error)
    assert machine.finished
    with pytest.raises(ClosedError) as raised:
        machine.send(b"x", 0)
    assert raised.value.reason is closed.error


def test_an_orderly_end() -> None:
    """All is written before it has finished."""
    machine = Outer(Inner(b"first"))
    machine.send(End(), 0)
    assert take(machine) == [Closed()]
    assert not machine.finished
    assert machine.next_output() == b"first ends"
    assert machine.finished


def test_one_machine_takes_over_from_another() -> None:
    """What the first wrote comes first; what had come for the second is not lost."""
    machine = Outer(Inner(b"first"))
    machine.handle_timeout(0)
    machine.send(b" hello", 3)
    machine.receive(b"upgrade", 3)
    assert take(machine) == [Line(b"early")]
    machine.send(b" hello", 3)
    outputs = list(iter(machine.next_output, None))
    assert outputs == [b"first hello", b"first goodbye", b"second hello"]
    assert machine.deadline == 13
    machine.receive(b"late", 4)
    assert take(machine) == [Line(b"late")]


def test_who_took_over_can_be_driven_alone() -> None:
    """Once nothing is left above: no event, no output, and no end."""
    machine = Outer(Inner(b"first"))
    machine.receive(b"one", 0)
    assert take(machine) == [Line(b"one")]
    assert machine.successor is None
    machine.receive(b"upgrade", 0)
    assert machine.successor is None
    assert take(machine) == [Line(b"early")]
    assert machine.successor is None  # what the first one wrote has to go first
    assert list(iter(machine.next_output, None)) == [b"first goodbye"]
    second = machine.successor
    assert isinstance(second, Inner)
    assert (second.name, second.successor) == (b"second", None)
    second.receive(b"bad", 0)
    (closed,) = take(machine)
    assert isinstance(closed, Closed)
    assert machine.successor is None


@pytest.mark.parametrize("data", [b"bad", b"bad and gone"])
def test_a_violation_above_ends_what_is_below(data: bytes) -> None:
    """In the order of the lower protocol; the error is that of the upper one."""
    machine = Outer(Inner(b"first"))
    machine.receive(data, 0)
    (closed,) = take(machine)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, RemoteProtocolError)
    assert machine.next_output() == b"first ends"
    assert machine.finished
    machine.receive(b"x", 0)
    assert take(machine) == []


def test_after_the_end_nothing_is_left_to_take() -> None:
    """Not even what the inner machine has reported in vain."""
    machine = Outer(Inner(b"first"))
    for data in (b"bad", b"more", b"and more"):
        machine.receive(data, 0)
    assert machine.backlog == 3
    (closed,) = take(machine)
    assert isinstance(closed, Closed)
    assert machine.backlog == 0
