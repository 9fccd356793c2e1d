"""The hub: what it is asked, how it makes sure, and what it grants."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import (
    Closed,
    ConnectionLost,
    End,
    LocalProtocolError,
    Message,
    RemoteProtocolError,
    Steps,
)
from eventproto.http import Headers, Request, Response
from eventproto.websub import (
    Hub,
    Limits,
    Subscribed,
    SubscriptionEnded,
    SubscriptionRequest,
    VerificationFailed,
    verify_signature,
)
from tests.websub.hubs import (
    NEWS,
    SECRET,
    confirm,
    fetched,
    new_hub,
    ping,
    subscribe,
    with_subscriber,
)
from tests.websub.roles import CALLBACK, HUB, TOPIC, asked, call, events, made, respond


def test_a_subscription_is_verified_before_it_counts() -> None:
    """202 at once; then a challenge to the callback, whose query string stays."""
    # WebSub H1, H2, H4, H6, H7, H17, H18, H19, H20, H21
    hub = new_hub()
    assert subscribe(hub, secret=SECRET, lease_seconds="60", unknown="x").status == 202
    request = confirm(hub)

    assert request.method == "GET"
    assert request.url.startswith(f"{CALLBACK}&hub.mode=subscribe&")
    fields = dict(request.query)
    assert fields["hub.topic"] == TOPIC
    assert fields["hub.lease_seconds"] == "60"
    assert len(fields["hub.challenge"]) == 32
    assert events(hub) == [Subscribed(TOPIC, CALLBACK, 60)]


@pytest.mark.parametrize(
    "outcome",
    [
        Response(404),
        Response(302, Headers({"Location": "https://reader.example/"})),
        Response(200, Headers(), b"something else"),
        Response(500),
    ],
)
def test_what_is_not_confirmed_does_not_come_about(outcome: Response) -> None:
    """Nothing is delivered, and it is no denial either."""
    # WebSub H20, H17
    hub = new_hub()
    subscribe(hub)
    respond(hub, made(hub)[0], outcome)

    assert events(hub) == [VerificationFailed(TOPIC, CALLBACK, outcome)]
    ping(hub)
    assert made(hub) == []


def test_a_subscriber_that_does_not_answer_is_asked_again() -> None:
    """Its confirmation may have been lost; the lease is measured from the last question."""
    # WebSub H7, H20
    hub = new_hub(schedule=Steps((5.0,) * 9))
    subscribe(hub, lease_seconds="60")
    respond(hub, made(hub)[0], ConnectionLost("away"))
    assert (events(hub), hub.deadline) == ([], 5.0)
    hub.handle_timeout(5.0)
    confirm(hub, 6.0)
    assert events(hub) == [Subscribed(TOPIC, CALLBACK, 60)]
    assert hub.deadline == 65.0


@pytest.mark.parametrize(("schedule", "attempts"), [(Steps(()), 1), (Steps((5.0,) * 9), 3)])
def test_a_subscriber_that_never_answers_is_given_up(schedule: Steps, attempts: int) -> None:
    """Soon, since somebody else may have named it, and others wait for its place."""
    # WebSub X5
    hub = new_hub(schedule=schedule)
    subscribe(hub)
    lost = ConnectionLost("nobody there")
    for attempt in range(attempts):
        assert events(hub) == []
        hub.handle_timeout(5.0 * attempt)
        respond(hub, made(hub)[0], lost, 5.0 * attempt)
    assert events(hub) == [VerificationFailed(TOPIC, CALLBACK, lost)]
    assert hub.deadline is None
    hub.send(Message.of_text("news", source=TOPIC), 100)
    assert made(hub) == []


def test_a_request_that_is_denied() -> None:
    """The subscriber is told why; unsubscribing is always admitted."""
    # WebSub H6, H8, H16, H17
    hub = new_hub(admit=lambda request: "not you" if "reader" in request.callback else None)
    assert subscribe(hub).status == 202
    (denial,) = made(hub)
    assert dict(denial.request.query) == {
        "id": "1",
        "hub.mode": "denied",
        "hub.topic": TOPIC,
        "hub.reason": "not you",
    }
    respond(hub, denial, ConnectionLost("nobody there"))
    assert events(hub) == []

    call(hub, asked("unsubscribe", topic=TOPIC, callback=CALLBACK))
    assert "hub.mode=unsubscribe" in made(hub)[0].request.url


def _raises(_: SubscriptionRequest) -> str | None:
    raise OSError


@pytest.mark.parametrize(
    "admit",
    [_raises, lambda _: True, lambda _: b"no", lambda _: "\ud800"],
    ids=["raises", "bool", "bytes", "half a character"],
)
def test_an_application_that_cannot_decide(admit: Any) -> None:
    """What it raises is its own; its hub goes on, and what was in force still is."""
    # WebSub H5, H8
    decisions = [None, admit, None]
    hub = new_hub(admit=lambda request: (decide := decisions.pop()) and decide(request))
    with_subscriber(hub)
    answer = subscribe(hub)
    assert (answer.status, answer.body) == (
        500,
        b"this hub could not decide about the subscription",
    )
    (failed,) = events(hub)
    assert isinstance(failed, VerificationFailed)
    assert isinstance(failed.outcome, Exception)
    assert made(hub) == []
    hub.send(Message.of_text("news", source=TOPIC), 0)
    assert len(made(hub)) == 1
    assert subscribe(hub, "https://two.example/").status == 202


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (Request("GET", HUB), 405),
        (Request("POST", f"{HUB}elsewhere"), 404),
        (asked("subscribe", topic=TOPIC), 400),
        (asked("nonsense", topic=TOPIC, callback=CALLBACK), 400),
    ],
)
def test_requests_that_are_refused(request_: Request, status: int) -> None:
    """In words, for the developer at the other end."""
    # WebSub H5
    response = call(new_hub(), request_)

    assert response.status == status
    assert response.body


@pytest.mark.parametrize(
    ("wanted", "granted"),
    [("", "864000"), ("5", "300"), ("99999999", "2592000"), ("1000", "1000")],
)
def test_leases_lie_between_the_limits(wanted: str, granted: str) -> None:
    """Ten days where nothing was said; never for ever."""
    # WebSub H15, H22
    hub = new_hub(limits=Limits())
    subscribe(hub, **({"lease_seconds": wanted} if wanted else {}))

    assert dict(confirm(hub).query)["hub.lease_seconds"] == granted


def test_a_lease_is_measured_from_when_the_hub_asks() -> None:
    """However long the subscriber takes to confirm it."""
    # WebSub H22
    hub = new_hub()
    subscribe(hub, lease_seconds="60")
    confirm(hub, 20.0)
    assert hub.deadline == 60.0

    hub = new_hub()
    subscribe(hub, lease_seconds="60")
    confirm(hub, 70.0)
    hub.handle_timeout(70.0)
    assert [type(event) for event in events(hub)] == [Subscribed, SubscriptionEnded]


def test_nothing_goes_to_a_lease_that_is_over_though_nobody_has_looked_at_the_clock() -> None:
    """Late calls of `handle_timeout` cost nothing but time."""
    # WebSub H22
    hub = with_subscriber(new_hub(), lease_seconds="60")
    hub.send(Message.of_text("news", source=TOPIC), 60.0)
    assert made(hub) == []


def test_a_lease_ends() -> None:
    """And with it the deliveries."""
    # WebSub H22
    hub = with_subscriber(new_hub(), lease_seconds="60")
    hub.handle_timeout(60)

    assert events(hub) == [SubscriptionEnded(TOPIC, CALLBACK, "expired")]
    ping(hub, 61)
    assert made(hub) == []
    assert hub.deadline is None


def test_unsubscribing() -> None:
    """Verified like a subscription; twice does no harm; what is owed is not delivered."""
    # WebSub H12
    hub = with_subscriber(new_hub(schedule=Steps((5.0,))))
    ping(hub)
    (delivery,) = fetched(hub, NEWS)
    respond(hub, delivery, Response(500))
    events(hub)
    for _ in range(2):
        call(hub, asked("unsubscribe", topic=TOPIC, callback=CALLBACK, lease_seconds="9"))
        assert "hub.lease_seconds" not in dict(confirm(hub).query)

    assert events(hub) == [SubscriptionEnded(TOPIC, CALLBACK, "unsubscribed")]
    hub.handle_timeout(5)
    assert made(hub) == []


def test_one_topic_goes_on_when_another_subscriber_leaves() -> None:
    """The subscribers of a topic are counted one by one."""
    hub = with_subscriber(with_subscriber(new_hub()), "https://two.example/")
    call(hub, asked("unsubscribe", topic=TOPIC, callback=CALLBACK))
    confirm(hub)
    ping(hub)

    (delivery,) = fetched(hub, NEWS)
    assert delivery.request.url == "https://two.example/"


def test_a_new_subscription_replaces_the_old_one_once_it_is_verified() -> None:
    """Also its secret; until then the old one is in force."""
    # WebSub H10, H11
    hub = with_subscriber(new_hub(), secret=SECRET)
    subscribe(hub, secret="another secret of the same")
    (verification,) = made(hub)
    ping(hub)
    (delivery,) = fetched(hub, NEWS)
    assert verify_signature(delivery.request.headers["X-Hub-Signature"], b"<p>news", SECRET)

    challenge = dict(verification.request.query)["hub.challenge"]
    respond(hub, verification, Response(200, Headers(), challenge.encode()))
    ping(hub)
    (delivery,) = fetched(hub, NEWS)
    signature = delivery.request.headers["X-Hub-Signature"]
    assert verify_signature(signature, b"<p>news", "another secret of the same")


def test_the_latest_request_counts() -> None:
    """Whatever is confirmed of those before it: they may be confirmed in any order."""
    # WebSub H10, H12
    for old, new in (("subscribe", "unsubscribe"), ("unsubscribe", "subscribe")):
        hub = with_subscriber(new_hub())
        for mode in (old, new):
            call(hub, asked(mode, topic=TOPIC, callback=CALLBACK))
        for verification in reversed(made(hub)):
            challenge = dict(verification.request.query)["hub.challenge"]
            respond(hub, verification, Response(200, Headers(), challenge.encode()))
        (event,) = events(hub)
        assert isinstance(event, Subscribed if new == "subscribe" else SubscriptionEnded)


def test_a_request_that_comes_twice_is_verified_once() -> None:
    """While the first one is being verified; another one replaces it, and its challenge."""
    # WebSub H10, H21, X5
    hub = new_hub()
    for secret in ("one", "one", "two"):
        assert subscribe(hub, secret=secret).status == 202
    old, new = made(hub)
    challenge = dict(old.request.query)["hub.challenge"]
    assert challenge != dict(new.request.query)["hub.challenge"]
    respond(hub, old, Response(200, Headers(), challenge.encode()))
    assert events(hub) == []

    challenge = dict(new.request.query)["hub.challenge"]
    respond(hub, new, Response(200, Headers(), challenge.encode()))
    assert len(events(hub)) == 1


def test_a_request_that_comes_while_another_one_waits_is_verified_at_once() -> None:
    """Whoever asks again is there again."""
    # WebSub H7
    hub = new_hub()
    subscribe(hub)
    respond(hub, made(hub)[0], ConnectionLost("away"))
    subscribe(hub)
    confirm(hub)
    assert events(hub) == [Subscribed(TOPIC, CALLBACK, 864_000)]


def test_more_subscriptions_than_the_limits() -> None:
    """503: try again later. A renewal always finds room."""
    # WebSub X5
    hub = with_subscriber(new_hub(limits=Limits(subscriptions=1)))
    assert subscribe(hub, "https://two.example/").status == 503
    assert subscribe(hub).status == 202

    hub = new_hub(limits=Limits(subscriptions=1))
    assert subscribe(hub).status == 202
    assert subscribe(hub).status == 202  # once more the same, which is not one more
    assert subscribe(hub, "https://two.example/").status == 503

    hub = new_hub(limits=Limits(verifications=1))
    assert subscribe(hub).status == 202
    assert subscribe(hub, "https://two.example/").status == 503
    assert subscribe(hub).status == 202


def test_what_a_hub_is_not_told() -> None:
    """A message needs a topic; and a hub refuses what would not work."""
    hub = new_hub()
    with pytest.raises(LocalProtocolError, match="needs their topic as its source"):
        hub.send(Message.of_text("news"), 0)
    with pytest.raises(LocalProtocolError, match="takes no str"):
        hub.send("news", 0)  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError, match="must be one of"):
        Hub(HUB, method="md5")  # type: ignore[arg-type]
    with pytest.raises((LocalProtocolError, RemoteProtocolError)):
        Hub("nowhere")


def test_end_closes() -> None:
    """What was not delivered is given up."""
    hub = with_subscriber(new_hub())
    hub.send(End(), 0)

    assert events(hub) == [Closed()]
    assert hub.finished
