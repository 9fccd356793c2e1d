"""The client's side: what it makes of a stream, and of answers that are none."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Closed,
    ClosedError,
    End,
    Event,
    HandshakeRejected,
    LimitExceeded,
    LocalProtocolError,
    Message,
)
from eventproto.http import Headers, Response
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
from tests.sse.carrier import LOST, STREAM, URL, Carrier


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
        *(Response(status, STREAM) for status in (201, 205, 210, 299, 304, 400, 404, 500, 502)),
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
    carrier.body(b"data: a\n", b"\n", EOF)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response == replace(response, body=b"data: a\n\n")
    assert error.code == response.status
    assert len(carrier.calls) == 1


NO = Response(400, Headers({"Content-Type": "application/json"}))


def test_a_rejection_that_came_whole() -> None:
    """It has its body."""
    carrier = Carrier()
    carrier.answer(replace(NO, body=b"{}"), more=False)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response == replace(NO, body=b"{}")


@pytest.mark.parametrize(
    ("content_type", "quoted"),
    [
        ("application/problem+json; charset=utf-8", True),
        ("text/plain", True),
        ("text/html", False),
        ("image/png", False),
    ],
)
def test_a_rejection_is_quoted(content_type: str, *, quoted: bool) -> None:
    """As far as it is for whoever reads the error, and not too long."""
    carrier = Carrier()
    carrier.answer(Response(401, Headers({"Content-Type": content_type})))
    carrier.body(b'{"error":"invalid key \xff"}' + b" " * 10_000, EOF)
    message = str(carrier.closed())
    assert message.startswith(f"expected 200 and text/event-stream from {URL}, got 401 and ")
    assert ('{"error":"invalid key \ufffd"}' in message) is quoted
    assert len(message) < 400


def test_a_rejection_is_kept_as_far_as_there_is_room() -> None:
    """Then nobody waits for the rest of it."""
    carrier = Carrier(limits=Limits(rejection_size=10))
    carrier.answer(NO)
    carrier.body(b"1234567")
    assert carrier.events() == []
    carrier.body(b"89012345")
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response.body == b"1234567890"


def test_a_rejection_is_waited_for_for_a_while() -> None:
    """However often something comes."""
    carrier = Carrier(limits=Limits(rejection_time=5.0))
    carrier.answer(NO)
    for _ in range(4):
        carrier.wait(1.2)
        carrier.body(b"x")
    assert carrier.events() == []
    carrier.wait(0.2)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response.body == b"xxxx"


def test_a_rejection_that_breaks_off() -> None:
    """It is one all the same."""
    carrier = Carrier()
    carrier.answer(NO)
    carrier.body(b"x", EOF, error=LOST)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response.body == b"x"


@pytest.mark.parametrize(
    ("coding", "body", "read"),
    [
        ("gzip", gzip.compress(b"what is wrong", mtime=0), b"what is wrong"),
        ("gzip", gzip.compress(b"x" * 100, mtime=0), b"x" * 40),
        ("br", b"what is wrong", None),
        ("gzip", b"no gzip", None),
    ],
)
def test_a_rejection_that_is_compressed(coding: str, body: bytes, read: bytes | None) -> None:
    """It is read if that can be done, within the same bound, and left as it is if not."""
    carrier = Carrier(limits=Limits(rejection_size=40))
    carrier.answer(Response(500, Headers({"Content-Encoding": coding})))
    carrier.body(body, EOF)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response.body == (body if read is None else read)
    assert ("Content-Encoding" in error.response.headers) is (read is None)


def test_204_stops() -> None:
    """It is how a server ends the session in order."""  # SSE F8, F19
    carrier = Carrier()
    carrier.answer(Response(204), more=False)
    assert carrier.closed() is None


def test_an_answer_that_came_whole() -> None:
    """Is a stream that has ended already."""
    carrier = Carrier()
    carrier.answer(Response(200, STREAM, b"data: a\n\n"), more=False)
    assert carrier.events()[1:] == [ServerSentEvent("a", id=""), Disconnected(None, 3.5)]


def test_last_event_id_is_sent() -> None:
    """As UTF-8, also after a stream that had no id of its own."""  # SSE E8, F14, F25, G1, G2
    carrier = Carrier(healthy_after=0)
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


def test_last_event_id_of_what_was_taken() -> None:
    """Whoever keeps it, and goes on from it another time, misses nothing."""  # SSE E1, G1
    carrier = Carrier(last_event_id="0")
    client = carrier.client
    carrier.open()
    assert client.last_event_id == "0"
    carrier.body(b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n: c\nid: 3\n\n")
    assert isinstance(client.next_event(), Opened)
    assert client.last_event_id == "0"
    assert client.next_event() == ServerSentEvent("a", id="1")
    assert client.last_event_id == "1"
    assert client.next_event() == ServerSentEvent("b", id="2")
    assert client.next_event() == Comment("c")
    assert client.last_event_id == "2"
    assert client.next_event() is None
    assert client.last_event_id == "3"
    carrier.body(b"id\n\nid: 4\ndata: d\n\n")
    client.send(End(), 0)
    assert client.next_event() == Closed()
    assert client.next_event() is None
    assert client.last_event_id == "3"


def test_what_is_waiting_to_be_taken_survives_its_connection() -> None:
    """And it is not asked for again."""  # SSE E8, F14
    carrier = Carrier()
    carrier.open()
    stream = b"".join(b"id: %d\ndata: %d\n\n" % (number, number) for number in range(3000))
    carrier.body(stream, b"id: lost\ndata: cut o", EOF, error=LOST)
    assert carrier.client.backlog < 1000
    events = carrier.events()
    assert events[1:-1] == [ServerSentEvent(str(number), id=str(number)) for number in range(3000)]
    assert events[-1] == Disconnected(LOST, 3.5)
    carrier.wait(3.5)
    assert carrier.request.headers["Last-Event-ID"] == "2999"


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


def test_end_drops_what_nobody_has_taken() -> None:
    """Nothing more is dispatched, complete or not."""  # SSE E10, F6, F20
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
