"""The receiving end: what is reported, and what the sender is told."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from eventproto import (
    Closed,
    ClosedError,
    End,
    LocalProtocolError,
    Message,
    RemoteProtocolError,
)
from eventproto.http import Call, Headers, Request, Response, Result
from eventproto.strategies import SignedDelivery, refused_deliveries, signed_deliveries
from eventproto.webhook import (
    Accept,
    Limits,
    Received,
    Receiver,
    Refuse,
    Rejected,
    StandardWebhooks,
)

SCHEME = StandardWebhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
MESSAGE = Message(data=b'{"type":"contact.created"}', id="1", content_type="application/json")


def receiver(**limits: Any) -> Receiver:
    machine = Receiver(SCHEME, limits=Limits(**limits))
    machine.clock_offset = 1_700_000_000
    machine.handle_timeout(0)
    return machine


def posted(message: Message = MESSAGE, *, at: float = 1_700_000_000) -> Request:
    headers = SCHEME.sign(message, at=at) + {"Content-Type": message.content_type or "text/plain"}
    return Request("POST", "https://hooks.example/in", headers, message.data)


def answers(machine: Receiver) -> dict[object, Response]:
    found: dict[object, Response] = {}
    while isinstance(output := machine.next_output(), Result):
        assert isinstance(output.outcome, Response)
        found[output.token] = output.outcome
    return found


def test_a_good_one_is_reported_and_waits() -> None:
    """Nothing is answered before the application has spoken."""
    # Webhooks D3
    machine = receiver()
    machine.receive(Call("a", posted()), 1)
    event = machine.next_event()
    assert isinstance(event, Received)
    assert event.token == "a"
    message = event.message()
    assert (message.type, message.id, message.data) == ("contact.created", "1", MESSAGE.data)
    assert answers(machine) == {}


def test_accept_answers_with_success() -> None:
    """And the deadline is gone with it."""
    machine = receiver()
    machine.receive(Call("a", posted()), 0)
    machine.send(Accept("a"), 1)
    assert answers(machine) == {"a": Response(204)}
    assert machine.deadline is None


def test_refuse_answers_with_its_status_and_reason() -> None:
    """Which is what the sender decides by."""
    machine = receiver()
    machine.receive(Call("a", posted()), 0)
    machine.send(Refuse("a", 410, "never again"), 1)
    response = answers(machine)["a"]
    assert (response.status, response.body) == (410, b"never again")


def test_answers_may_come_in_any_order() -> None:
    """Each goes to its own sender."""
    machine = receiver()
    machine.receive(Call("a", posted()), 0)
    machine.receive(Call("b", posted(replace(MESSAGE, id="2"))), 0)
    machine.send(Accept("b"), 0)
    machine.send(Refuse("a"), 0)
    assert {token: response.status for token, response in answers(machine).items()} == {
        "a": 503,
        "b": 204,
    }


def test_the_wall_clock_is_the_carriers() -> None:
    """Timestamps are compared with `now` plus the offset to Unix time."""
    # Webhooks D2
    machine = receiver()
    machine.receive(Call("a", posted(at=1_700_000_300)), 600)
    machine.receive(Call("b", posted(at=1_700_000_300)), 601)
    assert isinstance(machine.next_event(), Received)
    assert isinstance(machine.next_event(), Rejected)


@given(signed_deliveries())
def test_everything_signed_is_reported(delivery: SignedDelivery) -> None:
    """Whatever its bytes are."""
    machine = Receiver(StandardWebhooks(delivery.secret))
    machine.receive(Call("a", delivery.request), delivery.at)
    event = machine.next_event()
    assert event is not None
    message = event.message()
    assert message is not None
    assert message.data == delivery.message.data


@given(refused_deliveries())
def test_nothing_forged_is_a_message(refused: tuple[SignedDelivery, str]) -> None:
    """It is answered, and reported as what it is."""
    # Webhooks D4
    delivery, kind = refused
    machine = Receiver(StandardWebhooks(delivery.secret))
    machine.receive(Call("a", delivery.request), delivery.at)
    event = machine.next_event()
    assert isinstance(event, Rejected)
    assert event.message() is None
    assert getattr(event.error, "kind", None) == kind
    assert answers(machine)["a"].status == (400 if "header" in kind else 401)
    assert machine.next_event() is None  # one bad request does not close the endpoint


def test_only_post_is_taken() -> None:
    """405, with the header that goes with it."""
    machine = receiver()
    machine.receive(Call("a", replace(posted(), method="PUT")), 0)
    response = answers(machine)["a"]
    assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert rejection(machine).code == 405


@pytest.mark.parametrize(("size", "status"), [(10, None), (11, 413)])
def test_the_body_is_limited(size: int, status: int | None) -> None:
    """Before anything is computed over it."""
    # Webhooks A4
    machine = receiver(body_size=10)
    machine.receive(Call("a", posted(Message(data=bytes(size), id="1"))), 0)
    assert getattr(answers(machine).get("a"), "status", None) == status


def test_the_number_of_unanswered_messages_is_limited() -> None:
    """Whoever comes after that is asked to come again."""
    machine = receiver(unanswered=1)
    machine.receive(Call("a", posted()), 0)
    machine.receive(Call("b", posted()), 0)
    assert isinstance(machine.next_event(), Received)
    machine.receive(Call("c", posted()), 0)
    assert {token: each.status for token, each in answers(machine).items()} == {"b": 503, "c": 503}
    machine.send(Accept("a"), 0)
    machine.receive(Call("d", posted()), 0)
    event = machine.next_event()
    assert isinstance(event, Received)
    assert event.token == "d"


def test_the_number_of_events_is_limited() -> None:
    """Messages get 503 beyond it."""
    machine = receiver(unanswered=2)
    for number in range(10):
        machine.receive(Call(number, posted()), 0)
    assert [each.status for each in answers(machine).values()] == [503] * 8
    assert machine.backlog == 2


@pytest.mark.parametrize("taken", [False, True])
def test_a_flood_of_forgeries_keeps_no_message_out(taken: bool) -> None:
    """All are answered, some are reported; an application that is busy still has room."""
    # Webhooks D4
    machine = receiver(unanswered=4)
    forged = replace(posted(), body=b"")
    for number in range(100):
        machine.receive(Call(number, forged), 0)
        if taken and number == 50:
            assert isinstance(machine.next_event(), Rejected)
    assert [each.status for each in answers(machine).values()] == [401] * 100
    assert machine.backlog == 2
    machine.receive(Call("a", posted()), 0)
    machine.receive(Call("b", posted()), 0)
    machine.receive(Call("c", posted()), 0)
    assert [(token, each.status) for token, each in answers(machine).items()] == [("c", 503)]
    kinds = [type(event) for event in iter(machine.next_event, None)]
    assert kinds == [Rejected, Rejected, Received, Received]


def test_an_application_that_does_not_answer_in_time_is_answered_for() -> None:
    """The sender tries again, and the application learns that it was too late."""
    # Webhooks D5, E7
    machine = receiver(answer_time=5)
    machine.receive(Call("a", posted()), 1)
    assert machine.deadline == 6
    machine.handle_timeout(6)
    assert answers(machine)["a"].status == 503
    assert machine.deadline is None
    with pytest.raises(ClosedError, match="too late"):
        machine.send(Accept("a"), 7)


def test_an_answer_is_given_once() -> None:
    """The second one finds nobody waiting."""
    machine = receiver()
    machine.receive(Call("a", posted()), 0)
    machine.send(Accept("a"), 0)
    with pytest.raises(ClosedError):
        machine.send(Refuse("a"), 0)
    assert answers(machine)["a"].status == 204


def test_what_is_no_command_is_refused() -> None:
    """A receiver has nothing to send."""
    with pytest.raises(LocalProtocolError, match="a receiver takes no Message"):
        receiver().send(MESSAGE, 0)  # type: ignore[arg-type]  # that is the point


def test_the_end_sends_everybody_away() -> None:
    """They try again later, when somebody is there."""
    machine = receiver()
    machine.receive(Call("a", posted()), 0)
    machine.receive(Call("b", posted()), 0)
    machine.send(End(), 0)
    assert [response.status for response in answers(machine).values()] == [503, 503]
    assert machine.finished
    events = list(iter(machine.next_event, None))
    assert events[-1] == Closed()


def test_a_result_of_no_call_is_ignored() -> None:
    """A receiver calls nobody."""
    machine = receiver()
    machine.receive(Result("x", Response(200)), 0)
    assert machine.next_event() is None


def rejection(machine: Receiver) -> RemoteProtocolError:
    while not isinstance(event := machine.next_event(), Rejected):
        assert event is not None
    return event.error


def test_no_header_at_all_is_answered() -> None:
    """Such as what a browser or a scanner sends."""
    machine = receiver()
    machine.receive(Call("a", Request("POST", "https://hooks.example/in", Headers(), b"")), 0)
    assert answers(machine)["a"].status == 400


@pytest.mark.parametrize("seed", range(10))
def test_every_caller_is_answered_once_and_nothing_is_taken_in_secret(seed: int) -> None:
    """A 2xx is an `Accept` that did not raise, of an event that was reported; in any order."""
    # Webhooks D5
    chance = random.Random(seed)
    machine = receiver(unanswered=4, answer_time=5)
    now = 0.0
    called: dict[int, bool] = {}  # by token, whether it is authentic
    reported: list[object] = []
    accepted: set[object] = set()
    answered: dict[object, int] = {}

    def look() -> None:
        for token, response in answers(machine).items():
            assert token not in answered
            answered[token] = response.status

    for step in range(500):
        match chance.choice(["call", "call", "take", "accept", "refuse", "time", "late"]):
            case "call":
                called[step] = chance.random() < 0.7
                arrived = posted(at=1_700_000_000 + now)
                machine.receive(
                    Call(step, arrived if called[step] else replace(arrived, body=b"")), now
                )
            case "take" if (event := machine.next_event()) is not None:
                if isinstance(event, Received):
                    assert called[event.token]  # type: ignore[index]  # it is one of ours
                    assert event.token not in reported
                    reported.append(event.token)
            case "accept" | "refuse" as word if reported:
                token = chance.choice(reported)
                look()
                try:
                    machine.send(Accept(token) if word == "accept" else Refuse(token, 400), now)
                except ClosedError:
                    assert token in answered
                else:
                    assert token not in answered
                    if word == "accept":
                        accepted.add(token)
            case "time":
                now += chance.random() * 3
            case "late":
                machine.handle_timeout(now)
        assert machine.backlog <= 4
    machine.send(End(), now)
    look()
    assert answered.keys() == called.keys()
    assert {token for token, status in answered.items() if status == 204} == accepted
    assert {answered[token] for token, authentic in called.items() if not authentic} <= {401, 503}
