"""Answers that are no stream, and whether a client comes back all the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eventproto import EOF, Backoff, End, HandshakeRejected
from eventproto.http import Headers, Response
from eventproto.sse import Limits, State, end_when_rejected
from tests.sse.carrier import Carrier


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("field", "delay"),
    [
        (None, 3.5),
        ("2", 3.5),
        ("100", 100.5),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 60.5),
        ("Sun, 06 Nov 1994 08:40:00 GMT", 3.5),
        ("soon", 3.5),
        ("9" * 5000, 600.5),
    ],
)
def test_an_overloaded_server_says_when(status: int, field: str | None, delay: float) -> None:
    """No sooner than that, within the limit of what is waited."""  # SSE J6
    carrier = Carrier(limits=Limits(retry=600_000))
    at = datetime(1994, 11, 6, 8, 48, 37, tzinfo=UTC).timestamp()
    carrier.client.clock_offset = at - carrier.now
    response = Response(status, Headers({} if field is None else {"Retry-After": field}))
    carrier.answer(response)
    carrier.body(EOF)
    disconnected = carrier.disconnected()
    assert disconnected.delay == delay
    assert isinstance(disconnected.error, HandshakeRejected)
    assert disconnected.error.response == response
    carrier.open()
    assert carrier.client.state is State.OPEN


def test_an_overloaded_server_is_asked_less_and_less() -> None:
    """And not for ever, if that is what `backoff` says."""
    carrier = Carrier(backoff=Backoff(attempts=4))
    busy = Response(503, Headers({"Retry-After": "10"}))
    delays: list[float] = []
    for _ in range(3):
        carrier.answer(busy, more=False)
        delays.append(carrier.disconnected().delay)
    assert delays == [10.5, 11, 12]
    carrier.answer(busy, more=False)
    assert isinstance(carrier.closed(), HandshakeRejected)


def test_another_policy() -> None:
    """It sees the answer, how often it was tried, and the time; it has the last word."""
    seen: list[tuple[int, bytes, int, float]] = []

    def policy(response: Response, attempt: int, at: float) -> float | None:
        seen.append((response.status, response.body, attempt, at))
        return 20.0 if response.status >= 500 else None

    carrier = Carrier(on_rejection=policy)
    carrier.client.clock_offset = 1000.0
    carrier.answer(Response(500))
    carrier.body(b"oh", EOF)
    assert carrier.disconnected().delay == 20.5
    carrier.answer(Response(200), more=False)
    assert isinstance(carrier.closed(), HandshakeRejected)
    assert seen == [(500, b"oh", 1, 1000.0), (200, b"", 2, 1020.5)]


def test_the_policy_of_browsers() -> None:
    """There is nothing but the end."""  # SSE F8
    carrier = Carrier(on_rejection=end_when_rejected)
    carrier.answer(Response(503, Headers({"Retry-After": "1"})), more=False)
    assert isinstance(carrier.closed(), HandshakeRejected)


@pytest.mark.parametrize("least", [-5.0, float("nan"), 0])
def test_a_policy_cannot_make_it_sooner(least: float) -> None:
    """Than the server wants it."""
    carrier = Carrier(on_rejection=lambda response, attempt, at: least)
    carrier.answer(Response(500), more=False)
    assert carrier.disconnected().delay == 3.5


def test_end_in_the_middle_of_a_rejection() -> None:
    """Nobody waits for the rest."""
    carrier = Carrier()
    carrier.answer(Response(404))
    carrier.body(b"x")
    carrier.client.send(End(), 0)
    assert carrier.closed() is None
