"""The simulated wire: it delays, splits and cuts, and keeps the time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import pytest
from typing_extensions import override

from eventproto import EOF, Chunk, Closed, ConnectionLost, End, Event, Machine
from eventproto._value import value
from eventproto.testing import Wire


@value()
class Heard(Event):
    """Bytes as they came."""

    data: bytes


class Peer(Machine[bytes | End, Chunk, Chunk]):
    """Reports every chunk; with a patience, hangs up after that much silence."""

    def __init__(self, patience: float | None = None) -> None:
        super().__init__()
        self._patience = patience

    @override
    def _on_start(self) -> None:
        self._wait()

    @override
    def _on_send(self, command: bytes | End) -> None:
        if isinstance(command, End):
            self._outputs.append(EOF)
            self._close()
        else:
            self._outputs.append(command)

    @override
    def _on_receive(self, data: Chunk) -> None:
        if data is EOF:
            self._fail(ConnectionLost("the wire ended"))
        else:
            self._events.append(Heard(data))
            self._wait()

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        self._close()

    def _wait(self) -> None:
        if self._patience is not None:
            self._timers.set("silence", self._now + self._patience)


def heard(wire: Wire, machine: Peer) -> list[bytes]:
    """What a peer has heard."""
    return [event.data for event in wire.events(machine) if isinstance(event, Heard)]


def test_what_one_side_writes_arrives_at_the_other_after_the_delay() -> None:
    """Time passes only in `run`."""
    left, right = Peer(), Peer()
    wire = Wire(left, right, delay=0.5, start=10.0)
    wire.send(left, b"one", b"two")

    wire.run(until=10.25)
    assert heard(wire, right) == []
    assert wire.now == 10.25

    wire.run()
    assert heard(wire, right) == [b"one", b"two"]
    assert wire.now == 10.5


def test_split_cuts_what_was_written() -> None:
    """Every piece is a read of its own."""
    left, right = Peer(), Peer()
    wire = Wire(left, right, split=lambda data: (data[:1], data[1:]))
    wire.send(left, b"abc")

    wire.run()

    assert heard(wire, right) == [b"a", b"bc"]


def test_cut_after_breaks_the_connection_for_both() -> None:
    """What was under way up to there arrives; the rest never does."""
    left, right = Peer(), Peer()
    wire = Wire(left, right, cut_after=5)
    wire.send(left, b"abc", b"def")
    wire.send(right, b"lost")

    wire.run()

    assert heard(wire, right) == [b"abc", b"de"]
    assert heard(wire, left) == []
    for machine in (left, right):
        assert isinstance(wire.events(machine)[-1], Closed)


@pytest.mark.parametrize("cut_after", [0, 3])
def test_a_wire_that_breaks_says_so_to_both(cut_after: int) -> None:
    """Also if nothing may pass at all, or all of what is written just so."""
    left, right = Peer(), Peer()
    wire = Wire(left, right, cut_after=cut_after)
    wire.send(left, b"abc")

    wire.run()

    assert heard(wire, right) == [b"abc"][:cut_after]
    for machine in (left, right):
        assert isinstance(wire.events(machine)[-1], Closed)


class Hoarder(Peer):
    """Keeps all that it is brought."""

    def __init__(self) -> None:
        super().__init__()
        self.brought: list[Chunk] = []

    @override
    def receive(self, data: Chunk, now: float) -> None:
        self.brought.append(data)
        super().receive(data, now)


def test_the_end_comes_once_and_nothing_behind_it() -> None:
    """As of a driver, whoever ends the wire, and however often."""
    left, right = Peer(), Hoarder()
    wire = Wire(left, right, cut_after=3)
    wire.send(left, b"a", End())
    wire.send(right, b"bcd")

    wire.run()

    assert right.brought == [b"a", EOF]


def test_what_is_sent_to_a_machine_itself_is_carried_too() -> None:
    """Somebody may have its own way to it."""
    left, right = Peer(), Peer()
    wire = Wire(left, right)
    left.send(b"hello", wire.now)

    wire.run()

    assert heard(wire, right) == [b"hello"]


def test_the_application_answers_events_with_commands() -> None:
    """An answer may be late: the machine may have closed before."""
    left, right = Peer(), Peer()
    wire = Wire(left, right)

    def application(event: Event) -> Iterable[bytes | End]:
        return [event.data.upper(), End(), b"too late"] if isinstance(event, Heard) else []

    wire.answer(right, application)
    wire.send(left, b"hello")
    wire.run()

    assert heard(wire, left) == [b"HELLO"]
    assert wire.events(right)[-1] == Closed()


def test_timeouts_fire_on_the_simulated_clock() -> None:
    """A machine that hangs up by itself ends the connection for the other."""
    left, right = Peer(patience=30), Peer()
    wire = Wire(left, right, delay=1)
    wire.send(right, b"hi")

    wire.run(until=30.5)
    assert wire.events(left) == [Heard(b"hi")]

    wire.run(until=31)
    assert wire.events(left) == [Heard(b"hi"), Closed()]

    wire.run()
    assert isinstance(wire.events(right)[-1], Closed)


def test_run_to_a_time_at_which_nothing_is_left() -> None:
    """The clock goes on even if nothing happens."""
    wire = Wire(Peer(), Peer())

    wire.run(until=5)

    assert wire.now == 5


def test_run_refuses_to_go_on_for_ever() -> None:
    """Two machines that never come to rest are a finding, not a hang."""
    left, right = Peer(), Peer()
    wire = Wire(left, right)
    for machine in (left, right):
        wire.answer(machine, lambda event: [event.data] if isinstance(event, Heard) else [])
    wire.send(left, b"ping")

    with pytest.raises(AssertionError, match="still busy after 50 steps"):
        wire.run(max_steps=50)
