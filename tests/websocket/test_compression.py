"""Connections whose messages are compressed (RFC 7692), both roles."""

from __future__ import annotations

import zlib
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import EOF, Closed, LimitExceeded, RemoteProtocolError
from eventproto.strategies import (
    broken_compressed_websocket_streams,
    chunkings,
    compressed_websocket_streams,
    websocket_compressions,
)
from eventproto.testing import Wire, check_chunking, feed
from eventproto.websocket import (
    AbnormalClosure,
    Binary,
    Close,
    Connection,
    Deflate,
    Frame,
    Limits,
    Opcode,
    Ping,
    Text,
)
from eventproto.websocket._deflate import Compressor
from tests.websocket.peer import (
    client,
    close,
    error_of,
    events,
    more,
    seen,
    sent,
    server,
    text,
    written,
)

ALL = Deflate(threshold=0)
CALM = Limits(ping_interval=1000)
SMALL = Limits(message_size=2000)


def compressed(payload: bytes, opcode: Opcode = Opcode.TEXT, sender: Any = None) -> Frame:
    return Frame(opcode, (sender or Compressor(ALL)).compress(payload), rsv1=True)


@given(st.data(), websocket_compressions(), st.booleans())
def test_streams_give_their_events(data: st.DataObject, deflate: Deflate, masked: bool) -> None:
    """However the peer compresses and fragments, and the network cuts."""
    wire, expected = data.draw(compressed_websocket_streams(masked=masked, deflate=deflate))

    def make() -> Connection:
        return (server if masked else client)(compression=deflate)

    *found, last = check_chunking(make, wire, data.draw(chunkings(wire)))
    assert found == expected
    assert isinstance(last, Closed)
    assert isinstance(last.error, AbnormalClosure)


@given(st.data(), websocket_compressions(), st.booleans())
def test_violations_are_answered(data: st.DataObject, deflate: Deflate, masked: bool) -> None:
    """With their code, behind what is valid; what is behind them has no effect."""
    streams = broken_compressed_websocket_streams(masked=masked, deflate=deflate, limits=SMALL)
    wire, expected, code = data.draw(streams)

    def make() -> Connection:
        return (server if masked else client)(SMALL, compression=deflate)

    *found, last = check_chunking(make, wire, data.draw(chunkings(wire)))
    assert found == expected
    assert isinstance(last, Closed)
    assert isinstance(last.error, RemoteProtocolError)
    assert last.error.code == code
    words = seen(feed(make(), [wire, EOF]).output, masked=not masked)[-1]
    assert (words.opcode, words.payload[:2]) == (Opcode.CLOSE, code.to_bytes(2, "big"))


@given(websocket_compressions(), st.lists(st.text() | st.binary(), max_size=8), st.integers(1, 100))
def test_two_ends(deflate: Deflate, said: list[str | bytes], size: int) -> None:
    """What one side compresses, the other one reads, however the network cuts it."""
    other = Deflate(
        peer_window_bits=deflate.window_bits, peer_context_takeover=deflate.context_takeover
    )
    left, right = client(CALM, compression=deflate), server(CALM, compression=other)

    def split(chunk: bytes) -> list[bytes]:
        return [chunk[at : at + size] for at in range(0, len(chunk), size)]

    wire = Wire(left, right, split=split)
    wire.send(left, *said, *said)
    wire.run(until=1)
    expected = [Text(each) if isinstance(each, str) else Binary(each) for each in said]
    assert wire.events(right) == expected * 2


def test_messages_below_the_threshold_are_sent_as_they_are() -> None:
    """And are no part of the context, on either side."""  # WebSocket M2, M20
    connection, peer = server(compression=Deflate(threshold=10)), client(compression=ALL)
    said = ["x" * 9, "x" * 10, "x" * 9, "x" * 10]
    for each in said:
        connection.send(each, 0)
    output = feed(connection, []).output
    assert [frame.rsv1 for frame in seen(output)] == [False, True] * 2
    assert feed(peer, [output]).events == tuple(Text(each) for each in said)


def test_control_frames_are_not_compressed() -> None:
    """Nor is what a peer sends uncompressed a violation."""  # WebSocket M3, M5
    connection = server(compression=ALL)
    connection.send(Ping(b"?" * 100), 0)
    connection.receive(sent(Frame(Opcode.PING, b"!"), text("a"), compressed(b"b")), 0)
    assert events(connection) == [Ping(b"!"), Text("a"), Text("b")]
    connection.send(Close(1000, "x" * 100), 0)
    assert not any(frame.rsv1 for frame in written(connection))


def test_a_compressed_message_may_be_fragmented() -> None:
    """RSV1 is set on the first fragment only, wherever the data is cut."""  # WebSocket M9
    data = compressed("\u20ac".encode() * 10).payload
    first = Frame(Opcode.TEXT, data[:2], fin=False, rsv1=True)
    connection = server(compression=ALL)
    connection.receive(sent(first, Frame(Opcode.PING), more(data[2:3], fin=False)), 0)
    connection.receive(sent(more(data[3:], fin=False), more("")), 0)
    assert events(connection) == [Ping(), Text("\u20ac" * 10)]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([compressed(b"a"), Frame(Opcode.TEXT, b"\xff", rsv1=True)], 1007),
        ([compressed(b"a"), Frame(Opcode.BINARY, b"", rsv1=True)], 1007),  # WebSocket M24
        ([compressed(b"a"), compressed(b"\xff")], 1007),
        ([compressed(b"a"), Frame(Opcode.PING, rsv1=True)], 1002),
        ([compressed(b"a"), text("", fin=False), more("")._replace(rsv1=True)], 1002),
        ([compressed(b"a"), compressed(bytes(1025), Opcode.BINARY)], 1009),
    ],
)
def test_violations_come_after_what_is_valid(frames: list[Frame], code: int) -> None:
    """And are answered with their code."""
    *valid, broken = frames
    wire = sent(*valid) + _unchecked(broken)
    transcript = feed(server(Limits(message_size=1024), compression=ALL), [wire, EOF])
    assert transcript.events[0] == Text("a")
    assert len(transcript.events) == 2
    error = error_of(transcript)
    assert isinstance(error, RemoteProtocolError)
    assert error.code == code
    (words,) = seen(transcript.output)
    assert words.payload[:2] == code.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (b";\x1b\x00\x9e\xa5\x95\x00\x0b;\x0b\x00\x00", "distance too far back"),
        (compressed(b"\xff" + bytes(1024)).payload, "1024 bytes"),
        (compressed(b"a\xff" * 99).payload, "at byte 1"),
    ],
)
def test_what_is_wrong_with_text_is_said_at_its_end(payload: bytes, what: str) -> None:
    """The same is wrong with a message in one read and in many."""
    frame = _unchecked(Frame(Opcode.TEXT, payload, rsv1=True))
    limits = Limits(message_size=1024)
    (closed,) = check_chunking(lambda: server(limits, compression=ALL), frame)
    assert isinstance(closed, Closed)
    assert what in str(closed.error)


def test_text_that_is_wrong_and_does_not_end() -> None:
    """Waits for its end."""
    sender = Compressor(ALL)
    parts = [sender.compress(b"a\xff", fin=False), sender.compress(b"b", fin=False)]
    first = Frame(Opcode.TEXT, parts[0], fin=False, rsv1=True)
    connection = server(compression=ALL)
    connection.receive(sent(first, more(parts[1], fin=False)), 0)
    assert events(connection) == []
    connection.receive(sent(more(sender.compress(b"c"))), 0)
    connection.receive(EOF, 0)
    (closed,) = events(connection)
    assert "at byte 1" in str(closed)


def _unchecked(frame: Frame) -> bytes:
    """A frame as bytes that may be one that cannot be."""
    head, *rest = sent(frame._replace(rsv1=False))
    return bytes([head | 0x40 if frame.rsv1 else head, *rest])


def test_an_application_can_answer_before_a_violation_is() -> None:
    """Although all came in one read."""
    connection = server(compression=ALL)
    connection.receive(sent(compressed(b"a"), Frame(Opcode.TEXT, b"\xff", rsv1=True)), 0)
    assert connection.next_event() == Text("a")
    connection.send("b", 0)
    assert connection.next_event() is None
    answer, words, end = written(connection)
    assert (answer.rsv1, words.opcode, end) == (True, Opcode.CLOSE, EOF)


def test_rsv1_is_a_violation_without_compression() -> None:
    """Whatever the peer thinks."""  # Autobahn 3.1
    error = error_of(feed(server(), [sent(compressed(b"a")), EOF]))
    assert isinstance(error, RemoteProtocolError)
    assert error.code == 1002


@pytest.mark.parametrize("fragments", [False, True])
def test_a_bomb_stops_at_the_limit(fragments: bool) -> None:
    """Before what it would become is there."""
    limits = Limits(message_size=100_000)
    bomb = compressed(bytes(10_000_000), Opcode.BINARY)
    assert len(bomb.payload) < 20_000
    connection = server(limits, compression=ALL, fragments=fragments)
    error = error_of(feed(connection, [sent(text("a"), bomb), EOF]))
    assert isinstance(error, LimitExceeded)
    assert (error.limit, error.code) == ("message_size", 1009)


def test_small_bombs_stop_at_the_ratio() -> None:
    """Each of them is no more than a message may be."""
    limits = Limits(message_size=100_000)
    bomb = sent(compressed(bytes(100_000), Opcode.BINARY))
    connection = server(limits, compression=ALL)
    found = feed(connection, [bomb * 10, EOF])
    error = error_of(found)
    assert isinstance(error, LimitExceeded)
    assert (error.limit, error.code) == ("inflation_ratio", 1008)
    assert [*found.events[:-1]] == [Binary(bytes(100_000))]


def test_messages_that_became_large_are_not_read_ahead() -> None:
    """They came in few bytes, but they would be many if nobody takes them."""
    limits = Limits(message_size=2**20, inflation_ratio=2000)
    bomb = sent(compressed(bytes(2**20), Opcode.BINARY))
    connection = server(limits, compression=ALL)
    connection.receive(bomb * 100 + sent(close()), 0)
    assert len(connection._events) == 4
    assert connection.backlog >= 256
    assert [type(event) for event in events(connection)] == [Binary] * 100 + [Close]


def test_incompressible_messages_up_to_the_limit_come_through() -> None:
    """Although they take more bytes than they have."""
    message = Random(0).randbytes(100_000)
    connection = server(Limits(message_size=100_000), compression=ALL)
    frame = compressed(message, Opcode.BINARY)
    assert len(frame.payload) > 100_000
    connection.receive(sent(frame), 0)
    assert events(connection) == [Binary(message)]


@pytest.mark.parametrize("keep", [True, False])
def test_memory_is_taken_with_the_first_message(keep: bool) -> None:
    """And is given back behind each one, where nothing need be kept."""
    deflate = Deflate(threshold=0, context_takeover=keep, peer_context_takeover=keep)
    connection = server(compression=deflate)
    outgoing, incoming = connection._outgoing._compressor, connection._incoming._decompressor
    assert outgoing is not None
    assert incoming is not None
    assert (outgoing._stream, incoming._stream) == (None, None)
    sender = Compressor(deflate)
    for _ in range(2):
        connection.receive(sent(compressed(b"hello", sender=sender)), 0)
        connection.send("hello", 0)
        assert events(connection) == [Text("hello")]
        assert (outgoing._stream is not None, incoming._stream is not None) == (keep, keep)


def test_both_directions_have_a_context_of_their_own() -> None:
    """One may be kept and the other one not."""  # WebSocket M11, M12
    message = Random(0).randbytes(500)
    left = client(CALM, compression=Deflate(context_takeover=False))
    right = server(CALM, compression=Deflate(peer_context_takeover=False))
    sizes: list[int] = []
    for side in (left, right, left, right):
        side.send(message, 0)
        chunk = side.next_output()
        assert isinstance(chunk, bytes)
        sizes.append(len(chunk))
        (right if side is left else left).receive(chunk, 0)
    assert events(left) == events(right) == [Binary(message)] * 2
    assert sizes[2] > 500
    assert sizes[3] < 50


def test_peers_may_say_that_a_block_is_the_last() -> None:
    """As those do that end a stream with each message (7.2.3.4)."""  # WebSocket M7
    stream = zlib.compressobj(wbits=-15)
    payload = stream.compress(b"Hello") + stream.flush() + b"\0"
    connection = server(compression=ALL)
    connection.receive(sent(*[Frame(Opcode.TEXT, payload, rsv1=True)] * 3, close()), 0)
    assert events(connection) == [Text("Hello")] * 3 + [Close(1000)]
    assert feed(connection, [EOF]).events == (Closed(),)
