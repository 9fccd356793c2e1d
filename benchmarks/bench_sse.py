"""Decoding an event stream, next to httpx-sse: `python -m benchmarks.bench_sse`.

The stream is what language models send: events of 193 bytes, one line of JSON in each. The peer
is httpx-sse's decoder with the standard library's incremental UTF-8 decoder in front, without
the cost of httpx. The floor is what cannot be avoided in pure Python: splitting and decoding.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Callable
from time import process_time
from typing import Final

from httpx_sse._decoders import SSEDecoder, SSELineDecoder

from eventproto import sse

_EVENT: Final = (
    b'data: {"id":"chatcmpl-9xQ2abcde","object":"chat.completion.chunk","created":1718000000,'
    b'"model":"m-4","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,'
    b'"finish_reason":null}]}\n\n'
)
_EVENTS: Final = 50_000
_ROUNDS: Final = 5


def main() -> None:
    assert len(_EVENT) == 193, len(_EVENT)
    stream = _EVENT * _EVENTS
    shapes = {
        "64 KiB chunks": [stream[at : at + 65536] for at in range(0, len(stream), 65536)],
        "one event per chunk": [_EVENT] * _EVENTS,
    }
    for shape, chunks in shapes.items():
        assert read_eventproto(chunks) == read_httpx_sse(chunks) == _EVENTS
        floor, ours, theirs = measure(chunks, read_floor, read_eventproto, read_httpx_sse)
        print(
            f"{shape:20} {len(stream) / ours / 1e6:5.0f} MB/s   "
            f"{ours / _EVENTS * 1e6:.2f} us per event   "
            f"{theirs / ours:.2f}x httpx-sse   {floor / ours:.2f} of the floor"
        )


def measure(chunks: list[bytes], *readers: Callable[[list[bytes]], object]) -> list[float]:
    """The best time of each reader; they take turns, so that a busy machine slows all alike."""
    best = [float("inf")] * len(readers)
    for _ in range(_ROUNDS):
        for index, read in enumerate(readers):
            start = process_time()
            read(chunks)
            best[index] = min(best[index], process_time() - start)
    return best


def read_eventproto(chunks: list[bytes]) -> int:
    decoder = sse.Decoder()
    return sum(len(decoder.receive(chunk)) for chunk in chunks)


def read_httpx_sse(chunks: list[bytes]) -> int:
    decode = getincrementaldecoder("utf-8")("replace").decode
    lines = SSELineDecoder()
    decoder = SSEDecoder()
    count = 0
    for chunk in chunks:
        for line in lines.decode(decode(chunk)):
            if decoder.decode(line.rstrip("\n")) is not None:
                count += 1
    return count


def read_floor(chunks: list[bytes]) -> None:
    for chunk in chunks:
        for line in chunk.split(b"\n"):
            line.decode()


if __name__ == "__main__":
    main()
