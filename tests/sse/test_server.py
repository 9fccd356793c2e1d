"""The server's side: what is sent becomes the body, and the clock keeps it alive."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import EOF, Chunk, Closed, ClosedError, End, LocalProtocolError, Message
from eventproto.sse import (
    Comment,
    Decoder,
    Encoded,
    Gap,
    RetryChanged,
    ServerSentEvent,
    ServerStream,
)
from eventproto.strategies._sse import server_sent_events
from eventproto.testing import feed


def written(stream: ServerStream) -> list[Chunk]:
    return list(iter(stream.next_output, None))


def started(**options: Any) -> ServerStream:
    stream = ServerStream(**options)
    stream.handle_timeout(0)
    return stream


@pytest.mark.parametrize(
    "options",
    [
        {"heartbeat": 0},
        {"heartbeat": -1},
        {"heartbeat": float("inf")},
        {"heartbeat": float("nan")},
        {"retry": -1},
        {"retry": 1.5},
        {"going_away_retry": True},
        {"overflow": "disconnect"},
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
    assert stream.deadline == 30
    assert written(stream) == [b": \n"]
    stream.handle_timeout(30)
    assert written(stream) == [b": \n"]


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
    stream.send(Comment("a"), 100)
    stream.handle_timeout(101)
    assert written(stream) == [b": a\n"]


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


def test_everything_that_was_sent_leaves_in_one_piece() -> None:
    """Many in, one out."""
    stream = started()
    stream.send(ServerSentEvent("a"), 0)
    stream.send(ServerSentEvent("b"), 0)
    assert written(stream) == [b"data: a\n\ndata: b\n\n"]


def test_going_away_says_when_to_come_back() -> None:
    """Behind all that was sent, and only then."""
    stream = started(going_away_retry=9000)
    stream.send(ServerSentEvent("a"), 0)
    stream.send(End(going_away=True), 0)
    assert written(stream) == [b"data: a\n\n", b"retry: 9000\n", EOF]

    stream = started(going_away_retry=9000)
    stream.send(End(), 0)
    assert written(stream) == [EOF]

    stream = started()
    stream.send(End(going_away=True), 0)
    assert written(stream) == [EOF]


def test_an_event_that_is_encoded_already() -> None:
    """Goes out as it is, on any number of streams."""
    event = Encoded.of(ServerSentEvent("a", id="1"))
    streams = [started() for _ in range(3)]
    for stream in streams:
        stream.send(event, 0)
    assert [written(stream) for stream in streams] == [[event.data]] * 3


def test_what_belongs_together_leaves_together() -> None:
    """Encoded or not; and none of it does if a part of it cannot."""
    stream = started()
    with pytest.raises(LocalProtocolError):
        stream.send((Comment("a"), Comment("\n")), 0)
    stream.send((Comment("b"), Encoded.of(ServerSentEvent("c")), RetryChanged(5)), 0)
    assert written(stream) == [b": b\ndata: c\n\nretry: 5\n"]


def test_nothing_at_all() -> None:
    """Does not wait for anybody, so the stream is idle, and not stalled."""
    stream = started()
    stream.send((), 1)
    assert written(stream) == []
    for now in range(15, 200, 15):
        stream.handle_timeout(now)
        assert written(stream) == [b": \n"]
    assert stream.next_event() is None


def test_a_gap_that_the_application_knows_of() -> None:
    """Is said where it is."""
    stream = started(last_event_id="7")
    stream.send(Gap("7", "history"), 0)
    assert written(stream) == [b'event: gap\ndata: {"after":"7","reason":"history"}\n\n']


def test_a_client_that_went_away() -> None:
    """It has no other way to say goodbye, so it is no error."""
    stream = started()
    transcript = feed(stream, [b"GET / HTTP/1.1", EOF, EOF])
    assert transcript.events == (Closed(None),)
    assert transcript.output == b""
    assert stream.finished
    assert stream.deadline is None
