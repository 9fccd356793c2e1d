"""Where redirects lead, and what is asked there."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import HandshakeRejected, LimitExceeded
from eventproto.http import Headers, Request, Response
from eventproto.http._redirects import redirected, target_url

HERE = "https://a.example/b/c?d"
TEXT = Headers({"Accept": "x", "Content-Type": "text/plain", "content-language": "en"})


def redirect(*locations: str, status: int = 307) -> Response:
    return Response(status, Headers([("Location", each) for each in locations]))


def follow(request: Request, response: Response, **changed: Any) -> Request | None:
    options: dict[str, Any] = {"followed": 0, "limit": 1, **changed}
    return redirected(request, response, **options)


def leads(location: str, url: str = HERE, **changed: Any) -> str:
    """Where this location leads from this URL."""
    there = follow(Request("GET", url), redirect(location), **changed)
    assert there is not None
    return there.url


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        *((301, "GET", "GET"), (301, "HEAD", "HEAD"), (301, "POST", "GET"), (301, "PUT", "PUT")),
        *((302, "GET", "GET"), (302, "HEAD", "HEAD"), (302, "POST", "GET"), (302, "PUT", "PUT")),
        *((303, "GET", "GET"), (303, "HEAD", "HEAD"), (303, "POST", "GET"), (303, "PUT", "GET")),
        *((307, "GET", "GET"), (307, "HEAD", "HEAD"), (307, "POST", "POST"), (307, "PUT", "PUT")),
        *((308, "GET", "GET"), (308, "HEAD", "HEAD"), (308, "POST", "POST"), (308, "PUT", "PUT")),
    ],
)
def test_what_is_asked_there(status: int, method: str, then: str) -> None:
    """RFC 9110, 15.4; what describes a body goes with it."""
    # HTTP I1
    asked = follow(Request(method, HERE, TEXT, b"body"), redirect("/", status=status))
    kept = status != 303 and method == then
    headers = TEXT if kept else Headers({"Accept": "x"})
    assert asked == Request(then, "https://a.example/", headers, b"body" if kept else b"")


@pytest.mark.parametrize("status", [200, 201, 204, 300, 304, 305, 306, 309, 400, 401])
def test_other_statuses_lead_nowhere(status: int) -> None:
    """Although some of them have a Location, too."""
    assert follow(Request("GET", HERE), redirect("/", status=status)) is None


@pytest.mark.parametrize("locations", [(), ("",), (" ", "")])
def test_a_redirect_that_does_not_say_where_is_none(locations: tuple[str, ...]) -> None:
    """However many have been followed."""
    assert follow(Request("GET", HERE), redirect(*locations), limit=0) is None


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("e?f", "https://a.example/b/e?f"),
        ("?f", "https://a.example/b/c?f"),
        ("../../e", "https://a.example/e"),
        ("//B.example:444/e", "https://B.example:444/e"),
        ("https://[::1]", "https://[::1]"),
        ("HTTP://a.example/e", "http://a.example/e"),
        # no fragment goes over the wire
        ("#f", HERE),
        ("https://b.example#f", "https://b.example"),
        # what browsers encode, and what they leave
        ("/\u00e9 x?\u00e9 \u2028", "https://a.example/%C3%A9%20x?%C3%A9%20%E2%80%A8"),
        ('/"<>\\', "https://a.example/%22%3C%3E%5C"),
        ("/%e9%zz?a=%2F&b=/{}|^`", "https://a.example/%e9%zz?a=%2F&b=/{}|^`"),
        ("/\udce9", "https://a.example/%E9"),
        ("/a:b@c", "https://a.example/a:b@c"),
    ],
)
def test_where_a_location_leads(location: str, there: str) -> None:
    """From here, as a URL that can be sent."""
    # HTTP I3
    assert leads(location) == there


def test_a_user_that_the_application_named_stays() -> None:
    """It was not the server that named it."""
    assert leads("/e", "https://me@a.example/") == "https://me@a.example/e"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("ftp://b.example/", "expected http or https"),
        ("ws://b.example/", "expected http or https"),
        ("mailto:a@b.example", "expected http or https"),
        ("javascript:x", "expected http or https"),
        ("https://me@b.example/", "no user"),
        ("https://a.example\\@b.example/", "no user"),
        ("https://a.example%2F@b.example/", "no user"),
        ("//:@b.example/", "no user"),
        ("https://\u00e9.example/", "in ASCII"),
        ("https://\u2100.example/", "NFKC"),
        ("https://b.example\\c/", "in ASCII"),
        ("https://b example/", "in ASCII"),
        ("http://", "absolute"),
        ("https://b.example:0/", "absolute"),
        ("https://b.example:x/", "no URL"),
        ("https://[", "Invalid IPv6"),
    ],
)
def test_a_location_may_lead_nowhere(location: str, reason: str) -> None:
    """The error says from where and why, and has the answer."""
    # HTTP B15
    with pytest.raises(HandshakeRejected, match=reason) as raised:
        leads(location)
    assert str(raised.value).startswith(f"{HERE} redirects to {location!r}: ")
    assert raised.value.response == redirect(location)


def test_there_is_one_location() -> None:
    """Whoever can slip in a header must not decide; the same one twice is harmless."""
    with pytest.raises(HandshakeRejected, match="'/x' and '/y': expected one place"):
        follow(Request("GET", HERE), redirect("/x", "/y"))
    assert follow(Request("GET", HERE), redirect("/x", "", "/x")) == Request(
        "GET", "https://a.example/x"
    )


@pytest.mark.parametrize(
    ("url", "location", "there"),
    [
        ("ws://a/b", "http://c/d", "ws://c/d"),
        ("ws://a/b", "HTTPS://c:444/d#e", "wss://c:444/d"),
        ("ws://a/b", "wss://c", "wss://c"),
        ("wss://a/b", "//c/d", "wss://c/d"),
        ("wss://a/b", "d", "wss://a/d"),
    ],
)
def test_a_websocket_leads_to_a_websocket(url: str, location: str, there: str) -> None:
    """Many servers know nothing but http."""
    assert leads(location, url) == there
    with pytest.raises(HandshakeRejected, match="expected http or https or ws or wss"):
        leads("ftp://c/", url)


@pytest.mark.parametrize(
    ("request_", "location"),
    [
        (Request("POST", HERE, body=b"x"), "http://a/"),
        (Request("GET", HERE, body=b"x"), "http://a/"),
        (Request("GET", "wss://a/"), "ws://a/"),
        (Request("GET", "wss://a/"), "http://a/"),
    ],
)
def test_what_does_not_leave_tls(request_: Request, location: str) -> None:
    """A body, and a WebSocket, which is there to send."""
    # HTTP I4
    with pytest.raises(HandshakeRejected, match="is not secure"):
        follow(request_, redirect(location))
    secure = location.replace("://", "s://")
    assert follow(request_, redirect(secure))


@pytest.mark.parametrize("status", [301, 302, 303])
def test_what_is_only_read_may_leave_tls(status: int) -> None:
    """Also after a POST whose answer is elsewhere: its body stays behind."""
    # HTTP I4
    assert leads("http://b/") == "http://b/"
    asked = follow(Request("POST", HERE, TEXT, b"x"), redirect("http://b/", status=status))
    assert asked == Request("GET", "http://b/", Headers({"Accept": "x"}))


def test_where_there_was_no_tls_anything_may_go_on_without() -> None:
    """It was in clear before."""
    asked = Request("POST", "http://a/", body=b"x")
    assert follow(asked, redirect("http://b/")) == Request("POST", "http://b/", body=b"x")


@pytest.mark.parametrize("location", ["/", "ftp://nowhere/"])
def test_redirects_are_few(location: str) -> None:
    """As many as the limit says; wherever the next one leads."""
    # HTTP I2
    assert leads("/", followed=2, limit=3)
    with pytest.raises(LimitExceeded, match=r"more than 3 redirects") as raised:
        leads(location, followed=3, limit=3)
    assert (raised.value.limit, raised.value.code) == ("redirects", 307)


LOCATIONS = st.text("hHtTpPwWsS:/@#?[]%\\.0 \t\xa0\u2100\u00e9\udce9", max_size=20) | st.text(
    st.characters(exclude_categories=["Cc", "Cs"]), max_size=20
)


@given(LOCATIONS, st.sampled_from([HERE, "http://a", "ws://a/b", "wss://a/b?c"]))
def test_no_location_makes_an_untyped_exception(location: str, url: str) -> None:
    """A request that can be sent, no redirect, or a refusal."""
    here = Request("GET", url)
    try:
        there = follow(here, redirect(location))
    except HandshakeRejected:
        return
    assert there is None or (there.secure >= here.secure and "#" not in there.url)


@pytest.mark.parametrize("piece", ["../", "a/", "//", "?", "#", "@", ":", "[", "\u00e9", "\\", "%"])
def test_references_take_linear_time(piece: str) -> None:
    """With quadratic time, these would not end today."""
    many = piece * 100_000
    for reference in (many, f"/{many}", f"https://{many}"):
        with suppress(ValueError):  # it need not be a URL
            target_url(f"https://a/{'x/' * 100_000}", reference)
