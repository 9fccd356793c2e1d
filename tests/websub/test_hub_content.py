"""The hub: what it fetches, and what it brings to whom."""

from __future__ import annotations

import pytest

from eventproto import (
    ConnectionLost,
    LimitExceeded,
    Message,
    Steps,
)
from eventproto.http import Headers, Response
from eventproto.websub import (
    METHODS,
    Delivered,
    DeliveryFailed,
    FetchFailed,
    Limits,
    Method,
    SubscriptionEnded,
    verify_signature,
)
from tests.websub.hubs import NEWS, SECRET, confirm, fetched, new_hub, ping, with_subscriber
from tests.websub.roles import CALLBACK, HUB, TOPIC, asked, call, events, made, respond


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


@pytest.mark.parametrize("method", METHODS)
def test_a_hub_signs_with_the_method_that_it_is_told(method: Method) -> None:
    """For all subscribers; those from before WebSub know only SHA-1."""
    # WebSub H30
    hub = with_subscriber(new_hub(method=method), secret=SECRET)
    ping(hub)
    (delivery,) = fetched(hub, NEWS)

    signature = delivery.request.headers["X-Hub-Signature"]
    assert signature.startswith(f"{method}=")
    assert verify_signature(signature, NEWS.body, SECRET, min_method=method)


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


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 500, 503])
def test_any_other_answer_to_a_delivery_is_a_failure(status: int) -> None:
    """It is tried again where it was, not where the answer leads; the subscription stays."""
    # WebSub H23, H27, H28, S37, C4
    hub = with_subscriber(new_hub(schedule=Steps((5.0,))))
    hub.send(Message.of_text("news", source=TOPIC), 0)
    answer = Response(status, Headers({"Location": "https://other.example/"}))
    for attempt, retry_in in enumerate((5.0, None)):
        hub.handle_timeout(5.0 * attempt)
        (delivery,) = made(hub)
        assert delivery.request.url == CALLBACK
        respond(hub, delivery, answer, 5.0 * attempt)
        assert events(hub) == [DeliveryFailed(TOPIC, CALLBACK, answer, retry_in)]
    hub.send(Message.of_text("more news", source=TOPIC), 6.0)
    assert [each.request.url for each in made(hub)] == [CALLBACK]


def test_410_ends_the_subscription() -> None:
    """And what else is owed to it: no other answer does that."""
    # WebSub H29, C4
    hub = with_subscriber(with_subscriber(new_hub(schedule=Steps((5.0,)))), "https://two.example/")
    for content in ("one", "two"):
        hub.send(Message.of_text(content, source=TOPIC), 0)
    deliveries = [each for each in made(hub) if each.request.url == CALLBACK]
    respond(hub, deliveries[0], Response(500))
    respond(hub, deliveries[1], Response(410))
    assert events(hub)[-1] == SubscriptionEnded(TOPIC, CALLBACK, "gone")
    hub.handle_timeout(5.0)
    assert made(hub) == []
    hub.send(Message.of_text("three", source=TOPIC), 6.0)
    assert [each.request.url for each in made(hub)] == ["https://two.example/"]


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


def test_a_topic_that_says_nothing_yet() -> None:
    """Nobody is told nothing, however many say that there are news."""
    # WebSub H24, X8
    hub = with_subscriber(new_hub())
    ping(hub)
    assert fetched(hub, Response(204)) == []
    assert (events(hub), hub.deadline) == ([], 864_000.0)
    ping(hub)
    assert len(fetched(hub, Response(200))) == 1  # empty, but content


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


@pytest.mark.parametrize("attempts", [2, 3])
def test_a_fetch_that_is_tried_again_begins_where_the_topic_is_said_to_be(attempts: int) -> None:
    """A redirect may lead to what is there for a minute; and each counts as the same attempt."""
    # WebSub P8
    hub = with_subscriber(new_hub(schedule=Steps((5.0,) * (attempts - 1))))
    ping(hub)
    for attempt in range(attempts):
        hub.handle_timeout(5.0 * attempt)
        for url, outcome in (
            (TOPIC, Response(302, Headers({"Location": f"/{attempt}"}))),
            (f"https://blog.example/{attempt}", Response(403)),
        ):
            (fetch,) = made(hub)
            assert fetch.request.url == url
            respond(hub, fetch, outcome, 5.0 * attempt)
    failures = [event.retry_in for event in events(hub) if isinstance(event, FetchFailed)]
    assert failures == [5.0] * (attempts - 1) + [None]


def test_a_fetch_that_fails_when_there_are_more_news_is_told_and_begins_anew() -> None:
    """At once, as the publisher has just said that it is worth it."""
    # WebSub X8
    hub = with_subscriber(new_hub(schedule=Steps((5.0,))))
    ping(hub)
    (fetch,) = made(hub)
    ping(hub)
    respond(hub, fetch, Response(500))
    assert events(hub) == [FetchFailed(TOPIC, Response(500), 0.0)]
    assert len(fetched(hub, NEWS)) == 1


def test_nothing_is_fetched_for_nobody() -> None:
    """Not in the first place, and not again when the last subscriber has gone."""
    # WebSub X8
    hub = new_hub(schedule=Steps((5.0,)))
    assert ping(hub).ok
    assert made(hub) == []

    with_subscriber(hub, lease_seconds="3")
    ping(hub)
    assert fetched(hub, Response(500)) == []
    hub.handle_timeout(6.0)
    assert made(hub) == []
    assert hub.deadline is None


def test_a_fetch_that_is_redirected_when_the_last_subscriber_has_gone() -> None:
    """Is not followed, however often it was asked for."""
    # WebSub X8
    hub = with_subscriber(new_hub(), lease_seconds="3")
    ping(hub)
    ping(hub)
    (fetch,) = made(hub)
    hub.handle_timeout(3.0)
    respond(hub, fetch, Response(302, Headers({"Location": "/new"})), 4.0)
    assert made(hub) == []


def test_news_that_come_while_a_redirect_is_followed_are_fetched_afterwards() -> None:
    """Once, from the beginning."""
    hub = with_subscriber(new_hub())
    ping(hub)
    (fetch,) = made(hub)
    respond(hub, fetch, Response(302, Headers({"Location": "/new"})))
    (fetch,) = made(hub)
    ping(hub)
    assert made(hub) == []
    respond(hub, fetch, NEWS)
    assert sorted(each.request.url for each in made(hub)) == sorted([CALLBACK, TOPIC])


def test_a_topic_may_be_spelled_in_another_way() -> None:
    """By its publisher, and by whoever unsubscribes; each hears it in its own spelling."""
    # WebSub H13
    encoded = TOPIC.replace("feed", "%66eed")
    hub = new_hub()
    call(hub, asked("subscribe", topic=encoded, callback=CALLBACK))
    assert dict(confirm(hub).query)["hub.topic"] == encoded
    ping(hub)
    (delivery,) = fetched(hub, NEWS)
    assert f'<{encoded}>; rel="self"' in delivery.request.headers["Link"]
    respond(hub, delivery, Response(204))

    call(hub, asked("unsubscribe", topic=TOPIC, callback=CALLBACK.replace("hook", "%68ook")))
    confirm(hub)
    assert events(hub)[-1] == SubscriptionEnded(encoded, CALLBACK, "unsubscribed")
