"""A request and its answer: methods, headers, pages from elsewhere, and who is let in."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import LocalProtocolError, Overflow
from eventproto.http import Headers, Request, Response
from eventproto.sse import Cors, Limits, ServerStream, accept, last_event_id

URL = "https://sse.example/stream"
PAGE = "https://app.example"
CORS = Cors(origins=[PAGE], credentials=True)


def ask(method: str = "GET", origin: str | None = None) -> Request:
    return Request(method, URL, Headers() if origin is None else Headers({"Origin": origin}))


def test_response_names_the_format_and_forbids_holding_it_back() -> None:
    """Neither a cache nor a proxy may keep it."""  # SSE A1, H3
    head, stream = accept(ask())
    assert head.status == 200
    assert dict(head.headers) == {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    assert stream is not None
    assert stream.last_event_id == ""


def test_an_answer_to_head_has_no_stream() -> None:
    """But the same head."""
    assert accept(ask("HEAD"), cors=CORS) == (accept(ask(), cors=CORS)[0], None)


@pytest.mark.parametrize(
    ("url", "header", "expected"),
    [
        (URL, "7", "7"),
        (URL, "h\u00e9", "h\u00e9"),  # SSE G2
        (URL, "a\udcff", "a\ufffd"),
        (URL + "?last_event_id=7", None, "7"),
        (URL + "?a=b&last_event_id=h%C3%A9&last_event_id=8", None, "h\u00e9"),
        (URL + "?last_event_id=%ff%00", None, "\ufffd\0"),
        (URL + "?last_event_id=7", "8", "8"),
        (URL + "?last_event_id=7", "", ""),
        (URL + "?last_event_id=", None, ""),
    ],
)
def test_where_the_client_was(url: str, header: str | None, expected: str) -> None:
    """The header is newer than the URL, which a browser repeats."""  # SSE G1
    headers = Headers() if header is None else Headers({"Last-Event-ID": header})
    request = Request("GET", url, headers)
    _, stream = accept(request)
    assert stream is not None
    assert stream.last_event_id == last_event_id(request) == expected


@pytest.mark.parametrize(("place", "status"), [("\u00e9" * 2, 200), ("\u00e9" * 2 + "a", 431)])
def test_a_last_event_id_is_bounded(place: str, status: int) -> None:
    """In bytes: it is what anybody may have made up."""  # SSE G3
    limits = Limits(id_size=4)
    by_header = accept(Request("GET", URL, Headers({"Last-Event-ID": place})), limits=limits)
    by_query = accept(
        Request("GET", URL + "?last_event_id=" + place.replace("\u00e9", "%C3%A9")), limits=limits
    )
    assert by_header[0].status == by_query[0].status == status
    assert (by_header[1] is None) == (by_query[1] is None) == (status == 431)


def test_options_reach_the_stream() -> None:
    """Those of the constructor."""
    _, stream = accept(ask(), heartbeat=5.0, retry=100, overflow=Overflow.COALESCE)
    assert isinstance(stream, ServerStream)
    stream.handle_timeout(0)
    assert stream.deadline == 5
    assert stream.next_output() == b"retry: 100\n"


def test_options_says_what_is_allowed() -> None:
    """Also to who does not come from a page."""
    response, stream = accept(ask("OPTIONS"))
    assert (response, stream) == (Response(204, Headers({"Allow": "GET, HEAD, OPTIONS"})), None)


@pytest.mark.parametrize("method", ["POST", "PUT", "get"])
def test_a_method_that_is_not_allowed(method: str) -> None:
    """405, and what is."""
    response, stream = accept(ask(method))
    assert (response.status, stream) == (405, None)
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_other_methods_by_choice() -> None:
    """HEAD is for GET."""
    assert accept(ask("POST"), methods=["POST"])[1] is not None
    for method in ("GET", "HEAD"):
        response, stream = accept(ask(method), methods=["POST"])
        assert (response.status, stream) == (405, None)
        assert response.headers["Allow"] == "POST, OPTIONS"


def test_head_alone() -> None:
    """It is answered as ever, and named once."""
    for methods in (["HEAD"], ["HEAD", "GET"]):
        response, stream = accept(ask("HEAD"), methods=methods)
        assert (response.status, stream) == (200, None)
        allowed = accept(ask("PUT"), methods=methods)[0].headers["Allow"]
        assert allowed == ", ".join([*methods, "OPTIONS"])


@pytest.mark.parametrize("methods", ["GET", (), ["GET\r\nX: y"], ["A B"]])
def test_methods_are_checked(methods: Any) -> None:
    """Whatever is asked; a string would be many methods of one letter."""
    for method in ("GET", "OPTIONS"):
        with pytest.raises(LocalProtocolError, match="methods are several"):
            accept(ask(method), methods=methods)


def test_who_is_not_let_in_gets_the_answer_of_the_application() -> None:
    """Such as 204, which stops a client."""  # SSE F19
    asked: list[str] = []

    def admit(request: Request) -> Response | None:
        asked.append(request.method)
        return Response(204) if "Authorization" not in request.headers else None

    assert accept(ask(), admit=admit) == (Response(204), None)
    assert accept(ask("HEAD"), admit=admit) == (Response(204), None)
    allowed = Request("GET", URL, Headers({"Authorization": "yes"}))
    assert accept(allowed, admit=admit)[1] is not None
    for method in ("OPTIONS", "POST"):  # a preflight never has credentials
        accept(ask(method), admit=admit)
    assert asked == ["GET", "HEAD", "GET"]


def test_a_page_may_read_the_stream_and_the_refusal() -> None:
    """A browser that may not read a 204 would come back for ever."""  # SSE F22
    for admit in (None, lambda _: Response(204)):
        head, _ = accept(ask(origin=PAGE), cors=CORS, admit=admit)
        assert head.headers["Access-Control-Allow-Origin"] == PAGE
        assert head.headers["Access-Control-Allow-Credentials"] == "true"
        assert head.headers["Vary"] == "Origin"
        assert "Access-Control-Expose-Headers" not in head.headers


def test_without_cors_no_page_is_told_anything() -> None:
    """Not by default."""
    for method in ("GET", "OPTIONS"):
        names = {name for name, _ in accept(ask(method, PAGE))[0].headers}
        assert not any(name.startswith("Access-Control") for name in names)


def test_preflight() -> None:
    """A long last event ID makes a browser ask first."""  # SSE F23
    response, stream = accept(ask("OPTIONS", PAGE), cors=CORS, methods=["GET", "POST"])
    assert (response.status, stream) == (204, None)
    assert dict(response.headers) == {
        "Allow": "GET, POST, HEAD, OPTIONS",
        "Access-Control-Allow-Origin": PAGE,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Last-Event-ID",
        "Access-Control-Max-Age": "7200",
    }


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_a_page_that_may_not(method: str, origin: str | None) -> None:
    """The browser keeps the answer from it, and a cache from who may."""
    names = dict(accept(ask(method, origin), cors=CORS)[0].headers)
    assert names["Vary"] == "Origin"
    assert not any(name.startswith("Access-Control") for name in names)


def test_all_pages() -> None:
    """The answer is the same for all, so it does not vary."""
    cors = Cors(headers=["Authorization"], max_age=60)
    head, _ = accept(ask(origin=PAGE), cors=cors)
    assert head.headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in head.headers
    preflight, _ = accept(ask("OPTIONS", PAGE), cors=cors)
    assert preflight.headers["Access-Control-Allow-Headers"] == "Last-Event-ID, Authorization"
    assert preflight.headers["Access-Control-Max-Age"] == "60"


@pytest.mark.parametrize(
    "options",
    [
        {"credentials": True},
        {"origins": PAGE},
        {"origins": [PAGE + "/"]},
        {"origins": ["app.example"]},
        {"origins": ["https://"]},
        {"origins": ["https://app.example:443"]},
        {"origins": ["http://app.example:80"]},
        {"origins": ["https://App.example"]},
        {"origins": ["https://app.example\r\nX: y"]},
        {"headers": ["a\nb"]},
        {"headers": ["a, b"]},
        {"headers": "Authorization"},
        {"max_age": -1},
        {"max_age": 1.5},
        {"max_age": "1\r\nX: y"},
    ],
)
def test_cors_is_checked(options: dict[str, Any]) -> None:
    """What no browser would take, before anybody asks."""
    with pytest.raises(LocalProtocolError):
        Cors(**options)


def test_origins() -> None:
    """With ports, of documents without an origin, and of extensions."""
    origins = ["http://localhost:8000", "http://[::1]:443", "null", "chrome-extension://abc"]
    for origin in origins:
        head, _ = accept(ask(origin=origin), cors=Cors(origins=origins))
        assert head.headers["Access-Control-Allow-Origin"] == origin
        assert "Access-Control-Allow-Credentials" not in head.headers
