"""The subscriber: leases, their renewal and their end."""

from __future__ import annotations

import pytest

from eventproto import ConnectionLost, LocalProtocolError, PeerTimeout
from eventproto.http import Call, HandshakeRejected, Response
from eventproto.websub import (
    Limits,
    Subscriber,
    SubscriptionDenied,
    SubscriptionExpired,
    SubscriptionVerified,
    Unsubscribe,
    Unsubscribed,
)
from tests.websub.roles import HUB, TOPIC, call, events, form, made, respond
from tests.websub.subscriptions import (
    PAGE,
    WANTED,
    accepts,
    active,
    callback_of,
    delivery,
    deny,
    page,
    pending,
    redirect,
    requested,
    verify,
)

OTHER = "https://other.example/"


def renewed(role: Subscriber, now: float, found: Response = PAGE) -> Call:
    """The request to a hub that a renewal makes when it is due."""
    assert role.deadline == now
    role.handle_timeout(now)
    return requested(role, found, now)


def test_renewal_begins_at_half_of_the_lease_with_the_same_callback_and_secret() -> None:
    """The lease runs from the verification, not from the answer to the request."""
    # WebSub S27, S32, C7
    role, first = pending()
    assert verify(role, callback_of(first), 10.0, lease=1000).ok
    events(role)
    role.handle_timeout(509.9)
    assert not made(role)
    second = renewed(role, 510.0)
    assert second.request == first.request
    respond(role, second, 202, 511.0)
    assert verify(role, callback_of(second), 512.0, lease=100).ok
    assert events(role) == [SubscriptionVerified("blog", TOPIC, 100)]
    assert role.deadline == 512.0 + 50


def test_a_subscription_in_force_stays_so_while_it_is_renewed() -> None:
    """Content arrives in each phase, also from a hub that has not heard of the renewal."""
    # WebSub S34
    role, callback = active()
    role.handle_timeout(500.0)
    (discovery,) = made(role)
    assert accepts(role, callback, 500.0)
    respond(role, discovery, PAGE, 501.0)
    (asked,) = made(role)
    assert accepts(role, callback, 501.0)
    respond(role, asked, 202, 502.0)
    assert accepts(role, callback, 502.0)


def test_a_topic_that_has_moved_is_followed() -> None:
    """To another hub, with another topic; when that is verified, the old topic is not known."""
    # WebSub S33, S39
    role, callback = active()
    moved = page(OTHER, topic="https://blog.example/new")
    asked = renewed(role, 500.0, moved)
    assert asked.request.url == OTHER
    assert form(asked.request.body)["hub.topic"] == "https://blog.example/new"
    assert verify(role, callback, 501.0).ok  # the old hub makes sure of the old one
    assert not events(role)
    assert verify(role, callback, 502.0, topic="https://blog.example/new").ok
    assert events(role) == [SubscriptionVerified("blog", "https://blog.example/new", 1000)]
    assert verify(role, callback, 503.0).status == 404
    role.send(Unsubscribe("blog"), 504.0)
    (end,) = made(role)
    assert (end.request.url, form(end.request.body)["hub.topic"]) == (
        OTHER,
        "https://blog.example/new",
    )


def test_a_hub_may_make_sure_at_any_time_and_changes_nothing_with_it() -> None:
    """Neither can anybody who has found out the callback."""
    # WebSub S30, S31
    role, callback = active()
    answer = verify(role, callback, 100.0, lease=10**9)
    assert (answer.status, answer.body) == (200, b"challenge")
    assert (events(role), role.deadline) == ([], 500.0)


def test_a_renewal_that_fails_is_tried_again_at_half_of_what_is_left() -> None:
    """At least a second later, and until the lease is over; then the last failure is told."""
    # WebSub S32, S34, S35
    role, callback = active(lease=16)
    moments: list[float] = []
    lost = ConnectionLost("gone")
    while (now := role.deadline) is not None and now < 16.0:
        moments.append(now)
        role.handle_timeout(now)
        (discovery,) = made(role)
        respond(role, discovery, lost, now)
        assert not events(role)
    assert moments == [8.0, 12.0, 14.0, 15.0]
    assert accepts(role, callback, 15.9)
    role.handle_timeout(16.0)
    assert events(role) == [SubscriptionExpired("blog", lost)]
    assert role.deadline is None
    assert call(role, delivery(callback), 17.0).status == 404


@pytest.mark.parametrize("answer", [202, 500, None])
def test_a_renewal_that_is_not_verified_leaves_the_lease_alone(answer: int | None) -> None:
    """A hub that refuses, one that never comes back, one that never answers."""
    # WebSub S34, S35
    role, callback = active(limits=Limits(verification_time=20))
    asked = renewed(role, 500.0)
    if answer is not None:
        respond(role, asked, answer, 500.0)
        role.handle_timeout(520.0)
        assert role.deadline == {202: 760.0, 500: 750.0}[answer]
    assert accepts(role, callback, 521.0)
    role.handle_timeout(1000.0)
    (event,) = events(role)
    assert isinstance(event, SubscriptionExpired)
    kinds = {202: PeerTimeout, 500: HandshakeRejected, None: type(None)}
    assert isinstance(event.error, kinds[answer])


def test_a_failure_is_forgotten_when_the_next_renewal_succeeds() -> None:
    """It is not why the subscription ends later."""
    role, callback = active()
    asked = renewed(role, 500.0)
    respond(role, asked, 500, 500.0)
    renewed(role, 750.0)
    assert verify(role, callback, 750.0).ok
    events(role)
    role.handle_timeout(1250.0)
    role.handle_timeout(1750.0)
    assert events(role) == [SubscriptionExpired("blog", None)]
    assert len(made(role)) == 1


def test_a_denial_leaves_a_subscription_in_force_until_it_was_looked_into() -> None:
    """By a renewal, since anybody could have said it."""
    # WebSub S29, S34
    role, callback = active()
    assert deny(role, callback, 100.0, topic=OTHER).status == 404
    assert deny(role, callback, 100.0).status == 200
    assert events(role) == [SubscriptionDenied("blog", "no")]
    assert accepts(role, callback, 101.0)
    asked = renewed(role, 500.0)
    respond(role, asked, 202, 500.0)
    assert deny(role, callback, 600.0).status == 200
    assert verify(role, callback, 700.0).status == 200
    assert [type(event) for event in events(role)] == [SubscriptionDenied, SubscriptionVerified]


@pytest.mark.parametrize("waiting", [False, True])
def test_denials_put_no_renewal_off_and_fill_no_memory(waiting: bool) -> None:
    """However many there are, and whatever they say: they are signed by nobody."""
    # WebSub S29, S31, S34
    role, callback = active()
    if waiting:
        respond(role, renewed(role, 500.0), 202, 500.0)
    before = role.deadline
    for moment in range(1000):
        assert deny(role, callback, 600.0 if waiting else moment / 10).status == 200
    assert role.deadline == before
    assert set(map(type, told := events(role))) == {SubscriptionDenied}
    assert len(told) < 1000
    assert accepts(role, callback, 600.0)


def test_unsubscribing_tells_the_hub() -> None:
    """Which verifies that too, with a lease that counts for nothing."""
    # WebSub S13, S23, S24, S26, S47
    role, callback = active()
    role.send(Unsubscribe("blog"), 10.0)
    (asked,) = made(role)
    assert asked.request.url == HUB
    assert form(asked.request.body) == {
        "hub.mode": "unsubscribe",
        "hub.topic": TOPIC,
        "hub.callback": callback,
    }
    assert verify(role, callback, 11.0).status == 404  # it is not wanted any more
    respond(role, asked, 202, 12.0)
    assert not events(role)
    assert verify(role, callback, 13.0, mode="unsubscribe", lease=5).body == b"challenge"
    assert events(role) == [Unsubscribed("blog")]
    assert verify(role, callback, 14.0, mode="unsubscribe").status == 200  # once more
    assert deny(role, callback, 15.0).status == 200
    assert verify(role, callback, 16.0).status == 404
    assert (events(role), role.deadline) == ([], 1000.0)
    role.handle_timeout(1000.0)
    assert (events(role), role.deadline) == ([], None)
    assert verify(role, callback, 1001.0, mode="unsubscribe").status == 404


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (500, HandshakeRejected),
        (202, PeerTimeout),
        (ConnectionLost("gone"), ConnectionLost),
        (redirect(307, ""), HandshakeRejected),
    ],
)
def test_a_hub_that_cannot_be_told_is_no_reason_to_go_on(
    answer: Response | Exception | int, kind: type[Exception]
) -> None:
    """The event says that it may go on delivering."""
    # WebSub S21, S38, S47
    role, callback = active()
    role.send(Unsubscribe("blog"), 10.0)
    (asked,) = made(role)
    respond(role, asked, answer, 10.0)
    role.handle_timeout(10.0 + Limits().verification_time)
    (event,) = events(role)
    assert isinstance(event, Unsubscribed)
    assert isinstance(event.error, kind)
    assert call(role, delivery(callback), 400.0).status == 410


def test_a_hub_may_deny_an_unsubscription_or_be_silent_until_the_lease_is_over() -> None:
    """Either way it has ended."""
    # WebSub S29
    role, callback = active()
    role.send(Unsubscribe("blog"), 10.0)
    assert deny(role, callback, 11.0).status == 200
    assert events(role) == [Unsubscribed("blog")]
    role, callback = active()
    role.send(Unsubscribe("blog"), 10.0)
    role.handle_timeout(1000.0)
    assert events(role) == [Unsubscribed("blog")]
    assert (role.deadline, call(role, delivery(callback), 1001.0).status) == (None, 404)


def test_a_subscription_that_is_being_ended_is_neither_there_nor_gone() -> None:
    """Its name is free when the hub has been told, under a callback of its own."""
    # WebSub S17
    role, callback = active()
    role.send(Unsubscribe("blog"), 10.0)
    with pytest.raises(LocalProtocolError, match="'blog'"):
        role.send(Unsubscribe("blog"), 11.0)
    with pytest.raises(LocalProtocolError, match="already"):
        role.send(WANTED, 11.0)
    assert len(made(role)) == 1
    assert verify(role, callback, 12.0, mode="unsubscribe").ok
    role.send(WANTED, 13.0)
    second = callback_of(requested(role, now=13.0))
    assert second != callback
    assert verify(role, second, 14.0).ok
    role.handle_timeout(1000.0)  # the end of the first lease is nothing to the second
    assert [type(event) for event in events(role)] == [Unsubscribed, SubscriptionVerified]
    assert len(made(role)) == 1  # it is being renewed
    assert accepts(role, second, 1000.0)


def test_results_of_renewals_that_are_over_are_ignored() -> None:
    """Whatever they say."""
    # WebSub S34, C5
    role, callback = active()
    asked = renewed(role, 500.0)
    assert verify(role, callback, 501.0).ok
    events(role)
    respond(role, asked, 500, 502.0)
    assert (events(role), made(role), role.deadline) == ([], [], 1001.0)
