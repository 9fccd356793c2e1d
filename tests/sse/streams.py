"""Streams: those whose meaning is known, and any others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from hypothesis import strategies as st

from eventproto import Event
from eventproto.sse import Comment, Decoder, RetryChanged, ServerSentEvent

__all__ = [
    "ANY_STREAMS",
    "BOM",
    "VECTORS",
    "WEB_PLATFORM_TESTS",
    "Vector",
    "decoded",
    "one_by_one",
    "said",
]

BOM: Final = b"\xef\xbb\xbf"


class Vector(NamedTuple):
    """A stream and the events that it gives."""

    name: str
    stream: bytes
    events: list[Event]


def decoded(chunks: Iterable[bytes], decoder: Decoder | None = None) -> list[Event]:
    decoder = decoder or Decoder()
    return [event for chunk in chunks for event in decoder.receive(chunk)]


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def said(data: str | bytes, event: str = "message", id: str = "") -> ServerSentEvent:
    return ServerSentEvent(data, event, id)


VECTORS: Final[list[Vector]] = [
    # A: the format
    Vector("always UTF-8", b"data: \xc3\xa9\n\n", [said("\u00e9")]),  # SSE A4
    Vector("mixed line ends", b"data: a\r\ndata: b\rdata: c\n\n", [said("a\nb\nc")]),  # SSE A5
    Vector(
        "nothing else ends a line",
        "data: \0\x0b\x0c\x85\u2028\u2029\uffff\ufeff\n\n".encode(),
        [said("\0\x0b\x0c\x85\u2028\u2029\uffff\ufeff")],
    ),  # SSE A3, B5
    Vector("separators", b"data: a\x1c\x1d\x1eb\n\n", [said("a\x1c\x1d\x1eb")]),  # SSE B5
    # B: decoding and lines
    Vector("malformed", b"data: \xff\xe2\x82x\n\n", [said("\ufffd\ufffdx")]),  # SSE B1
    Vector("maximal subparts", b"data: \xf0\x80\x80\n\n", [said("\ufffd" * 3)]),  # SSE B1
    Vector(
        "malformed type and id", b"event: \xff\nid: \xff\ndata\n\n", [said("", "\ufffd", "\ufffd")]
    ),  # SSE B1
    Vector("one BOM", BOM + b"data: a\n\n", [said("a")]),  # SSE B2
    Vector("second BOM", BOM + BOM + b"data: a\n\n", []),  # SSE B3
    Vector("later BOM", b"\n" + BOM + b"data: a\n\n", []),  # SSE B3
    Vector("BOM in a value", b"data:" + BOM + b"a\n\n", [said("\ufeffa")]),  # SSE B3
    Vector("incomplete BOM", b"\xef\xbb:\ndata: a\n\n", [said("a")]),  # SSE B4
    Vector("shorter incomplete BOM", b"\xefdata: a\n\n", []),  # SSE B4
    Vector("CRLF", b"data: a\r\n\r\n", [said("a")]),  # SSE B5
    Vector("CR", b"data: a\r\r", [said("a")]),  # SSE B5
    Vector("LF, then CR", b"data: a\n\r", [said("a")]),  # SSE B5
    Vector("CR, then CRLF", b"data: a\r\r\n", [said("a")]),  # SSE B5
    Vector("in order", b"data\n\ndata\n\n", [said(""), said("")]),  # SSE B8, B9
    Vector("beyond the last character", b"\xf4\x90\x80\x80: a\n", []),  # SSE B1
    # C: lines
    Vector("blank", b"data: a\n\n\n\ndata: b\n\n", [said("a"), said("b")]),  # SSE C1
    Vector("comment", b"data: a\n:x\ndata: b\n\n", [Comment("x"), said("a\nb")]),  # SSE C2
    Vector(
        "empty comments", b":\n: \n:  \n::\n", [Comment(), Comment(), Comment(" "), Comment(":")]
    ),  # SSE C2
    Vector("optional space", b"data:a\n\ndata: a\n\n", [said("a"), said("a")]),  # SSE C3
    Vector("one space", b"data:  a\n\ndata:\ta\n\n", [said(" a"), said("\ta")]),  # SSE C3
    Vector("no other space", b"data:\xc2\xa0a\n\n", [said("\u00a0a")]),  # SSE C3
    Vector("the first colon", b"data: a:b: c\n\n", [said("a:b: c")]),  # SSE C3
    Vector("data alone", b"data\ndata\n\n", [said("\n")]),  # SSE C4
    Vector("event alone", b"event: a\nevent\ndata\n\n", [said("")]),  # SSE C4
    Vector("id alone", b"id: 1\nid\ndata\n\n", [said("")]),  # SSE C4, D4
    Vector("literal names", b"Data: a\n data: a\ndata : a\n\n", []),  # SSE C5
    Vector("white space", b"data: a\n \n\t\ndata: b\n\n", [said("a\nb")]),  # SSE C6
    Vector("no blank line", b"data: a\n\ndata: b\n", [said("a")]),  # SSE C7
    Vector("no line end", b"data: a\n\nretry: 1", [said("a")]),  # SSE C7
    # D: fields
    Vector("the last one", b"event: a\nevent: b\ndata\n\n", [said("", "b")]),  # SSE D1
    Vector("an empty one", b"event: a\nevent:\ndata\n\n", [said("")]),  # SSE D1, E5
    Vector("lines of data", b"data: a\ndata: b\n\n", [said("a\nb")]),  # SSE D2
    Vector("NUL", b"id: 1\nid: 2\0\ndata\n\n", [said("", id="1")]),  # SSE D3
    Vector("reset", b"id: 1\ndata\n\nid:\ndata\n\n", [said("", id="1"), said("")]),  # SSE D4
    Vector("when its line ends", b"retry: 5\n", [RetryChanged(5)]),  # SSE D5, D8
    Vector("decimal", b"retry: 0010\n", [RetryChanged(10)]),  # SSE D6
    Vector("zero", b"retry: 0\nretry: 00\n", [RetryChanged(0), RetryChanged(0)]),  # SSE D6
    Vector("empty: ignored", b"retry:\nretry\nretry: \n", []),  # SSE D7, J2
    Vector("no event of its own", b"retry: 7\n\n\n", [RetryChanged(7)]),  # SSE D8
    Vector("largest", b"retry: %d\n" % (2**64 - 1), [RetryChanged(2**64 - 1)]),  # SSE D9
    Vector("too large: ignored", b"retry: %d\n" % 2**64, []),  # SSE D9, J7
    Vector("thousands of digits", b"retry: " + b"9" * 5000 + b"\n", []),  # SSE D9
    Vector("zeros", b"retry: " + b"0" * 5000 + b"7\n", [RetryChanged(7)]),  # SSE D6, D9
    Vector("unknown", b"foo: a\nfoo\ndata\n\n", [said("")]),  # SSE D10
    # E: dispatch
    Vector("id only", b"id: 1\n\ndata\n\n", [said("", id="1")]),  # SSE E1
    Vector("the id stays", b"id: 1\ndata\n\ndata\n\n", [said("", id="1")] * 2),  # SSE E1
    Vector("a type without data is lost", b"event: a\n\ndata\n\n", [said("")]),  # SSE E2
    Vector("empty data", b"data\n\ndata:\n\n", [said(""), said("")]),  # SSE E3
    Vector("one LF removed", b"data: a\ndata\ndata\n\n", [said("a\n\n")]),  # SSE E4
    Vector(
        "type and data are reset", b"event: a\ndata\n\ndata\n\n", [said("", "a"), said("")]
    ),  # SSE E5, E7
    Vector("no empty events", b"\n\n\n: x\n\n", [Comment("x")]),  # SSE E11, J5
    # The same for blocks that are all alike, which are read in one go
    Vector("plain", b"data: a\n\ndata: b\n\n", [said("a"), said("b")]),  # SSE B9
    Vector("plain, empty", b"data: \n\ndata: \n\n", [said(""), said("")]),  # SSE E3
    Vector("plain, malformed", b"data: a\n\ndata: \xff\n\n", [said("a"), said("\ufffd")]),  # SSE B1
    Vector(
        "plain, then CR", b"data: a\n\ndata: b\rdata: c\n\n", [said("a"), said("b\nc")]
    ),  # SSE B5
    Vector(
        "plain, then more than data",
        b"data: a\n\ndata: b\nid: 1\n\ndata: c\n\n",
        [said("a"), said("b", id="1"), said("c", id="1")],
    ),  # SSE E1
    Vector("plain, blank", b"data: a\n\ndata: b\n\n\n", [said("a"), said("b")]),
    Vector("plain, data twice", b"data: data: a\n\n", [said("data: a")]),  # SSE C3
    Vector("plain, CRLF", b"data: a\r\n\r\ndata: b\r\n\r\n", [said("a"), said("b")]),  # SSE B5
    Vector(
        "plain, mixed line ends", b"data: a\r\n\ndata: b\n\r\ndata: c\r\n\r\n", [*map(said, "abc")]
    ),  # SSE A5
    Vector(
        "plain, LF after CR", b"data: a\r\n\r\ndata: b\r\r\n\r\n", [said("a"), said("b")]
    ),  # SSE B5
    Vector(
        "typed, CRLF",
        b"event: a\r\ndata: b\r\n\r\nevent: c\ndata: d\r\n\r\n",
        [said("b", "a"), said("d", "c")],
    ),  # SSE B5
    Vector(
        "typed",
        b"event: a\ndata: b\n\nevent: c\ndata: d\n\n",
        [said("b", "a"), said("d", "c")],
    ),  # SSE D1
    Vector("typed, empty", b"event: \ndata: \n\n", [said("")]),  # SSE D1, E5
    Vector(
        "typed, malformed", b"event: a\xff\ndata: \xff\n\n", [said("\ufffd", "a\ufffd")]
    ),  # SSE B1
    Vector("typed, then CR", b"event: a\ndata: b\rdata: c\n\n", [said("b\nc", "a")]),  # SSE B5
    Vector(
        "typed, then more than data",
        b"event: a\ndata: b\n\nevent: c\nid: 1\ndata: d\n\nevent: e\ndata: f\n\n",
        [said("b", "a"), said("d", "c", "1"), said("f", "e", "1")],
    ),  # SSE E1
    Vector(
        "typed, then two lines of data",
        b"event: a\ndata: b\n\nevent: c\ndata: d\ndata: e\n\n",
        [said("b", "a"), said("d\ne", "c")],
    ),  # SSE D2
    Vector("typed, no data", b"event: a\n\nevent: b\ndata: c\n\n", [said("c", "b")]),  # SSE E2
    Vector("typed twice", b"event: a\nevent: b\ndata: c\n\n", [said("c", "b")]),  # SSE D1
    Vector(
        "typed, then plain", b"event: a\ndata: b\n\ndata: c\n\n", [said("b", "a"), said("c")]
    ),  # SSE E7
    Vector(
        "plain, then typed", b"data: a\n\nevent: b\ndata: c\n\n", [said("a"), said("c", "b")]
    ),  # SSE E7
]

# All of its directory `eventsource` that is about the format, by the names of the files there; what
# is about connections is in the tests of the client.
LONG: Final = "x" * 2048
WEB_PLATFORM_TESTS: Final[list[Vector]] = [
    Vector(
        "event-data",
        b"data:msg\ndata: msg\n\n:\nfalsefield:msg\n\nfalsefield:msg\nData:data\n\n"
        b"data\n\ndata:end\n\n",
        [said("msg\nmsg"), Comment(), said(""), said("end")],
    ),
    Vector(
        "format-bom",
        BOM + b"data:1\n\n" + BOM + b"data:2\n\ndata:3\n\n\n",
        [said("1"), said("3")],
    ),
    Vector(
        "format-bom-2",
        BOM + BOM + b"data:1\n\ndata:2\n\ndata:3\n\n\n",
        [said("2"), said("3")],
    ),
    Vector(
        "format-comments",
        f"data:1\r:\0\n:\r\ndata:2\n:{LONG}\rdata:3\n:data:fail\r:{LONG}\ndata:4\n\n".encode(),
        [*map(Comment, ["\0", "", LONG, "data:fail", LONG]), said("1\n2\n3\n4")],
    ),
    Vector(
        "format-data-before-final-empty-line",
        b"retry:1000\ndata:test1\n\nid:test\ndata:test2\n",
        [RetryChanged(1000), said("test1")],
    ),
    Vector(
        "format-field-data",
        b"data:\n\ndata\ndata\n\ndata:test\n\n\n",
        [said(""), said("\n"), said("test")],
    ),
    Vector(
        "format-field-event",
        b"event:test\ndata:x\n\ndata:x\n\n\n",
        [said("x", "test"), said("x")],
    ),
    Vector("format-field-event-empty", b"event: \ndata:data\n\n\n", [said("data")]),
    Vector(
        "format-field-id",
        "id: \u2026\nretry: 200\ndata: hello\n\n".encode(),
        [RetryChanged(200), said("hello", id="\u2026")],
    ),
    Vector(
        "format-field-id-3: persists",
        b"id: 1\ndata: 1\n\ndata:2\n\n",
        [said("1", id="1"), said("2", id="1")],
    ),
    Vector(
        "format-field-id-3: changes and persists",
        b"id: 1\ndata: 1\n\nid: 2\ndata:2\n\ndata:3\n\n",
        [said("1", id="1"), said("2", id="2"), said("3", id="2")],
    ),
    Vector(
        "format-field-id-3: resets",
        b"id: 1\ndata: 1\n\nid:\ndata:2\n\ndata:3\n\n",
        [said("1", id="1"), said("2"), said("3")],
    ),
    *(
        Vector(
            f"format-field-id-null: {id!r}",
            f"id: {id}\nretry: 200\ndata: hello\n\n".encode(),
            [RetryChanged(200), said("hello")],
        )
        for id in ("\0\0", "x\0", "\0x", "x\0x", " \0")
    ),
    Vector(
        "format-field-parsing",
        b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\r"
        b"data:\r\n data:32\ndata:4\n\n",
        [said("\0\n 2\n1\n3\n\n4")],
    ),
    Vector("format-field-retry", b"retry:02000\ndata:x\n\n\n", [RetryChanged(2000), said("x")]),
    Vector(
        "format-field-retry-bogus",
        b"retry:2000\nretry:1000x\ndata:x\n\n\n",
        [RetryChanged(2000), said("x")],
    ),
    Vector("format-field-retry-empty", b"retry\ndata:test\n\n\n", [said("test")]),
    Vector(
        "format-field-unknown",
        b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n\n",
        [Comment("thisisacommentyay"), said("test\n\ntest")],
    ),
    Vector(
        "format-leading-space",
        b"data:\ttest\rdata: \ndata:test\n\n\n",
        [said("\ttest\n\ntest")],
    ),
    Vector("format-newlines", b"data:test\r\ndata\ndata:test\r\n\r\n", [said("test\n\ntest")]),
    Vector("format-null-character", b"data:\0\n\n\n\n", [said("\0")]),
    Vector("format-utf-8", "data:ok\u2026\n\n\n".encode(), [said("ok\u2026")]),
]
"""Those of the web-platform-tests."""

_NAMES: Final = b"data event id retry data-encoding".split()
_OTHERS: Final = b": x 7 aGk= base64 \0 \xef \xbb \xbf \xf0\x9f \xe2\x80\xa8".split(b" ")
_WHITE: Final = [b" ", b": ", b"\r", b"\n", b"\r\n", b"\n\n"]
_BLOCKS: Final = [
    *(b"data: x\n\n", b"data: \xc3\xa9\n\n", b"event: x\ndata: x\n\n", b"id: 7\ndata: x\n\n"),
    *(b": x\n\n", b"event: x\n\n", b"event: x\r\ndata: x\r\n\r\n"),
]
_PIECES: Final = [*_NAMES, *_OTHERS, *_WHITE, *_BLOCKS]
ANY_STREAMS: Final = st.lists(st.sampled_from(_PIECES) | st.binary(max_size=3)).map(b"".join)
"""Bytes of which most mean something."""
