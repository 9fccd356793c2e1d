"""The encoder: what it writes is read back equal up to line ends of text, or it is refused."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Event, EventprotoError, LocalProtocolError, Message
from eventproto.sse import Comment, Decoder, RetryChanged, Sendable, ServerSentEvent, encode
from eventproto.strategies import (
    messages,
    sendable_sse_events,
    server_sent_events,
    unsendable_sse_events,
)
from tests.sse.reference import read


@pytest.mark.parametrize(
    ("event", "written"),
    [
        (ServerSentEvent("a"), b"data: a\n\n"),
        (ServerSentEvent("a\nb"), b"data: a\ndata: b\n\n"),  # SSE I2
        (ServerSentEvent("a\x0b\x85\u2028b"), "data: a\x0b\x85\u2028b\n\n".encode()),  # SSE I2
        (ServerSentEvent("a\rb"), b"data: a\ndata: b\n\n"),  # SSE I2, I11
        (ServerSentEvent("a\r\nb"), b"data: a\ndata: b\n\n"),  # SSE I2, I11
        (ServerSentEvent("a\n\r\n\rb"), b"data: a\ndata: \ndata: \ndata: b\n\n"),  # SSE I2
        (ServerSentEvent("a\r\rid: 1"), b"data: a\ndata: \ndata: id: 1\n\n"),  # SSE I2, I5
        (ServerSentEvent("a\n"), b"data: a\ndata: \n\n"),  # SSE I3
        (ServerSentEvent("\r\n"), b"data: \ndata: \n\n"),  # SSE I3
        (ServerSentEvent(" a"), b"data:  a\n\n"),  # SSE I4
        (ServerSentEvent("a", " b", " c"), b"event:  b\nid:  c\ndata: a\n\n"),  # SSE I4
        (ServerSentEvent("a", id=""), b"id: \ndata: a\n\n"),  # SSE I7
        (ServerSentEvent("a", id=None), b"data: a\n\n"),  # SSE I7
        (ServerSentEvent("a", "message", "1"), b"id: 1\ndata: a\n\n"),  # SSE I10
        (ServerSentEvent("", "\0"), b"event: \0\ndata: \n\n"),
        (ServerSentEvent(b"\xff"), b"data-encoding: base64\ndata: /w==\n\n"),
        (ServerSentEvent(b""), b"data-encoding: base64\ndata: \n\n"),
        (Comment(), b": \n"),
        (Comment(" a"), b":  a\n"),
        (RetryChanged(0), b"retry: 0\n"),  # SSE I8
        (Message(data=b"a"), b"data: a\n\n"),
        (Message(data=b"a\r\n"), b"data-encoding: base64\ndata: YQ0K\n\n"),  # SSE I11
        (Message(data=b"", type="message", id="7"), b"id: 7\ndata: \n\n"),  # SSE I10
    ],
)
def test_what_is_written(event: Sendable, written: bytes) -> None:
    """Only what is needed, in the form that every reader understands."""
    assert encode(event) == written


@pytest.mark.parametrize(
    "event",
    [
        ServerSentEvent("\ud800"),  # SSE I9
        ServerSentEvent("", "a\nb"),  # SSE I5
        ServerSentEvent("", "a\r"),  # SSE I5
        ServerSentEvent("", "\ud800"),  # SSE I9
        ServerSentEvent("", ""),  # SSE I10
        ServerSentEvent("", id="a\nb"),  # SSE I5
        ServerSentEvent("", id="\r"),  # SSE I5
        ServerSentEvent("", id="a\0"),  # SSE I6
        Comment("a\ndata: b"),  # SSE I5
        Comment("\r"),  # SSE I5
        RetryChanged(-1),  # SSE I8
        RetryChanged(2**64),  # SSE I8
        Message(data=b"", type="a\nb"),  # SSE I5
        Message(data=b"", id="a\0"),  # SSE I6
    ],
)
def test_what_is_refused(event: Sendable) -> None:
    """Each would be read as something else, or not at all."""
    with pytest.raises(LocalProtocolError):
        encode(event)


WRONG: list[Any] = [1, 1.0, True, bytearray(b"a"), ["a"]]
EMPTY: list[Any] = [None, 0, b"", ()]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_has_the_wrong_type_is_refused(wrong: Any) -> None:
    """With the same error: it is the same kind of mistake."""
    events = [ServerSentEvent(wrong), ServerSentEvent("", wrong), ServerSentEvent("", id=wrong)]
    for event in [*events, Comment(wrong), wrong]:
        with pytest.raises(LocalProtocolError):
            encode(event)


@pytest.mark.parametrize("wrong", EMPTY)
def test_the_error_says_what_is_wrong_with_a_type(wrong: Any) -> None:
    """That it is no string, and not that it is empty."""
    with pytest.raises(
        LocalProtocolError, match=re.escape(f"string without line ends, got {wrong!r}")
    ):
        encode(ServerSentEvent("", wrong))


@pytest.mark.parametrize("wrong", [True, 1.0, "1", None])
def test_a_reconnection_time_is_a_whole_number(wrong: Any) -> None:
    """And not what is nearly one."""  # SSE I8
    with pytest.raises(LocalProtocolError):
        encode(RetryChanged(wrong))


@given(event=server_sent_events(), last_event_id=st.sampled_from(["", "9"]))
def test_events_are_read_back_equal(event: ServerSentEvent, last_event_id: str) -> None:
    """By this decoder, and by one that follows the specification to the letter."""  # SSE I1, I7
    written = encode(event)
    found = Decoder(last_event_id).receive(written)
    expected = last_event_id if event.id is None else event.id
    assert found == [ServerSentEvent(event.data, event.event, expected)]
    assert found == read(written, last_event_id).events


@given(pair=sendable_sse_events())
def test_what_is_sent_is_read_back(pair: tuple[Sendable, Event]) -> None:
    """As what it must be; text up to its line ends."""  # SSE I1, I2, I11
    sent, expected = pair
    assert Decoder().receive(encode(sent)) == [expected]
    assert read(encode(sent)).events == [expected]


@given(st.text(st.sampled_from("a: \r\n\x0b\x0c\x1c\x85\u2028\u2029")))
def test_text_is_cut_at_its_line_ends_and_nowhere_else(text: str) -> None:
    """Each of them begins a line of data."""  # SSE I2, I3, I4, I11
    lines = re.split("\r\n|\r|\n", text)
    written = "".join(f"data: {line}\n" for line in lines) + "\n"
    assert encode(ServerSentEvent(text)) == written.encode()


@given(st.lists(server_sent_events() | st.builds(Comment, st.just("x")) | st.just(RetryChanged(1))))
def test_nothing_written_changes_what_is_next(events: list[Sendable]) -> None:
    """Written one after the other they are read one after the other."""  # SSE I1
    decoder = Decoder()
    found = decoder.receive(b"".join(map(encode, events)))
    one_at_a_time = Decoder()
    assert found == [one for event in events for one in one_at_a_time.receive(encode(event))]
    assert len(found) == len(events)


@given(event=unsendable_sse_events())
def test_drawn_events_are_refused(event: Sendable) -> None:
    """Whatever else they have."""  # SSE I5, I6, I8, I9
    with pytest.raises(LocalProtocolError):
        encode(event)


@given(
    st.builds(ServerSentEvent, st.text(), event=st.text(), id=st.none() | st.text())
    | st.builds(Comment, st.text())
    | st.builds(RetryChanged, st.integers())
)
def test_what_is_not_refused_is_read_back_equal(event: Sendable) -> None:
    """There is nothing in between."""  # SSE I1
    try:
        written = encode(event)
    except EventprotoError:
        return
    if isinstance(event, ServerSentEvent):
        assert isinstance(event.data, str)
        data = event.data.replace("\r\n", "\n").replace("\r", "\n")
        event = ServerSentEvent(data, event.event, event.id or "")
    assert Decoder().receive(written) == [event]


@given(data=st.binary())
def test_bytes_are_base64_to_other_readers(data: bytes) -> None:
    """The flag is a field that they must ignore."""  # SSE D10
    written = encode(ServerSentEvent(data)).replace(b"data-encoding: base64", b"unknown: field")
    [event] = Decoder().receive(written)
    assert isinstance(event, ServerSentEvent)
    assert b64decode(event.data, validate=True) == data


@given(message=messages())
def test_message_arrives_with_what_a_stream_can_carry(message: Message) -> None:
    """Its data whatever it is, its type and its id, if they fit into lines."""
    try:
        written = encode(message)
    except LocalProtocolError:
        assert set("\r\n\0") & set(f"{message.type}{message.id}")
        return
    [event] = Decoder().receive(written)
    found = event.message()
    assert found is not None
    assert (found.data, found.type, found.id) == (message.data, message.type, message.id)


def test_message_loses_what_has_no_place() -> None:
    """Structured CloudEvents are the way to carry all of it."""
    message = Message(
        data=b"a",
        source="/s",
        subject="t",
        time=datetime(2030, 1, 1, tzinfo=UTC),
        extensions={"x": "y"},
    )
    [event] = Decoder().receive(encode(message))
    assert event.message() == Message(data=b"a", content_type="text/plain")
