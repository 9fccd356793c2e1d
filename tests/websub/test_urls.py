"""URLs: which can be called, how they are compared, what is added to them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError
from eventproto.strategies._websub import web_urls
from eventproto.websub._urls import appended, checked_url, is_usable, normalized, resolved


@given(web_urls())
def test_drawn_urls_are_usable(url: str) -> None:
    """And stay as they are."""
    assert is_usable(url)
    assert checked_url(url, "url") == url
    assert resolved("https://other.example/", url) == url


@pytest.mark.parametrize(
    "url",
    [
        "ws://a/",
        "/a",
        "https://a/#",
        "https://a b/",
        "",
        "https://a:x/",
        "https://u@a/",
        "https://@a/",
    ],
)
def test_others_are_not(url: str) -> None:
    """Without scheme or host, with a fragment, or with another scheme."""
    assert not is_usable(url)
    with pytest.raises(LocalProtocolError, match=r"hub\.topic must be an absolute http"):
        checked_url(url, "hub.topic")


def test_urls_are_compared_by_what_they_say() -> None:
    """What need not be encoded is decoded; what must be stays, in one case."""
    # WebSub H13
    assert normalized(
        "https://a/%7euser/%2f%41?x=%c3%A9%"
    ) == "https://a/~user/%2F%41?x=%C3%A9%".replace("%41", "A")


@given(web_urls())
def test_comparing_is_stable(url: str) -> None:
    """A URL to compare with is its own."""
    assert normalized(normalized(url)) == normalized(url)


@given(web_urls(), st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1))
def test_parameters_are_added_behind_what_is_there(url: str, pairs: list[tuple[str, str]]) -> None:
    """The query string is kept to the letter."""
    # WebSub H19
    longer = appended(url, pairs)
    assert longer.startswith(url)
    before, after = urlsplit(url).query, urlsplit(longer).query
    assert parse_qsl(after[len(before) :].removeprefix("&")) == pairs


@pytest.mark.parametrize("url", ["https://a/?", "https://a/?x=1&"])
def test_no_separator_is_doubled(url: str) -> None:
    """Where one stands at the end already."""
    assert appended(url, [("y", "2")]) == f"{url}y=2"
