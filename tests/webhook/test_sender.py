"""The sending end: attempts, retries, and giving up."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Closed, ClosedError, End, Event, LocalProtocolError, Message, Steps
from eventproto.http import Call, Request, Response, Result
from eventproto.strategies._webhook import webhook_messages
from eventproto.testing import CallNetwork, Fate
from eventproto.webhook import (
    STANDARD_SCHEDULE,
    Accept,
    Delivered,
    DeliveryFailed,
    Limits,
    Received,
    Receiver,
    Refuse,
    Sender,
    StandardWebhooks,
)

URL = "https://hooks.example/in"
SCHEME = StandardWebhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
MESSAGE = Message(data=b"{}", id="1", content_type="application/json")


def sender(**options: Any) -> Sender:
    machine = Sender(URL, SCHEME, **{"schedule": Steps((5, 300)), **options})
    machine.clock_offset = 1_700_000_000
    return machine


def next_call(machine: Sender) -> Call:
    call = machine.next_output()
    assert isinstance(call, Call)
    return call


def fail(machine: Sender, outcome: Response | Exception, now: float) -> DeliveryFailed:
    machine.receive(Result(next_call(machine).token, outcome), now)
    event = machine.next_event()
    assert isinstance(event, DeliveryFailed)
    return event


def test_a_message_is_posted_signed() -> None:
    """Natively: the data is the body, the content type the header."""
    # Webhooks A1, B3, C1
    machine = sender()
    machine.send(MESSAGE, 7)
    call = next_call(machine)
    assert (call.request.method, call.request.url) == ("POST", URL)
    assert call.request.body == MESSAGE.data
    assert call.request.headers["Content-Type"] == "application/json"
    assert SCHEME.verify(call.request, at=1_700_000_007).id == "1"


def test_no_content_type_is_invented() -> None:
    """The wire is as silent as the message."""
    machine = sender()
    machine.send(Message(data=b"", id="1"), 0)
    assert "Content-Type" not in next_call(machine).request.headers


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_success_is_any_2xx(status: int) -> None:
    """And the end of it."""
    # Webhooks E1
    machine = sender()
    machine.send(MESSAGE, 0)
    machine.receive(Result(next_call(machine).token, Response(status)), 1)
    event = machine.next_event()
    assert isinstance(event, Delivered)
    assert event.delivery.message == MESSAGE
    assert event.delivery.attempt == 1
    assert event.response.status == status
    assert machine.deadline is None


@pytest.mark.parametrize(
    "outcome", [Response(301), Response(404), Response(429), Response(500), OSError("refused")]
)
def test_failure_is_anything_else(outcome: Response | Exception) -> None:
    """A redirect too: it is not followed, the same URL is tried again."""
    # Webhooks E1, E2, E4
    machine = sender()
    machine.send(MESSAGE, 0)
    event = fail(machine, outcome, 1)
    assert (event.outcome, event.retry_in, event.final) == (outcome, 5, False)
    assert machine.deadline == 6
    machine.handle_timeout(6)
    assert next_call(machine).request.url == URL


def test_each_attempt_is_signed_anew_under_the_same_id() -> None:
    """A retry that is hours late must still verify."""
    # Webhooks C2, C3
    machine = sender()
    machine.send(MESSAGE, 0)
    fail(machine, Response(500), 1)
    machine.handle_timeout(6)
    received = SCHEME.verify(next_call(machine).request, at=1_700_000_006)
    assert received.id == "1"
    assert received.time is not None
    assert received.time.timestamp() == 1_700_000_006


def test_after_the_last_step_it_is_given_up() -> None:
    """And says so."""
    machine = sender()
    machine.send(MESSAGE, 0)
    failures: list[DeliveryFailed] = []
    for now in (0, 5, 305):
        machine.handle_timeout(now)
        failures.append(fail(machine, Response(500), now))
    assert [each.retry_in for each in failures] == [5, 300, None]
    assert [each.delivery.attempt for each in failures] == [1, 2, 3]
    assert failures[-1].final
    assert machine.deadline is None


def test_gone_is_for_good() -> None:
    """410 stops the retries at once."""
    # Webhooks E3
    machine = sender()
    machine.send(MESSAGE, 0)
    assert fail(machine, Response(410), 1).final
    assert machine.deadline is None


def test_the_standard_schedule_spans_three_days() -> None:
    """Ten attempts, spread by chance."""
    # Webhooks E6
    assert isinstance(STANDARD_SCHEDULE, Steps)
    assert len(STANDARD_SCHEDULE.delays) == 9
    assert sum(STANDARD_SCHEDULE.delays) == 75 * 3600 + 35 * 60 + 5
    machine = Sender(URL, SCHEME, entropy=random.Random(1).randbytes)
    machine.send(MESSAGE, 0)
    retry_in = fail(machine, Response(500), 0).retry_in
    assert retry_in is not None
    assert 4 <= retry_in < 5


def test_deliveries_of_equal_messages_are_apart() -> None:
    """Each is attempted and reported for itself."""
    machine = sender()
    machine.send(MESSAGE, 0)
    machine.send(MESSAGE, 0)
    first, second = next_call(machine), next_call(machine)
    machine.receive(Result(second.token, Response(500)), 1)
    machine.receive(Result(first.token, Response(200)), 2)
    failed, delivered = machine.next_event(), machine.next_event()
    assert isinstance(failed, DeliveryFailed)
    assert isinstance(delivered, Delivered)
    assert (delivered.delivery.number, failed.delivery.number) == (1, 2)


def test_what_cannot_be_signed_is_refused() -> None:
    """And nothing has changed."""
    machine = sender()
    with pytest.raises(LocalProtocolError, match="needs an id"):
        machine.send(Message(data=b""), 0)
    with pytest.raises(LocalProtocolError, match="takes Message"):
        machine.send(MESSAGE.data, 0)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(LocalProtocolError, match="Content-Type"):
        machine.send(Message(data=b"", id="1", content_type="a\r\nb"), 0)
    assert machine.next_output() is None
    machine.send(MESSAGE, 0)
    machine.receive(Result(next_call(machine).token, Response(200)), 0)
    event = machine.next_event()
    assert isinstance(event, Delivered)
    assert event.delivery.number == 1


def test_the_number_of_pending_messages_is_limited() -> None:
    """Waiting for a retry counts."""
    machine = sender(limits=Limits(pending=1))
    machine.send(MESSAGE, 0)
    fail(machine, Response(500), 0)
    with pytest.raises(LocalProtocolError, match="pending"):
        machine.send(MESSAGE, 0)
    machine.handle_timeout(5)
    machine.receive(Result(next_call(machine).token, Response(200)), 5)
    machine.send(MESSAGE, 5)


@pytest.mark.parametrize("url", ["wss://hooks.example/", "/in", "https://hooks.example/a b"])
def test_a_url_that_cannot_be_posted_to_is_refused(url: str) -> None:
    """Where the sender is made, not at the first message."""
    with pytest.raises(LocalProtocolError):
        Sender(url, SCHEME)


def test_the_end_gives_up_what_is_pending() -> None:
    """Nothing is lost in silence, and late results are no error."""
    machine = sender()
    machine.send(MESSAGE, 0)
    machine.send(End(), 0)
    failed, closed = machine.next_event(), machine.next_event()
    assert isinstance(failed, DeliveryFailed)
    assert isinstance(failed.outcome, ClosedError)
    assert failed.final
    assert closed == Closed()
    machine.receive(Result(next_call(machine).token, Response(200)), 1)
    assert machine.next_event() is None
    with pytest.raises(ClosedError):
        machine.send(MESSAGE, 1)


def test_the_end_gives_up_what_waits_for_its_next_attempt() -> None:
    """The report is about the latest one that was made."""
    machine = sender()
    machine.send(MESSAGE, 0)
    assert fail(machine, Response(500), 0).delivery.attempt == 1
    machine.send(End(), 1)
    failed = machine.next_event()
    assert isinstance(failed, DeliveryFailed)
    assert (failed.delivery.attempt, failed.final) == (1, True)
    assert machine.deadline is None
    machine.handle_timeout(5)
    assert machine.next_output() is None


def test_whoever_calls_a_sender_finds_nothing() -> None:
    """It is only ever a caller."""
    machine = sender()
    machine.receive(Call("x", Request("GET", URL)), 0)
    result = machine.next_output()
    assert isinstance(result, Result)
    assert isinstance(result.outcome, Response)
    assert result.outcome.status == 404


@given(
    messages=st.lists(webhook_messages(), max_size=3),
    fates=st.lists(st.sampled_from(Fate), max_size=3),
    verdicts=st.lists(st.booleans(), max_size=3),
)
def test_what_is_sent_arrives_at_least_once(
    messages: list[Message], fates: list[Fate], verdicts: list[bool]
) -> None:
    """Over a network that loses and doubles, to an application that refuses."""
    machine = sender(schedule=Steps((5,) * 6))
    endpoint = Receiver(SCHEME)
    endpoint.clock_offset = machine.clock_offset
    accepted: list[Message] = []

    def decide(event: Event) -> list[Accept | Refuse]:
        assert isinstance(event, Received)
        if verdicts and not verdicts.pop():
            return [Refuse(event.token)]
        accepted.append(event.message())
        return [Accept(event.token)]

    network = CallNetwork(fate=lambda _: fates.pop() if fates else Fate.ARRIVES)
    network.answer(endpoint, decide)
    network.add(machine)
    network.add(endpoint, URL)
    network.send(machine, *messages)
    network.run()
    delivered = [each for each in network.events(machine) if isinstance(each, Delivered)]
    assert sorted(each.delivery.number for each in delivered) == [*range(1, len(messages) + 1)]
    columns = {(each.id, each.data, each.content_type) for each in accepted}
    assert columns == {(each.id, each.data, each.content_type) for each in messages}
