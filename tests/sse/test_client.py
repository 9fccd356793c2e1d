"""The client's side: which calls it makes, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Hashable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Backoff,
    Chunk,
    Closed,
    ClosedError,
    ConnectionLost,
    End,
    Event,
    HandshakeRejected,
    LimitExceeded,
    LocalProtocolError,
    Message,
    Steps,
)
from eventproto.http import Body, Call, Headers, Request, Response, Result
from eventproto.sse import (
    Client,
    Comment,
    Disconnected,
    Limits,
    Opened,
    RetryChanged,
    ServerSentEvent,
    ServerStream,
    State,
)
from eventproto.strategies import chunkings
from eventproto.strategies._sse import sse_streams
from eventproto.testing import feed

URL = "https://sse.example/stream"
STREAM = Headers({"Content-Type": "text/event-stream"})
HALF = bytes([0x80, 0, 0, 0])  # chance that is always one half
LOST = ConnectionLost("the wire broke")


class Carrier:
    """Carries the calls of a client: the test is the server, and has the clock."""

    def __init__(self, url: str = URL, **options: Any) -> None:
        options.setdefault("entropy", lambda count: HALF)
        self.client = Client(url, **options)
        self.now = 0.0
        self.calls: list[Call] = []
        self.wait(0)

    @property
    def request(self) -> Request:
        return self.calls[-1].request

    @property
    def token(self) -> Hashable:
        return self.calls[-1].token

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.client.handle_timeout(self.now)
        self.collect()

    def answer(self, outcome: Response | Exception, *, more: bool = True) -> None:
        more = more and isinstance(outcome, Response)
        self.client.receive(Result(self.token, outcome, more), self.now)
        self.collect()

    def open(self) -> None:
        self.answer(Response(200, STREAM))

    def body(self, *chunks: Chunk, error: Exception | None = None) -> None:
        for chunk in chunks:
            failed = error if chunk is EOF else None
            self.client.receive(Body(self.token, chunk, failed), self.now)
        self.collect()

    def collect(self) -> None:
        for output in iter(self.client.next_output, None):
            assert isinstance(output, Call)
            self.calls.append(output)

    def events(self) -> list[Event]:
        found = list(iter(self.client.next_event, None))
        self.collect()
        return found

    def closed(self) -> Exception | None:
        """The error that it closed with, once it has."""
        *_, last = self.events()
        assert isinstance(last, Closed)
        assert self.client.state is State.CLOSED
        assert self.client.finished
        self.wait(1_000_000)
        assert self.events() == []
        return last.error


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
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    """What no server could have sent is not to be sent to one."""
    with pytest.raises(LocalProtocolError):
        Client(URL, **options)


def test_first_request() -> None:
    """It asks for a stream that no cache has kept."""  # SSE F2, F3, F4
    carrier = Carrier()
    assert carrier.calls[0].stream
    assert carrier.request == Request(
        "GET", URL, Headers({"Accept": "text/event-stream", "Cache-Control": "no-cache"})
    )
    assert carrier.client.state is State.CONNECTING


def test_headers_of_the_application() -> None:
    """Its own come along, but do not change what is asked for."""
    headers = Headers({"Authorization": "x", "accept": "*/*", "last-event-id": "1"})
    carrier = Carrier(headers=headers)
    assert carrier.request.headers == Headers(
        {"Authorization": "x", "Accept": "text/event-stream", "Cache-Control": "no-cache"}
    )


def test_open() -> None:
    """It says where the stream was found and what the answer's head was."""  # SSE F10, F21
    carrier = Carrier()
    carrier.open()
    assert carrier.client.state is State.OPEN
    assert carrier.events() == [Opened(URL, Response(200, STREAM))]


def test_events_of_the_stream() -> None:
    """As soon as they are complete."""  # SSE F10
    carrier = Carrier()
    carrier.open()
    carrier.body(b"id: 1\ndata: a\n\n: c\nretry: 5\nda", b"ta: b\n\nda")
    assert carrier.events()[1:] == [
        ServerSentEvent("a", id="1"),
        Comment("c"),
        RetryChanged(5),
        ServerSentEvent("b", id="1"),
    ]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/event-stream",
        "TEXT/Event-Stream",
        "text/event-stream;charset=utf-8",
        "text/event-stream ; charset=latin-1",
        "text/event-stream;",
        " text/event-stream ",
    ],
)
def test_content_type_is_compared_by_its_essence(content_type: str) -> None:
    """Case, parameters and white space do not matter, nor does a charset."""  # SSE F9, A4
    carrier = Carrier()
    carrier.answer(Response(200, Headers({"Content-Type": content_type})))
    carrier.body("data: \u00e9\n\n".encode())
    assert carrier.events()[1:] == [ServerSentEvent("\u00e9", id="")]


@pytest.mark.parametrize(
    "response",
    [
        *(Response(status, STREAM) for status in (201, 205, 210, 299, 304, 400, 404, 500, 503)),
        *(Response(status, STREAM) for status in (301, 302, 303, 307, 308)),  # without a Location
        Response(200),
        *(
            Response(200, Headers({"Content-Type": content_type}))
            for content_type in (
                "",
                "text/html",
                "text/event-stream2",
                "text/event",
                "x;text/event-stream",
            )
        ),
    ],
)
def test_another_answer_than_a_stream_fails_for_good(response: Response) -> None:
    """There is no reconnection, and the application sees the answer."""  # SSE F8, F9, F16
    carrier = Carrier()
    carrier.answer(response)
    carrier.body(b"data: a\n\n", EOF)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response == response
    assert len(carrier.calls) == 1


def test_204_stops() -> None:
    """It is how a server ends the session in order."""  # SSE F8, F19
    carrier = Carrier()
    carrier.answer(Response(204), more=False)
    assert carrier.closed() is None


def test_end_of_the_stream_is_no_end() -> None:
    """It waits for the reconnection time and comes back."""  # SSE F5, F11, F12
    carrier = Carrier()
    carrier.open()
    carrier.body(b"data: a\n\n", EOF)
    assert carrier.events()[2:] == [Disconnected(None, 3.5)]
    assert carrier.client.state is State.CONNECTING
    carrier.wait(3.4)
    assert len(carrier.calls) == 1
    carrier.wait(0.1)
    assert len(carrier.calls) == 2
    carrier.open()
    assert carrier.events() == [Opened(URL, Response(200, STREAM))]


def test_error_in_the_stream() -> None:
    """It is reported, and the connection made again."""  # SSE F7
    carrier = Carrier()
    carrier.open()
    carrier.body(b"data: a\n\ndata: b\n", EOF, error=LOST)
    assert carrier.events()[1:] == [ServerSentEvent("a", id=""), Disconnected(LOST, 3.5)]


def test_no_connection() -> None:
    """Also the first one is tried again."""  # SSE F7
    carrier = Carrier()
    carrier.answer(LOST)
    assert carrier.events() == [Disconnected(LOST, 3.5)]
    assert carrier.client.state is State.CONNECTING
    carrier.wait(3.5)
    assert len(carrier.calls) == 2


def test_backoff_grows_until_a_connection_is_open() -> None:
    """On top of the reconnection time, which is the least."""  # SSE F12, F13
    carrier = Carrier(backoff=Backoff(ceiling=6.0))
    delays: list[float] = []

    def collect() -> None:
        [*_, last] = carrier.events()
        assert isinstance(last, Disconnected)
        delays.append(last.delay)
        carrier.wait(last.delay)

    for _ in range(5):
        carrier.answer(LOST)
        collect()
    carrier.open()
    carrier.body(EOF)
    collect()
    assert delays == [3.5, 4.0, 5.0, 6.0, 6.0, 3.5]


def test_chance_is_what_entropy_says() -> None:
    """The same chance, the same delays; another chance, others."""

    def delay(seed: int) -> object:
        carrier = Carrier(entropy=Random(seed).randbytes)
        carrier.answer(LOST)
        [event] = carrier.events()
        assert isinstance(event, Disconnected)
        assert 3 <= event.delay <= 4
        return event.delay

    assert delay(1) == delay(1) != delay(2)


def test_a_schedule_may_give_up() -> None:
    """With the last error, or one that says what happened."""
    carrier = Carrier(backoff=Steps((1.0,)))
    carrier.answer(LOST)
    carrier.wait(4)
    carrier.answer(LOST)
    assert carrier.closed() is LOST

    carrier = Carrier(backoff=Steps(()))
    carrier.open()
    carrier.body(EOF)
    assert isinstance(carrier.closed(), ConnectionLost)


def test_retry_of_the_server() -> None:
    """It stays until the server changes it."""  # SSE D8, F12, F25
    carrier = Carrier(retry=1000)
    for stream, seconds in [(b"", 1.5), (b"retry: 7000\n", 7.5), (b"", 7.5), (b"retry: 0\n", 0.5)]:
        carrier.open()
        carrier.body(stream, EOF)
        assert carrier.events()[-1] == Disconnected(None, seconds)
        carrier.wait(seconds)


@pytest.mark.parametrize("retry", [10_001, 2**64 - 1])
def test_retry_is_capped_where_it_is_applied(retry: int) -> None:
    """What was said is reported as it was said."""  # SSE J7
    carrier = Carrier(limits=Limits(retry=10_000))
    carrier.open()
    carrier.body(b"retry: %d\n" % retry, EOF)
    assert carrier.events()[1:] == [RetryChanged(retry), Disconnected(None, 10.5)]


def test_last_event_id_is_sent() -> None:
    """As UTF-8, also after a stream that had no id of its own."""  # SSE E8, F14, F25, G1, G2
    carrier = Carrier()
    carrier.open()
    carrier.body("id: h\u00e9\n\nid: not committed\ndata: a".encode(), EOF)
    for _ in range(2):
        carrier.events()
        carrier.wait(3.5)
        assert (b"Last-Event-ID", b"h\xc3\xa9") in carrier.request.headers.encode()
        carrier.open()
        carrier.body(b"\ndata: b\n\n", EOF)
        assert ServerSentEvent("b", id="h\u00e9") in carrier.events()


def test_last_event_id_may_be_given() -> None:
    """By an application that remembers it."""  # SSE G1
    carrier = Carrier(last_event_id="41")
    assert carrier.request.headers["Last-Event-ID"] == "41"


def test_last_event_id_may_be_taken_back() -> None:
    """Then the header is gone."""  # SSE D4, F15, J3
    carrier = Carrier(last_event_id="41")
    carrier.open()
    carrier.body(b"id\n\n", EOF)
    carrier.events()
    carrier.wait(3.5)
    assert "Last-Event-ID" not in carrier.request.headers


def test_last_event_id_that_fits_no_header() -> None:
    """It is not sent; a server may not make a client fail by it."""
    carrier = Carrier()
    carrier.open()
    carrier.body(b"id: \x1b\ndata: a\n\n", EOF)
    assert carrier.events()[1] == ServerSentEvent("a", id="\x1b")
    carrier.wait(3.5)
    assert "Last-Event-ID" not in carrier.request.headers


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
    ("location", "told"),
    [
        ("https://sse.example:443/b", True),
        ("https://sse.example:444/b", False),
        ("http://sse.example/b", False),
        ("https://other.example/b", False),
    ],
)
def test_secrets_stay_with_their_origin(location: str, told: bool) -> None:
    """Another one learns only what the protocol says."""
    carrier = Carrier(headers=Headers({"Authorization": "x"}), last_event_id="1")
    carrier.answer(Response(302, Headers({"Location": location})))
    assert ("Authorization" in carrier.request.headers) is told
    assert carrier.request.headers["Accept"] == "text/event-stream"
    assert carrier.request.headers["Last-Event-ID"] == "1"


@pytest.mark.parametrize(
    "location", ["ftp://a/", "http://[", "http://\u00e9/", "ws://sse.example/", "a b"]
)
def test_redirect_to_no_stream_fails(location: str) -> None:
    """There is nothing to follow."""
    carrier = Carrier()
    response = Response(302, Headers({"Location": location}))
    carrier.answer(response)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response == response


def test_redirects_are_bounded() -> None:
    """For each connection on its own."""
    carrier = Carrier(limits=Limits(redirects=2))
    around = Response(302, Headers({"Location": URL}))
    for _ in range(2):
        carrier.answer(around)
        carrier.answer(around)
        carrier.open()
        carrier.body(EOF)
        assert isinstance(carrier.events()[-1], Disconnected)
        carrier.wait(3.5)
    carrier.answer(around)
    carrier.answer(around)
    carrier.answer(around)
    error = carrier.closed()
    assert isinstance(error, LimitExceeded)
    assert error.limit == "redirects"


def test_a_stream_beyond_its_limits_fails() -> None:
    """After everything that came before."""  # SSE J8
    carrier = Carrier(limits=Limits(line_size=10))
    carrier.open()
    carrier.body(b"data: a\n\n" + b":" * 11, b"\ndata: b\n\n", EOF)
    [_, event, closed] = carrier.events()
    assert event == ServerSentEvent("a", id="")
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, LimitExceeded)
    assert carrier.client.state is State.CLOSED


def test_an_answer_that_came_whole() -> None:
    """Is a stream that has ended already."""
    carrier = Carrier()
    carrier.answer(Response(200, STREAM, b"data: a\n\n"), more=False)
    assert carrier.events()[1:] == [ServerSentEvent("a", id=""), Disconnected(None, 3.5)]


def test_end_drops_what_nobody_has_taken() -> None:
    """Nothing more is dispatched, complete or not."""  # SSE E10, F20
    carrier = Carrier()
    carrier.open()
    carrier.body(b"data: a\n\n" * 1000)
    carrier.client.send(End(), 0)
    assert carrier.closed() is None
    with pytest.raises(ClosedError):
        carrier.client.send(End(), 0)


def test_end_while_waiting() -> None:
    """No further call is made."""  # SSE F16, F20
    carrier = Carrier()
    carrier.answer(LOST)
    carrier.client.send(End(), 0)
    assert carrier.client.deadline is None
    assert carrier.closed() is None
    assert len(carrier.calls) == 1


def test_end_before_the_call_is_taken() -> None:
    """Then there is no call."""
    client = Client(URL)
    client.handle_timeout(0)
    client.send(End(), 0)
    assert client.next_output() is None
    assert client.finished


def test_end_after_a_failure() -> None:
    """There is one end, whatever comes first."""
    carrier = Carrier(limits=Limits(line_size=10))
    carrier.open()
    carrier.body(b"data: a\n\n" + b":" * 11)
    carrier.client.send(End(), 0)
    assert carrier.events() == [Closed(None)]


def test_a_client_takes_end_only() -> None:
    """A stream has no way back."""
    carrier = Carrier()
    command: Any = Message(data=b"")
    with pytest.raises(LocalProtocolError):
        carrier.client.send(command, 0)


def test_events_wait_as_bytes() -> None:
    """A flood is not made into events that nobody takes."""
    carrier = Carrier()
    carrier.open()
    carrier.body(b":\n" * 100_000, EOF)
    assert carrier.client.backlog < 5000
    assert len(carrier.events()) == 100_002
    assert carrier.client.state is State.CONNECTING


@given(stream=sse_streams(), data=st.data())
def test_any_stream(stream: tuple[bytes, list[Event]], data: st.DataObject) -> None:
    """However it is cut."""
    written, events = stream
    carrier = Carrier()
    carrier.open()
    carrier.body(*data.draw(chunkings(written)), EOF)
    found = carrier.events()
    assert found[1:-1] == events
    assert isinstance(found[-1], Disconnected)


@given(st.lists(st.binary(max_size=20)))
def test_any_bytes(chunks: list[bytes]) -> None:
    """They are a stream, whatever they say."""  # SSE A7
    carrier = Carrier()
    carrier.open()
    carrier.body(*chunks, EOF)
    assert isinstance(carrier.events()[-1], Disconnected)


def test_client_and_server_stream_together() -> None:
    """What is sent on one side is reported on the other, with the id to come back with."""
    message = Message(data=b"\xff\r", type="add", id="1")
    server = ServerStream(retry=100)
    server.handle_timeout(0)
    server.send(message, 0)
    server.handle_timeout(15)
    server.send(End(), 15)
    carrier = Carrier()
    carrier.open()
    carrier.body(feed(server, []).output, EOF)
    events = carrier.events()
    assert [event.message() for event in events if event.message()] == [message]
    assert events[-1] == Disconnected(None, 0.6)
    carrier.wait(0.6)
    assert carrier.request.headers["Last-Event-ID"] == "1"
