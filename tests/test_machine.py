"""The laws that every machine keeps, shown on a small one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from eventproto import (
    EOF,
    Chunk,
    Closed,
    ClosedError,
    ConnectionLost,
    End,
    Event,
    EventprotoError,
    LocalProtocolError,
    Machine,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto._value import value


@value()
class Letter(Event):
    """One byte that came."""

    byte: bytes


class Letters(Machine[bytes | End, Chunk, Chunk]):
    """Reports each byte; `!` breaks the protocol, and so does silence for ten seconds."""

    def __init__(self, *, max_backlog: int = 256) -> None:
        super().__init__(max_backlog=max_backlog)
        self.waiting = bytearray()
        self.ended = False
        self.parsed = 0

    @override
    def _on_start(self) -> None:
        self._timers.set("silence", self._now + 10)

    @override
    def _on_send(self, command: bytes | End) -> None:
        if isinstance(command, End):
            self._close()
        elif b"!" in command:
            msg = "no ! please"
            raise LocalProtocolError(msg)
        else:
            self._outputs.append(command)

    @override
    def _on_receive(self, data: Chunk) -> None:
        if data == b"?":
            msg = "a question"
            raise RemoteProtocolError(msg, code=1)
        self._timers.set("silence", self._now + 10)
        if data is EOF:
            self.ended = True
        else:
            self.waiting += data

    @override
    def _parse(self) -> bool:
        if not self.waiting:
            if self.ended:
                self._fail(ConnectionLost("eof"))
            return False
        byte = bytes(self.waiting[:1])
        if byte == b"!":
            msg = "a shout"
            raise RemoteProtocolError(msg, code=2)
        del self.waiting[:1]
        self.parsed += 1
        self._events.append(Letter(byte))
        return True

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        self._fail(PeerTimeout(f"{timer}"))

    @override
    def _on_failure(self, error: EventprotoError) -> None:
        self._outputs.append(b"last words")
        super()._on_failure(error)


class Silent(Machine[Any, Chunk, Chunk]):
    """Only what every machine must fill in."""

    @override
    def _on_send(self, command: Any) -> None:
        self._close(command)

    @override
    def _on_receive(self, data: Chunk) -> None:
        self._fail(ConnectionLost("enough"))


def take(machine: Machine[Any, Chunk, Chunk]) -> list[Event]:
    return list(iter(machine.next_event, None))


def text(events: list[Event]) -> bytes:
    return b"".join(each.byte for each in events if isinstance(each, Letter))


def test_eof_is_no_chunk_of_bytes() -> None:
    """An empty chunk is not the end."""
    assert not isinstance(EOF, bytes)
    assert repr(EOF) == "<_Eof.EOF: 'EOF'>"
    machine = Letters()
    machine.receive(b"", 0)
    assert take(machine) == []


def test_max_backlog_is_positive() -> None:
    """A machine that may report nothing would never end."""
    with pytest.raises(LocalProtocolError, match="max_backlog"):
        Letters(max_backlog=0)


def test_what_a_machine_does_by_default() -> None:
    """It parses nothing, waits for nothing, and fails without a word."""
    machine = Silent()
    machine.handle_timeout(0)
    assert machine.deadline is None
    machine.receive(b"x", 0)
    (closed,) = take(machine)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, ConnectionLost)
    assert machine.next_output() is None


# -- the application's door ------------------------------------------------------------------------


def test_a_mistake_changes_nothing() -> None:
    """It raises, and the machine goes on."""
    machine = Letters()
    with pytest.raises(LocalProtocolError):
        machine.send(b"a!", 0)
    assert (machine.next_output(), machine.next_event(), machine.finished) == (None, None, False)
    machine.send(b"a", 0)
    assert machine.next_output() == b"a"


def test_too_late_is_another_error() -> None:
    """With the reason for which it had closed."""
    clean, failed = Letters(), Letters()
    clean.send(End(), 0)
    failed.receive(b"!", 0)
    failed.send(b"still open", 0)
    take(failed)
    with pytest.raises(ClosedError) as raised:
        clean.send(b"a", 0)
    assert raised.value.reason is None
    with pytest.raises(ClosedError) as raised:
        failed.send(b"a", 0)
    assert isinstance(raised.value.reason, RemoteProtocolError)


# -- the wire's door -------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "code"), [(b"!", 2), (b"?", 1)])
def test_the_peers_mistake_never_raises(data: bytes, code: int) -> None:
    """It is the last event, after all that was valid, and its answer is written by then."""
    machine = Letters()
    machine.receive(b"ab", 0)
    machine.receive(data, 0)
    assert (machine.backlog, machine.next_output()) == (3, None)
    assert text([machine.next_event() or Event(), machine.next_event() or Event()]) == b"ab"
    assert machine.next_output() is None
    closed = machine.next_event()
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, RemoteProtocolError)
    assert closed.error.code == code
    assert machine.next_output() == b"last words"
    assert machine.next_event() is None


def test_the_application_may_answer_before_the_end() -> None:
    """What it sends in answer to earlier events is written before the last words."""
    machine = Letters()
    machine.receive(b"a!", 0)
    machine.next_event()
    machine.send(b"answer", 0)
    machine.next_event()
    assert list(iter(machine.next_output, None)) == [b"answer", b"last words"]


def test_bytes_after_the_end_are_nobodys_error() -> None:
    """Neither after a failure nor after the end."""
    machine = Letters()
    machine.receive(b"!", 0)
    machine.receive(b"a?", 0)
    assert len(take(machine)) == 1
    machine.receive(b"a?", 0)
    assert take(machine) == []


def test_only_one_end_is_reported() -> None:
    """The first one."""
    machine = Letters()
    machine.receive(b"!", 0)
    machine.handle_timeout(10)
    (closed,) = take(machine)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, RemoteProtocolError)


def test_an_orderly_end_comes_before_a_failure_that_nobody_has_seen() -> None:
    """The application was first to end it."""
    machine = Letters()
    machine.receive(b"!", 0)
    machine.send(End(), 0)
    assert take(machine) == [Closed()]


class Forgiving(Letters):
    """Goes on after a shout."""

    @override
    def _on_failure(self, error: EventprotoError) -> None:
        if isinstance(error, ConnectionLost):
            super()._on_failure(error)
        else:
            del self.waiting[:1]
            self._advance()


def test_nothing_is_pending_once_there_is_no_event() -> None:
    """Also if what follows from one failure is another one."""
    machine = Forgiving()
    machine.receive(b"a!!", 0)
    machine.receive(EOF, 0)
    letter, closed = take(machine)
    assert letter == Letter(b"a")
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, ConnectionLost)


@pytest.mark.parametrize(
    "wrong", ["text", None, 0, [1], bytearray(b"a"), memoryview(b"a"), Letter(b"a")]
)
def test_a_wire_of_bytes_brings_bytes(wrong: Any) -> None:
    """Immutable ones, that nobody changes while a machine holds them."""
    machine = Letters()
    with pytest.raises(
        LocalProtocolError, match=f"receives bytes or EOF, not {type(wrong).__name__}"
    ):
        machine.receive(wrong, 0)
    assert machine.deadline is None
    machine.receive(b"a", 0)
    assert take(machine) == [Letter(b"a")]


# -- the clock's door ------------------------------------------------------------------------------


def test_the_first_door_starts_the_clock() -> None:
    """Whichever it is."""
    starts: list[Callable[[Letters], None]] = [
        lambda machine: machine.handle_timeout(5),
        lambda machine: machine.send(b"a", 5),
        lambda machine: machine.receive(b"", 5),
    ]
    for start in starts:
        machine = Letters()
        assert machine.deadline is None
        start(machine)
        assert machine.deadline == 15


def test_early_and_repeated_timeouts_are_harmless() -> None:
    """Only what is due is done, once."""
    machine = Letters()
    for now in (0, 5, 9.999, 0):
        machine.handle_timeout(now)
    assert take(machine) == []
    for now in (10, 10, 1000):
        machine.handle_timeout(now)
    (closed,) = take(machine)
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, PeerTimeout)
    machine.handle_timeout(2000)
    assert take(machine) == []


def test_a_clock_that_runs_backwards_stands_still() -> None:
    """The latest time seen counts."""
    machine = Letters()
    machine.receive(b"", 100)
    machine.receive(b"", 50)
    assert machine.deadline == 110
    machine.handle_timeout(109)
    assert take(machine) == []


def test_progress() -> None:
    """`handle_timeout(deadline)` moves the deadline, or clears it."""
    machine = Letters()
    machine.handle_timeout(0)
    seen = []
    while (deadline := machine.deadline) is not None:
        seen.append(deadline)
        machine.handle_timeout(deadline)
    assert seen == [10]


# -- the doors out ---------------------------------------------------------------------------------


def test_parsing_pauses_when_nobody_takes_events() -> None:
    """Bytes stay bytes, and parsing goes on when the events were taken."""
    machine = Letters(max_backlog=4)
    machine.receive(b"abcdefghij", 0)
    assert (machine.backlog, machine.parsed) == (4, 4)
    machine.receive(b"k!", 0)
    assert (machine.backlog, machine.parsed) == (4, 4)
    events = take(machine)
    assert (text(events), machine.parsed) == (b"abcdefghijk", 11)
    assert isinstance(events[-1], Closed)


def test_eof_behind_a_pause_is_not_lost() -> None:
    """The end comes after what was before it."""
    machine = Letters(max_backlog=1)
    machine.receive(b"abc", 0)
    machine.receive(EOF, 0)
    events = take(machine)
    assert text(events) == b"abc"
    assert isinstance(events[-1], Closed)


def test_a_machine_has_finished_when_all_is_written() -> None:
    """Then, and not before, the transport may go."""
    machine = Letters()
    machine.receive(b"!", 0)
    take(machine)
    assert not machine.finished
    machine.next_output()
    assert machine.finished


DOORS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from([b"x", b"!", End()])),
        st.tuples(st.just("receive"), st.sampled_from([b"abc", b"", b"!", b"?", EOF])),
        st.tuples(st.just("handle_timeout"), st.none()),
        st.tuples(st.sampled_from(["next_event", "next_output"]), st.none()),
    ),
    max_size=30,
)


@given(DOORS, st.lists(st.floats(0, 30), min_size=30, max_size=30), st.integers(1, 3))
def test_any_order_of_calls_is_correct(
    calls: list[tuple[str, Any]], times: list[float], max_backlog: int
) -> None:
    """Nothing but the two errors is raised; events are in order; `Closed` is last, and once."""
    machine = Letters(max_backlog=max_backlog)
    events: list[Event] = []
    received = b""
    for (door, argument), now in zip(calls, times, strict=False):
        if door == "send":
            with suppress(LocalProtocolError, ClosedError):
                machine.send(argument, now)
        elif door == "receive":
            machine.receive(argument, now)
            received += argument if isinstance(argument, bytes) else b""
        elif door == "handle_timeout":
            machine.handle_timeout(now)
        elif door == "next_event":
            events += [event for event in [machine.next_event()] if event is not None]
        else:
            machine.next_output()
        assert machine.backlog <= max_backlog + 2
    events += take(machine)
    assert received.startswith(text(events))
    assert [event for event in events if isinstance(event, Closed)] in ([], events[-1:])
    assert list(iter(machine.next_output, None)) is not None
    assert machine.finished == (events != [] and isinstance(events[-1], Closed))


@given(st.lists(st.sampled_from([b"a", b"bc", b"!"]), max_size=8), st.booleans(), st.integers(1, 3))
def test_draining_late_changes_nothing(data: list[bytes], eof: bool, max_backlog: int) -> None:
    """The same events come when they are taken at the end."""
    early, late = Letters(), Letters(max_backlog=max_backlog)
    events = []
    chunks: list[Chunk] = [*data, *([EOF] if eof else [])]
    for chunk in chunks:
        early.receive(chunk, 0)
        late.receive(chunk, 0)
        events += take(early)
    assert text(take(late)) == text(events)
    assert early.finished == late.finished
