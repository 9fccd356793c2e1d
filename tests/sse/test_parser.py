"""The decoder: the algorithm of section 9.2.6 for any bytes, however they are cut."""

from __future__ import annotations

from codecs import getincrementaldecoder
from operator import attrgetter
from typing import Any

import pytest
from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Event, LocalProtocolError
from eventproto.sse import Decoder, RetryChanged, ServerSentEvent, encode
from eventproto.strategies import (
    chunkings,
    hostile_sse_streams,
    near_valid_sse_streams,
    server_sent_events,
    sse_streams,
)
from tests.sse.reference import read, utf_8_decode
from tests.sse.streams import (
    ANY_STREAMS,
    BOM,
    VECTORS,
    WEB_PLATFORM_TESTS,
    Vector,
    decoded,
    one_by_one,
    said,
)


@pytest.mark.parametrize("vector", [*VECTORS, *WEB_PLATFORM_TESTS], ids=attrgetter("name"))
def test_vector(vector: Vector) -> None:
    """What a stream means, whole, byte by byte and in the words of the specification."""
    _, stream, events = vector
    assert decoded([stream]) == events
    assert decoded(one_by_one(stream)) == events
    assert decoded(stream.splitlines(keepends=True)) == events
    if not stream.startswith(BOM[:1]):
        assert decoded([b"\n", stream]) == events
    assert read(stream).events == events


@pytest.mark.parametrize(
    "value",
    ["+5", "-1", "  5", "5 ", "1_000", "1.0", "0x1", "\t5", "5\0", "\uff15", "\u00b2", "\u0665"],
)
def test_retry_is_of_ascii_digits_only(value: str) -> None:
    """What `int` or `str.isdigit` would take is ignored."""  # SSE D5
    decoder = Decoder()
    assert decoder.receive(f"retry: 1\nretry: {value}\n".encode()) == [RetryChanged(1)]
    assert decoder.retry == 1


def test_crlf_cut_in_two_is_one_line_end() -> None:
    """Also with nothing in between, and only the LF is skipped."""  # SSE B6
    decoder = Decoder()
    assert decoded([b"data: a\r", b"", b"\ndata: b\r", b"\n", b"\r", b"\n\n"], decoder) == [
        said("a\nb")
    ]


def test_cr_ends_its_line_at_once() -> None:
    """The event does not wait for the next byte."""  # SSE A6, B7
    decoder = Decoder()
    assert decoder.receive(b"data: a\r\r") == [said("a")]
    assert decoder.receive(b"\ndata: b\r\r") == [said("b")]


def test_bom_may_come_in_pieces() -> None:
    """Also with empty chunks in between."""  # SSE B2
    assert decoded([b"", b"\xef", b"", b"\xbb", b"\xbfdata: a\n\n"]) == [said("a")]


def test_decoder_starts_with_the_id_it_is_given() -> None:
    """A stream without ids carries on the one of the stream before."""  # SSE E8, J1
    # format-field-id-2 of the web-platform-tests
    decoder = Decoder("41")
    assert decoder.receive(b"data: a\n\n") == [said("a", id="41")]
    assert decoder.last_event_id == "41"
    decoder.receive(b"id\n\n")
    assert decoder.last_event_id == ""


@pytest.mark.parametrize(
    "wrong", ["data: a\n\n", bytearray(b"data: a\n\n"), memoryview(b"\r"), 7, None]
)
def test_what_is_not_bytes_is_refused(wrong: Any) -> None:
    """Wherever the decoder is, and it has not changed."""
    chunks = [b"", b"data: a\n\n", b"data: b", b"\r", b"\ndata: c\n\n"]
    decoder = Decoder()
    found: list[Event] = []
    for chunk in chunks:
        with pytest.raises(LocalProtocolError, match=f"bytes, not {type(wrong).__name__}"):
            decoder.receive(wrong)
        found += decoder.receive(chunk)
    assert found == decoded(chunks)


@pytest.mark.parametrize("wrong", [None, b"7", 7])
def test_a_last_event_id_is_a_string(wrong: Any) -> None:
    """Which a header that is not there is not."""
    with pytest.raises(LocalProtocolError, match="string"):
        Decoder(wrong)


def test_last_event_id_is_set_by_the_blank_line() -> None:
    """The id of a block that never ends is not one to come back with."""  # SSE E1, E9
    decoder = Decoder()
    decoder.receive(b"id: 1\ndata: a\n")
    assert decoder.last_event_id == ""
    decoder.receive(b"\n")
    assert decoder.last_event_id == "1"
    decoder.receive(b"id: 2\n")
    assert decoder.last_event_id == "1"
    decoder.receive(b"\n")
    assert decoder.last_event_id == "2"


def test_retry_is_set_when_its_line_ends() -> None:
    """Not by the blank line, and not before."""  # SSE D8
    decoder = Decoder()
    assert decoder.retry is None
    assert decoder.receive(b"retry: 5") == []
    assert decoder.retry is None
    assert decoder.receive(b"\n") == [RetryChanged(5)]
    assert decoder.retry == 5


@pytest.mark.parametrize(
    ("block", "data"),
    [
        (b"data-encoding: base64\ndata: aGk=\n\n", b"hi"),
        (b"data: aGk=\ndata-encoding:base64\n\n", b"hi"),
        (b"data-encoding: base64\ndata:\n\n", b""),
        (b"data-encoding: base64\ndata: aGk\n\n", "aGk"),
        (b"data-encoding: base64\ndata: a\xff==\n\n", "a\ufffd=="),
        (b"data-encoding: base64\ndata: aG\ndata: k=\n\n", "aG\nk="),
        (b"data-encoding: base64\ndata-encoding: no\ndata: aGk=\n\n", "aGk="),
        (b"data-encoding: base64\n\ndata: aGk=\n\n", "aGk="),
        (b"data-encoding: Base64\ndata: aGk=\n\n", "aGk="),
    ],
)
def test_flagged_base64_becomes_bytes(block: bytes, data: str | bytes) -> None:
    """For its own block, and only if it is base64."""
    assert decoded([block]) == [said(data)]


def test_blocks_of_data_carry_the_type_and_id_of_their_own_block() -> None:
    """Whatever stood in the chunk before, and however its block was cut."""  # SSE E1, E7, E8
    decoder = Decoder("0")
    assert decoder.receive(BOM + b"data: a\n\n") == [said("a", id="0")]
    assert decoder.receive(b"event: b\nid: 1\n") == []
    assert decoder.receive(b"data: b\n\ndata: c\n\n") == [said("b", "b", "1"), said("c", id="1")]
    assert decoder.receive(b"data: d\n") == []
    assert decoder.receive(b"data: e\n\n") == [said("d\ne", id="1")]
    assert decoder.receive(b"data-encoding: base64\n") == []
    assert decoder.receive(b"data: aGk=\n\n") == [said(b"hi", id="1")]
    assert decoder.receive(b"data: f\r") == []
    assert decoder.receive(b"\ndata: g\n\n") == [said("f\ng", id="1")]
    assert decoder.last_event_id == "1"


@pytest.mark.parametrize(
    "strategy", [sse_streams, near_valid_sse_streams, hostile_sse_streams], ids=lambda f: f.__name__
)
@given(data=st.data())
def test_drawn_streams_give_their_events(strategy: Any, data: st.DataObject) -> None:
    """However they are cut."""  # SSE A2, A5, A7, B6, C7
    written, events = data.draw(strategy(last_event_id="0"))
    assert decoded([written], Decoder("0")) == events
    assert decoded(one_by_one(written), Decoder("0")) == events
    assert decoded(data.draw(chunkings(written)), Decoder("0")) == events
    assert read(written, "0").events == events


@given(stream=ANY_STREAMS, last_event_id=st.sampled_from(["", "9"]), data=st.data())
def test_any_bytes_mean_what_the_specification_says(
    stream: bytes, last_event_id: str, data: st.DataObject
) -> None:
    """Events, last event ID and reconnection time of any bytes, however they are cut."""  # SSE A7
    decoder = Decoder(last_event_id)
    events = decoded(data.draw(chunkings(stream)), decoder)
    assert (events, decoder.last_event_id, decoder.retry) == read(stream, last_event_id)


@given(stream=ANY_STREAMS.filter(lambda stream: len(stream) < 40))
def test_any_bytes_cut_anywhere(stream: bytes) -> None:
    """In two at each place, and in pieces of each size."""  # SSE A7, B2, B6, B10
    expected = read(stream).events
    for size in range(1, len(stream) + 1):
        assert decoded([stream[:size], stream[size:]]) == expected
        assert decoded(stream[at : at + size] for at in range(0, len(stream), size)) == expected


# Where the ranges of bytes begin and end that the Encoding Standard tells apart.
EDGES = st.sampled_from(b"\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xdf\xe0\xed\xef\xf0\xf4\xf5\xff")


@given(st.lists(EDGES | st.integers(0, 255)).map(bytes))
def test_utf_8_is_decoded_as_the_reference_does(stream: bytes) -> None:
    """The interpreter replaces what the Encoding Standard says to replace."""  # SSE B1
    value = b"".join(stream.splitlines())
    text = utf_8_decode(b"x" + value)[1:]
    assert decoded([b"data:x" + value + b"\n\n"]) == [said("x" + text)]
    assert (b"x" + value).decode("utf-8", "replace") == "x" + text


@given(st.lists(server_sent_events()))
def test_agrees_with_httpx_sse_where_that_is_right(events: list[ServerSentEvent]) -> None:
    """Which is for what `encode` writes: complete events with data, without a BOM."""
    stream = b"".join(map(encode, events))
    decode = getincrementaldecoder("utf-8")("replace").decode
    theirs = SSEDecoder()
    found = [theirs.decode(line) for line in SSELineDecoder().decode(decode(stream))]
    # It knows nothing of the flag, and ignores it as every reader must.
    ours = decoded([stream.replace(b"data-encoding: base64\n", b"")])
    assert [(each.data, each.event, each.id) for each in found if each] == [
        (each.data, each.event, each.id) for each in ours if isinstance(each, ServerSentEvent)
    ]
