"""The decoder: the algorithm of section 9.2.6 for any bytes, however they are cut."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterable
from contextlib import suppress

import pytest
from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Event, LimitExceeded
from eventproto.sse import Comment, Decoder, Limits, RetryChanged, ServerSentEvent, encode
from eventproto.strategies import chunkings
from eventproto.strategies._sse import oversized_sse_streams, server_sent_events, sse_streams
from tests.sse.reference import read

BOM = b"\xef\xbb\xbf"
SMALL = Limits(line_size=200, event_size=400, id_size=100)


def decoded(chunks: Iterable[bytes], decoder: Decoder | None = None) -> list[Event]:
    decoder = decoder or Decoder()
    return [event for chunk in chunks for event in decoder.receive(chunk)]


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def said(data: str | bytes, event: str = "message", id: str = "") -> ServerSentEvent:
    return ServerSentEvent(data, event, id)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        # A: the format
        pytest.param(b"data: \xc3\xa9\n\n", [said("\u00e9")], id="A4 always UTF-8"),
        pytest.param(
            b"data: a\r\ndata: b\rdata: c\n\n", [said("a\nb\nc")], id="A5 mixed line ends"
        ),
        pytest.param(
            "data: \0\x0b\x0c\x85\u2028\u2029\uffff\ufeff\n\n".encode(),
            [said("\0\x0b\x0c\x85\u2028\u2029\uffff\ufeff")],
            id="A3 B5 nothing else ends a line",
        ),
        pytest.param(b"data: a\x1c\x1d\x1eb\n\n", [said("a\x1c\x1d\x1eb")], id="B5 separators"),
        # B: decoding and lines
        pytest.param(b"data: \xff\xe2\x82x\n\n", [said("\ufffd\ufffdx")], id="B1 malformed"),
        pytest.param(b"data: \xf0\x80\x80\n\n", [said("\ufffd" * 3)], id="B1 maximal subparts"),
        pytest.param(b"event: \xff\nid: \xff\ndata\n\n", [said("", "\ufffd", "\ufffd")], id="B1"),
        pytest.param(BOM + b"data: a\n\n", [said("a")], id="B2 one BOM"),
        pytest.param(BOM + BOM + b"data: a\n\n", [], id="B3 second BOM"),
        pytest.param(b"\n" + BOM + b"data: a\n\n", [], id="B3 later BOM"),
        pytest.param(b"data:" + BOM + b"a\n\n", [said("\ufeffa")], id="B3 BOM in a value"),
        pytest.param(b"\xef\xbb:\ndata: a\n\n", [said("a")], id="B4 incomplete BOM"),
        pytest.param(b"\xefdata: a\n\n", [], id="B4 shorter incomplete BOM"),
        pytest.param(b"data: a\r\n\r\n", [said("a")], id="B5 CRLF"),
        pytest.param(b"data: a\r\r", [said("a")], id="B5 CR"),
        pytest.param(b"data: a\n\r", [said("a")], id="B5 LF, then CR"),
        pytest.param(b"data: a\r\r\n", [said("a")], id="B5 CR, then CRLF"),
        pytest.param(b"data\n\ndata\n\n", [said(""), said("")], id="B8 B9 in order"),
        # C: lines
        pytest.param(b"data: a\n:x\ndata: b\n\n", [Comment("x"), said("a\nb")], id="C2 comment"),
        pytest.param(
            b":\n: \n:  \n::\n", [Comment(), Comment(), Comment(" "), Comment(":")], id="C2"
        ),
        pytest.param(b"data:a\n\ndata: a\n\n", [said("a"), said("a")], id="C3 optional space"),
        pytest.param(b"data:  a\n\ndata:\ta\n\n", [said(" a"), said("\ta")], id="C3 one space"),
        pytest.param(b"data:\xc2\xa0a\n\n", [said("\u00a0a")], id="C3 no other space"),
        pytest.param(b"data: a:b: c\n\n", [said("a:b: c")], id="C3 the first colon"),
        pytest.param(b"data\ndata\n\n", [said("\n")], id="C4 data alone"),
        pytest.param(b"event: a\nevent\ndata\n\n", [said("")], id="C4 event alone"),
        pytest.param(b"id: 1\nid\ndata\n\n", [said("")], id="C4 D4 id alone"),
        pytest.param(b"Data: a\n data: a\ndata : a\n\n", [], id="C5 literal names"),
        pytest.param(b"data: a\n \n\t\ndata: b\n\n", [said("a\nb")], id="C6 white space"),
        pytest.param(b"data: a\n\ndata: b\n", [said("a")], id="C7 no blank line"),
        pytest.param(b"data: a\n\nretry: 1", [said("a")], id="C7 no line end"),
        # D: fields
        pytest.param(b"event: a\nevent: b\ndata\n\n", [said("", "b")], id="D1 the last one"),
        pytest.param(b"event: a\nevent:\ndata\n\n", [said("")], id="D1 E5 an empty one"),
        pytest.param(b"data: a\ndata: b\n\n", [said("a\nb")], id="D2"),
        pytest.param(b"id: 1\nid: 2\0\ndata\n\n", [said("", id="1")], id="D3 NUL"),
        pytest.param(b"id: 1\ndata\n\nid:\ndata\n\n", [said("", id="1"), said("")], id="D4 reset"),
        pytest.param(b"retry: 5\n", [RetryChanged(5)], id="D5 D8 when its line ends"),
        pytest.param(b"retry: 0010\n", [RetryChanged(10)], id="D6 decimal"),
        pytest.param(b"retry: 0\nretry: 00\n", [RetryChanged(0), RetryChanged(0)], id="D6 zero"),
        pytest.param(b"retry:\nretry\nretry: \n", [], id="D7 J2 empty: ignored"),
        pytest.param(b"retry: 7\n\n\n", [RetryChanged(7)], id="D8 no event of its own"),
        pytest.param(b"retry: %d\n" % (2**64 - 1), [RetryChanged(2**64 - 1)], id="D9 largest"),
        pytest.param(b"retry: %d\n" % 2**64, [], id="D9 J7 too large: ignored"),
        pytest.param(b"retry: " + b"9" * 5000 + b"\n", [], id="D9 thousands of digits"),
        pytest.param(b"retry: " + b"0" * 5000 + b"7\n", [RetryChanged(7)], id="D6 D9 zeros"),
        pytest.param(b"foo: a\nfoo\ndata\n\n", [said("")], id="D10 unknown"),
        # E: dispatch
        pytest.param(b"id: 1\n\ndata\n\n", [said("", id="1")], id="E1 id only"),
        pytest.param(b"id: 1\ndata\n\ndata\n\n", [said("", id="1")] * 2, id="E1 the id stays"),
        pytest.param(b"event: a\n\ndata\n\n", [said("")], id="E2 a type without data is lost"),
        pytest.param(b"data\n\ndata:\n\n", [said(""), said("")], id="E3"),
        pytest.param(b"data: a\ndata\ndata\n\n", [said("a\n\n")], id="E4 one LF removed"),
        pytest.param(b"event: a\ndata\n\ndata\n\n", [said("", "a"), said("")], id="E5 E7 reset"),
        pytest.param(b"\n\n\n: x\n\n", [Comment("x")], id="E11 no empty events"),
    ],
)
def test_vector(stream: bytes, events: list[Event]) -> None:
    """What a stream means, whole, byte by byte and in the words of the specification."""
    assert decoded([stream]) == events
    assert decoded(one_by_one(stream)) == events
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
    """The event does not wait for the next byte."""  # SSE B7
    decoder = Decoder()
    assert decoder.receive(b"data: a\r\r") == [said("a")]
    assert decoder.receive(b"\ndata: b\r\r") == [said("b")]


def test_bom_may_come_in_pieces() -> None:
    """Also with empty chunks in between."""  # SSE B2
    assert decoded([b"", b"\xef", b"", b"\xbb", b"\xbfdata: a\n\n"]) == [said("a")]


def test_decoder_starts_with_the_id_it_is_given() -> None:
    """A stream without ids carries on the one of the stream before."""  # SSE E8, J1
    decoder = Decoder("41")
    assert decoder.receive(b"data: a\n\n") == [said("a", id="41")]
    assert decoder.last_event_id == "41"
    decoder.receive(b"id\n\n")
    assert decoder.last_event_id == ""


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


@given(stream=sse_streams(last_event_id="0"), data=st.data())
def test_drawn_streams_give_their_events(
    stream: tuple[bytes, list[Event]], data: st.DataObject
) -> None:
    """However they are cut."""  # SSE A7, B6, C7
    written, events = stream
    assert decoded([written], Decoder("0")) == events
    assert decoded(one_by_one(written), Decoder("0")) == events
    assert decoded(data.draw(chunkings(written)), Decoder("0")) == events


NAMES = b"data event id retry data-encoding".split()
OTHERS = b": x 7 aGk= base64 \0 \xef \xbb \xbf \xf0\x9f \xe2\x80\xa8".split(b" ")
WHITE = [b" ", b": ", b"\r", b"\n", b"\r\n", b"\n\n"]
PIECES = st.sampled_from([*NAMES, *OTHERS, *WHITE]) | st.binary(max_size=3)


@given(
    stream=st.lists(PIECES).map(b"".join), last_event_id=st.sampled_from(["", "9"]), data=st.data()
)
def test_any_bytes_mean_what_the_specification_says(
    stream: bytes, last_event_id: str, data: st.DataObject
) -> None:
    """Events, last event ID and reconnection time of any bytes, however they are cut."""  # SSE A7
    decoder = Decoder(last_event_id)
    events = decoded(data.draw(chunkings(stream)), decoder)
    assert (events, decoder.last_event_id, decoder.retry) == read(stream, last_event_id)


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


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([b"data: ", *[b"x" * 1460] * 5746, b"\n\n"], id="a line of 8 MiB"),
        pytest.param([b"data: x\n" * 100_000, b"\n"], id="100,000 lines in one chunk"),
        pytest.param([*[b"data: x\n"] * 100_000, b"\n"], id="100,000 lines in chunks"),
        pytest.param([*[b"d", b"a", b"t", b"a"], *[b":"] * 300_000, b"\n\n"], id="single bytes"),
        pytest.param([b":\n" * 1_000_000, b"data\n\n"], id="a million comments"),
        pytest.param([b"\r" * 1_000_000, b"\ndata\n\n"], id="a million blank lines"),
        pytest.param([*[b"\r"] * 300_000, b"\ndata\n\n"], id="lone CRs"),
        pytest.param([*[b""] * 100_000, b"data\n\n"], id="empty chunks"),
        pytest.param([b"id: x\n" * 300_000, b"data\n\n"], id="ids"),
    ],
)
def test_cost_is_linear_in_every_shape(chunks: list[bytes]) -> None:
    """Quadratic work would not come to an end here."""
    events = decoded(chunks)
    assert isinstance(events[-1], ServerSentEvent)
    size = sum(map(len, chunks))
    assert sum(len(event.data) for event in events if isinstance(event, ServerSentEvent)) < size
