"""The decoder: the algorithm of section 9.2.6 for any bytes, however they are cut."""

from __future__ import annotations

import sys
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FrameType
from typing import Any, Self

import pytest
from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from eventproto import Event, LimitExceeded
from eventproto.sse import (
    Comment,
    Decoder,
    Limits,
    RetryChanged,
    ServerSentEvent,
    _parser,
    encode,
)
from eventproto.strategies import (
    chunkings,
    hostile_sse_streams,
    near_valid_sse_streams,
    oversized_sse_streams,
    server_sent_events,
    sse_streams,
)
from tests.sse.reference import read, utf_8_decode

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
        pytest.param(b"data: \xc3\xa9\n\n", [said("\u00e9")], id="always UTF-8"),  # SSE A4
        pytest.param(
            b"data: a\r\ndata: b\rdata: c\n\n", [said("a\nb\nc")], id="mixed line ends"
        ),  # SSE A5
        pytest.param(
            "data: \0\x0b\x0c\x85\u2028\u2029\uffff\ufeff\n\n".encode(),
            [said("\0\x0b\x0c\x85\u2028\u2029\uffff\ufeff")],
            id="nothing else ends a line",
        ),  # SSE A3, B5
        pytest.param(
            b"data: a\x1c\x1d\x1eb\n\n", [said("a\x1c\x1d\x1eb")], id="separators"
        ),  # SSE B5
        # B: decoding and lines
        pytest.param(b"data: \xff\xe2\x82x\n\n", [said("\ufffd\ufffdx")], id="malformed"),  # SSE B1
        pytest.param(
            b"data: \xf0\x80\x80\n\n", [said("\ufffd" * 3)], id="maximal subparts"
        ),  # SSE B1
        pytest.param(
            b"event: \xff\nid: \xff\ndata\n\n",
            [said("", "\ufffd", "\ufffd")],
            id="malformed type and id",
        ),  # SSE B1
        pytest.param(BOM + b"data: a\n\n", [said("a")], id="one BOM"),  # SSE B2
        pytest.param(BOM + BOM + b"data: a\n\n", [], id="second BOM"),  # SSE B3
        pytest.param(b"\n" + BOM + b"data: a\n\n", [], id="later BOM"),  # SSE B3
        pytest.param(b"data:" + BOM + b"a\n\n", [said("\ufeffa")], id="BOM in a value"),  # SSE B3
        pytest.param(b"\xef\xbb:\ndata: a\n\n", [said("a")], id="incomplete BOM"),  # SSE B4
        pytest.param(b"\xefdata: a\n\n", [], id="shorter incomplete BOM"),  # SSE B4
        pytest.param(b"data: a\r\n\r\n", [said("a")], id="CRLF"),  # SSE B5
        pytest.param(b"data: a\r\r", [said("a")], id="CR"),  # SSE B5
        pytest.param(b"data: a\n\r", [said("a")], id="LF, then CR"),  # SSE B5
        pytest.param(b"data: a\r\r\n", [said("a")], id="CR, then CRLF"),  # SSE B5
        pytest.param(b"data\n\ndata\n\n", [said(""), said("")], id="in order"),  # SSE B8, B9
        pytest.param(b"\xf4\x90\x80\x80: a\n", [], id="beyond the last character"),  # SSE B1
        # C: lines
        pytest.param(b"data: a\n\n\n\ndata: b\n\n", [said("a"), said("b")], id="blank"),  # SSE C1
        pytest.param(
            b"data: a\n:x\ndata: b\n\n", [Comment("x"), said("a\nb")], id="comment"
        ),  # SSE C2
        pytest.param(
            b":\n: \n:  \n::\n",
            [Comment(), Comment(), Comment(" "), Comment(":")],
            id="empty comments",
        ),  # SSE C2
        pytest.param(
            b"data:a\n\ndata: a\n\n", [said("a"), said("a")], id="optional space"
        ),  # SSE C3
        pytest.param(
            b"data:  a\n\ndata:\ta\n\n", [said(" a"), said("\ta")], id="one space"
        ),  # SSE C3
        pytest.param(b"data:\xc2\xa0a\n\n", [said("\u00a0a")], id="no other space"),  # SSE C3
        pytest.param(b"data: a:b: c\n\n", [said("a:b: c")], id="the first colon"),  # SSE C3
        pytest.param(b"data\ndata\n\n", [said("\n")], id="data alone"),  # SSE C4
        pytest.param(b"event: a\nevent\ndata\n\n", [said("")], id="event alone"),  # SSE C4
        pytest.param(b"id: 1\nid\ndata\n\n", [said("")], id="id alone"),  # SSE C4, D4
        pytest.param(b"Data: a\n data: a\ndata : a\n\n", [], id="literal names"),  # SSE C5
        pytest.param(b"data: a\n \n\t\ndata: b\n\n", [said("a\nb")], id="white space"),  # SSE C6
        pytest.param(b"data: a\n\ndata: b\n", [said("a")], id="no blank line"),  # SSE C7
        pytest.param(b"data: a\n\nretry: 1", [said("a")], id="no line end"),  # SSE C7
        # D: fields
        pytest.param(b"event: a\nevent: b\ndata\n\n", [said("", "b")], id="the last one"),  # SSE D1
        pytest.param(b"event: a\nevent:\ndata\n\n", [said("")], id="an empty one"),  # SSE D1, E5
        pytest.param(b"data: a\ndata: b\n\n", [said("a\nb")], id="lines of data"),  # SSE D2
        pytest.param(b"id: 1\nid: 2\0\ndata\n\n", [said("", id="1")], id="NUL"),  # SSE D3
        pytest.param(
            b"id: 1\ndata\n\nid:\ndata\n\n", [said("", id="1"), said("")], id="reset"
        ),  # SSE D4
        pytest.param(b"retry: 5\n", [RetryChanged(5)], id="when its line ends"),  # SSE D5, D8
        pytest.param(b"retry: 0010\n", [RetryChanged(10)], id="decimal"),  # SSE D6
        pytest.param(
            b"retry: 0\nretry: 00\n", [RetryChanged(0), RetryChanged(0)], id="zero"
        ),  # SSE D6
        pytest.param(b"retry:\nretry\nretry: \n", [], id="empty: ignored"),  # SSE D7, J2
        pytest.param(b"retry: 7\n\n\n", [RetryChanged(7)], id="no event of its own"),  # SSE D8
        pytest.param(
            b"retry: %d\n" % (2**64 - 1), [RetryChanged(2**64 - 1)], id="largest"
        ),  # SSE D9
        pytest.param(b"retry: %d\n" % 2**64, [], id="too large: ignored"),  # SSE D9, J7
        pytest.param(b"retry: " + b"9" * 5000 + b"\n", [], id="thousands of digits"),  # SSE D9
        pytest.param(
            b"retry: " + b"0" * 5000 + b"7\n", [RetryChanged(7)], id="zeros"
        ),  # SSE D6, D9
        pytest.param(b"foo: a\nfoo\ndata\n\n", [said("")], id="unknown"),  # SSE D10
        # E: dispatch
        pytest.param(b"id: 1\n\ndata\n\n", [said("", id="1")], id="id only"),  # SSE E1
        pytest.param(
            b"id: 1\ndata\n\ndata\n\n", [said("", id="1")] * 2, id="the id stays"
        ),  # SSE E1
        pytest.param(
            b"event: a\n\ndata\n\n", [said("")], id="a type without data is lost"
        ),  # SSE E2
        pytest.param(b"data\n\ndata:\n\n", [said(""), said("")], id="empty data"),  # SSE E3
        pytest.param(b"data: a\ndata\ndata\n\n", [said("a\n\n")], id="one LF removed"),  # SSE E4
        pytest.param(
            b"event: a\ndata\n\ndata\n\n", [said("", "a"), said("")], id="type and data are reset"
        ),  # SSE E5, E7
        pytest.param(b"\n\n\n: x\n\n", [Comment("x")], id="no empty events"),  # SSE E11, J5
        # The same for blocks of one line of data, which are read another way
        pytest.param(b"data: a\n\ndata: b\n\n", [said("a"), said("b")], id="plain"),  # SSE B9
        pytest.param(b"data: \n\ndata: \n\n", [said(""), said("")], id="plain, empty"),  # SSE E3
        pytest.param(
            b"data: a\n\ndata: \xff\n\n", [said("a"), said("\ufffd")], id="plain, malformed"
        ),  # SSE B1
        pytest.param(
            b"data: a\n\ndata: b\rdata: c\n\n", [said("a"), said("b\nc")], id="plain, then CR"
        ),  # SSE B5
        pytest.param(
            b"data: a\n\ndata: b\nid: 1\n\ndata: c\n\n",
            [said("a"), said("b", id="1"), said("c", id="1")],
            id="plain, then more than data",
        ),  # SSE E1
        pytest.param(b"data: a\n\ndata: b\n\n\n", [said("a"), said("b")], id="plain, blank"),
        pytest.param(b"data: data: a\n\n", [said("data: a")], id="plain, data twice"),  # SSE C3
    ],
)
def test_vector(stream: bytes, events: list[Event]) -> None:
    """What a stream means, whole, byte by byte and in the words of the specification."""
    assert decoded([stream]) == events
    assert decoded(one_by_one(stream)) == events
    assert decoded(stream.splitlines(keepends=True)) == events
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


NAMES = b"data event id retry data-encoding".split()
OTHERS = b": x 7 aGk= base64 \0 \xef \xbb \xbf \xf0\x9f \xe2\x80\xa8".split(b" ")
WHITE = [b" ", b": ", b"\r", b"\n", b"\r\n", b"\n\n"]
BLOCKS = [b"data: x\n\n", b"data: \xc3\xa9\n\n", b"id: 7\ndata: x\n\n", b": x\n\n"]
PIECES = st.sampled_from([*NAMES, *OTHERS, *WHITE, *BLOCKS]) | st.binary(max_size=3)
STREAMS = st.lists(PIECES).map(b"".join)


@given(stream=STREAMS, last_event_id=st.sampled_from(["", "9"]), data=st.data())
def test_any_bytes_mean_what_the_specification_says(
    stream: bytes, last_event_id: str, data: st.DataObject
) -> None:
    """Events, last event ID and reconnection time of any bytes, however they are cut."""  # SSE A7
    decoder = Decoder(last_event_id)
    events = decoded(data.draw(chunkings(stream)), decoder)
    assert (events, decoder.last_event_id, decoder.retry) == read(stream, last_event_id)


@given(stream=STREAMS.filter(lambda stream: len(stream) < 40))
def test_any_bytes_cut_anywhere(stream: bytes) -> None:
    """In two at each place, and in pieces of each size."""  # SSE A7, B2, B6, B10
    expected = read(stream).events
    for size in range(1, len(stream) + 1):
        assert decoded([stream[:size], stream[size:]]) == expected
        assert decoded(stream[at : at + size] for at in range(0, len(stream), size)) == expected


@given(st.lists(st.sampled_from(OTHERS) | st.binary(max_size=4)).map(b"".join))
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


@given(stream=STREAMS, data=st.data())
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


@given(stream=STREAMS, data=st.data())
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


class Counted(bytearray):
    """A buffer that counts the bytes that are moved into and out of it."""

    moved = 0

    def __init__(self, source: bytes = b"") -> None:
        super().__init__(source)
        Counted.moved += len(source)

    @override
    def __iadd__(self, other: Any) -> Self:
        Counted.moved += len(other)
        return super().__iadd__(other)

    @override
    def clear(self) -> None:
        Counted.moved += len(self)  # they have been joined to something
        super().clear()


def work(chunks: Iterable[bytes], monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Count the lines of code that run in the decoder, and the bytes that its buffers move."""
    ran = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal ran
        ran += event == "line"
        return trace if frame.f_code.co_filename == _parser.__file__ else None

    Counted.moved = 0
    monkeypatch.setattr(_parser, "bytearray", Counted, raising=False)
    decoder = Decoder()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for chunk in chunks:
            decoder.receive(chunk)
    finally:
        sys.settrace(before)
    return ran, Counted.moved


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(lambda n: [b"data: ", *[b"x" * 1460] * n, b"\n\n"], id="long line"),
        pytest.param(lambda n: [*[b"x"] * n, b"\n"], id="line in single bytes"),
        pytest.param(lambda n: [*[b"data: x\n"] * n, b"\n"], id="lines in chunks"),
        pytest.param(lambda n: [b"data: x\n" * n + b"\n"], id="lines in one chunk"),
        pytest.param(lambda n: [*[b"data: x\nd"] * n, b"\n"], id="lines cut in two"),
        pytest.param(lambda n: [b"data: x\n\n" * n], id="plain blocks"),
        pytest.param(lambda n: [b"data: x\n\n" * n + b":\n\n"], id="nearly plain blocks"),
        pytest.param(lambda n: [b"data: x\n\n:\n\n"] * n, id="nearly plain chunks"),
        pytest.param(lambda n: [b":\n" * n], id="comments"),
        pytest.param(lambda n: [*[b"\r"] * n], id="lone CRs"),
        pytest.param(lambda n: [*[b"\r", b"\n"] * n], id="CRLFs cut in two"),
        pytest.param(lambda n: [*[b""] * n, b"\xef"] * 2, id="empty chunks"),
        pytest.param(lambda n: [b"id: x\nevent: x\nretry: 0\n" * n], id="fields"),
        pytest.param(lambda n: one_by_one(b"data: x\r\nid\r\n\r\n" * (n // 20)), id="single bytes"),
    ],
)
def test_work_is_linear_in_every_shape(
    shape: Callable[[int], list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the stream is twice the work, and no byte is moved more than a few times."""
    chunks = shape(1000)
    ran, moved = work(chunks, monkeypatch)
    ran_twice, moved_twice = work(shape(2000), monkeypatch)
    assert ran_twice <= 2 * ran
    assert moved_twice <= 2 * moved + 10
    assert moved <= 3 * (len(chunks) + sum(map(len, chunks)))


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
def test_large_streams_are_read(chunks: list[bytes]) -> None:
    """In the sizes of real life, where quadratic work would not come to an end."""
    events = decoded(chunks)
    assert isinstance(events[-1], ServerSentEvent)
    size = sum(map(len, chunks))
    assert sum(len(event.data) for event in events if isinstance(event, ServerSentEvent)) < size
