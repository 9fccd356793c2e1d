"""What a hub is asked: both sides agree, and everything else is refused with its status."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LimitExceeded, LocalProtocolError, RemoteProtocolError
from eventproto.http import Headers, Request
from eventproto.strategies._websub import (
    refused_hub_requests,
    subscription_requests,
    web_urls,
)
from eventproto.websub import (
    Limits,
    PublishRequest,
    Subscribe,
    SubscriptionRequest,
    parse_hub_request,
    publish_request,
    subscription_request,
)
from tests.websub.roles import CALLBACK, HUB, TOPIC, asked, form


@given(subscription_requests())
def test_a_hub_reads_what_a_subscriber_writes(wanted: SubscriptionRequest) -> None:
    """All of it."""
    # WebSub S12, S13, S15, S16, S18, H1, H2
    request = subscription_request(HUB, wanted)
    assert (request.method, request.url) == ("POST", HUB)
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_hub_request(request) == wanted


@given(web_urls())
def test_a_hub_reads_what_a_publisher_writes(topic: str) -> None:
    """The topic stands in it under both of its names, and counts once."""
    # WebSub P7
    assert parse_hub_request(publish_request(HUB, topic)) == PublishRequest((topic,))


@given(refused_hub_requests())
def test_everything_else_is_refused(drawn: tuple[Request, int]) -> None:
    """With the status that says why, and a text for developers."""
    # WebSub H5, H14
    request, status = drawn
    with pytest.raises(RemoteProtocolError) as caught:
        parse_hub_request(request)
    assert caught.value.code == status
    assert str(caught.value)


@given(st.binary(max_size=60))
def test_no_body_raises_anything_else(body: bytes) -> None:
    """Whatever is in it."""
    headers = Headers({"Content-Type": "application/x-www-form-urlencoded"})
    with pytest.raises(RemoteProtocolError):
        parse_hub_request(Request("POST", HUB, headers, b"hub.mode=x&" + body))


def test_unknown_parameters_are_ignored() -> None:
    """Also those of older versions, and repeated ones."""
    # WebSub H3
    request = asked("subscribe", topic=TOPIC, callback=CALLBACK, verify_token="t")
    more = b"&hub.verify=sync&hub.verify=async&x"
    request = Request("POST", HUB, request.headers, request.body + more)
    assert parse_hub_request(request) == SubscriptionRequest(
        mode="subscribe", topic=TOPIC, callback=CALLBACK
    )


def test_an_empty_parameter_is_a_missing_one() -> None:
    """Some libraries send an empty lease."""
    request = asked("subscribe", topic=TOPIC, callback=CALLBACK, lease_seconds="", secret="")
    parsed = parse_hub_request(request)
    assert isinstance(parsed, SubscriptionRequest)
    assert (parsed.lease_seconds, parsed.secret) == (None, None)


def test_the_lease_of_an_unsubscription_is_ignored() -> None:
    """Whatever it says."""
    # WebSub H12
    request = asked("unsubscribe", topic=TOPIC, callback=CALLBACK, lease_seconds="never")
    parsed = parse_hub_request(request)
    assert isinstance(parsed, SubscriptionRequest)
    assert parsed.lease_seconds is None


def test_the_media_type_may_have_parameters() -> None:
    """Many clients add a charset."""
    request = asked("publish", topic=TOPIC)
    headers = Headers({"Content-Type": "Application/X-WWW-Form-URLEncoded; charset=UTF-8"})
    parsed = parse_hub_request(Request("POST", HUB, headers, request.body))
    assert parsed == PublishRequest((TOPIC,))


def test_one_publish_request_may_name_several_topics() -> None:
    """Repeated, under either name, up to a limit."""
    topics = [f"https://blog.example/{number}" for number in range(3)]
    body = "&".join(["hub.mode=publish", *(f"hub.url={topic}" for topic in topics)])
    request = Request("POST", HUB, asked("publish").headers, body.encode())
    assert parse_hub_request(request, Limits(topics=3)) == PublishRequest(tuple(topics))
    with pytest.raises(LimitExceeded) as caught:
        parse_hub_request(request, Limits(topics=2))
    assert (caught.value.code, caught.value.limit) == (400, "topics")


def test_a_request_has_a_size() -> None:
    """The limit is the last size that is taken."""
    request = publish_request(HUB, TOPIC)
    limits = Limits(request_size=len(request.body))
    assert parse_hub_request(request, limits) == PublishRequest((TOPIC,))
    with pytest.raises(LimitExceeded) as caught:
        parse_hub_request(request, Limits(request_size=len(request.body) - 1))
    assert (caught.value.code, caught.value.limit) == (413, "request_size")


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "publish"},
        {"topic": "feed"},
        {"callback": "https://reader.example/#x"},
        {"lease_seconds": 0},
        {"lease_seconds": 10**16},
        {"lease_seconds": 10**5000},
        {"lease_seconds": -(10**5000)},
        {"lease_seconds": 1.5},
        {"lease_seconds": True},
        {"lease_seconds": "60"},
        {"secret": ""},
        {"secret": b"s"},
        {"topic": "https://user@blog.example/"},
        {"callback": 5},
        {"secret": "s" * 200},
        {"secret": "\u00e9" * 100},
        {"secret": "\ud800"},
    ],
)
def test_there_is_no_such_request(wrong: dict[str, Any]) -> None:
    """It is refused where it is made, before it goes anywhere."""
    # WebSub S13, S16
    good = {"mode": "subscribe", "topic": TOPIC, "callback": CALLBACK}
    with pytest.raises(LocalProtocolError):
        SubscriptionRequest(**{**good, **wrong})


def test_a_secret_is_not_shown() -> None:
    """Neither by the request nor by the command, which go into logs."""
    # WebSub X6
    wanted = SubscriptionRequest(
        mode="subscribe", topic=TOPIC, callback=CALLBACK, secret="hidden", lease_seconds=60
    )
    assert "hidden" not in repr(wanted)
    assert "hidden" not in repr(Subscribe(TOPIC, secret="hidden"))
    assert wanted != SubscriptionRequest(
        mode="subscribe", topic=TOPIC, callback=CALLBACK, secret="another", lease_seconds=60
    )


def test_the_longest_lease_is_one_that_hubs_read() -> None:
    """This one does, at least."""
    # WebSub S15
    wanted = SubscriptionRequest(
        mode="subscribe", topic=TOPIC, callback=CALLBACK, lease_seconds=10**16 - 1
    )
    assert parse_hub_request(subscription_request(HUB, wanted)) == wanted


def test_parameters_are_written_as_utf_8() -> None:
    """The secret alone can need it."""
    # WebSub S12
    wanted = SubscriptionRequest(
        mode="subscribe", topic=TOPIC, callback=CALLBACK, secret="\u00fc &=", lease_seconds=60
    )
    request = subscription_request(HUB, wanted)
    assert b"hub.secret=%C3%BC+%26%3D" in request.body
    assert form(request.body) == {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.callback": CALLBACK,
        "hub.secret": "\u00fc &=",
        "hub.lease_seconds": "60",
    }
