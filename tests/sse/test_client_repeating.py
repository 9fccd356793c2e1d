"""Requests that must not be made twice, and those that may."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import EOF, Closed, ConnectionLost, HandshakeRejected, PeerTimeout
from eventproto.http import Headers, Response, Unanswered, Unsent
from eventproto.sse import NotRepeated, Opened, ServerSentEvent
from tests.sse.carrier import LOST, Carrier

POSTED: dict[str, Any] = {"method": "POST", "body": b"x"}


@pytest.mark.parametrize("error", [LOST, PeerTimeout("silence"), Unanswered("hung up")])
def test_a_post_is_not_made_again(error: Exception) -> None:
    """It may have been carried out."""
    carrier = Carrier(**POSTED)
    carrier.answer(error)
    failure = carrier.closed()
    assert isinstance(failure, NotRepeated)
    assert isinstance(failure, ConnectionLost)
    assert failure.__cause__ is error
    assert "POST https://sse.example/stream" in str(failure)
    assert len(carrier.calls) == 1


def test_a_post_whose_stream_breaks_off() -> None:
    """What has come is delivered; then the application knows that it is not all."""
    carrier = Carrier(**POSTED)
    carrier.open()
    carrier.body(b"data: a\n\n", EOF, error=LOST)
    [opened, event, closed] = carrier.events()
    assert isinstance(opened, Opened)
    assert event == ServerSentEvent("a", id="")
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, NotRepeated)
    assert closed.error.__cause__ is LOST


def test_a_post_whose_stream_falls_silent() -> None:
    """The same."""
    carrier = Carrier(**POSTED)
    carrier.open()
    carrier.wait(60)
    failure = carrier.closed()
    assert isinstance(failure, NotRepeated)
    assert isinstance(failure.__cause__, PeerTimeout)


def test_a_post_whose_stream_has_ended() -> None:
    """It has its answer."""
    carrier = Carrier(**POSTED)
    carrier.open()
    carrier.body(b"data: a\n\n", EOF)
    assert carrier.closed() is None
    assert len(carrier.calls) == 1


def test_a_post_that_nobody_has_seen() -> None:
    """It was not made at all, so it is made again."""
    carrier = Carrier(**POSTED)
    nobody = Unsent("no connection")
    for _ in range(3):
        carrier.answer(nobody)
        assert carrier.disconnected().error is nobody
    assert carrier.request == carrier.calls[0].request
    assert len(carrier.calls) == 4


def test_a_post_that_was_answered_with_a_redirect() -> None:
    """It was made, though what it led to was not."""
    carrier = Carrier(**POSTED)
    carrier.answer(Response(303, Headers({"Location": "/b"})))
    carrier.answer(Unsent("no connection"))
    assert isinstance(carrier.closed(), NotRepeated)


def test_a_post_to_an_overloaded_server() -> None:
    """Its answer is an answer."""
    carrier = Carrier(**POSTED)
    carrier.answer(Response(503, Headers({"Retry-After": "1"})), more=False)
    assert isinstance(carrier.closed(), HandshakeRejected)


def test_a_post_that_may_be_made_again() -> None:
    """If the application says so, it is like a GET."""
    carrier = Carrier(**POSTED, idempotent=True)
    carrier.answer(LOST)
    carrier.disconnected()
    carrier.answer(Response(503), more=False)
    carrier.disconnected()
    carrier.open()
    carrier.body(b"id: 1\ndata: a\n\n", EOF)
    carrier.disconnected()
    assert carrier.request.method == "POST"
    assert carrier.request.body == b"x"
    assert carrier.request.headers["Last-Event-ID"] == "1"


@pytest.mark.parametrize("method", ["GET", "PUT", "REPORT", "QUERY"])
def test_idempotent_methods_are_made_again(method: str) -> None:
    """Others are not, whatever they are called."""
    carrier = Carrier(method=method)
    carrier.answer(LOST)
    carrier.disconnected()
    carrier = Carrier(method="ASK")
    carrier.answer(LOST)
    assert isinstance(carrier.closed(), NotRepeated)


def test_a_get_that_must_not_be_made_again() -> None:
    """One stream, and that is it."""
    carrier = Carrier(idempotent=False)
    carrier.open()
    carrier.body(EOF)
    assert carrier.closed() is None
