"""Event streams and the events that they must give; and what must be refused."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from itertools import cycle
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from eventproto import Event, Message, sse
from eventproto.sse import Comment, RetryChanged, Sendable, ServerSentEvent, encode
from eventproto.strategies._messages import messages

__all__ = [
    "hostile_sse_streams",
    "near_valid_sse_streams",
    "oversized_sse_streams",
    "sendable_sse_events",
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


def sendable_sse_events() -> st.SearchStrategy[tuple[Sendable, Event]]:
    """All that `sse.encode` takes, and what a decoder that begins there must read it back as.

    Line ends of text are read as LF, those of bytes and messages as they were sent. All readers
    but the decoder of this library give the base64 of bytes.
    """
    parts = st.lists(_text(without="\r\n") | st.sampled_from(["\r", "\n", "\r\n"]))
    return st.one_of(
        server_sent_events().map(lambda event: (event, _read_back([event])[0])),
        parts.map("".join).map(lambda text: (ServerSentEvent(text), _with_lf(text))),
        messages().filter(_fits_in_lines).map(lambda message: (message, _carried(message))),
        st.one_of(
            st.builds(Comment, _text(without="\r\n")),
            st.builds(RetryChanged, st.integers(0, 2**64 - 1)),
        ).map(lambda event: (event, event)),
    )


def unsendable_sse_events() -> st.SearchStrategy[Sendable]:
    """What `sse.encode` must refuse, since no decoder would read it back.

    Among them are attempts to have a type, an id or a comment write fields of their own.
    """
    half = _spoiled(st.text(), ["\ud800", "\udfff"])
    line = _spoiled(st.text(), ["\r", "\n", *_INJECTIONS])
    nul = _spoiled(st.text(), ["\0"])
    return st.one_of(
        st.builds(ServerSentEvent, half),
        st.builds(ServerSentEvent, st.binary(), event=st.just("") | half | line),
        st.builds(ServerSentEvent, st.binary(), id=half | line | nul),
        st.builds(Comment, half | line),
        st.builds(RetryChanged, st.integers(max_value=-1) | st.integers(min_value=2**64)),
        st.builds(Message, data=st.binary(), type=st.sampled_from(_INJECTIONS)),
        st.builds(Message, data=st.binary(), id=st.sampled_from([*_INJECTIONS, "\0"])),
    )


def sse_streams(
    *, last_event_id: str = "", binary: bool = True
) -> st.SearchStrategy[tuple[bytes, list[Event]]]:
    """Event streams as a server may write them, and the events that a decoder must make of them.

    They have all that the format has: each field in each of its spellings, comments, fields of
    other names, blocks without data, the three line ends in turn, a byte-order mark or none. The
    last line is ended, and what follows the last blank line is no event.

    Args:
        last_event_id: The last event ID that the decoder is told to start with.
        binary: Whether there are events of bytes, as base64: an extension of this library.
    """
    return _streams(_valid_lines(binary=binary), [b""], last_event_id)


def near_valid_sse_streams(
    *, last_event_id: str = "", binary: bool = True
) -> st.SearchStrategy[tuple[bytes, list[Event]]]:
    """Event streams that a server gets wrong, and the events that a decoder must make of them.

    Between the lines of `sse_streams` stand such that a decoder must pass over or repair, and
    none of them is an error: misspelt field names, ids with NUL, reconnection times that are no
    numbers, UTF-8 that is none, a byte-order mark too many, an end in the middle.

    Args:
        last_event_id: The last event ID that the decoder is told to start with.
        binary: Whether there are events of bytes, as base64: an extension of this library.
    """
    return _streams(_valid_lines(binary=binary) | _near_valid_lines(), _UNFINISHED, last_event_id)


def hostile_sse_streams(
    *, last_event_id: str = "", binary: bool = True, repeat: int = 100
) -> st.SearchStrategy[tuple[bytes, list[Event]]]:
    """Event streams meant to harm a decoder, and the events that it must make of them.

    They exceed no limit that is worth the name and are no error. They have floods of tiny blocks,
    lines and comments, a line that never ends, byte-order marks and NUL everywhere, characters
    cut in two, reconnection times of thousands of digits, base64 that is none, and values that
    become fields for whoever splits lines where there is no line end.

    Args:
        last_event_id: The last event ID that the decoder is told to start with.
        binary: Whether there are events of bytes, as base64: an extension of this library.
        repeat: How often the parts of a flood are repeated at most, and the length of the line
            that never ends.
    """
    ends = [b"", b"\xef\xbb", b"\xf0\x9f\x98", b"data: ".ljust(repeat, b"x"), b":" * repeat]
    return _streams(_valid_lines(binary=binary) | _hostile_lines(repeat), ends, last_event_id)


@st.composite
def oversized_sse_streams(draw: st.DrawFn, limits: sse.Limits) -> tuple[bytes, list[Event], str]:
    """Event streams that exceed a limit, the events before that, and the name of the limit.

    The events must be delivered, then comes the error, and nothing after it.

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
            st.tuples(st.just("id_size"), _too_long_ids(limits.id_size)),
        )
    )
    after = draw(st.binary(max_size=20))
    return before + excess + after, _read_back(events), limit


# A line as it is written, and the field that it sets to a value, or whatever else it is for.
_Line: TypeAlias = tuple[bytes, str, Any]

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final[_Line] = (b"", "blank", None)
_UNFINISHED: Final = [b"", b":", b"data: lost", b"id: lost", b"retry: 1", b"event", b"\xf0\x9f"]
_INJECTIONS: Final = ["a\ndata: b\n\n", "a\r\rdata: b\r\r", "1\r\nid: 2", "\nretry: 0", "\n\n:"]
_NO_LINE_ENDS: Final = "\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"

_UNKNOWN: Final = [b"x", b"x: y", b"ids: 1", b"retry-after: 1", b"\xc3\xa9: x", b" "]
_IGNORED: Final = [
    *(b"\t", b"Data: x", b"DATA: x", b" data: x", b"data : x", b"data\t: x"),
    *(b"\xef\xbb\xbfdata: x", b"\xc2\xa0data: x", b"event\x00: x", b"\xff", b"\x00: x"),
    *(b"id: a\x00b", b"id: \x00", b"retry", b"retry:", b"retry: ", b"retry:  5", b"retry: 5 "),
    *(b"retry: +5", b"retry: -1", b"retry: 1_000", b"retry: 1.0", b"retry: 0x1", b"retry:\t5"),
    *("retry: \uff15".encode(), "retry: \u00b2".encode(), b"data-encoding: gzip"),
    *(b"data-encoding", b"retry: 18446744073709551616", b"\xef\xbbdata: x", b"\xefdata: x"),
]
_MALFORMED: Final = [
    (b"\xff", "\ufffd"),
    (b"\xe2\x82", "\ufffd"),
    (b"\xe2\x82x", "\ufffdx"),
    (b"\xf0\x9f\x98", "\ufffd"),
    (b"\xf0\x9f\x98\xf0\x9f\x98\x80", "\ufffd\U0001f600"),
    (b"\xc0\xaf", "\ufffd\ufffd"),
    (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    (b"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"),
    (b"\x80\xc3\xa9", "\ufffd\u00e9"),
]
_FLOODS: Final[list[list[_Line]]] = [
    [_BLANK],
    [(b"data", "data", ""), _BLANK],
    [(b"data:", "data", "")],
    [(b"id", "id", ""), _BLANK],
    [(b"id: x", "id", "x")],
    [(b"event: x", "event", "x"), _BLANK],
    [(b":", "comment", "")],
    [(b"retry: 0", "retry", 0)],
    [(b"x", "ignored", None)],
    [(_BOM, "ignored", None)],
]
_TRAPS: Final[list[_Line]] = [
    *((b"data: \xe0\xa0", "data", "\ufffd"), (b"data: \xf0\x9f", "data", "\ufffd")),
    *((b"data: \xf4\x8f\xbf", "data", "\ufffd"), (b"data: \xf4", "data", "\ufffd")),
    *((b"retry: 1" + b"0" * zeros, "ignored", None) for zeros in (20, 4300, 5000)),
    *((b"retry: " + b"0" * zeros + b"7", "retry", 7) for zeros in (20, 4300, 5000)),
    *((b"id: \x00", "ignored", None), (b"id: 1\x00", "ignored", None)),
    *((b"\x00id: 1", "ignored", None), (b"id\x00: 1", "ignored", None)),
]
_NO_BASE64: Final = [b"aGk", b"aGk==", b"a!k=", b"=aGk", b"aGk=aGk=", b"aGk=\xc2\xa0", b" aGk="]


@st.composite
def _streams(
    draw: st.DrawFn,
    groups: st.SearchStrategy[list[_Line]],
    ends: list[bytes],
    last_event_id: str,
) -> tuple[bytes, list[Event]]:
    """Write lines that belong together, in groups, with an unfinished one at the end."""
    lines = [line for group in draw(st.lists(groups, max_size=8)) for line in group]
    line_ends = st.lists(st.sampled_from([b"\n", b"\r", b"\r\n"]), min_size=1, max_size=5)
    line_end = cycle(draw(line_ends))
    stream = bytearray()
    if draw(st.booleans()) or (lines and lines[0][0].startswith(_BOM)):
        stream += _BOM
    for written, _, _ in lines:
        # The LF of an empty line would belong to a CR that ends the line before.
        belongs = not written and stream.endswith(b"\r")
        end = next(line_end)
        stream += written + (b"\r\n" if belongs and end == b"\n" else end)
    stream += draw(st.sampled_from(ends))
    return bytes(stream), _meaning(lines, last_event_id)


def _valid_lines(*, binary: bool) -> st.SearchStrategy[list[_Line]]:
    text = _text(without="\r\n")
    line = st.one_of(
        st.just(_BLANK),
        _fields("data", text),
        _fields("event", text),
        _fields("id", _text(without="\r\n\0")),
        st.integers(0, 2**64 - 1).map(_retry),
        text.map(lambda comment: (b": " + comment.encode(), "comment", comment)),
        st.sampled_from(_UNKNOWN).map(_ignored),
    )
    lines = line.map(lambda each: [each])
    return lines | st.builds(_binary, st.binary(max_size=50)) if binary else lines


def _near_valid_lines() -> st.SearchStrategy[list[_Line]]:
    malformed = st.sampled_from(_MALFORMED)
    line = st.one_of(
        malformed.map(lambda pair: (b"data:" + pair[0], "data", pair[1])),
        malformed.map(lambda pair: (b"event: " + pair[0], "event", pair[1])),
        malformed.map(lambda pair: (b"id:" + pair[0], "id", pair[1])),
        malformed.map(lambda pair: (b":" + pair[0], "comment", pair[1])),
        st.sampled_from(_IGNORED).map(_ignored),
    )
    return line.map(lambda each: [each])


def _hostile_lines(repeat: int) -> st.SearchStrategy[list[_Line]]:
    flood = st.tuples(st.sampled_from(_FLOODS), st.integers(1, max(1, repeat)))
    smuggled = st.builds(
        "a{}{}".format,
        st.text(_NO_LINE_ENDS, min_size=1, max_size=3),
        st.sampled_from(["data: b", "id: 9", "event: b", "retry: 0", ": b", ""]),
    )
    line = st.one_of(
        smuggled.map(lambda text: (b"data: " + text.encode(), "data", text)),
        smuggled.map(lambda text: (b"event: " + text.encode(), "event", text)),
        smuggled.map(lambda text: (b": " + text.encode(), "comment", text)),
        st.sampled_from(_TRAPS),
    )
    return st.one_of(
        flood.map(lambda drawn: drawn[0] * drawn[1]),
        line.map(lambda each: [each]),
        st.sampled_from(_NO_BASE64).map(_no_binary),
    )


def _ignored(written: bytes) -> _Line:
    return written, "ignored", None


def _retry(milliseconds: int) -> _Line:
    return b"retry: %05d" % milliseconds, "retry", milliseconds


def _fields(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[_Line]:
    def written(text: str, *, spaced: bool) -> _Line:
        if not text and not spaced:
            return name.encode(), name, text
        space = " " if spaced or text.startswith(" ") else ""
        return f"{name}:{space}{text}".encode(), name, text

    return st.builds(written, values, spaced=st.booleans())


def _binary(data: bytes) -> list[_Line]:
    encoded = b"data: " + b64encode(data)
    return [_BLANK, _ignored(b"data-encoding: base64"), (encoded, "binary", data), _BLANK]


def _no_binary(encoded: bytes) -> list[_Line]:
    line = (b"data: " + encoded, "data", encoded.decode())
    return [_BLANK, _ignored(b"data-encoding: base64"), line, _BLANK]


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
    starts = st.sampled_from(
        [b"", b":", b"data: ", b"data:\xf0\x9f\x98\x80", b"event: ", b"retry: 1", b"x: ", b"\x00"]
    )
    ends = st.sampled_from([b"", b"\n", b"\r", b"\r\n\r\n"])
    return st.tuples(starts, ends).map(lambda parts: parts[0].ljust(size + 1, b"x") + parts[1])


def _too_many_lines(size: int) -> st.SearchStrategy[bytes]:
    lines = [b"data", b"data: x", b"event: y\ndata: ", b"data-encoding: base64\ndata"]
    ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
    return st.tuples(st.sampled_from(lines), ends).map(lambda line: b"".join(line) * (size + 2))


def _too_long_ids(size: int) -> st.SearchStrategy[bytes]:
    character = st.sampled_from([b"9", "\u00e9".encode(), b"\xff"])
    return character.map(lambda each: b"id:" + each * (size // len(each) + 1) + b"\n")


def _with_lf(text: str) -> ServerSentEvent:
    return ServerSentEvent(text.replace("\r\n", "\n").replace("\r", "\n"), id="")


def _fits_in_lines(message: Message) -> bool:
    return not set("\r\n") & set(message.type) and not set("\r\n\0") & set(message.id or "")


def _carried(message: Message) -> ServerSentEvent:
    data: str | bytes = message.data
    with suppress(UnicodeDecodeError):
        if b"\r" not in message.data:
            data = message.data.decode()
    return ServerSentEvent(data, message.type, message.id or "")


def _text(*, without: str, min_size: int = 0) -> st.SearchStrategy[str]:
    tricky = [
        each
        for each in " :\n\0\t\ufeff\x0b\x0c\x1c\x85\u2028\u2029\U0001f600"
        if each not in without
    ]
    drawn = st.characters(codec="utf-8", exclude_characters=without)
    return st.text(st.sampled_from(tricky) | drawn, min_size=min_size)


def _spoiled(texts: st.SearchStrategy[str], parts: list[str]) -> st.SearchStrategy[str]:
    """Text with one of the parts in it somewhere."""
    return st.builds("{}{}{}".format, texts, st.sampled_from(parts), texts)
