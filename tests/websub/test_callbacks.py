"""What a hub sends to callbacks: both sides agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Message
from eventproto.http import Headers, Request, Response, parse_links
from eventproto.strategies._websub import web_urls
from eventproto.websub import verify_signature
from eventproto.websub._callbacks import (
    Content,
    Denial,
    Verification,
    content_request,
    denial_request,
    hub_links,
    parse_intent,
    verification_request,
    verification_response,
)
from tests.websub.roles import CALLBACK, HUB, TOPIC

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    web_urls(),
    st.builds(
        Verification, st.just("subscribe"), web_urls(), TEXT, st.none() | st.integers(1, 10**9)
    )
    | st.builds(Verification, st.just("unsubscribe"), web_urls(), TEXT),
)
def test_a_subscriber_reads_what_a_hub_verifies(callback: str, asked: Verification) -> None:
    """All of it, behind what the callback has of its own."""
    # WebSub H18, H19
    request = verification_request(callback, asked)
    assert request.method == "GET"
    assert request.url.startswith(callback)
    assert parse_intent(request) == asked


@given(web_urls(), st.builds(Denial, web_urls(), TEXT))
def test_a_subscriber_reads_what_a_hub_denies(callback: str, denial: Denial) -> None:
    """The reason may be missing."""
    # WebSub H17, S29
    request = denial_request(callback, denial)
    assert request.method == "GET"
    assert ("hub.reason" in request.url) is bool(denial.reason)
    assert parse_intent(request) == denial


@pytest.mark.parametrize(
    "query",
    [
        "",
        "hub.mode=subscribe&hub.topic=https://a/",
        "hub.mode=subscribe&hub.challenge=x",
        "hub.mode=unsubscribe&hub.topic=https://a/",
        "hub.mode=denied",
        "hub.mode=publish&hub.topic=https://a/&hub.challenge=x",
        "hub.mode=%ff&hub.topic=%ff",
    ],
)
def test_anything_else_is_neither(query: str) -> None:
    """A browser that looks at a callback, for one."""
    assert parse_intent(Request("GET", f"https://reader.example/?{query}")) is None


def test_the_lease_of_an_unsubscription_is_ignored() -> None:
    """Also where a hub names one."""
    # WebSub S26
    query = "hub.mode=unsubscribe&hub.topic=https://a/&hub.challenge=x&hub.lease_seconds=9"
    found = parse_intent(Request("GET", f"https://reader.example/?{query}"))
    assert found == Verification("unsubscribe", "https://a/", "x")


@pytest.mark.parametrize("lease", ["", "0", "-5", "1e3", "9" * 5000, "\u0661"])
def test_a_lease_that_is_none_is_not_known(lease: str) -> None:
    """It is up to the subscriber what to assume then."""
    query = f"hub.mode=subscribe&hub.topic=https://a/&hub.challenge=x&hub.lease_seconds={lease}"
    found = parse_intent(
        Request("GET", f"https://reader.example/?{query}".encode().decode("ascii", "ignore"))
    )
    assert found == Verification("subscribe", "https://a/", "x", None)


def test_a_challenge_is_echoed_as_text_that_no_browser_runs() -> None:
    """Whoever writes it cannot have it read as a page."""
    # WebSub S24, S28, X3
    response = verification_response("<script>alert(1)</script>")
    assert response.body == b"<script>alert(1)</script>"
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_content_goes_to_the_exact_callback_with_one_link_header() -> None:
    """With the hub and the topic in it."""
    # WebSub H23, H24, H25, H26
    content = Content(b"news", Headers({"Content-Type": "application/x-news"}))
    links = hub_links([HUB, "https://other.example/"], TOPIC)
    request = content_request(CALLBACK, content, links=links, secret=None, method="sha1")
    assert (request.method, request.url, request.body) == ("POST", CALLBACK, b"news")
    assert request.headers["Content-Type"] == "application/x-news"
    assert len(request.headers.get_all("Link")) == 1
    assert [(link.rel, link.url) for link in parse_links(request.headers, CALLBACK)] == [
        (("hub",), HUB),
        (("hub",), "https://other.example/"),
        (("self",), TOPIC),
    ]
    assert "X-Hub-Signature" not in request.headers  # WebSub H31


def test_content_is_signed_where_there_is_a_secret() -> None:
    """With the method that the hub was told."""
    # WebSub H30
    content = Content(b"news", Headers())
    request = content_request(CALLBACK, content, links="<x>", secret="s", method="sha512")
    header = request.headers["X-Hub-Signature"]
    assert verify_signature(header, b"news", "s", min_method="sha512")


def test_content_keeps_what_says_how_to_read_it() -> None:
    """Of the response of the topic, and nothing else of it."""
    # WebSub H25, H34
    headers = Headers({"Content-Type": "text/x", "Content-Encoding": "br", "Set-Cookie": "a=b"})
    assert Content.of_response(Response(200, headers, b"x")) == Content(
        b"x", Headers({"Content-Type": "text/x", "Content-Encoding": "br"})
    )
    assert Content.of_response(Response(200)) == Content(
        b"", Headers({"Content-Type": "application/octet-stream"})
    )


def test_content_of_a_message_is_its_data() -> None:
    """Bytes, where it does not say of what type."""
    assert Content.of_message(Message.of_text("x")) == Content(
        b"x", Headers({"Content-Type": "text/plain;charset=utf-8"})
    )
    assert Content.of_message(Message(data=b"x")) == Content(
        b"x", Headers({"Content-Type": "application/octet-stream"})
    )
