"""The vocabulary, and which of it an application said."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from eventproto import Event, LocalProtocolError, Message
from eventproto.http import Response
from eventproto.sse import (
    Comment,
    Decoder,
    Disconnected,
    Encoded,
    Gap,
    Opened,
    RetryChanged,
    ServerSentEvent,
)


def test_an_event_has_a_message() -> None:
    """Its type is the event type, its id the last event ID."""
    event = ServerSentEvent("h\u00e9", "add", "7")
    expected = Message(data="h\u00e9".encode(), type="add", id="7", content_type="text/plain")
    assert event.message() == expected


def test_bytes_have_no_known_type() -> None:
    """Nothing is invented."""
    assert ServerSentEvent(b"\xff").message() == Message(data=b"\xff")


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    """No decoder makes one; whoever makes such an event is told."""
    with pytest.raises(LocalProtocolError):
        ServerSentEvent("\ud800").message()


@pytest.mark.parametrize("id", [None, ""])
def test_no_id_is_none(id: str | None) -> None:
    """The wire was silent."""
    assert ServerSentEvent("", id=id).message() == Message(data=b"", content_type="text/plain")


@pytest.mark.parametrize(
    "event",
    [
        Comment("a"),
        RetryChanged(1),
        Opened("http://sse.example/", Response(200)),
        Disconnected(None, 1.0),
    ],
)
def test_nothing_else_has_a_message(event: Event) -> None:
    """Comments and changes never look like one."""  # SSE E11
    assert event.message() is None


def test_events_are_immutable() -> None:
    """And equal by what they say."""
    event = ServerSentEvent("a")
    with pytest.raises(FrozenInstanceError):
        event.data = "b"  # type: ignore[misc]
    assert event == ServerSentEvent("a")


@pytest.mark.parametrize(
    "gap",
    [
        Gap("7", "history"),
        Gap("", "overflow"),
        Gap('"\n\u2028\0', "history", "h\u00e9"),
    ],
)
def test_a_gap_is_an_ordinary_event(gap: Gap) -> None:
    """Which every client reads, and ours recognises."""  # SSE G4
    (event,) = Decoder(last_event_id="7").receive(Encoded.of(gap).data)
    assert isinstance(event, ServerSentEvent)
    assert (event.event, event.id) == ("gap", "7")  # it leaves the client's place alone
    assert Gap.of(event) == gap
    assert Gap.of(event.message()) == gap


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "[" * 100_000,
        "null",
        "[]",
        "{}",
        '{"after":7,"reason":"history"}',
        '{"after":"7","reason":"other"}',
        b"\xff",
    ],
)
def test_what_is_no_gap(data: str | bytes) -> None:
    """An application may have events of that type, too."""
    assert Gap.of(ServerSentEvent(data, "gap")) is None


@pytest.mark.parametrize(
    "wrong",
    [
        *((b"7", "history", None), (7, "history", None), ("7", "other", None)),
        *(("7", b"x", None), ("7", ["history"], None), ("7", "history", b"a")),
    ],
)
def test_a_gap_says_what_it_can_say(wrong: Any) -> None:
    """Before it is sent, since nothing could be written for it."""
    with pytest.raises(LocalProtocolError, match="a gap is after an id"):
        Gap(*wrong)


def test_a_gap_is_known_by_its_type() -> None:
    """Not by its data alone."""
    said = Gap("7", "history").event()
    assert Gap.of(ServerSentEvent(said.data)) is None
    strange = ServerSentEvent('{"after":"7","reason":"history","channel":7}', "gap")
    assert Gap.of(strange) == Gap("7", "history")


def test_encoded_knows_the_id() -> None:
    """Of what has one."""
    assert Encoded.of(ServerSentEvent("a", id="1")) == Encoded(b"id: 1\ndata: a\n\n", "1")
    assert Encoded.of(Message(data=b"a", id="1"), "k") == Encoded(b"id: 1\ndata: a\n\n", "1", "k")
    assert Encoded.of(RetryChanged(1)) == Encoded(b"retry: 1\n")
    assert len(Encoded(b"abc")) == 3
