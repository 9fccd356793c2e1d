"""What the peers make of streams that are not plain: `python -m benchmarks.bench_sse_agreement`.

Each row is a stream, and what a peer finds in it that the specification does not: events of another
type, data or last event ID, more of them or fewer. What this library finds is what Chromium finds
(`tests/interop/test_sse_browser_decoder.py`). Then comes what streams cost that are four times as
large as others; more than four times as much is more than linear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import process_time
from typing import Final, TypeAlias

from httpx._decoders import TextDecoder
from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from ld_eventsource.actions import Event  # type: ignore[import-untyped]  # as it is published
from ld_eventsource.reader import (  # type: ignore[import-untyped]  # as it is published
    _BufferedLineReader,
    _SSEReader,
)
from sseclient import SSEClient

from eventproto import sse

Found: TypeAlias = tuple[str, str | bytes, str]
Reader: TypeAlias = Callable[[Iterator[bytes]], Iterator[Found]]

_A: Final = b"data: a\n\n"
_STREAMS: Final[dict[str, list[bytes]]] = {
    "several lines of data": [b"data: a\ndata: b\n\n"],
    "a byte-order mark": [b"\xef\xbb\xbfdata: a\n\n"],
    "U+2028 in a line": ["data: a\u2028b\n\n".encode()],
    "malformed UTF-8": [b"data: \xff\n\n"],
    "a character cut in two": [b"data: \xe2\x82", b"\xac\n\n"],
    "a comment of its own": [b": x\n\n" + _A],
    "a comment behind an id": [b"id: 1\n" + _A + b": x\n\n"],
    "an id without data": [b"id: 1\n\n" + _A],
    "the id stays": [b"id: 1\n" + _A + _A],
    "an id with NUL": [b"id: 1\nid: 2\0\n" + _A],
    "an empty id takes it back": [b"id: 1\n" + _A + b"id\n" + _A],
    "a type without data": [b"event: a\n\n" + _A],
    "the first of two types": [b"event: a\nevent: b\n" + _A],
    "retry alone": [b"retry: 1\n\n" + _A],
    "data without a colon": [b"data\n\n"],
    "a line of white space": [b"data: a\n \ndata: b\n\n"],
    "CR ends a line": [b"data: a\r\rdata: b\r\r"],
    "a mixture of line ends": [b"data: a\r\n\ndata: b\n\r\ndata: c\r\n\r\n"],
    "CRLF cut in two": [b"data: a\r", b"\ndata: b\r\n\r", b"\n"],
    "CR at once": [b"data: a\r\r"],
}
_ENDED: Final[dict[str, list[bytes]]] = {
    "no blank line at the end": [_A + b"data: lost\n"],
    "no line end at the end": [_A + b"data: lost"],
}
_LARGE: Final[dict[str, Callable[[int], list[bytes]]]] = {
    "one line, in pieces": lambda n: [b"data: ", *[b"x" * 1460] * n, b"\n\n"],
    "lines of one event": lambda n: [*[b"data: x\n" * 1000] * (n // 20), b"\n"],
    "comments": lambda n: [b":\n" * 1000] * (n // 20) + [_A],
}
_SIZES: Final = (500, 2000)
_ROUNDS: Final = 3


class _Open(Exception):
    """The stream goes on, but there is nothing more yet."""


def main() -> None:
    readers: dict[str, Reader] = {
        "httpx-sse": read_httpx_sse,
        "LaunchDarkly": read_launchdarkly,
        "sseclient-py": read_sseclient,
        "eventproto": read_eventproto,
    }
    print_row("", readers)
    for name, chunks in (_STREAMS | _ENDED).items():
        ended = name in _ENDED
        expected = found(read_eventproto, chunks, ended=ended)
        outcomes = (found(read, chunks, ended=ended) for read in readers.values())
        print_row(name, ["" if each == expected else shown(each) for each in outcomes])
    for name, make in _LARGE.items():
        print_row(name, [f"{growth(read, make):.1f}x" for read in readers.values()])


def print_row(name: str, cells: Iterable[str]) -> None:
    print(f"{name:26}", *(f"{each:>18}" for each in cells))


def found(read: Reader, chunks: list[bytes], *, ended: bool) -> list[Found] | Exception:
    events: list[Found] = []
    try:
        events.extend(read(iter(chunks) if ended else _then_open(chunks)))
    except _Open:
        return events
    except ValueError as error:
        return error
    return events


def _then_open(chunks: list[bytes]) -> Iterator[bytes]:
    yield from chunks
    raise _Open


def shown(outcome: list[Found] | Exception) -> str:
    if isinstance(outcome, Exception):
        return type(outcome).__name__
    return f"{len(outcome)} event{'s' * (len(outcome) != 1)}"


def growth(read: Reader, make: Callable[[int], list[bytes]]) -> float:
    """How many times as long it takes to read what is four times as large."""
    times = dict.fromkeys(_SIZES, float("inf"))
    for _ in range(_ROUNDS):
        for size in _SIZES:
            chunks = make(size)
            start = process_time()
            assert sum(1 for _ in read(iter(chunks))) == 1
            times[size] = min(times[size], process_time() - start)
    small, large = times.values()
    return large / small


def read_eventproto(chunks: Iterator[bytes]) -> Iterator[Found]:
    decoder = sse.Decoder()
    for chunk in chunks:
        for event in decoder.receive(chunk):
            if isinstance(event, sse.ServerSentEvent):
                yield event.event, event.data, event.id or ""


def read_httpx_sse(chunks: Iterator[bytes]) -> Iterator[Found]:
    # What `EventSource.iter_sse` does.
    decoder = SSEDecoder()
    for line in _lines(chunks):
        if (event := decoder.decode(line.rstrip("\n"))) is not None:
            yield event.event, event.data, event.id


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    text, lines = TextDecoder(), SSELineDecoder()
    for chunk in chunks:
        if decoded := text.decode(chunk):  # httpx passes on nothing that is empty
            yield from lines.decode(decoded)
    if decoded := text.flush():
        yield from lines.decode(decoded)
    yield from lines.flush()


def read_launchdarkly(chunks: Iterator[bytes]) -> Iterator[Found]:
    for event in _SSEReader(_BufferedLineReader.lines_from(chunks)).events_and_comments():
        if isinstance(event, Event):
            yield event.event, event.data, event.last_event_id or ""


def read_sseclient(chunks: Iterator[bytes]) -> Iterator[Found]:
    for event in SSEClient(chunks).events():
        yield event.event, event.data, event.id or ""


if __name__ == "__main__":
    main()
