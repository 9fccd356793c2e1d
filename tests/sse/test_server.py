"""The server's side: what is sent becomes the body, and the clock keeps it alive."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import EOF, Chunk, Closed, ClosedError, End, LocalProtocolError, Message
from eventproto.http import Headers, Request
from eventproto.sse import (
    Comment,
    Decoder,
    RetryChanged,
    ServerSentEvent,
    ServerStream,
    accept,
)
from eventproto.strategies._sse import server_sent_events
from eventproto.testing import feed

URL = "https://sse.example/stream"


def written(stream: ServerStream) -> list[Chunk]:
    return list(iter(stream.next_output, None))


def started(**options: Any) -> ServerStream:
    stream = ServerStream(**options)
    stream.handle_timeout(0)
    return stream


def test_response_names_the_format_and_forbids_holding_it_back() -> None:
    """Neither a cache nor a proxy may keep it."""  # SSE A1
    head, stream = accept(Request("GET", URL))
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
    assert accept(Request("HEAD", URL)) == (accept(Request("GET", URL))[0], None)


@pytest.mark.parametrize(
    ("url", "header", "last_event_id"),
    [
        (URL, "7", "7"),
        (URL, "h\u00e9", "h\u00e9"),  # SSE G2
        (URL, "a\udcff", "a\ufffd"),
        (URL + "?last_event_id=7", None, "7"),
        (URL + "?a=b&last_event_id=h%C3%A9&last_event_id=8", None, "h\u00e9"),
        (URL + "?last_event_id=7", "8", "8"),
        (URL + "?last_event_id=7", "", ""),
        (URL + "?last_event_id=", None, ""),
    ],
)
def test_where_the_client_was(url: str, header: str | None, last_event_id: str) -> None:
    """The header is newer than the URL, which a browser repeats."""  # SSE G1
    headers = Headers() if header is None else Headers({"Last-Event-ID": header})
    _, stream = accept(Request("GET", url, headers))
    assert stream is not None
    assert stream.last_event_id == last_event_id


def test_options_reach_the_stream() -> None:
    """Those of the constructor."""
    _, stream = accept(Request("GET", URL), heartbeat=5.0, retry=100)
    assert stream is not None
    stream.handle_timeout(0)
    assert stream.deadline == 5
    assert written(stream) == [b"retry: 100\n"]


@pytest.mark.parametrize(
    "options",
    [
        {"heartbeat": 0},
        {"heartbeat": -1},
        {"heartbeat": float("inf")},
        {"heartbeat": float("nan")},
        {"retry": -1},
        {"retry": 1.5},
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    """Before anything is sent."""
    with pytest.raises(LocalProtocolError):
        ServerStream(**options)


def test_what_is_sent_is_written() -> None:
    """Events, comments, reconnection times and messages, and then the end."""
    stream = started()
    for command in (
        ServerSentEvent("a", "add", "1"),
        Comment("c"),
        RetryChanged(5),
        Message(data=b"m"),
        End(),
    ):
        stream.send(command, 0)
    assert b"".join(chunk for chunk in written(stream) if chunk is not EOF) == (
        b"event: add\nid: 1\ndata: a\n\n: c\nretry: 5\ndata: m\n\n"
    )


@given(st.lists(server_sent_events()))
def test_a_decoder_reads_what_was_sent(events: list[ServerSentEvent]) -> None:
    """In order, and nothing else."""  # SSE I1
    stream = started(retry=10)
    for event in events:
        stream.send(event, 0)
    found = Decoder().receive(feed(stream, [EOF]).output)
    assert found[0] == RetryChanged(10)
    assert [each.data for each in found[1:] if isinstance(each, ServerSentEvent)] == [
        event.data for event in events
    ]


def test_what_cannot_be_written_changes_nothing() -> None:
    """Not even the time of the next heartbeat."""
    stream = started()
    with pytest.raises(LocalProtocolError):
        stream.send(Comment("a\nb"), 10)
    assert written(stream) == []
    assert stream.deadline == 15


def test_heartbeat_when_idle() -> None:
    """A comment, every fifteen seconds."""  # SSE H1
    stream = started()
    stream.handle_timeout(14.9)
    assert written(stream) == []
    stream.handle_timeout(15)
    assert written(stream) == [b": \n"]
    assert stream.deadline == 30


def test_no_heartbeat_when_there_is_something_to_say() -> None:
    """Each event puts it off."""  # SSE H1
    stream = started()
    stream.send(Message(data=b"a"), 10)
    assert stream.deadline == 25


def test_heartbeats_do_not_pile_up() -> None:
    """A slow client is not an idle one."""
    stream = started(heartbeat=1)
    for now in range(1, 100):
        stream.handle_timeout(now)
    assert written(stream) == [b": \n"]


def test_end() -> None:
    """The body ends, and then there is nothing more to do."""
    stream = started()
    stream.send(End(), 1)
    assert not stream.finished
    assert written(stream) == [EOF]
    assert stream.finished
    assert stream.next_event() == Closed(None)
    assert stream.deadline is None
    with pytest.raises(ClosedError):
        stream.send(Comment(), 2)


def test_a_client_that_went_away() -> None:
    """It has no other way to say goodbye, so it is no error."""
    stream = started()
    transcript = feed(stream, [b"GET / HTTP/1.1", EOF, EOF])
    assert transcript.events == (Closed(None),)
    assert transcript.output == b""
    assert stream.finished
    assert stream.deadline is None
