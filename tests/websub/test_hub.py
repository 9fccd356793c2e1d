"""The hub: what it is asked, how it makes sure, and what it brings to whom."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import (
    Closed,
    ConnectionLost,
    End,
    LimitExceeded,
    LocalProtocolError,
    Message,
    RemoteProtocolError,
    Steps,
)
from eventproto.http import Call, Headers, Request, Response
from eventproto.websub import (
    Delivered,
    DeliveryFailed,
    FetchFailed,
    Hub,
    Limits,
    Subscribed,
    SubscriptionEnded,
    VerificationFailed,
    verify_signature,
)
from tests.websub.roles import (
    CALLBACK,
    HUB,
    TOPIC,
    asked,
    call,
    entropy,
    events,
    made,
    respond,
)

SECRET = "a secret of the subscription"


def new_hub(**options: Any) -> Hub:
    """A hub that is running, with leases as short as the tests like."""
    options.setdefault("limits", Limits(lease_minimum=1))
    hub = Hub(HUB, entropy=entropy(), **options)
    hub.handle_timeout(0)
    return hub


def subscribe(hub: Hub, callback: str = CALLBACK, **fields: str) -> Response:
    """Ask for a subscription."""
    return call(hub, asked("subscribe", topic=TOPIC, callback=callback, **fields))


def confirm(hub: Hub, now: float = 0.0) -> Request:
    """Confirm the verification that the hub makes; gives its request."""
    (verification,) = made(hub)
    challenge = dict(verification.request.query)["hub.challenge"]
    respond(hub, verification, Response(200, Headers(), challenge.encode()), now)
    return verification.request


def with_subscriber(hub: Hub, callback: str = CALLBACK, **fields: str) -> Hub:
    """The hub, with a subscription that was verified."""
    assert subscribe(hub, callback, **fields).status == 202
    confirm(hub)
    assert [type(event) for event in events(hub)] == [Subscribed]
    return hub


def ping(hub: Hub, now: float = 0.0, **fields: str) -> Response:
    """Tell the hub that a topic has news."""
    return call(hub, asked("publish", **(fields or {"url": TOPIC})), now)


def fetched(hub: Hub, content: Response, now: float = 0.0) -> list[Call]:
    """Let the hub fetch the topic; gives the deliveries that it makes then."""
    (fetch,) = made(hub)
    assert (fetch.request.method, fetch.request.url) == ("GET", TOPIC)
    respond(hub, fetch, content, now)
    return made(hub)


NEWS = Response(200, Headers({"Content-Type": "text/html", "Content-Language": "en"}), b"<p>news")


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
        ConnectionLost("nobody there"),
    ],
)
def test_what_is_not_confirmed_does_not_come_about(outcome: Response | Exception) -> None:
    """Nothing is delivered, and it is no denial either."""
    # WebSub H20, H17
    hub = new_hub()
    subscribe(hub)
    respond(hub, made(hub)[0], outcome)

    assert events(hub) == [VerificationFailed(TOPIC, CALLBACK, outcome)]
    ping(hub)
    assert made(hub) == []


def test_a_request_that_is_denied() -> None:
    """The subscriber is told why; unsubscribing is always admitted."""
    # WebSub H8, H16, H17
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


def test_a_lease_ends() -> None:
    """And with it the deliveries."""
    # WebSub H22
    hub = with_subscriber(new_hub(), lease_seconds="60")
    hub.handle_timeout(60)

    assert events(hub) == [SubscriptionEnded(TOPIC, CALLBACK, "expired")]
    ping(hub, 61)
    assert made(hub) == []
    assert hub.deadline is None


def test_content_is_fetched_and_delivered_signed() -> None:
    """The whole of it, to the exact callback, with type and links; 2xx is delivered."""
    # WebSub H12, H23, H24, H25, H26, H27, H30, P7
    hub = with_subscriber(new_hub(), secret=SECRET)
    assert ping(hub).ok
    (delivery,) = fetched(hub, NEWS)

    request = delivery.request
    assert (request.method, request.url, request.body) == ("POST", CALLBACK, b"<p>news")
    assert request.headers["Content-Type"] == "text/html"
    assert request.headers["Link"] == f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"'
    assert verify_signature(request.headers["X-Hub-Signature"], request.body, SECRET)
    assert request.headers["X-Hub-Signature"].startswith("sha256=")

    respond(hub, delivery, Response(202, Headers(), b"ignored"))
    assert events(hub) == [Delivered(TOPIC, CALLBACK)]


def test_without_a_secret_there_is_no_signature() -> None:
    """A signature by nothing would say nothing."""
    # WebSub H31
    hub = with_subscriber(new_hub())
    ping(hub, topic=TOPIC)
    (delivery,) = fetched(hub, NEWS)

    assert "X-Hub-Signature" not in delivery.request.headers


def test_a_hub_for_old_subscribers_signs_with_sha1() -> None:
    """By choice, and for all of them."""
    hub = with_subscriber(new_hub(method="sha1"), secret=SECRET)
    ping(hub)
    (delivery,) = fetched(hub, NEWS)

    assert delivery.request.headers["X-Hub-Signature"].startswith("sha1=")


def test_each_subscriber_is_served_for_itself() -> None:
    """One that is slow or broken delays no other; it is tried again, signed anew."""
    # WebSub H28, H32, H33
    hub = with_subscriber(new_hub(schedule=Steps((5.0,))), secret=SECRET)
    with_subscriber(hub, "https://two.example/")
    ping(hub)
    first, second = fetched(hub, NEWS)
    respond(hub, second, Response(200), 1)
    respond(hub, first, Response(500), 1)
    assert events(hub) == [
        Delivered(TOPIC, "https://two.example/"),
        DeliveryFailed(TOPIC, CALLBACK, Response(500), 5.0),
    ]

    assert hub.deadline == 6
    hub.handle_timeout(6)
    (again,) = made(hub)
    assert again.request == first.request
    lost = ConnectionLost("away")
    respond(hub, again, lost, 6)
    assert events(hub) == [DeliveryFailed(TOPIC, CALLBACK, lost, None)]

    ping(hub, 7)
    assert len(fetched(hub, NEWS, 7)) == 2


def test_410_ends_the_subscription() -> None:
    """And nothing else but the end of the lease does."""
    # WebSub H29, C4
    hub = with_subscriber(new_hub())
    ping(hub)
    ping(hub)
    first, *_ = fetched(hub, NEWS)
    respond(hub, first, Response(410))

    assert SubscriptionEnded(TOPIC, CALLBACK, "gone") in events(hub)


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


def test_a_request_that_is_repeated_is_verified_once_more() -> None:
    """Only the latest challenge counts."""
    hub = new_hub()
    subscribe(hub)
    subscribe(hub)
    old, new = made(hub)
    challenge = dict(old.request.query)["hub.challenge"]
    respond(hub, old, Response(200, Headers(), challenge.encode()))
    assert events(hub) == []

    challenge = dict(new.request.query)["hub.challenge"]
    respond(hub, new, Response(200, Headers(), challenge.encode()))
    assert len(events(hub)) == 1


def test_many_pings_are_one_fetch_and_one_more() -> None:
    """What changes while it is being fetched is fetched once afterwards."""
    # WebSub X8
    hub = with_subscriber(new_hub())
    ping(hub)
    (fetch,) = made(hub)
    for _ in range(5):
        ping(hub)
    assert made(hub) == []
    respond(hub, fetch, NEWS)

    urls = [each.request.url for each in made(hub)]
    assert sorted(urls) == sorted([CALLBACK, TOPIC])


def test_a_topic_that_moved_is_followed() -> None:
    """Not for ever; a redirect to nowhere fails, and is tried again."""
    # WebSub P8
    hub = with_subscriber(new_hub(limits=Limits(redirects=1), schedule=Steps((5.0,))))
    ping(hub)
    (fetch,) = made(hub)
    respond(hub, fetch, Response(301, Headers({"Location": "/new"})))
    (fetch,) = made(hub)
    assert fetch.request.url == "https://blog.example/new"
    respond(hub, fetch, NEWS)
    assert made(hub)[0].request.body == b"<p>news"

    ping(hub)
    for _ in range(2):
        (fetch,) = made(hub)
        respond(hub, fetch, Response(307, Headers({"Location": "/round"})))
    (failed,) = [event for event in events(hub) if isinstance(event, FetchFailed)]
    assert isinstance(failed.outcome, LimitExceeded)
    assert failed.retry_in == 5


@pytest.mark.parametrize("outcome", [Response(500), Response(302), ConnectionLost("away")])
def test_a_fetch_that_fails_is_tried_again(outcome: Response | Exception) -> None:
    """Then it is given up, until somebody asks again."""
    hub = with_subscriber(new_hub(schedule=Steps((5.0,))))
    ping(hub)
    for now in (0.0, 5.0):
        hub.handle_timeout(now)
        (fetch,) = made(hub)
        respond(hub, fetch, outcome, now)

    assert events(hub) == [FetchFailed(TOPIC, outcome, 5.0), FetchFailed(TOPIC, outcome, None)]


def test_content_that_is_too_large() -> None:
    """It is not distributed."""
    hub = with_subscriber(new_hub(limits=Limits(content_size=4), schedule=Steps(())))
    ping(hub)
    assert fetched(hub, NEWS) == []

    (failed,) = events(hub)
    assert isinstance(failed, FetchFailed)
    assert isinstance(failed.outcome, LimitExceeded)


def test_a_message_goes_to_the_subscribers_of_its_source() -> None:
    """Without a fetch; the application is the publisher."""
    hub = with_subscriber(new_hub())
    hub.send(Message.of_text("news", source=TOPIC), 0)

    (delivery,) = made(hub)
    assert delivery.request.body == b"news"
    assert delivery.request.headers["Content-Type"] == "text/plain;charset=utf-8"


def test_more_deliveries_than_the_limit() -> None:
    """They are told of, not kept."""
    hub = with_subscriber(new_hub(limits=Limits(deliveries=1)))
    hub.send(Message.of_text("one", source=TOPIC), 0)
    hub.send(Message.of_text("two", source=TOPIC), 0)

    assert len(made(hub)) == 1
    (failed,) = events(hub)
    assert isinstance(failed, DeliveryFailed)
    assert isinstance(failed.outcome, LimitExceeded)


def test_more_subscriptions_than_the_limits() -> None:
    """503: try again later. A renewal always finds room."""
    # WebSub X5
    hub = with_subscriber(new_hub(limits=Limits(subscriptions=1)))
    assert subscribe(hub, "https://two.example/").status == 503
    assert subscribe(hub).status == 202

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
