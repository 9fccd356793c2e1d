"""The vocabulary, and which of it an application said."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from eventproto import Event, Message
from eventproto.http import Response
from eventproto.sse import Comment, Disconnected, Opened, RetryChanged, ServerSentEvent


def test_an_event_has_a_message() -> None:
    """Its type is the event type, its id the last event ID."""
    event = ServerSentEvent("h\u00e9", "add", "7")
    expected = Message(data="h\u00e9".encode(), type="add", id="7", content_type="text/plain")
    assert event.message() == expected


def test_bytes_have_no_known_type() -> None:
    """Nothing is invented."""
    assert ServerSentEvent(b"\xff").message() == Message(data=b"\xff")


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
