"""Any bytes are to the decoder what they are to the EventSource of a browser."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from eventproto.sse import ServerSentEvent
from eventproto.strategies import (
    chunkings,
    hostile_sse_streams,
    near_valid_sse_streams,
    sse_streams,
)
from tests.interop.browser import browser
from tests.sse.streams import (
    ANY_STREAMS,
    BOM,
    VECTORS,
    WEB_PLATFORM_TESTS,
    decoded,
    one_by_one,
)

# Six connections are all that a browser has. It says with an event that the stream has ended; an
# event of the stream may be of that type, too.
READ_ALL = """
    const types = TYPES, found = [];
    const read = number => new Promise(resolve => {
        const events = [], source = new EventSource("/" + (FIRST + number));
        const take = event => {
            if (event instanceof MessageEvent) {
                events.push([event.type, event.data, event.lastEventId]);
            } else if (event.type === "error") {
                source.close(); resolve(events);
            }
        };
        for (const type of types[number]) source.addEventListener(type, take);
    });
    let next = 0;
    const work = async () => {
        while (next < types.length) { const number = next++; found[number] = await read(number); }
    };
    Promise.all([1, 2, 3, 4, 5, 6].map(work)).then(() => done(found));
"""

A = b"data: a\n\n"
NASTY = [
    *(BOM, BOM + A, BOM * 2 + A + A, BOM * 3 + A, BOM + A + BOM + A, b"\n" + BOM + A + A),
    *(BOM[:1] + A + A, BOM[:2] + A + A, BOM[:2] + b":\n" + A, BOM + BOM[:2] + b":\n" + A),
    *(A + b"data: lost" + end for end in (b"", b"\n", b"\r", b"\r\n")),
    *(b"data: a" + end for end in (b"\r\r", b"\n\r", b"\r\n\r", b"\r\r\n", b"\n\r\n", b"\r\n\n")),
    b"data: a\rdata: b\r\n\rdata: c\n\r\ndata: d\r\r\n\ndata: e\n\n",
    *(b"id: 1\nid: " + id + b"\ndata: a\n\n" for id in (b"\0", b"2\0", b"\x002", b" \0", b"\xff")),
    *(b"id: 1\ndata: a\n\n" + reset + b"\n\n" + A for reset in (b"id", b"id:", b"id: ", b"id:  ")),
    *(b"event: a\nevent" + reset + b"\ndata: a\n\n" for reset in (b"", b":", b": ", b":  ")),
    *(b"retry" + value + b"\n" + A for value in (b"", b":", b": -1", b": 5x", b": " + b"9" * 5000)),
    *(b"%b: b\n\n" % name + A for name in (b"data ", b" data", b"Data", b"data\0", b"\0data")),
    *(b"data:%b\n\n" % value for value in (b"\t", b"  ", b" \0 ", b"\xc2\xa0", b"\xe3\x80\x80")),
    *(b"event: " + type + b"\ndata: a\n\n" for type in (b"error", b"open", b"\xff", b" ", b"\0")),
    "data: \x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\ufeff\uffff\n\n".encode(),
    # Malformed: cut off, overlong, surrogates, too large, out of place
    *(A + b"data: " + cut for cut in (b"\xe2", b"\xe2\x82", b"\xf0\x9f\x98", b"\xf0\x9f\x98\n")),
    *(b"data: %b\n\n" % cut for cut in (b"\xe2", b"\xe2\x82", b"\xf0\x9f", b"\xf0\x9f\x98")),
    *(b"data: %b\r\r" % bad for bad in (b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf")),
    *(b"data: %b\n\n" % bad for bad in (b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xed\xa0\x80\xed\xb0")),
    *(b"data: %b\n\n" % bad for bad in (b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe\xff")),
    *(
        b"data: %b\n\n" % bad
        for bad in (b"\x80", b"\xbf\xbf", b"\xe2\x82\xac\x82", b"\xc3\xc3\xa9")
    ),
    b"data:" + bytes(range(10)) + bytes(range(11, 13)) + bytes(range(14, 256)) + b"\n\n",
    # Large
    b"data: a\n" * 70_000 + b"\n",
    b"data: " + b"\xe2\x82\xac" * 500_000 + b"\n\n",
    b":\n" * 100_000 + b"\r" * 100_000 + b"id: 1\n\n" * 10_000 + A,
    b"event: " + b"e" * 4000 + b"\nid: " + b"i" * 4000 + b"\ndata: a\n\n",
]


def drawn(number: int) -> list[list[bytes]]:
    """Draw streams of each kind, and how they are cut."""
    found: list[list[bytes]] = []
    events = sse_streams(), near_valid_sse_streams(), hostile_sse_streams(repeat=20)
    kinds = [ANY_STREAMS, *(strategy.map(lambda pair: pair[0]) for strategy in events)]

    @settings(max_examples=number, phases=[Phase.generate])
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        found.extend(data.draw(chunkings(unflagged(data.draw(kind)))) for kind in kinds)

    draw()
    return found


def unflagged(stream: bytes) -> bytes:
    """Without the flag that browsers do not know."""
    return stream.replace(b"data-encoding", b"DATA-ENCODING")


@contextmanager
def served(streams: list[list[bytes]]) -> Iterator[str]:
    """A server that has each stream under its number; in pieces, and each of them at once."""

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            chunks = streams[int(self.path[1:])] if self.path[1:].isdigit() else []
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream" if chunks else "text/html")
            self.end_headers()
            for chunk in chunks:
                self.wfile.write(chunk)
                time.sleep(0.001)  # or the next one comes with it

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Nobody wants to know."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


async def as_a_browser_reads(streams: list[list[bytes]], profile: Path) -> list[Any]:
    """Type, data and last event ID of each event of each stream."""
    found: list[Any] = []
    with served(streams) as url:
        async with browser(profile) as page:
            while len(found) < len(streams):  # a script has a few seconds only
                batch = streams[len(found) : len(found) + 100]
                types = json.dumps([types_in(b"".join(chunks)) for chunks in batch])
                script = READ_ALL.replace("TYPES", types).replace("FIRST", str(len(found)))
                found += await page.run(url, script)
    return found


def types_in(stream: bytes) -> list[str]:
    """All that a browser could take for the type of an event."""
    lines = re.split("[\r\n]", stream.decode("utf-8", "replace"))
    values = {line.partition(":")[2] for line in lines}
    return sorted({"message", "error", "open", *values, *(value[1:] for value in values)} - {""})


def understood(chunks: list[bytes]) -> list[list[Any]]:
    """What the decoder makes of a stream, in the words of a browser."""
    return [
        [event.event, event.data, event.id]
        for event in decoded(chunks)
        if isinstance(event, ServerSentEvent)
    ]


def test_a_browser_finds_the_same_events(tmp_path: Path) -> None:
    """In all vectors, in nasty streams, and in drawn ones; whole and in pieces."""
    # SSE A7, B1, B2, B3, B4, B5, B6, B7, C3, C7, D3, D4, E1, E2
    known = [vector.stream for vector in [*VECTORS, *WEB_PLATFORM_TESTS]] + NASTY
    streams = [[stream] for stream in known]
    streams += [one_by_one(stream) for stream in NASTY if len(stream) < 20]
    streams += drawn(15)
    # Chromium overlooks a line end that stands right behind a byte-order mark.
    streams = [each for each in streams if not re.match(BOM + b"[\r\n]", b"".join(each))]

    found = anyio.run(as_a_browser_reads, streams, tmp_path)
    for chunks, events in zip(streams, found, strict=True):
        assert understood(chunks) == events, chunks
