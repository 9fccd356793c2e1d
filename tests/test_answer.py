"""Accepting and refusing what a peer waits with."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pytest
from typing_extensions import override

from eventproto import (
    Accept,
    Closed,
    ClosedError,
    End,
    Event,
    LocalProtocolError,
    Refuse,
)
from eventproto._answer import LATER, AnsweringMachine
from eventproto.http import Call, Request, Response, Result


def test_an_answer_names_the_token() -> None:
    """A refusal asks to try again later unless it says more."""
    assert Accept("a").token == "a"
    assert Refuse("a") == Refuse("a", 503, "")


@pytest.mark.parametrize("status", [200, 302, 399, 600, 404.5, "404", None])
def test_a_refusal_has_a_status_of_failure(status: Any) -> None:
    """A redirect is none: neither hubs nor webhook senders follow them."""
    # WebSub S37
    with pytest.raises(LocalProtocolError, match="from 400 to 599"):
        Refuse("a", status)


@pytest.mark.parametrize("reason", ["\ud800", None, b"x"])
def test_a_reason_is_text(reason: Any) -> None:
    """Said when it is given, not by the machine that would have to write it."""
    with pytest.raises(LocalProtocolError, match="text"):
        Refuse("a", 503, reason)


class Clerk(AnsweringMachine[Any]):
    """Reports every call."""

    @override
    def _on_call(self, call: Call) -> None:
        self._ask(call, call)

    @override
    def _on_result(self, about: Any, outcome: Response | Exception) -> None:
        raise AssertionError(about, outcome)


def clerk(*tokens: Hashable, unanswered: int = 3, answer_time: float = 5) -> Clerk:
    """One that was called at 1 under each of these tokens."""
    machine = Clerk(unanswered=unanswered, answer_time=answer_time)
    for token in tokens:
        machine.receive(Call(token, Request("POST", "http://a/")), 1)
    return machine


def events(machine: Clerk) -> list[Event]:
    return list(iter(machine.next_event, None))


def answers(machine: Clerk) -> dict[Hashable, Response | Exception]:
    results = list(iter(machine.next_output, None))
    found = {each.token: each.outcome for each in results if isinstance(each, Result)}
    assert len(found) == len(results), "answered twice"
    return found


def test_callers_wait_for_the_application() -> None:
    """Each for its own answer, in any order."""
    machine = clerk("a", "b")
    assert (len(events(machine)), answers(machine)) == (2, {})
    machine.send(Refuse("b", 410, "gone"), 2)
    machine.send(Accept("a"), 2)
    assert answers(machine) == {"b": Response.of_text(410, "gone"), "a": Response(204)}
    assert machine.deadline is None


def test_callers_do_not_wait_for_ever() -> None:
    """They are told to try again, and the application that it was too late."""
    machine = clerk("a")
    assert machine.deadline == 6
    machine.handle_timeout(6)
    assert answers(machine) == {"a": LATER}
    for late in (Accept("a"), Refuse("a")):
        with pytest.raises(ClosedError, match="too late"):
            machine.send(late, 6)


def test_a_caller_is_answered_once() -> None:
    """The second answer finds nobody, nor does one to a call that there never was."""
    machine = clerk("a")
    machine.send(Accept("a"), 2)
    for token in ("a", "b"):
        with pytest.raises(ClosedError, match="nobody waits"):
            machine.send(Refuse(token), 2)
    assert answers(machine) == {"a": Response(204)}


@pytest.mark.parametrize("answered", [False, True])
def test_an_application_that_is_behind_is_asked_no_more(answered: bool) -> None:
    """Whether it does not answer, or does not take what was answered in its place."""
    machine = clerk("a", "b", unanswered=2)
    if answered:
        machine.handle_timeout(6)
    else:
        events(machine)
    assert machine._is_behind
    if answered:
        events(machine)
    else:
        machine.send(Accept("b"), 2)
    assert not machine._is_behind


def test_the_end_sends_all_away() -> None:
    """They try again later, when somebody is there."""
    machine = clerk("a", "b")
    events(machine)
    machine.send(End(), 2)
    assert answers(machine) == {"a": LATER, "b": LATER}
    assert events(machine) == [Closed(None)]


def test_other_commands_are_refused() -> None:
    """By the name of the role, and of what they are."""
    with pytest.raises(LocalProtocolError, match="a clerk takes no str"):
        clerk().send("hello", 0)
