"""Streams that come compressed."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventproto import (
    EOF,
    ConnectionLost,
    Event,
    HandshakeRejected,
    LimitExceeded,
    RemoteProtocolError,
)
from eventproto.http import Headers, Response
from eventproto.sse import Disconnected, Limits, ServerSentEvent
from eventproto.strategies import chunkings
from eventproto.strategies._sse import sse_streams
from tests.sse.carrier import STREAM, Carrier


def opened(coding: str, **options: Any) -> Carrier:
    """A stream in this coding."""
    carrier = Carrier(**options)
    carrier.answer(Response(200, STREAM + {"Content-Encoding": coding}))
    return carrier


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@settings(max_examples=30)
@given(stream=sse_streams(), data=st.data())
def test_any_stream(coding: str, stream: tuple[bytes, list[Event]], data: st.DataObject) -> None:
    """However it is cut."""
    written, events = stream
    carrier = opened(coding)
    compressed = gzip.compress(written) if coding == "gzip" else zlib.compress(written)
    carrier.body(*data.draw(chunkings(compressed)), EOF)
    found = carrier.events()
    assert found[1:-1] == events
    assert isinstance(found[-1], Disconnected)
    assert found[-1].error is None


def test_events_come_as_soon_as_they_were_flushed() -> None:
    """A stream has no end to wait for."""
    compress = zlib.compressobj(wbits=31)
    carrier = opened("gzip")
    carrier.events()
    for number in range(10):
        event = b"data: %d\n\n" % number
        carrier.body(compress.compress(event) + compress.flush(zlib.Z_SYNC_FLUSH))
        assert carrier.events() == [ServerSentEvent(str(number), id="")]


def test_a_stream_that_is_cut_off_within_its_coding() -> None:
    """It was lost, also where the connection ended in order."""
    carrier = opened("gzip")
    carrier.body(gzip.compress(b"data: a\n\n")[:-1], EOF)
    [_, event, disconnected] = carrier.events()
    assert event == ServerSentEvent("a", id="")
    assert isinstance(disconnected, Disconnected)
    assert isinstance(disconnected.error, ConnectionLost)


def test_a_stream_that_is_not_in_its_coding() -> None:
    """It is one more way to break off: what came before counts, and the next one may be better."""
    carrier = opened("gzip")
    carrier.body(gzip.compress(b"id: 1\ndata: a\n\n"), b"and more", b"and more")
    events = carrier.events()
    assert events[1] == ServerSentEvent("a", id="1")
    assert isinstance(events[2], Disconnected)
    assert isinstance(events[2].error, RemoteProtocolError)
    carrier.wait(3.5)
    assert carrier.request.headers["Last-Event-ID"] == "1"


@pytest.mark.parametrize("coding", ["br", "gzip, br", ", ".join(["gzip"] * 5)])
def test_a_coding_that_nobody_asked_for(coding: str) -> None:
    """It is no stream for this client."""
    carrier = opened(coding)
    carrier.body(b"\x0b\x02", EOF)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response.body == b"\x0b\x02"


def test_no_coding_by_name() -> None:
    """It means nothing."""
    carrier = opened("identity")
    carrier.body(b"data: a\n\n")
    assert carrier.events()[1:] == [ServerSentEvent("a", id="")]


def test_a_bomb_waits_as_it_came() -> None:
    """A flood is not inflated before somebody takes what is in it."""
    carrier = opened("gzip")
    carrier.body(gzip.compress(b":\n" * 200_000), EOF)
    assert carrier.client.backlog < 5000
    assert len(carrier.events()) == 200_002


def test_an_expansion_beyond_its_limit_fails() -> None:
    """For good, because the next one would be like it."""
    carrier = opened("gzip", limits=Limits(expansion=10))
    carrier.body(gzip.compress(b"data: a\n\n" * 100_000))
    error = carrier.closed()
    assert isinstance(error, LimitExceeded)
    assert error.limit == "expansion"


def test_a_line_beyond_its_limit_is_not_inflated_further() -> None:
    """Compressed or not, the limits are those of the stream."""
    carrier = opened("gzip", limits=Limits(line_size=100_000))
    carrier.body(gzip.compress(bytes(10_000_000)))
    error = carrier.closed()
    assert isinstance(error, LimitExceeded)
    assert error.limit == "line_size"


def test_a_rejection_is_no_stream_in_its_coding() -> None:
    """The coding of an answer that is no stream is not the one of a stream."""
    carrier = Carrier()
    carrier.answer(Response(200, Headers({"Content-Encoding": "gzip"})))
    carrier.body(gzip.compress(b"data: a\n\n"), EOF)
    error = carrier.closed()
    assert isinstance(error, HandshakeRejected)
    assert error.response.body == b"data: a\n\n"
