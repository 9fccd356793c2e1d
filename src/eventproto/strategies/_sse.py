"""Event streams and the events that they must give; and what must be refused."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from eventproto import Event, sse
from eventproto.sse import Comment, RetryChanged, Sendable, ServerSentEvent, encode

__all__ = [
    "oversized_sse_streams",
    "server_sent_events",
    "sse_streams",
    "unsendable_sse_events",
]


def server_sent_events() -> st.SearchStrategy[ServerSentEvent]:
    """Events, of text or bytes, that `sse.encode` takes and every decoder reads back equal.

    An id of None is read back as the last event ID of the stream.
    """
    return st.builds(
        ServerSentEvent,
        data=_text(without="\r") | st.binary(),
        event=st.just("message") | _text(without="\r\n", min_size=1),
        id=st.none() | _text(without="\r\n\0"),
    )


def unsendable_sse_events() -> st.SearchStrategy[Sendable]:
    """What `sse.encode` must refuse, since no decoder would read it back equal."""
    half = _spoiled(st.text(), "\ud800\udfff")
    line = _spoiled(st.text(), "\r\n")
    return st.one_of(
        st.builds(ServerSentEvent, half | _spoiled(st.text(), "\r")),
        st.builds(ServerSentEvent, st.binary(), event=st.just("") | half | line),
        st.builds(ServerSentEvent, st.binary(), id=half | line | _spoiled(st.text(), "\0")),
        st.builds(Comment, half | line),
        st.builds(RetryChanged, st.integers(max_value=-1) | st.integers(min_value=2**64)),
    )


@st.composite
def sse_streams(draw: st.DrawFn, *, last_event_id: str = "") -> tuple[bytes, list[Event]]:
    """Event streams, and the events that a decoder must make of them.

    They have all that the format has: each field in each of its spellings, the three line ends,
    a byte-order mark. And they have what a decoder must pass over: fields that are unknown or
    misspelt, ids with NUL, reconnection times that are no numbers, UTF-8 that is none, blocks
    without data, an end in the middle.

    Args:
        last_event_id: The last event ID that the decoder is told to start with.
    """
    lines = [line for group in draw(st.lists(_groups(), max_size=8)) for line in group]
    stream = bytearray()
    if draw(st.booleans()) or (lines and lines[0][0].startswith(_BOM)):
        stream += _BOM
    for written, _, _ in lines:
        stream += written
        # The LF of an empty line would belong to a CR that ends the line before.
        empty = not written and stream.endswith(b"\r")
        stream += draw(st.sampled_from([b"\r", b"\r\n"] if empty else [b"\n", b"\r", b"\r\n"]))
    stream += draw(st.sampled_from(_UNFINISHED))
    return bytes(stream), _meaning(lines, last_event_id)


@st.composite
def oversized_sse_streams(draw: st.DrawFn, limits: sse.Limits) -> tuple[bytes, list[Event], str]:
    """Event streams that exceed a limit, the events before that, and the name of the limit.

    Args:
        limits: Those of the decoder, each of them at least 100, and `id_size` much smaller than
            `line_size`, which is not larger than `event_size`.
    """
    ids = st.none() | st.text("0123456789", max_size=20)
    events = draw(st.lists(st.builds(ServerSentEvent, st.text("xyz", max_size=20), id=ids)))
    before = b"".join(map(encode, events))
    limit, excess = draw(
        st.one_of(
            st.tuples(st.just("line_size"), _too_long_lines(limits.line_size)),
            st.tuples(st.just("event_size"), _too_many_lines(limits.event_size)),
            st.tuples(st.just("id_size"), st.just(b"id:" + b"9" * (limits.id_size + 1) + b"\n")),
        )
    )
    after = draw(st.binary(max_size=20))
    return before + excess + after, _read_back(events), limit


# A line as it is written, and the field that it sets to a value, or whatever else it is for.
_Line: TypeAlias = tuple[bytes, str, Any]

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final[_Line] = (b"", "blank", None)
_UNFINISHED: Final = [b"", b":", b"data: lost", b"id: lost", b"retry: 1", b"event", b"\xf0\x9f"]

_IGNORED: Final = [
    *(b" ", b"\t", b"x", b"x: y", b"Data: x", b"DATA: x", b" data: x", b"data : x", b"data\t: x"),
    *(b"\xef\xbb\xbfdata: x", b"\xc2\xa0data: x", b"event\x00: x", b"ids: 1", b"\xff", b"\x00: x"),
    *(b"id: a\x00b", b"id: \x00", b"retry", b"retry:", b"retry: ", b"retry:  5", b"retry: 5 "),
    *(b"retry: +5", b"retry: -1", b"retry: 1_000", b"retry: 1.0", b"retry: 0x1", b"retry:\t5"),
    *("retry: \uff15".encode(), "retry: \u00b2".encode(), b"retry: 1" + b"0" * 5000),
    *(b"data-encoding: gzip", b"data-encoding", b"retry: 18446744073709551616"),
]
_MALFORMED: Final = [
    (b"\xff", "\ufffd"),
    (b"\xe2\x82", "\ufffd"),
    (b"\xe2\x82x", "\ufffdx"),
    (b"\xf0\x9f\x98", "\ufffd"),
    (b"\xc0\xaf", "\ufffd\ufffd"),
    (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    (b"\x80\xc3\xa9", "\ufffd\u00e9"),
]


def _groups() -> st.SearchStrategy[list[_Line]]:
    """Lines that belong together."""
    text = _text(without="\r\n")
    line = st.one_of(
        st.just(_BLANK),
        _fields("data", text),
        _fields("event", text),
        _fields("id", _text(without="\r\n\0")),
        st.integers(0, 2**64 - 1).map(lambda number: (b"retry: %05d" % number, "retry", number)),
        text.map(lambda comment: (b": " + comment.encode(), "comment", comment)),
        st.sampled_from(_MALFORMED).map(lambda pair: (b"data:" + pair[0], "data", pair[1])),
        st.sampled_from(_IGNORED).map(lambda written: (written, "ignored", None)),
    )
    return line.map(lambda each: [each]) | st.builds(_binary, st.binary(max_size=50))


def _fields(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[_Line]:
    def written(text: str, *, spaced: bool) -> _Line:
        if not text and not spaced:
            return name.encode(), name, text
        space = " " if spaced or text.startswith(" ") else ""
        return f"{name}:{space}{text}".encode(), name, text

    return st.builds(written, values, spaced=st.booleans())


def _binary(data: bytes) -> list[_Line]:
    encoded = b"data: " + b64encode(data)
    return [_BLANK, (b"data-encoding: base64", "ignored", None), (encoded, "binary", data), _BLANK]


def _meaning(lines: list[_Line], last_event_id: str) -> list[Event]:
    events: list[Event] = []
    data: list[str] = []
    binary: bytes | None = None
    event_type = ""
    for _, kind, content in lines:
        match kind:
            case "blank":
                if data or binary is not None:
                    said = "\n".join(data) if binary is None else binary
                    events.append(ServerSentEvent(said, event_type or "message", last_event_id))
                data, binary, event_type = [], None, ""
            case "data":
                data.append(content)
            case "binary":
                binary = content
            case "event":
                event_type = content
            case "id":
                last_event_id = content
            case "retry":
                events.append(RetryChanged(content))
            case "comment":
                events.append(Comment(content))
            case _:
                pass
    return events


def _read_back(events: list[ServerSentEvent]) -> list[Event]:
    found: list[Event] = []
    last_event_id = ""
    for event in events:
        last_event_id = last_event_id if event.id is None else event.id
        found.append(ServerSentEvent(event.data, event.event, last_event_id))
    return found


def _too_long_lines(size: int) -> st.SearchStrategy[bytes]:
    starts = st.sampled_from([b"", b":", b"data: ", b"data:\xf0\x9f\x98\x80", b"x: ", b"\x00"])
    ends = st.sampled_from([b"", b"\n", b"\r\n\r\n"])
    return st.tuples(starts, ends).map(lambda parts: parts[0].ljust(size + 1, b"x") + parts[1])


def _too_many_lines(size: int) -> st.SearchStrategy[bytes]:
    starts = st.sampled_from([b"data", b"data: x", b"event: y\ndata: "])
    return starts.map(lambda line: (line + b"\n") * (size + 2))


def _text(*, without: str, min_size: int = 0) -> st.SearchStrategy[str]:
    tricky = [
        each
        for each in " :\n\0\t\ufeff\x0b\x0c\x1c\x85\u2028\u2029\U0001f600"
        if each not in without
    ]
    drawn = st.characters(codec="utf-8", exclude_characters=without)
    return st.text(st.sampled_from(tricky) | drawn, min_size=min_size)


def _spoiled(texts: st.SearchStrategy[str], characters: str) -> st.SearchStrategy[str]:
    """Text with one of the characters in it somewhere."""
    return st.builds("{}{}{}".format, texts, st.sampled_from(characters), texts)
