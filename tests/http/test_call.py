"""Calls and what comes of them, as values."""

from __future__ import annotations

from eventproto import EOF, ConnectionLost, Event
from eventproto.http import Body, Call, Request, Response, Result, Unanswered, Unsent


def test_they_are_events_without_messages() -> None:
    """What moves on a wire of calls is not what an application says."""
    request = Request("GET", "http://a/")
    exchanges: list[Event] = [Call(1, request), Result(1, Response(200)), Body(1, EOF)]
    assert [each.message() for each in exchanges] == [None, None, None]


def test_defaults() -> None:
    """An exchange is whole unless somebody says otherwise."""
    assert Call(1, Request("GET", "http://a/")).stream is False
    assert Result(1, Response(200)).more is False
    assert Body(1, EOF).error is None


def test_unanswered_and_unsent_are_lost_connections() -> None:
    """Whoever does not care for the difference catches all."""
    assert issubclass(Unanswered, ConnectionLost)
    assert issubclass(Unsent, ConnectionLost)
