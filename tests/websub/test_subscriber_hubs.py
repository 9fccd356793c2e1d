"""The subscriber: finding the hubs of a resource, and asking one after the other."""

from __future__ import annotations

import pytest

from eventproto import (
    ConnectionLost,
    LimitExceeded,
    LocalProtocolError,
    PeerTimeout,
)
from eventproto.http import HandshakeRejected, Headers, Response
from eventproto.websub import (
    Limits,
    Subscriber,
    SubscriptionFailed,
    Unsubscribe,
)
from tests.websub.roles import HUB, TOPIC, events, form, made, respond
from tests.websub.subscriptions import (
    RESOURCE,
    WANTED,
    callback_of,
    page,
    pending,
    redirect,
    requested,
    subscriber,
    verify,
)

OTHER = "https://other.example/"


def failed(role: Subscriber) -> Exception:
    """Why the one subscription has failed, after which nothing is left of it."""
    (event,) = events(role)
    assert isinstance(event, SubscriptionFailed)
    assert event.name == "blog"
    assert not made(role)
    assert role.deadline is None
    with pytest.raises(LocalProtocolError, match="no subscription"):
        role.send(Unsubscribe("blog"), 0.0)
    return event.error


def test_a_resource_that_has_moved_is_followed() -> None:
    """References are relative to where it is now."""
    # WebSub S10
    role = subscriber()
    role.send(WANTED, 0.0)
    (first,) = made(role)
    respond(role, first, redirect(301, "/a/"))
    (second,) = made(role)
    assert (second.request.method, second.request.url) == ("GET", "https://blog.example/a/")
    respond(role, second, redirect(307, OTHER))
    asked = requested(role, page("hub", topic="feed"))
    assert asked.request.url == "https://other.example/hub"
    assert form(asked.request.body)["hub.topic"] == "https://other.example/feed"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("there", ["https://new.example/", "http://new.example/"])
def test_each_redirect_of_a_resource_is_followed(status: int, there: str) -> None:
    """From https to http, too: what is public is only read there."""
    # WebSub S10
    role = subscriber()
    role.send(WANTED, 0.0)
    respond(role, made(role)[0], redirect(status, there))
    (second,) = made(role)
    assert (second.request.method, second.request.url) == ("GET", there)


@pytest.mark.parametrize("location", [None, "", "mailto:x", "http://["])
def test_a_redirect_that_leads_nowhere_is_a_failure(location: str | None) -> None:
    """Its answer is in the error."""
    # WebSub S10
    role = subscriber()
    role.send(WANTED, 0.0)
    answer = redirect(302, location)
    respond(role, made(role)[0], answer)
    error = failed(role)
    assert isinstance(error, HandshakeRejected)
    assert error.response == answer


def test_redirects_of_a_resource_end() -> None:
    """After as many as the limit says."""
    # WebSub S10
    role = subscriber(limits=Limits(redirects=2))
    role.send(WANTED, 0.0)
    for _ in range(3):
        (discovery,) = made(role)
        respond(role, discovery, redirect(308, RESOURCE))
    error = failed(role)
    assert isinstance(error, LimitExceeded)
    assert error.limit == "redirects"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Response(404), "answered 404"),
        (Response(200), "names no hub"),
        (Response(200, Headers({"Link": f"<{TOPIC}>; rel=self"})), "names no hub"),
        (Response(200, Headers({"Link": f"<{HUB}>; rel=hub"})), "names no topic"),
    ],
)
def test_a_resource_without_hub_or_topic_cannot_be_followed(answer: Response, text: str) -> None:
    """Nothing is sent to anybody."""
    # WebSub S11
    role = subscriber()
    role.send(WANTED, 0.0)
    respond(role, made(role)[0], answer)
    error = failed(role)
    assert isinstance(error, HandshakeRejected)
    assert text in str(error)


def test_a_resource_that_cannot_be_reached_cannot_be_followed() -> None:
    """The error is the carrier's."""
    # WebSub S11
    role = subscriber()
    role.send(WANTED, 0.0)
    lost = ConnectionLost("gone")
    respond(role, made(role)[0], lost)
    assert failed(role) is lost


def test_hubs_are_asked_one_after_the_other() -> None:
    """Until one has verified the subscription; what those before it say counts no more."""
    # WebSub S9, S21
    hubs = [f"https://{name}.example/" for name in "abc"]
    role, first = pending(found=page(*hubs))
    respond(role, first, Response(500, body=b"no room"), 1.0)
    (second,) = made(role)
    respond(role, second, 202, 2.0)
    assert role.deadline == 302.0
    role.handle_timeout(302.0)
    (third,) = made(role)
    assert [each.request.url for each in (first, second, third)] == hubs
    assert len({callback_of(each) for each in (first, second, third)}) == 1
    respond(role, third, 202, 303.0)
    assert verify(role, callback_of(third), 304.0).status == 200


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Response(400, body=b"bad \xff" + b"x" * 500), HandshakeRejected, "answered 400: bad "),
        *(
            (redirect(status, OTHER), HandshakeRejected, f"answered {status}")
            for status in (300, 301, 302, 303, 304)
        ),
        (redirect(307, None), HandshakeRejected, "answered 307"),
        (redirect(307, "ftp://a.example/"), HandshakeRejected, "redirects to 'ftp://a.example/'"),
        (redirect(308, "http://a.example/"), HandshakeRejected, "is not secure"),
        (ConnectionLost("gone"), ConnectionLost, "gone"),
    ],
)
def test_the_last_hub_decides_why_a_subscription_fails(
    answer: Response | Exception, kind: type[Exception], text: str
) -> None:
    """What it says is quoted, for the developer, to some length."""
    # WebSub S20, S21
    role, asked = pending()
    respond(role, asked, answer)
    error = failed(role)
    assert isinstance(error, kind)
    assert text in str(error)
    assert len(str(error)) < 300


def test_a_hub_that_never_verifies_has_failed() -> None:
    """When the time for that is over."""
    role, asked = pending(limits=Limits(verification_time=5))
    respond(role, asked, 204, 1.0)
    role.handle_timeout(5.9)
    assert not events(role)
    role.handle_timeout(6.0)
    assert isinstance(failed(role), PeerTimeout)
    assert verify(role, callback_of(asked), 7.0).status == 404


@pytest.mark.parametrize("status", [307, 308])
def test_a_hub_may_send_the_request_to_another_one(status: int) -> None:
    """It is repeated as it was."""
    # WebSub S20, C2
    role, first = pending()
    respond(role, first, redirect(status, "/v2"))
    (second,) = made(role)
    respond(role, second, redirect(status, OTHER))
    (third,) = made(role)
    assert [second.request.url, third.request.url] == ["https://hub.example/v2", OTHER]
    assert third.request.method == "POST"
    assert third.request.body == second.request.body == first.request.body
    respond(role, third, 202)
    assert verify(role, callback_of(first)).status == 200


def test_redirects_of_a_hub_end() -> None:
    """After as many as the limit says."""
    # WebSub S20
    role, asked = pending(limits=Limits(redirects=1))
    respond(role, asked, redirect(307, HUB))
    (asked,) = made(role)
    respond(role, asked, redirect(307, HUB))
    assert isinstance(failed(role), LimitExceeded)


def test_a_secret_goes_over_https_alone() -> None:
    """A hub that has only http is passed over, unless the application is told otherwise."""
    # WebSub S16, S22, C3
    found = page("http://hub.example/", OTHER)
    assert pending(found=found)[1].request.url == OTHER
    assert pending(found=found, insecure=True)[1].request.url == "http://hub.example/"


def test_a_secret_goes_nowhere_where_all_hubs_have_only_http() -> None:
    """The error says what to do about it."""
    # WebSub S16, C3
    role = subscriber()
    role.send(WANTED, 0.0)
    respond(role, made(role)[0], page("http://a.example/", "http://b.example/"))
    error = failed(role)
    assert isinstance(error, LocalProtocolError)
    assert "`insecure`" in str(error)
