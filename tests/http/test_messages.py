"""Requests and responses as values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError
from eventproto.http import Headers, Request, Response
from eventproto.strategies._http import requests


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com", (False, "example.com", 80, "example.com", "/")),
        ("https://Example.com:443/a", (True, "example.com", 443, "example.com", "/a")),
        ("HTTP://a.b:8080/a/?b=c#d", (False, "a.b", 8080, "a.b:8080", "/a/?b=c")),
        ("ws://u:p@[::1]:81?x", (False, "::1", 81, "[::1]:81", "/?x")),
        ("wss://[::1]/%2F?", (True, "::1", 443, "[::1]", "/%2F?")),
        ("http://a:/{x}|y?^`", (False, "a", 80, "a", "/{x}|y?^`")),
    ],
)
def test_parts_of_a_url(url: str, expected: tuple[object, ...]) -> None:
    """What a client needs to know to connect and to ask."""
    # HTTP B7
    request = Request("GET", url)
    found = request.secure, request.host, request.port, request.authority, request.target
    assert found == expected


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        *(("GET", True), ("HEAD", True), ("PUT", True), ("DELETE", True), ("REPORT", True)),
        *(("POST", False), ("PATCH", False), ("get", False), ("X-NEW", False)),
    ],
)
def test_idempotent(method: str, expected: bool) -> None:
    """What may be asked again without asking why the first answer did not come."""
    # HTTP F10
    assert Request(method, "http://a").idempotent is expected


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://a.example/x?y", True),
        ("HTTPS://A.EXAMPLE", True),
        ("https://a.example:443/", True),
        ("https://me@a.example/", True),
        ("https://a.example:444/", False),
        ("http://a.example/", False),
        ("http://a.example:443/", False),
        ("https://a.example./", False),
        ("https://www.a.example/", False),
    ],
)
def test_what_is_of_one_origin(url: str, same: bool) -> None:
    """Scheme, host and port (RFC 9110, 4.3.1)."""
    origin = Request("GET", "https://a.example/b/c?d").origin
    assert (Request("POST", url).origin == origin) is same


def test_scheme_and_path() -> None:
    """The path is as it was sent, and never empty."""
    # HTTP B18
    assert Request("GET", "HTTPS://a").scheme == "https"
    assert Request("GET", "http://a?b").path == "/"
    assert Request("GET", "http://a/%41//?b").path == "/%41//"


def test_query() -> None:
    """Parameters are decoded, in order, blank and broken ones included."""
    request = Request("GET", "http://a/?b=1&c=&b=%C3%A9+x&d&e=%ff")
    expected = (("b", "1"), ("c", ""), ("b", "é x"), ("d", ""), ("e", "\ufffd"))
    assert request.query == expected


@pytest.mark.parametrize(
    "url",
    [
        *("", "/a", "a.example", "//a/", "http:", "http:///a", "http:a", "ftp://a/", "mailto:a@b"),
        *("http://a b/", "http://a/\r\nx", "http://a/\t", " http://a", "http://a/é", "http://a/\0"),
        *("http://a:0/", "http://a:65536/", "http://a:x/", "http://[::1", "http://[x]/"),
        *('http://a/"', "http://a/<b>", "http://a\\@b/"),
    ],
)
def test_a_url_is_absolute_and_encoded(url: str) -> None:
    """Anything else could not be sent, or would be read otherwise by others."""
    # HTTP B14
    with pytest.raises(LocalProtocolError):
        Request("GET", url)


@given(st.text())
def test_no_url_makes_an_untyped_exception(url: str) -> None:
    """A Request whose parts can be had, or LocalProtocolError."""
    try:
        request = Request("GET", url)
    except LocalProtocolError:
        return
    assert request.port
    assert request.query is not None


@given(requests())
def test_a_url_is_its_authority_and_its_target(request: Request) -> None:
    """Nothing of a URL in the form in which it arrives is lost on its way."""
    assert f"{request.scheme}://{request.authority}{request.target}" == request.url


@pytest.mark.parametrize("method", ["", "G T", "GET\r\n", "é"])
def test_a_method_is_a_token(method: str) -> None:
    """RFC 9110, 9.1."""
    # HTTP B2
    with pytest.raises(LocalProtocolError, match="method"):
        Request(method, "http://a/")


@pytest.mark.parametrize("status", [-1, 0, 99, 600])
def test_a_status_is_in_range(status: int) -> None:
    """RFC 9110, 15."""
    # HTTP G5
    with pytest.raises(LocalProtocolError, match="status"):
        Response(status)


@pytest.mark.parametrize(
    "make",
    [
        lambda wrong: Request(wrong, "http://a/"),
        lambda wrong: Request("GET", wrong),
        lambda wrong: Request("GET", "http://a/", wrong),
        Response,
        lambda wrong: Response(200, wrong),
        lambda wrong: Headers({"A": wrong}),
        lambda wrong: Headers([(wrong, "a")]),
    ],
)
@pytest.mark.parametrize("wrong", [None, 200.0, b"x", {"A": "b"}, object()])
def test_values_of_another_type(make: Any, wrong: Any) -> None:
    """Refused where they are made, not when they are to be sent."""
    with pytest.raises(LocalProtocolError):
        make(wrong)


def test_a_body_is_bytes() -> None:
    """Text must be encoded by whoever knows how."""
    with pytest.raises(LocalProtocolError, match="bytes"):
        Request("GET", "http://a/", body="text")  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError, match="bytes"):
        Response(200, body="text")  # type: ignore[arg-type]


def test_ok() -> None:
    """2xx and nothing else."""
    assert [each for each in range(100, 600) if Response(each).ok] == list(range(200, 300))


def test_of_text() -> None:
    """Plain text says so; no text says nothing."""
    headers = Headers({"Content-Type": "text/plain; charset=utf-8"})
    assert Response.of_text(404, "grüße") == Response(404, headers, "grüße".encode())
    assert Response.of_text(204) == Response(204)


@pytest.mark.parametrize(
    ("url", "target"), [("https://a/b?c", "a:443"), ("http://[::1]", "[::1]:80")]
)
def test_the_target_of_connect(url: str, target: str) -> None:
    """Host and port, and the port is always there (RFC 9112, 3.2.3)."""
    # HTTP B10
    assert Request("CONNECT", url).target == target
