"""What a hub is asked, and must not be: each refusal by name; the strategy draws its variations."""

from __future__ import annotations

import pytest

from eventproto import RemoteProtocolError
from eventproto.http import Headers, Request
from eventproto.websub import SubscriptionRequest, parse_hub_request, subscription_request
from eventproto.websub._requests import parse_lease
from tests.websub.roles import CALLBACK, HUB, TOPIC, asked

FORM = "application/x-www-form-urlencoded"
GOOD = asked("subscribe", topic=TOPIC, callback=CALLBACK)


def code_for(request: Request) -> int:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_hub_request(request)
    return caught.value.code


@pytest.mark.parametrize("method", ["GET", "PUT", "post"])
def test_a_hub_takes_one_method(method: str) -> None:
    """Forms are posted."""
    # WebSub S12, H5
    assert code_for(Request(method, HUB, GOOD.headers, GOOD.body)) == 405


@pytest.mark.parametrize("kind", [None, "", "application/json", "nonsense"])
def test_a_hub_takes_one_media_type(kind: str | None) -> None:
    """Forms, as browsers send them."""
    # WebSub S12, H5
    headers = Headers({} if kind is None else {"Content-Type": kind})
    assert code_for(Request("POST", HUB, headers, GOOD.body)) == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hub.mode=publish",
        b"hub.mode=publish&hub.url=feed",
        b"hub.mode=subscribe&hub.topic=https://a/",
        b"hub.mode=subscribe&hub.callback=https://a/",
        b"hub.mode=list&hub.topic=https://a/&hub.callback=https://a/",
        b"hub.mode=subscribe&hub.topic=https://a/&hub.callback=https://public.example@10.0.0.1/",
        GOOD.body + b"&hub.mode=subscribe",
        GOOD.body + b"&hub.lease_seconds=0",
        GOOD.body + b"&hub.lease_seconds=soon",
        GOOD.body + b"&hub.secret=" + b"s" * 200,
        GOOD.body + b"&x=\xff",
        GOOD.body + b"&x=%ff",
        GOOD.body + b"&x=y" * 98,
    ],
)
def test_a_form_that_asks_for_nothing_that_there_is(body: bytes) -> None:
    """Something is missing, doubled, no UTF-8, too much, or wrong."""
    # WebSub S13, S15, S16, H5, H14
    assert code_for(Request("POST", HUB, GOOD.headers, body)) == 400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1", 1), ("007", 7), ("9" * 16, 10**16 - 1), ("9" * 17, None), ("0", None), ("", None)],
)
def test_a_lease_is_a_positive_decimal_number(text: str, seconds: int | None) -> None:
    """Of a length that takes no time to read."""
    # WebSub S15
    assert parse_lease(text) == seconds


def test_a_hub_may_require_more_headers() -> None:
    """Such as those of an account there; the media type is what it is."""
    # WebSub S19
    wanted = SubscriptionRequest(mode="subscribe", topic=TOPIC, callback=CALLBACK)
    headers = Headers({"Authorization": "Basic eDp5", "Content-Type": "text/plain"})
    request = subscription_request(HUB, wanted, headers)
    assert request.headers["Authorization"] == "Basic eDp5"
    assert request.headers.get_all("Content-Type") == (FORM,)
