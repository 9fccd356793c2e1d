"""A subscriber for a loop over messages: it closes when there is nothing left to wait for."""

from __future__ import annotations

import pytest

from eventproto import Closed, ClosedError, PeerTimeout, RemoteProtocolError
from eventproto.http import Call, HandshakeRejected
from eventproto.websub import Subscribe, SubscriptionFailed, Unsubscribe
from eventproto.websub._follower import Follower
from tests.websub.roles import call, entropy, events, made, respond
from tests.websub.subscriptions import (
    PREFIX,
    RESOURCE,
    WANTED,
    answers,
    callback_of,
    delivery,
    deny,
    requested,
    verify,
)


def follower() -> tuple[Follower, Call]:
    """One that has asked a hub, and the request."""
    role = Follower(PREFIX, entropy=entropy())
    role.send(WANTED, 0.0)
    return role, requested(role)


def following() -> tuple[Follower, str]:
    """One whose subscription was verified, and the callback."""
    role, request = follower()
    assert verify(role, callback_of(request)).ok
    events(role)
    return role, callback_of(request)


def ended(role: Follower) -> Exception | None:
    """With what it has closed."""
    *_, last = events(role)
    assert isinstance(last, Closed)
    assert role.deadline is None
    return last.error


def test_it_closes_when_no_hub_takes_it() -> None:
    """With what the last one said."""
    # WebSub S21
    role, request = follower()
    respond(role, request, 400)
    failed, closed = events(role)
    assert isinstance(failed, SubscriptionFailed)
    assert isinstance(failed.error, HandshakeRejected)
    assert closed == Closed(failed.error)
    assert role.finished


def test_it_closes_when_it_is_denied() -> None:
    """Whoever has said so gets an answer."""
    # WebSub S29
    role, request = follower()
    respond(role, request, 202)
    assert deny(role, callback_of(request)).status == 200
    error = ended(role)
    assert isinstance(error, RemoteProtocolError)
    assert (error.code, str(error)) == (403, "a hub denies blog: no")


@pytest.mark.parametrize("outcome", [500, None])
def test_it_closes_when_it_cannot_be_renewed(outcome: int | None) -> None:
    """With why, or with what has not happened; a hub that waits is told to try again."""
    # WebSub S32, S36
    role, callback = following()
    role.handle_timeout(500.0)
    if outcome is not None:
        respond(role, made(role)[0], outcome, 500.0)
    role.handle_timeout(990.0)
    made(role)
    role.receive(Call("t", delivery(callback)), 999.0)
    role.handle_timeout(1000.0)
    assert answers(role) == {"t": 503}
    assert isinstance(ended(role), HandshakeRejected if outcome else PeerTimeout)


def test_it_closes_in_order_when_it_is_not_wanted() -> None:
    """A pending one at once; one in force when its hub was told."""
    # WebSub S47
    role, _ = follower()
    role.send(Unsubscribe("blog"), 1.0)
    assert ended(role) is None

    role, callback = following()
    role.send(Unsubscribe("blog"), 1.0)
    assert len(made(role)) == 1
    assert not events(role)
    assert verify(role, callback, 2.0, mode="unsubscribe").ok
    assert ended(role) is None
    with pytest.raises(ClosedError):
        role.send(WANTED, 3.0)


def test_it_stays_while_anything_is_left() -> None:
    """Further subscriptions may be added; a denial of one in force ends nothing."""
    # WebSub S29
    role, callback = following()
    role.send(Subscribe(RESOURCE, "other"), 1.0)
    respond(role, made(role)[0], 404, 1.0)
    assert deny(role, callback, 2.0).status == 200
    assert not any(isinstance(event, Closed) for event in events(role))
    role.receive(Call("t", delivery(callback)), 3.0)
    assert len(events(role)) == 1
    assert call(role, delivery(callback + "0"), 3.0).status == 404
