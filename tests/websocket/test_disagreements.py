"""wsproto, websockets and this package on bytes that are nearly right, and on what is random.

Where the three disagree, the RFC decides; each kind of disagreement is written down below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Closed, Event
from eventproto.strategies import (
    broken_websocket_streams,
    compressed_websocket_streams,
    websocket_streams,
)
from eventproto.testing import feed
from eventproto.websocket import (
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
from tests.websocket.oracles import Websockets, Wsproto
from tests.websocket.peer import client, close, more, sent, server, text

# The others have no limits, or not these.
BOUNDLESS = Limits(message_size=2**63, frame_size=2**63, fragments=2**63, control_rate=2**63)
# zlib's own, so that the others can be told the same.
COMPRESSION = Deflate(window_bits=15, memory_level=8, threshold=0)


def ours(data: bytes, *, masked: bool, compression: Deflate | None = None) -> tuple[Any, Any]:
    """What we report, and the code of the Close that came or was sent for a violation."""
    make = server if masked else client
    transcript = feed(make(BOUNDLESS, compression=compression), [data])
    machine: Connection = transcript.machine
    end = machine.close_received or machine.close_sent
    return without_ends(transcript.events), end and int(end.code)


def theirs(
    peer: Any, data: bytes, *, masked: bool, compression: Deflate | None = None
) -> tuple[Any, Any]:
    oracle = peer(is_client=not masked, compression=compression)
    return without_ends(oracle.read(data)), oracle.end


def without_ends(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Close | Closed)]


@st.composite
def nearly_right(draw: st.DrawFn, *, masked: bool) -> bytes:
    """What a peer sends, or should not, with a few bytes changed, lost or added; or anything."""
    right = websocket_streams(masked=masked).map(lambda stream: stream[0])
    wrong = broken_websocket_streams(masked=masked).map(lambda stream: stream[0])
    data = bytearray(draw(right | wrong | st.binary(max_size=40)))
    for _ in range(draw(st.integers(0, 3)) if data else 0):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 1))] = draw(st.binary(max_size=2))
        if at < len(data):
            data[at] ^= draw(st.sampled_from([0, 1, 0x20, 0x40, 0x80]))
    return bytes(data)


@given(st.data(), st.booleans())
def test_wsproto(data: st.DataObject, masked: bool) -> None:
    """Reports the same, and fails with the same code, if it has seen enough to fail."""
    wire = data.draw(nearly_right(masked=masked))
    (found, end), (expected, code) = (
        ours(wire, masked=masked),
        theirs(Wsproto, wire, masked=masked),
    )
    if (found, end) != (expected, code):
        # It waits for all of a head, and for the third byte of half a surrogate pair; and it does
        # not know 1014: see below.
        assert (end, code) in {(1002, None), (1014, 1002), (1007, 1002)} or end == 1007
        assert found == expected[: len(found)]
        assert end == 1007 or found == expected


@given(st.data(), st.booleans())
def test_websockets(data: st.DataObject, masked: bool) -> None:
    """Reports the same, and perhaps more: it is not as strict, and takes its time."""
    wire = data.draw(nearly_right(masked=masked))
    (found, end), (expected, code) = (
        ours(wire, masked=masked),
        theirs(Websockets, wire, masked=masked),
    )
    assert found == expected[: len(found)]
    if (found, end) != (expected, code):
        # It looks at frames and at text only once they are whole, takes lengths in more bytes
        # than need be, fails on a Close within a fragmented message, and looks at the reason of
        # a Close before it looks at the code: see below.
        assert end is not None
        assert code is None or end != code or len(expected) > len(found)


def test_lengths_that_are_longer_than_need_be() -> None:
    """RFC 6455, 5.2: the least number of bytes must be used. websockets takes them."""
    wire = bytes.fromhex("82 7e 0001 61")
    assert ours(wire, masked=False) == ([], 1002)
    assert theirs(Wsproto, wire, masked=False) == ([], 1002)
    assert theirs(Websockets, wire, masked=False) == ([Binary(b"a")], None)


def test_text_that_cannot_become_text_any_more() -> None:
    """RFC 6455, 8.1: fail when it is found. websockets finds it when the message is complete."""
    wire = sent(text(b"\xff", fin=False), Frame(Opcode.PING))
    assert ours(wire, masked=True) == theirs(Wsproto, wire, masked=True) == ([], 1007)
    assert theirs(Websockets, wire, masked=True) == ([Ping()], None)


def test_half_of_a_surrogate_pair() -> None:
    """Likewise: no third byte makes it UTF-8. The others wait for one, or for all of the text."""
    wire = sent(text(b"\xed\xa0", fin=False), Frame(Opcode.PING))
    assert ours(wire, masked=True) == ([], 1007)
    for peer in (Wsproto, Websockets):
        assert theirs(peer, wire, masked=True) == ([Ping()], None)


def test_a_close_within_a_fragmented_message() -> None:
    """RFC 6455, 5.4: any control frame may stand there. websockets fails with 1002."""
    wire = sent(text("a", fin=False), close(3000))
    assert ours(wire, masked=True) == theirs(Wsproto, wire, masked=True) == ([], 3000)
    assert theirs(Websockets, wire, masked=True) == ([], 1002)


def test_a_frame_out_of_sequence() -> None:
    """RFC 6455, 5.4: nothing that could follow makes it one. The others wait for all its head."""
    wire = sent(more("abc"))[:4]
    assert ours(wire, masked=True) == ([], 1002)
    assert theirs(Wsproto, wire, masked=True) == ([], None)
    assert theirs(Websockets, wire, masked=True) == ([], None)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, *range(1007, 1014), 3000, 3999, 4999])
def test_codes_that_all_take(code: int) -> None:
    """Those of the registry, and those that are for applications."""
    wire = sent(close(code))
    for peer in (Wsproto, Websockets):
        assert theirs(peer, wire, masked=True) == ours(wire, masked=True) == ([], code)


def test_bad_gateway() -> None:
    """RFC 6455, 7.4.2, leaves it to the registry, where 1014 is. wsproto does not know it."""
    wire = sent(close(1014))
    assert ours(wire, masked=True) == theirs(Websockets, wire, masked=True) == ([], 1014)
    assert theirs(Wsproto, wire, masked=True) == ([], 1002)


def test_a_close_with_neither_a_code_nor_a_reason() -> None:
    """That can be: the RFC does not say which of the two is to be looked at first."""
    wire = sent(Frame(Opcode.CLOSE, b"\x03\xec\xff"))
    assert ours(wire, masked=True) == theirs(Wsproto, wire, masked=True) == ([], 1002)
    assert theirs(Websockets, wire, masked=True) == ([], 1007)
    wire = sent(Frame(Opcode.CLOSE, b"\x03\xf6\xff"))  # 1014
    assert ours(wire, masked=True) == theirs(Websockets, wire, masked=True) == ([], 1007)
    assert theirs(Wsproto, wire, masked=True) == ([], 1002)


# With compression.


def compressions() -> st.SearchStrategy[Deflate]:
    return st.builds(
        Deflate,
        window_bits=st.integers(9, 15),  # the others have no 8 to compress with
        context_takeover=st.booleans(),
        peer_window_bits=st.integers(9, 15),
        peer_context_takeover=st.booleans(),
        threshold=st.just(0),
    )


def other_side(deflate: Deflate) -> Deflate:
    return Deflate(
        window_bits=deflate.peer_window_bits,
        context_takeover=deflate.peer_context_takeover,
        peer_window_bits=deflate.window_bits,
        peer_context_takeover=deflate.context_takeover,
    )


def sayings() -> st.SearchStrategy[list[Text | Binary]]:
    return st.lists(st.builds(Text, st.text()) | st.builds(Binary, st.binary()), max_size=5)


@pytest.mark.parametrize("peer", [Wsproto, Websockets])
@given(compressions(), sayings(), st.booleans())
def test_we_read_what_they_compress(
    peer: Any, deflate: Deflate, said: list[Text | Binary], masked: bool
) -> None:
    """In both roles."""  # WebSocket M15, M16
    oracle = peer(is_client=masked, compression=other_side(deflate))
    wire = b"".join(oracle.write(event) for event in said)
    assert ours(wire, masked=masked, compression=deflate) == (said, None)


@pytest.mark.parametrize("peer", [Wsproto, Websockets])
@given(compressions(), sayings(), st.booleans())
def test_they_read_what_we_compress(
    peer: Any, deflate: Deflate, said: list[Text | Binary], masked: bool
) -> None:
    """In both roles."""  # WebSocket M6, M12, M13
    connection = (client if masked else server)(compression=deflate)
    for event in said:
        connection.send(event, 0)
    wire = feed(connection, []).output
    assert theirs(peer, wire, masked=masked, compression=other_side(deflate)) == (said, None)


@given(st.data(), st.booleans())
def test_all_read_the_same(data: st.DataObject, masked: bool) -> None:
    """Unless a block says that it is the last, or control frames stand between fragments."""
    wire, expected = data.draw(compressed_websocket_streams(masked=masked, deflate=COMPRESSION))
    assert ours(wire, masked=masked, compression=COMPRESSION) == (expected, None)
    found, _ = theirs(Websockets, wire, masked=masked, compression=COMPRESSION)
    assert len(found) == len(expected)


def compressed(*parts: bytes) -> list[Frame]:
    """A message of bytes that is compressed, in as many fragments."""
    sender = Compressor(COMPRESSION)
    payloads = [sender.compress(part, fin=False) for part in parts[:-1]]
    payloads.append(sender.compress(parts[-1]))
    frames = [Frame(Opcode.CONTINUATION, payload, fin=False) for payload in payloads]
    frames[0] = frames[0]._replace(opcode=Opcode.BINARY, rsv1=True)
    frames[-1] = frames[-1]._replace(fin=True)
    return frames


def all_three(*frames: Frame) -> list[Any]:
    wire = sent(*frames)
    options: dict[str, Any] = {"masked": True, "compression": COMPRESSION}
    others = [theirs(peer, wire, **options) for peer in (Wsproto, Websockets)]
    return [ours(wire, **options), *others]


def test_a_ping_within_a_compressed_message() -> None:
    """RFC 6455, 5.4: it changes nothing. wsproto forgets that the message is compressed."""
    first, second = compressed(b"Hello", b"world")
    expected = [Ping(), Binary(b"Helloworld")]
    assert all_three(first, Frame(Opcode.PING), second) == [
        (expected, None),
        ([Ping(), Binary(b"Hello" + second.payload)], None),
        (expected, None),
    ]


def test_a_block_that_says_that_it_is_the_last() -> None:
    """RFC 7692, 7.2.3.4: it may. The others read nothing behind it, also in later messages."""
    last = Frame(Opcode.BINARY, bytes.fromhex("f3 48 cd c9 c9 07 00 00"), rsv1=True)
    hello, nothing = Binary(b"Hello"), Binary(b"")
    ours, wsproto, websockets = all_three(last, *compressed(b"Hello"), *compressed(b"Hello"))
    assert ours == ([hello] * 3, None)
    assert wsproto != ours
    assert websockets == ([hello, nothing, nothing], None)


def test_a_block_that_is_cut_off() -> None:
    """RFC 7692, 7.2.1: a message ends with a block. The others report what there is of it."""
    (whole,) = compressed(b"Hello")
    cut = whole._replace(payload=whole.payload[:4])
    ours, wsproto, websockets = all_three(*compressed(b"first"), cut, *compressed(b"third"))
    assert ours == ([Binary(b"first")], 1007)
    assert len(wsproto[0]) > 1
    assert len(websockets[0]) > 1


def test_a_compressed_message_without_a_byte() -> None:
    """RFC 7692, 7.2.3.6: there is one, 0, if it is empty. The others take none for an empty one."""
    nothing = Frame(Opcode.BINARY, b"", rsv1=True)
    empty = ([Binary(b"")], None)
    assert all_three(nothing) == [([], 1007), empty, empty]


def test_corrupt_data_out_of_sequence() -> None:
    """RFC 6455, 5.4: it has no place there, whatever it is. wsproto decompresses it first."""
    first, _ = compressed(b"He", b"llo")
    corrupt = Frame(Opcode.BINARY, b"\x07", rsv1=True)
    assert all_three(first, corrupt) == [([], 1002), ([], 1007), ([], 1002)]


def test_what_is_not_compressed_data() -> None:
    """RFC 6455, 7.4.1: 1007 is for data that is not of its type. websockets says 1002."""
    corrupt = Frame(Opcode.BINARY, b"\x07", rsv1=True)
    assert all_three(corrupt) == [([], 1007), ([], 1007), ([], 1002)]
