"""What a client asks for, at first and where it is redirected."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

import pytest

from eventproto import EOF, HandshakeRejected, LimitExceeded, LocalProtocolError, Message
from eventproto.http import Body, Headers, Request, Response
from eventproto.sse import (
    Client,
    ClientOptions,
    Disconnected,
    Limits,
    Opened,
    ServerSentEvent,
    State,
)
from tests.sse.carrier import LOST, STREAM, URL, Carrier

OURS = Headers(
    {
        "Accept": "text/event-stream",
        "Cache-Control": "no-cache",
        "Accept-Encoding": "gzip, deflate",
    }
)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/stream",
        "sse.example",
        "ws://sse.example/",
        "ftp://sse.example/",
        "http://\u00e9/",
        "http://",
    ],
)
def test_url_is_checked_at_once(url: str) -> None:
    """Not when it is time to connect."""  # SSE F1
    with pytest.raises(LocalProtocolError):
        Client(url)


@pytest.mark.parametrize(
    "options",
    [
        {"last_event_id": "a\nb"},
        {"last_event_id": "a\0"},
        {"last_event_id": "\ud800"},
        {"retry": -1},
        {"healthy_after": -1},
        {"healthy_after": float("nan")},
        {"read_timeout": 0},
        {"read_timeout": float("nan")},
        {"method": "GET /"},
        {"method": "HEAD"},
        {"method": "CONNECT"},
        {"body": "text"},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "b\nc"}},
        {"headers": {"host": "other.example"}},
        {"headers": {"Content-Length": "0"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {"headers": {"last-event-id": "1"}},  # which would not be the one of the decoder
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    """What cannot be sent, or no server could have sent, is refused at once."""
    with pytest.raises(LocalProtocolError):
        Client(URL, **options)


def test_options_as_a_type() -> None:
    """They are those of the constructor, with the same types."""
    parameters = list(inspect.signature(Client).parameters)[1:]
    assert list(ClientOptions.__annotations__) == parameters
    hints = get_type_hints(Client.__init__)
    assert get_type_hints(ClientOptions) == {name: hints[name] for name in parameters}


def test_first_request() -> None:
    """It asks for a stream that no cache has kept."""  # SSE F2, F3, F4
    carrier = Carrier()
    assert carrier.calls[0].stream
    assert carrier.request == Request("GET", URL, OURS)
    assert carrier.client.state is State.CONNECTING


def test_headers_of_the_application() -> None:
    """They come along, also instead of the client's own."""
    headers = {"Authorization": "x", "accept": "text/event-stream, */*"}
    carrier = Carrier(headers=headers)
    assert carrier.request.headers == Headers(
        {
            "Authorization": "x",
            "accept": "text/event-stream, */*",
            "Cache-Control": "no-cache",
            "Accept-Encoding": "gzip, deflate",
        }
    )


def test_any_method_and_body() -> None:
    """Services that answer questions with a stream are asked with a POST."""
    carrier = Carrier(method="POST", body=b"question", headers={"Content-Type": "text/plain"})
    headers = Headers({"Content-Type": "text/plain"}) + OURS
    assert carrier.request == Request("POST", URL, headers, b"question")


@pytest.mark.parametrize(
    ("headers", "content_type"),
    [({}, "application/json"), ({"content-type": "a/b"}, "a/b")],
)
def test_a_message_as_the_body(headers: dict[str, str], content_type: str) -> None:
    """Its data, and its content type unless the application gives another one."""
    carrier = Carrier(method="POST", body=Message.of_json({"stream": True}), headers=headers)
    assert carrier.request.body == b'{"stream":true}'
    assert carrier.request.headers.get_all("Content-Type") == (content_type,)


def test_a_message_of_no_type_as_the_body() -> None:
    """Then nothing is said."""
    carrier = Carrier(method="POST", body=Message(data=b"x"))
    assert "Content-Type" not in carrier.request.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "https://sse.example/b"),
        ("b?c", "https://sse.example/b?c"),
        ("//other.example/b", "https://other.example/b"),
        ("http://other.example/", "http://other.example/"),
    ],
)
def test_redirects_are_followed(status: int, location: str, url: str) -> None:
    """And not remembered."""  # SSE F17, F18, F21, J4
    carrier = Carrier()
    carrier.answer(Response(status, Headers({"Location": location})))
    assert carrier.request.url == url
    assert carrier.request.method == "GET"
    carrier.open()
    carrier.body(EOF)
    assert carrier.events()[0] == Opened(url, Response(200, STREAM))
    carrier.wait(3.5)
    assert carrier.request.url == URL


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "REPORT", "REPORT"),
        (302, "PUT", "PUT"),
        (303, "REPORT", "GET"),
        (307, "REPORT", "REPORT"),
    ],
)
@pytest.mark.parametrize("location", ["/b", "https://other.example/b"])
def test_method_and_body_of_a_redirect(status: int, method: str, then: str, location: str) -> None:
    """As the Fetch standard has them, and RFC 9110, 15.4; what a body is called goes with it."""
    headers = {"Content-Type": "text/plain", "Content-Language": "en"}
    carrier = Carrier(method=method, body=b"x", headers=headers)
    for _ in range(2):
        carrier.answer(Response(status, Headers({"Location": location})))
        assert carrier.request.method == then
        assert carrier.request.body == (b"" if then == "GET" else b"x")
        for name in headers:
            assert (name in carrier.request.headers) is (then != "GET")


def test_each_connection_begins_with_the_first_request() -> None:
    """Also with its method and its body."""  # SSE F18, J4
    carrier = Carrier(method="REPORT", body=b"x")
    carrier.answer(Response(303, Headers({"Location": "/b"})))
    carrier.open()
    carrier.body(EOF)
    carrier.disconnected()
    assert carrier.request == carrier.calls[0].request


def test_a_redirect_is_for_the_last_event_id_too() -> None:
    """Where the stream goes on, it goes on."""  # SSE F14
    carrier = Carrier(last_event_id="7")
    carrier.answer(Response(307, Headers({"Location": "/b"})))
    assert carrier.request.headers["Last-Event-ID"] == "7"


def test_what_a_redirect_has_to_say_is_no_stream() -> None:
    """Its body may still come when the next call is out."""
    carrier = Carrier()
    first = carrier.token
    carrier.answer(Response(302, Headers({"Location": "/b"})))
    carrier.client.receive(Body(first, b"data: a\n\n"), 0)
    carrier.open()
    carrier.client.receive(Body(first, EOF, LOST), 0)
    carrier.body(b"data: b\n\n")
    assert carrier.events()[1:] == [ServerSentEvent("b", id="")]


@pytest.mark.parametrize(
    ("locations", "told"),
    [
        (["https://sse.example:443/b"], True),
        (["/b", "/c"], True),
        (["https://sse.example:444/b"], False),
        (["http://sse.example/b"], False),
        (["https://other.example/b"], False),
        (["https://other.example/b", "https://sse.example/b"], False),
    ],
)
def test_secrets_stay_with_their_origin(locations: list[str], told: bool) -> None:
    """Another one learns only what the protocol says, and its word about the way back is not it."""
    carrier = Carrier(headers={"Authorization": "x", "X-Api-Key": "y"}, last_event_id="1")
    for location in locations:
        carrier.answer(Response(302, Headers({"Location": location})))
    assert ("Authorization" in carrier.request.headers) is told
    assert ("X-Api-Key" in carrier.request.headers) is told
    assert carrier.request.headers["Accept"] == "text/event-stream"
    assert carrier.request.headers["Cache-Control"] == "no-cache"
    assert carrier.request.headers["Last-Event-ID"] == "1"


@pytest.mark.parametrize(
    "location", ["ftp://a/", "http://[", "ws://sse.example/", "https://me@sse.example/"]
)
def test_redirect_to_no_stream_fails(location: str) -> None:
    """There is nothing to follow."""
    carrier = Carrier()
    response = Response(302, Headers({"Location": location}))
    carrier.answer(response)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response == response


def test_a_body_never_leaves_tls() -> None:
    """What is asked without one may, as with browsers."""
    down = Response(307, Headers({"Location": "http://sse.example/b"}))
    carrier = Carrier()
    carrier.answer(down)
    assert carrier.request.url == "http://sse.example/b"
    carrier = Carrier(method="POST", body=b"a question")
    carrier.answer(down)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert "not secure" in str(error)
    assert len(carrier.calls) == 1


@pytest.mark.parametrize("headers", [Headers(), Headers({"Location": ""})])
def test_a_redirect_that_does_not_say_where_is_a_rejection(headers: Headers) -> None:
    """Nobody is asked again, and what it has to say is kept."""
    carrier = Carrier()
    carrier.answer(Response(302, headers, b"gone fishing"), more=False)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response == Response(302, headers, b"gone fishing")
    assert len(carrier.calls) == 1


def test_redirects_are_bounded() -> None:
    """For each connection on its own."""
    carrier = Carrier(limits=Limits(redirects=2))
    around = Response(302, Headers({"Location": URL}))
    for _ in range(2):
        carrier.answer(around)
        carrier.answer(around)
        carrier.open()
        carrier.body(EOF)
        carrier.disconnected()
    carrier.answer(around)
    carrier.answer(around)
    carrier.answer(around)
    error = carrier.closed()
    assert isinstance(error, LimitExceeded)
    assert error.limit == "redirects"


def test_a_redirect_to_where_nobody_is() -> None:
    """It is an attempt like any other, and the next one begins anew."""
    carrier = Carrier()
    carrier.answer(Response(302, Headers({"Location": "http://other.example/"})))
    carrier.answer(LOST)
    assert carrier.disconnected() == Disconnected(LOST, 3.5)
    assert carrier.request.url == URL
