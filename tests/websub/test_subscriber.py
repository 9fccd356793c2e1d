"""The subscriber: what it asks for, what it confirms, and what its commands are."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import (
    Closed,
    ClosedError,
    ConnectionLost,
    End,
    LocalProtocolError,
)
from eventproto.http import Headers, Request
from eventproto.websub import (
    Limits,
    Subscribe,
    Subscriber,
    SubscriptionDenied,
    SubscriptionVerified,
    Unsubscribe,
    Unsubscribed,
)
from tests.websub.roles import HUB, TOPIC, call, events, form, made, respond
from tests.websub.subscriptions import (
    PAGE,
    PREFIX,
    RESOURCE,
    SECRET,
    WANTED,
    active,
    callback_of,
    deny,
    page,
    pending,
    requested,
    subscriber,
    verify,
)

OTHER = "https://other.example/"


def test_a_subscription_begins_with_discovery_and_is_asked_for_as_it_was_found() -> None:
    """The topic of the request is the one that the resource names."""
    # WebSub S2, S12, S13, S14, S15, S16
    role = subscriber()
    role.send(Subscribe(RESOURCE, "blog", lease_seconds=60, secret=SECRET), 0.0)
    (discovery,) = made(role)
    assert discovery.request == Request("GET", RESOURCE, Headers({"Accept-Encoding": "identity"}))
    respond(role, discovery, PAGE)
    (asked,) = made(role)
    assert (asked.request.method, asked.request.url) == ("POST", HUB)
    fields = form(asked.request.body)
    assert fields.pop("hub.callback").startswith(PREFIX)
    assert fields == {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.lease_seconds": "60",
        "hub.secret": SECRET,
    }


def test_callbacks_and_secrets_are_drawn_for_each_subscription() -> None:
    """With 128 and 256 bits; nothing is sent that was not asked for."""
    # WebSub S16, S17, S22
    role = subscriber()
    drawn: set[str] = set()
    for number in range(5):
        role.send(Subscribe(f"{RESOURCE}{number}"), 0.0)
        fields = form(requested(role).request.body)
        assert fields.keys() == {"hub.mode", "hub.topic", "hub.callback", "hub.secret"}
        assert len(fields["hub.callback"]) == len(PREFIX) + 32
        assert len(fields["hub.secret"]) == 64
        drawn |= {fields["hub.callback"], fields["hub.secret"]}
    assert len(drawn) == 10


def test_a_subscription_without_signatures_has_no_secret() -> None:
    """And may go over http."""
    # WebSub S16
    _, asked = pending(Subscribe(RESOURCE, signed=False), page("http://hub.example/"))
    assert "hub.secret" not in form(asked.request.body)


@pytest.mark.parametrize("lease", [600, None])
def test_a_subscription_is_verified_with_the_challenge(lease: int | None) -> None:
    """Its lease is the hub's, else the one that was asked for."""
    # WebSub S23, S24, S27, S28
    role, asked = pending(Subscribe(RESOURCE, "blog", lease_seconds=50))
    respond(role, asked, 202, 1.0)
    answer = verify(role, callback_of(asked), 2.0, lease=lease)
    assert (answer.status, answer.body) == (200, b"challenge")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert events(role) == [SubscriptionVerified("blog", TOPIC, lease or 50)]
    assert role.deadline == 2.0 + (lease or 50) / 2


@pytest.mark.parametrize(("asked_for", "believed"), [(None, 20), (10**16 - 1, 30)])
def test_no_lease_is_longer_than_the_limit(asked_for: int | None, believed: int) -> None:
    """Where nobody names one, a default is assumed."""
    # WebSub S35
    limits = Limits(lease_minimum=10, lease_default=20, lease_maximum=30)
    role, asked = pending(Subscribe(RESOURCE, "blog", lease_seconds=asked_for), limits=limits)
    assert verify(role, callback_of(asked), lease=None).status == 200
    assert events(role) == [SubscriptionVerified("blog", TOPIC, believed)]


def test_a_hub_may_verify_before_it_answers() -> None:
    """Then its answer does not matter any more, whatever it is."""
    # WebSub S23, C5
    for answer in (204, 500, ConnectionLost("gone")):
        role, asked = pending()
        assert verify(role, callback_of(asked)).status == 200
        respond(role, asked, answer)
        assert [type(event) for event in events(role)] == [SubscriptionVerified]
        assert not made(role)


def test_a_topic_may_be_spelled_in_another_way() -> None:
    """What need not be percent-encoded is the same with and without."""
    # WebSub S23
    role, asked = pending()
    assert verify(role, callback_of(asked), topic=TOPIC.replace("feed", "%66eed")).ok
    assert events(role) == [SubscriptionVerified("blog", TOPIC, 1000)]


@pytest.mark.parametrize(
    "wrong", [{"topic": OTHER}, {"mode": "unsubscribe"}, {"mode": "unsubscribe", "topic": OTHER}]
)
def test_what_was_not_asked_for_is_not_confirmed(wrong: dict[str, Any]) -> None:
    """Neither while it is pending nor when it is in force, and nothing changes."""
    # WebSub S25
    for role, callback in (_asked(), active()):
        before = role.deadline
        assert verify(role, callback, **wrong).status == 404
        assert (events(role), role.deadline) == ([], before)


def _asked() -> tuple[Subscriber, str]:
    role, request = pending()
    respond(role, request, 202)
    return role, callback_of(request)


def test_nothing_is_confirmed_before_a_hub_was_asked() -> None:
    """Discovery asks for nothing."""
    # WebSub S25
    role = subscriber()
    role.send(WANTED, 0.0)
    (callback,) = (each.callback for each in role._subscriptions.values())
    assert verify(role, callback).status == 404
    assert deny(role, callback).status == 404


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        (lambda callback: Request("GET", callback), 404),
        (lambda callback: Request("GET", callback + "0?hub.mode=denied&hub.topic=x"), 404),
        (lambda callback: Request("POST", PREFIX), 404),
        (lambda callback: Request("GET", callback.replace("/callbacks", "")), 404),
        (lambda callback: Request("PUT", callback), 405),
        (lambda callback: Request("HEAD", callback), 405),
    ],
)
def test_other_calls_are_answered_by_themselves(request_of: Any, status: int) -> None:
    """Callbacks that are none, questions that are none, methods that are none."""
    # WebSub S25, S45
    role, callback = active()
    answer = call(role, request_of(callback))
    assert answer.status == status
    assert answer.headers.get("Allow") == ("GET, POST" if status == 405 else None)
    assert not events(role)


def test_a_denied_request_ends_a_subscription_that_was_never_verified() -> None:
    """A denial of something else does not."""
    # WebSub S29
    role, callback = _asked()
    assert deny(role, callback, topic=OTHER).status == 404
    assert deny(role, callback).status == 200
    assert events(role) == [SubscriptionDenied("blog", "no")]
    assert role.deadline is None
    assert verify(role, callback).status == 404


@pytest.mark.parametrize("asked", [False, True])
def test_a_pending_subscription_that_is_not_wanted_is_forgotten(asked: bool) -> None:
    """No hub has verified it, and none will; answers that are on their way find nobody."""
    # WebSub S25, S47
    role = subscriber()
    role.send(WANTED, 0.0)
    request = requested(role) if asked else made(role)[0]
    role.send(Unsubscribe("blog"), 1.0)
    assert events(role) == [Unsubscribed("blog")]
    respond(role, request, PAGE, 2.0)
    assert (made(role), events(role), role.deadline) == ([], [], None)
    if asked:
        assert verify(role, callback_of(request), 3.0).status == 404


def test_names_are_unique_and_subscriptions_are_limited() -> None:
    """Nothing is asked for the one that is refused."""
    role = subscriber(limits=Limits(subscriptions=2))
    role.send(Subscribe(RESOURCE, "a"), 0.0)
    with pytest.raises(LocalProtocolError, match="'a' already"):
        role.send(Subscribe(OTHER, "a"), 0.0)
    role.send(Subscribe(RESOURCE, "b"), 0.0)
    with pytest.raises(LocalProtocolError, match="2 subscriptions already"):
        role.send(Subscribe(RESOURCE, "c"), 0.0)
    assert len(made(role)) == 2


def test_other_commands_are_refused() -> None:
    """By the name of what they are."""
    wrong: Any = Closed()
    with pytest.raises(LocalProtocolError, match="takes no Closed"):
        subscriber().send(wrong, 0.0)


@pytest.mark.parametrize(
    "prefix",
    ["https://reader.example", "/callbacks/", "https://reader.example/?x=/", "ftp://a.example/"],
)
def test_a_prefix_is_a_url_that_a_name_can_be_put_behind(prefix: str) -> None:
    """A callback is found by its path."""
    with pytest.raises(LocalProtocolError, match="callback_prefix"):
        Subscriber(prefix)


@pytest.mark.parametrize("status", [100, 199, 300, 307, 399, 410, 600])
def test_a_wrong_signature_is_not_answered_with_what_means_something_else(status: int) -> None:
    """A redirect, or the end of the subscription."""
    # WebSub S37, C1
    with pytest.raises(LocalProtocolError, match="mismatch_status"):
        Subscriber(PREFIX, mismatch_status=status)


def test_the_weakest_method_is_one_of_four() -> None:
    """It is the caller's to spell it."""
    # WebSub S43
    method: Any = "md5"
    with pytest.raises(LocalProtocolError, match="min_method"):
        Subscriber(PREFIX, min_method=method)


def test_the_end_closes() -> None:
    """Subscriptions stay in force at their hubs; here nothing is waited for any more."""
    role, _ = active()
    role.send(End(), 1.0)
    assert events(role) == [Closed(None)]
    assert role.deadline is None
    assert role.finished
    with pytest.raises(ClosedError):
        role.send(Unsubscribe("blog"), 2.0)
