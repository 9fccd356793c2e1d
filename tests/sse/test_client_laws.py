"""What holds for a client in any order of what can happen to it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import EOF, Closed, ClosedError, ConnectionLost, End, Event, EventprotoError
from eventproto.http import Body, Call, Headers, Response, Result, Unanswered, Unsent
from eventproto.sse import Client, Disconnected, Limits, Opened, ServerSentEvent, State
from tests.sse.carrier import STREAM, URL

HEADS = st.sampled_from(
    [
        *[Response(200, STREAM)] * 4,
        Response(200, STREAM + {"Content-Encoding": "gzip"}),
        Response(200, STREAM + {"Content-Encoding": "br"}),
        Response(200),
        Response(204),
        Response(302, Headers({"Location": "/b"})),
        Response(303, Headers({"Location": "https://other.example/"})),
        Response(307, Headers({"Location": ":"})),
        Response(404),
        Response(503, Headers({"Retry-After": "20"})),
    ]
)
ERRORS = st.sampled_from([ConnectionLost("a"), Unsent("b"), Unanswered("c")])
PIECES = st.sampled_from([b"id: 1\n", b"data: a\n\n", b"retry: 9000\n", b"\r", b":\n", b"\xff"])
ACTIONS = st.one_of(
    st.tuples(st.just("result"), HEADS | ERRORS, st.booleans()),
    st.tuples(st.just("body"), PIECES | st.binary(max_size=30)),
    st.tuples(st.just("end"), st.none() | ERRORS),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 10.0, 61.0, 4000.0])),
    st.tuples(st.just("take"), st.integers(1, 5)),
    st.tuples(st.just("due")),
)


@given(st.data(), st.sampled_from(["GET", "POST"]), st.integers(0, 9))
def test_any_order_of_anything(data: st.DataObject, method: str, seed: int) -> None:
    """Nothing raises; there is one call at a time; time moves on; the end is the end.

    Whoever can have an answer has one at last: the session waits for a call, for the time, or
    for events to be taken.
    """
    limits = Limits(redirects=2, rejection_size=8, line_size=40, expansion=20)
    client = Client(URL, method=method, limits=limits, entropy=Random(seed).randbytes)
    now = 0.0
    call: Call | None = None
    streaming = False
    events: list[Event] = []
    client.handle_timeout(now)

    for action in data.draw(st.lists(ACTIONS, max_size=40)):
        match action:
            case ("result", outcome, more) if call is not None and not streaming:
                streaming = more and isinstance(outcome, Response)
                client.receive(Result(call.token, outcome, streaming), now)
                call = call if streaming else None
            case ("body", chunk) if call is not None and streaming:
                client.receive(Body(call.token, chunk), now)
            case ("end", error) if call is not None and streaming:
                client.receive(Body(call.token, EOF, error), now)
                call, streaming = None, False
            case ("wait", seconds):
                now += seconds
                client.handle_timeout(now)
            case ("due",) if client.deadline is not None:
                before = client.deadline
                now = max(now, before)
                client.handle_timeout(now)
                assert is_later(client, before)
            case ("take", count):
                taken = (client.next_event() for _ in range(count))
                events += [event for event in taken if event is not None]
            case _:
                pass
        for output in iter(client.next_output, None):
            assert isinstance(output, Call)
            call, streaming = output, False

    events += iter(client.next_event, None)
    closed = [event for event in events if isinstance(event, Closed)]
    if closed:
        assert events[-1:] == closed
        assert client.finished
        assert client.deadline is None
        assert client.state is State.CLOSED
        assert closed[0].error is None or isinstance(closed[0].error, EventprotoError)
    else:
        assert call is not None or client.deadline is not None or client.next_output() is not None
        client.send(End(), now)
        assert client.next_event() == Closed()
    with pytest.raises(ClosedError):
        client.send(End(), now)
    check_grammar(events)


def is_later(client: Client, before: float) -> bool:
    """Whether its deadline has moved on, or there is none any more."""
    return client.deadline is None or client.deadline > before


def check_grammar(events: list[Event]) -> None:
    """Events of a stream come between `Opened` and `Disconnected`."""
    is_open = False
    for event in events:
        if isinstance(event, Opened):
            assert not is_open
            is_open = True
        elif isinstance(event, Disconnected):
            assert event.delay >= 0
            is_open = False
        elif isinstance(event, ServerSentEvent):
            assert is_open
