"""Decoding and encoding event streams, next to the peers: `python -m benchmarks.bench_sse`.

The stream is what language models send: events of 193 bytes, one line of JSON in each, 50 MB of
them. The peers decode without the cost of their HTTP clients. The floor is what cannot be avoided
in pure Python, once for the events and once for the lines: splitting and decoding. It makes no
event, and what it splits at is not what the specification says.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable
from time import process_time
from typing import Any, Final, TypeAlias

from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from ld_eventsource.reader import (  # type: ignore[import-untyped]  # as it is published
    _BufferedLineReader,
    _SSEReader,
)
from sse_starlette.event import ServerSentEvent
from sseclient import SSEClient

from eventproto import sse

Chunks: TypeAlias = list[bytes]

_JSON: Final = (
    '{"id":"chatcmpl-9xQ2abcde","object":"chat.completion.chunk","created":1718000000,'
    '"model":"m-4","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,'
    '"finish_reason":null}]}'
)
_EVENT: Final = f"data: {_JSON}\n\n".encode()
_SIZE: Final = 50_000_000
_PARTS: Final = 20  # of the stream in each round: short times are undisturbed more often
_ENCODED: Final = 5_000
_ROUNDS: Final = 10


def main() -> None:
    decoding()
    encoding()


def decoding() -> None:
    assert len(_EVENT) == 193, len(_EVENT)
    named = b"event: delta\n" + _EVENT
    crlf = _EVENT.replace(b"\n", b"\r\n")
    shapes = {
        "64 KiB chunks": (_EVENT, 65536),
        "one event per chunk": (_EVENT, len(_EVENT)),
        "with types, 64 KiB": (named, 65536),
        "with types, one each": (named, len(named)),
        "CRLF, one each": (crlf, len(crlf)),  # as sse-starlette sends
    }
    readers: dict[str, Callable[[Chunks], int]] = {
        "eventproto": read_eventproto,
        "httpx-sse": read_httpx_sse,
        "LaunchDarkly": read_launchdarkly,
        "sseclient-py": read_sseclient,
        "events": split_events,
        "lines": split_lines,
    }
    for shape, (event, chunk_size) in shapes.items():
        count = _SIZE // len(event) // _PARTS
        part = event * count
        chunks = [part[at : at + chunk_size] for at in range(0, len(part), chunk_size)]
        assert read_eventproto(chunks) == read_httpx_sse(chunks) == count
        assert read_launchdarkly(chunks) == read_sseclient(chunks) == count
        best = measure({name: (read, chunks) for name, read in readers.items()})
        ours = best.pop("eventproto")
        floors = [f"{best.pop(floor) / ours:.2f} of split {floor}" for floor in ("events", "lines")]
        peers = [f"{time / ours:.2f}x {name}" for name, time in best.items()]
        print(
            f"decode, {shape:20} {len(part) / ours / 1e6:4.0f} MB/s  "
            f"{ours / count * 1e6:.2f} us/event  " + "  ".join(peers + floors)
        )


def encoding() -> None:
    shapes: dict[str, dict[str, Any]] = {
        "data": {"data": _JSON},
        "data, type, id": {"data": _JSON, "event": "delta", "id": "1718"},
        "ten lines": {"data": "\n".join([_JSON] * 10)},
    }
    for shape, fields in shapes.items():
        best = measure({"ours": (write_eventproto, fields), "theirs": (write_starlette, fields)})
        ours, theirs = best["ours"], best["theirs"]
        print(
            f"encode, {shape:20} {ours / _ENCODED * 1e6:.2f} us/event  "
            f"{ours / theirs:.2f} of sse-starlette's time"
        )


def measure(contenders: dict[str, tuple[Callable[[Any], object], Any]]) -> dict[str, float]:
    """The best time of each; they take turns, so that a busy machine slows all alike."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(_ROUNDS * _PARTS):
        for name, (run, argument) in contenders.items():
            start = process_time()
            run(argument)
            best[name] = min(best[name], process_time() - start)
    return best


def _count(events: Iterable[object]) -> int:
    count = 0
    for _ in events:
        count += 1
    return count


# Decoders.


def read_eventproto(chunks: Chunks) -> int:
    decoder = sse.Decoder()
    count = 0
    for chunk in chunks:
        for _ in decoder.receive(chunk):
            count += 1
    return count


def read_httpx_sse(chunks: Chunks) -> int:
    # What `EventSource.iter_sse` does, with httpx's text decoder in front, but for the generators.
    decode = getincrementaldecoder("utf-8")("replace").decode
    lines = SSELineDecoder()
    decoder = SSEDecoder()
    count = 0
    for chunk in chunks:
        for line in lines.decode(decode(chunk)):
            if decoder.decode(line.rstrip("\n")) is not None:
                count += 1
    return count


def read_launchdarkly(chunks: Chunks) -> int:
    return _count(_SSEReader(_BufferedLineReader.lines_from(chunks)).events_and_comments())


def read_sseclient(chunks: Chunks) -> int:
    return _count(SSEClient(iter(chunks)).events())


def split_events(chunks: Chunks) -> int:
    for chunk in chunks:
        for event in chunk.split(b"\n\n"):
            event.decode()
    return 0


def split_lines(chunks: Chunks) -> int:
    for chunk in chunks:
        for line in chunk.split(b"\n"):
            line.decode()
    return 0


# Encoders, with the making of the event.


def write_eventproto(fields: dict[str, Any]) -> None:
    for _ in range(_ENCODED):
        sse.encode(sse.ServerSentEvent(**fields))


def write_starlette(fields: dict[str, Any]) -> None:
    for _ in range(_ENCODED):
        ServerSentEvent(**fields).encode()


if __name__ == "__main__":
    main()
