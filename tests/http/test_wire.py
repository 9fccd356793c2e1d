"""Client and server back to back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eventproto import EOF, Closed, End, Event
from eventproto.http import (
    Body,
    Call,
    ClientConnection,
    Headers,
    Request,
    Response,
    Result,
    ServerConnection,
)
from eventproto.strategies._http import requests, responses
from eventproto.testing import Wire

FRAMING = ("Host", "Content-Length", "Transfer-Encoding")

networks = st.fixed_dictionaries(
    {"delay": st.sampled_from([0.0, 0.1, 10.0]), "size": st.none() | st.integers(1, 100)}
)


def connect(
    responses: Iterable[list[Any]], *, size: int | None = None, **options: Any
) -> tuple[Wire, ClientConnection, ServerConnection]:
    """A client, and a server that answers each call with the next commands."""
    client, server = ClientConnection(), ServerConnection()
    wire = Wire(client, server, split=_splitter(size) if size else None, **options)
    answers = iter(responses)
    wire.answer(server, lambda event: next(answers, []) if isinstance(event, Call) else [])
    return wire, client, server


def _splitter(size: int) -> Any:
    return lambda data: [data[at : at + size] for at in range(0, len(data), size)]


def unframed(thing: Any) -> Any:
    """Without the headers that the connections write."""
    headers = thing.headers
    for name in FRAMING:
        headers = headers.without(name)
    if isinstance(thing, Request):
        return Request(thing.method, thing.url, headers, thing.body)
    return Response(thing.status, headers, thing.body)


def calls(events: Iterable[Event]) -> list[Request]:
    return [unframed(event.request) for event in events if isinstance(event, Call)]


@given(st.lists(st.tuples(requests(), responses()), min_size=1, max_size=3), networks)
def test_every_pair_arrives_equal(
    pairs: list[tuple[Request, Response]], network: dict[str, Any]
) -> None:
    """One call after another on one connection, however slow and cut up the network is."""
    answers = [[Result(token, each)] for token, (_, each) in enumerate(pairs, 1)]
    wire, client, server = connect(answers, **network)
    for request, response in pairs:
        wire.send(client, Call("t", request))
        wire.run(until=wire.now + 2 * network["delay"])
        last = wire.events(client)[-1]
        assert isinstance(last, Result)
        assert isinstance(last.outcome, Response)
        body = b"" if request.method == "HEAD" else response.body
        assert unframed(last.outcome) == Response(response.status, response.headers, body)
    assert calls(wire.events(server)) == [request for request, _ in pairs]
    wire.run()
    assert (wire.events(client)[-1], wire.events(server)[-1]) == (Closed(), Closed())


@given(st.lists(st.binary(max_size=50)), networks, st.booleans())
def test_every_stream_arrives_equal(
    pieces: list[bytes], network: dict[str, Any], last: bool
) -> None:
    """Whatever the pieces, also if the connection ends with the stream."""
    head = Response(200, Headers({"Connection": "close"} if last else {"A": "b"}))
    bodies = [Body(1, each) for each in pieces]
    commands = [Result(1, head, more=True), *bodies, Body(1, EOF)]
    wire, client, _ = connect([commands], **network)
    wire.send(client, Call("t", Request("GET", "http://a/"), stream=True))
    wire.run(until=2 * network["delay"])
    first, *rest, end = [event for event in wire.events(client) if not isinstance(event, Closed)]
    assert isinstance(first, Result)
    assert isinstance(first.outcome, Response)
    assert unframed(first.outcome) == head
    chunks = [event.chunk for event in rest if isinstance(event, Body)]
    assert b"".join(each for each in chunks if each is not EOF) == b"".join(pieces)
    assert end == Body("t", EOF)


@given(requests(), responses(), networks, st.integers(0, 400), st.booleans())
def test_both_sides_end_when_the_wire_is_cut(
    request: Request, response: Response, network: dict[str, Any], cut: int, stream: bool
) -> None:
    """Exactly one result, one end on each side, and a right answer or none."""
    answer = [Result(1, response)]
    wire, client, server = connect([answer], cut_after=cut, **network)
    wire.send(client, Call("t", request, stream))
    wire.run()
    results = [event for event in wire.events(client) if isinstance(event, Result)]
    assert len(results) == 1
    outcome = results[0].outcome
    if isinstance(outcome, Response) and not stream and request.method != "HEAD":
        assert unframed(outcome) == response
    assert calls(wire.events(server)) in ([], [request])
    for machine in (client, server):
        ends = [event for event in wire.events(machine) if isinstance(event, Closed)]
        assert wire.events(machine)[-1:] == ends
        assert machine.finished


def test_both_sides_end_when_nobody_answers() -> None:
    """The client loses patience, and the server hears of it."""
    wire, client, server = connect([[]])
    wire.send(client, Call("t", Request("GET", "http://a/")))
    wire.run()
    assert wire.now == 30
    assert (client.finished, server.finished) == (True, True)


def test_a_refused_upload_hears_why() -> None:
    """The refusal is not destroyed by what the client was still sending."""
    # HTTP F11
    wire, client, server = connect([])
    wire.send(client, Call("t", Request("POST", "http://a/", body=bytes(2 * 1024 * 1024))))
    wire.run()
    result, closed = wire.events(client)
    assert isinstance(result, Result)
    assert isinstance(result.outcome, Response)
    assert (result.outcome.status, closed) == (413, Closed())
    assert server.finished


def test_end_on_either_side() -> None:
    """The other side sees a clean end."""
    for side in (0, 1):
        wire, client, server = connect([])
        wire.send((client, server)[side], End())
        wire.run()
        assert wire.events(client) == wire.events(server) == [Closed()]
