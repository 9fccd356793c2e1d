"""Roles that are called and call others."""

from __future__ import annotations

from typing import Any

import pytest
from typing_extensions import override

from eventproto import (
    EOF,
    CallMachine,
    Chunk,
    ConnectionLost,
    End,
    Event,
    LocalProtocolError,
    RemoteProtocolError,
    Steps,
)
from eventproto._call import Attempt, RetryingMachine, refusal
from eventproto._value import value
from eventproto.http import Body, Call, Exchange, Request, Response, Result

REQUEST = Request("GET", "http://a/")


@value()
class Heard(Event):
    """What came of a call, and what the call was about."""

    about: object
    what: object


class Role(CallMachine[Any]):
    """Calls what it is told to, and answers every call with the Unix time."""

    @override
    def _on_send(self, command: tuple[object, bool]) -> None:
        about, stream = command
        self._call(REQUEST, about, stream=stream)

    @override
    def _on_call(self, call: Call) -> None:
        self._answer(call.token, Response(200, body=b"%d" % self._at))

    @override
    def _on_result(self, about: Any, outcome: Response | Exception) -> None:
        self._events.append(Heard(about, outcome))

    @override
    def _on_body(self, about: Any, chunk: Chunk, error: Exception | None) -> None:
        self._events.append(Heard(about, error or chunk))


class NobodyCalls(Role):
    """Only calls others."""

    @override
    def _on_call(self, call: Call) -> None:
        super(Role, self)._on_call(call)


class NeverReads(Role):
    """Has no use for pieces."""

    @override
    def _on_body(self, about: Any, chunk: Chunk, error: Exception | None) -> None:
        super(Role, self)._on_body(about, chunk, error)


def outputs(machine: Role) -> list[Exchange]:
    return list(iter(machine.next_output, None))


def test_it_answers_under_the_callers_token() -> None:
    """Whatever the token is."""
    role = Role()
    for token in (7, "x", (1, 2)):
        role.receive(Call(token, REQUEST), 0)
        (result,) = outputs(role)
        assert isinstance(result, Result)
        assert result.token == token


def test_unix_time_is_the_clock_and_its_offset() -> None:
    """The carrier says how far they are apart, and may say it again."""
    role = Role()
    for offset in (1000.0, 2000.0):
        role.clock_offset = offset
        role.receive(Call(1, REQUEST), 5)
        assert outputs(role) == [Result(1, Response(200, body=b"%d" % (offset + 5)))]


def test_results_come_back_to_what_they_are_about() -> None:
    """In any order, answers and failures alike."""
    role = Role()
    role.send(("a", False), 0)
    role.send(("b", True), 0)
    first, second = outputs(role)
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert (first.stream, second.stream) == (False, True)
    error = ConnectionLost("x")
    role.receive(Result(second.token, error), 0)
    role.receive(Result(first.token, Response(200)), 0)
    assert list(iter(role.next_event, None)) == [Heard("b", error), Heard("a", Response(200))]


def test_a_streamed_answer_comes_in_pieces() -> None:
    """All of them about the same call, up to EOF."""
    role = Role()
    role.send(("a", True), 0)
    (call,) = outputs(role)
    token = call.token
    head = Response(200)
    for each in (Result(token, head, more=True), Body(token, b"x"), Body(token, EOF)):
        role.receive(each, 0)
    role.receive(Body(token, b"y"), 0)
    assert list(iter(role.next_event, None)) == [
        Heard("a", head),
        Heard("a", b"x"),
        Heard("a", EOF),
    ]


@pytest.mark.parametrize("late", [Result(9, Response(200)), Body(9, b"x"), Body(9, EOF)])
def test_a_result_that_nobody_waits_for_is_no_error(late: Exchange) -> None:
    """A carrier may have been slow; a second result is nothing either."""
    role = Role()
    role.receive(late, 0)
    assert role.next_event() is None
    role.send(("a", False), 0)
    (call,) = outputs(role)
    for _ in range(2):
        role.receive(Result(call.token, Response(200)), 0)
    assert list(iter(role.next_event, None)) == [Heard("a", Response(200))]


def test_pieces_come_only_where_they_were_asked_for() -> None:
    """Behind a head, and once; anything else is the carrier's mistake, and changes nothing."""
    role = Role()
    role.send(("whole", False), 0)
    role.send(("stream", True), 0)
    whole, stream = (each.token for each in outputs(role))
    head = Response(200)
    early: list[Exchange] = [Result(whole, head, more=True), Body(whole, b"x"), Body(stream, EOF)]
    for each in early:
        with pytest.raises(LocalProtocolError, match="is owed a result"):
            role.receive(each, 0)
    role.receive(Result(stream, head, more=True), 0)
    for again in (Result(stream, head, more=True), Result(stream, head)):
        with pytest.raises(LocalProtocolError, match="is owed the rest of its body"):
            role.receive(again, 0)
    role.receive(Body(stream, EOF), 0)
    role.receive(Result(whole, head), 0)
    heard = [Heard("stream", head), Heard("stream", EOF), Heard("whole", head)]
    assert list(iter(role.next_event, None)) == heard


def test_a_role_that_streams_says_what_it_does_with_the_pieces() -> None:
    """Not to is a bug of the role."""
    role = NeverReads()
    role.send(("a", True), 0)
    (call,) = outputs(role)
    role.receive(Result(call.token, Response(200), more=True), 0)
    with pytest.raises(AssertionError):
        role.receive(Body(call.token, b"x"), 0)


def test_a_role_that_takes_no_calls_says_so() -> None:
    """Rather than leave its caller waiting."""
    machine = NobodyCalls()
    machine.receive(Call("a", REQUEST), 0)
    (result,) = outputs(machine)
    assert result == Result("a", Response.of_text(404, "nobody takes calls here"))


@pytest.mark.parametrize("wrong", [b"bytes", EOF, None, Response(200)])
def test_only_exchanges_come_on_a_wire_of_calls(wrong: Any) -> None:
    """Anything else is for another machine."""
    with pytest.raises(LocalProtocolError, match="receives Call or Result or Body, not"):
        Role().receive(wrong, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        *(Call(1, each) for each in (None, "http://a/", Response(200))),  # type: ignore[arg-type]
        *(Result(1, each) for each in (None, "ok", REQUEST)),  # type: ignore[arg-type]
        *(Body(1, each) for each in (None, "x", bytearray(b"x"))),  # type: ignore[arg-type]
        Body(1, b"x", ConnectionLost("not at its end")),
        Body(1, EOF, "an error"),  # type: ignore[arg-type]
    ],
)
def test_exchanges_have_what_belongs_in_them(wrong: Exchange) -> None:
    """Or the carrier is wrong, and the call goes on."""
    role = Role()
    role.send(("a", True), 0)
    if isinstance(wrong, Body):
        role.receive(Result(1, Response(200), more=True), 0)
        assert role.next_event() == Heard("a", Response(200))
    with pytest.raises(LocalProtocolError, match="no carrier brings"):
        role.receive(wrong, 0)
    assert role.next_event() is None
    role.receive(Body(1, EOF) if isinstance(wrong, Body) else Result(1, Response(200)), 0)
    assert isinstance(role.next_event(), Heard)


def test_notes_are_bounded() -> None:
    """A role whose events nobody takes cannot be filled from outside."""

    class Noting(CallMachine[End]):
        @override
        def _on_send(self, command: End) -> None:
            self._close()

        @override
        def _on_call(self, call: Call) -> None:
            self._note(call)
            self._answer(call.token, Response(204))

        @override
        def _on_result(self, about: object, outcome: Response | Exception) -> None:
            raise AssertionError

    machine = Noting(max_backlog=2)
    for token in range(5):
        machine.receive(Call(token, Request("GET", "http://a.test/")), 0)

    taken = list(iter(machine.next_event, None))
    assert [event.token for event in taken if isinstance(event, Call)] == [0, 1]


@pytest.mark.parametrize(("code", "allow"), [(405, "GET, POST"), (404, None)])
def test_a_refusal_says_why(code: int, allow: str | None) -> None:
    """In plain text; and which methods there are, if it was the wrong one."""
    answer = refusal(RemoteProtocolError("no", code=code), allow="GET, POST")
    assert (answer.status, answer.headers.get("Allow"), answer.body) == (code, allow, b"no")
    assert answer.headers["Content-Type"].startswith("text/plain")


class Trying(RetryingMachine[Any, str]):
    """Does what it is told to, at `http://a/` and the name of it."""

    def __init__(self) -> None:
        super().__init__(Steps((5.0, 50.0)), bytes)
        self.unwanted: set[str] = set()

    @override
    def _on_send(self, command: str | End) -> None:
        if isinstance(command, str):
            self._begin(command, command.upper())
        else:
            self._close()

    @override
    def _on_call(self, call: Call) -> None:
        raise AssertionError

    @override
    def _request(self, task: str) -> Request | None:
        return None if task in self.unwanted else Request("GET", f"http://a/{task}")

    @override
    def _finish(
        self, attempt: Attempt[str], outcome: Response | Exception
    ) -> Response | Exception | None:
        if isinstance(outcome, Exception) or not outcome.ok:
            return outcome
        self._events.append(Heard(attempt, outcome))
        return None

    @override
    def _report(
        self, attempt: Attempt[str], failure: Response | Exception, retry_in: float | None
    ) -> None:
        self._events.append(Heard(attempt, (failure, retry_in)))


def tried(machine: Trying, *outcomes: Response | Exception, now: float = 0.0) -> list[object]:
    """What comes of the calls that are out."""
    calls = [each for each in iter(machine.next_output, None) if isinstance(each, Call)]
    for call, outcome in zip(calls, outcomes, strict=True):
        machine.receive(Result(call.token, outcome), now)
    heard = list(iter(machine.next_event, None))
    assert all(isinstance(each, Heard) for each in heard)
    return [(each.about, each.what) for each in heard if isinstance(each, Heard)]


def test_a_task_is_tried_until_its_schedule_is_over() -> None:
    """Each attempt with the next number; then nothing is left of it."""
    machine = Trying()
    lost = ConnectionLost("away")
    machine.send("a", 0)
    assert tried(machine, lost) == [(Attempt("a", "A", 1), (lost, 5.0))]
    assert machine.deadline == 5
    machine.handle_timeout(5)
    assert tried(machine, Response(500), now=6) == [
        (Attempt("a", "A", 2), (Response(500), 50.0)),
    ]
    machine.handle_timeout(56)
    assert tried(machine, lost, now=56) == [(Attempt("a", "A", 3), (lost, None))]
    assert machine.deadline is None
    assert not machine._attempts


def test_a_task_that_is_done_is_not_tried_again() -> None:
    """Also after attempts that have failed; others are not touched."""
    machine = Trying()
    machine.send("a", 0)
    machine.send("b", 0)
    assert len(tried(machine, Response(500), Response(204))) == 2
    machine.handle_timeout(5)
    assert tried(machine, Response(204), now=5) == [(Attempt("a", "A", 2), Response(204))]
    assert machine.deadline is None


@pytest.mark.parametrize("waiting", [False, True])
def test_another_task_of_that_name_begins_anew(waiting: bool) -> None:
    """And what comes of the one before it does not count."""
    machine = Trying()
    machine.send("a", 0)
    if waiting:
        tried(machine, Response(500))
    machine.send("a", 1)
    outcomes = [Response(204)] if waiting else [Response(500), Response(204)]
    assert tried(machine, *outcomes, now=2) == [(Attempt("a", "A", 1), Response(204))]
    assert machine.deadline is None


def test_a_task_that_is_not_wanted_any_more_is_dropped() -> None:
    """When it would be tried, at first or again; nothing is said of it."""
    machine = Trying()
    machine.send("a", 0)
    tried(machine, Response(500))
    machine.unwanted = {"A", "B"}
    machine.handle_timeout(5)
    machine.send("b", 5)
    assert tried(machine) == []
    assert (machine.deadline, machine._attempts) == (None, {})
