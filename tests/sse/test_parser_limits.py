"""The limits of a decoder: nothing is held beyond them, and what exceeds one is an error."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Event, LimitExceeded
from eventproto.sse import Comment, Decoder, Limits
from eventproto.strategies import chunkings, oversized_sse_streams
from tests.sse.reference import read
from tests.sse.streams import ANY_STREAMS, decoded, one_by_one, said

SMALL = Limits(line_size=200, event_size=400, id_size=100)


def test_the_first_excess_is_the_one() -> None:
    """What comes behind it in the same chunk, and is too long as well, is not looked at."""
    decoder = Decoder(limits=SMALL)
    with pytest.raises(LimitExceeded, match="event_size"):
        decoder.receive(b"data: %b\n" % (b"x" * 190) * 3 + b"y" * 300)


@given(stream=oversized_sse_streams(SMALL), data=st.data())
def test_what_exceeds_a_limit_is_an_error(
    stream: tuple[bytes, list[Event], str], data: st.DataObject
) -> None:
    """Everything before it is delivered first, and nothing comes after it."""  # SSE J8
    written, events, limit = stream
    for chunks in ([written], one_by_one(written), data.draw(chunkings(written))):
        decoder = Decoder(limits=SMALL)
        found: list[Event] = []
        with suppress(LimitExceeded):
            for chunk in chunks:
                found += decoder.receive(chunk)
        assert found == events
        with pytest.raises(LimitExceeded, match=limit) as caught:
            decoder.receive(b"\ndata: more\n\n")
        assert caught.value is decoder.error
        assert caught.value.limit == limit


@given(stream=ANY_STREAMS, data=st.data())
def test_limits_do_not_depend_on_the_chunks(stream: bytes, data: st.DataObject) -> None:
    """The same events, and the same error if any, however the stream is cut."""  # SSE J8
    limits = Limits(line_size=12, event_size=7, id_size=2)

    def outcome(chunks: list[bytes]) -> tuple[list[Event], str | None]:
        decoder = Decoder(limits=limits)
        found: list[Event] = []
        with suppress(LimitExceeded):
            for chunk in chunks:
                found += decoder.receive(chunk)
        return found, decoder.error.limit if decoder.error else None

    whole = outcome([stream])
    assert outcome(one_by_one(stream)) == whole
    assert outcome(data.draw(chunkings(stream))) == whole
    if whole[1] is None:
        assert whole[0] == read(stream).events


def test_an_id_that_is_ignored_has_no_limit() -> None:
    """It is never held."""  # SSE D3, J8
    assert decoded([b"id: 123\0\ndata\n\n"], Decoder(limits=Limits(id_size=2))) == [said("")]


@given(stream=ANY_STREAMS, data=st.data())
def test_nothing_is_held_beyond_the_limits(stream: bytes, data: st.DataObject) -> None:
    """Between two chunks, and nothing at all after the error."""  # SSE J8
    decoder = Decoder(limits=Limits(line_size=12, event_size=7, id_size=2))
    with suppress(LimitExceeded):
        for chunk in data.draw(chunkings(stream)):
            decoder.receive(chunk)
            assert len(decoder._unfinished) <= 12
            assert len(decoder._data or b"") <= 7
            assert len(decoder._type) <= max(12, len("message"))
            assert len(decoder._id) <= 2
            assert len(decoder.last_event_id) <= 2
    if decoder.error is not None:
        assert not decoder._unfinished
        assert not decoder._data


def test_limits_are_reached_and_no_sooner() -> None:
    """What is exactly as large as allowed is taken."""  # SSE J8
    limits = Limits(line_size=10, event_size=9, id_size=4)
    stream = b"data: 1234\ndata: 5678\nid: 1234\n\n" + b":" * 10 + b"\n"
    expected = [said("1234\n5678", id="1234"), Comment(":" * 9)]
    assert decoded([stream], Decoder(limits=limits)) == expected
    assert decoded(one_by_one(stream), Decoder(limits=limits)) == expected


def test_error_is_raised_at_once_if_nothing_came_before() -> None:
    """And known at once in any case."""
    decoder = Decoder(limits=Limits(line_size=10))
    with pytest.raises(LimitExceeded, match="line_size, 10 bytes"):
        decoder.receive(b":" * 11)
    decoder = Decoder(limits=Limits(line_size=10))
    assert decoder.receive(b"data\n\n" + b":" * 11) == [said("")]
    assert decoder.error is not None
    assert decoder.error.code == 413
