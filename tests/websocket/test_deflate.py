"""The two directions of permessage-deflate, without frames."""

from __future__ import annotations

import math
import zlib
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typing_extensions import override

from eventproto import LimitExceeded, LocalProtocolError, RemoteProtocolError
from eventproto.websocket import Deflate, Limits
from eventproto.websocket._deflate import Compressor, Decompressor

HELLO = b"Hello"


def decompressor(deflate: Deflate = Deflate(), **limits: float) -> Decompressor:
    return Decompressor(deflate, Limits(**limits))  # type: ignore[arg-type]


def seen(hexadecimal: str, receiver: Decompressor | None = None) -> bytes:
    """What a message becomes that comes in one frame."""
    receiver = receiver or decompressor()
    return receiver.decompress(bytes.fromhex(hexadecimal), 0, fin=True)


def options() -> st.SearchStrategy[Deflate]:
    return st.builds(
        Deflate,
        window_bits=st.integers(8, 15),
        context_takeover=st.booleans(),
        level=st.integers(0, 9),
        memory_level=st.integers(1, 9),
    )


def other_side(deflate: Deflate) -> Deflate:
    """What is said of a sender, as its receiver says it."""
    return Deflate(
        peer_window_bits=deflate.window_bits, peer_context_takeover=deflate.context_takeover
    )


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("window_bits", bits) for bits in (7, 16)),
        *(("peer_window_bits", bits) for bits in (7, 16)),
        *(("level", level) for level in (-1, 10)),
        *(("memory_level", level) for level in (0, 10)),
        ("threshold", -1),
        ("threshold", math.nan),
        *(("window_bits", number) for number in (9.5, "9", None)),
        ("level", 6.0),
    ],
)
def test_numbers_out_of_range(name: str, number: Any) -> None:
    """Are the caller's mistake, and so is what is no number."""  # WebSocket M10
    with pytest.raises(LocalProtocolError, match=name):
        Deflate(**{name: number})


@given(options(), st.lists(st.binary(), max_size=4), st.data())
def test_what_is_compressed_is_decompressed(
    deflate: Deflate, messages: list[bytes], data: st.DataObject
) -> None:
    """Whatever the options, in however many fragments, cut in any way."""  # WebSocket M6, M9, M15
    sender, receiver = Compressor(deflate), decompressor(other_side(deflate))
    for message in messages:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(message)), max_size=3)))
        parts = [message[start:end] for start, end in pairwise([0, *cuts, len(message)])]
        wire = [sender.compress(part, fin=False) for part in parts[:-1]]
        wire.append(sender.compress(parts[-1]))
        at = data.draw(st.integers(0, len(wire[-1])))
        wire[-1:] = [wire[-1][:at], wire[-1][at:]]
        found = [receiver.decompress(each, 0, fin=False) for each in wire[:-1]]
        found.append(receiver.decompress(wire[-1], 0, fin=True))
        assert b"".join(found) == message


@pytest.mark.parametrize("level", [1, 4, 9])
@pytest.mark.parametrize("bits", [8, 9, 12])
def test_no_window_is_larger_than_it_may(bits: int, level: int) -> None:
    """Read by one who keeps no more than that; 8 bits, which zlib has not, are kept to with 9."""
    # WebSocket M13, M19
    random = Random(bits)
    words = [random.randbytes(40) for _ in range(12)]
    message = b"".join(random.choice(words) for _ in range(300))
    sender = Compressor(Deflate(window_bits=bits, level=level))
    wire = sender.compress(message) + b"\0\0\xff\xff"
    reader = zlib.decompressobj(-bits)
    found = bytearray(reader.decompress(wire, 1))
    while len(found) < len(message):  # in one call, zlib would look back in what it has just made
        found += reader.decompress(reader.unconsumed_tail, 1)
    assert found == message


@pytest.mark.parametrize("cut", [0, 5, 32768])
def test_the_largest_window(cut: int) -> None:
    """Is that of DEFLATE, down to its last byte."""
    # WebSocket N18, N25, M10, M18
    window = Random(0).randbytes(32768)
    blocks = [window[:cut], window[cut:]]
    first, second = (b"\0" + stored(block) for block in blocks)
    # Three bytes that stand 32,768 bytes back, and the end of the block.
    again = packed("0 10", "0000001", "11101" + 13 * "1", "0000000", "000")
    receiver = decompressor()
    assert receiver.decompress(first + b"\0", 0, fin=True) == blocks[0]
    assert receiver.decompress(second + again, 0, fin=True) == blocks[1] + window[:3]


def stored(data: bytes) -> bytes:
    """What follows the type of a block without compression (RFC 1951, 3.2.4)."""
    size = len(data)
    return size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + data


def packed(*fields: str) -> bytes:
    """Bits as DEFLATE has them in bytes, the first one lowest."""
    bits = "".join(fields).replace(" ", "")
    return int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")


def test_the_window_is_large_enough() -> None:
    """To be of use, unless a small one is asked for (7.3)."""  # WebSocket M22
    assert Deflate().window_bits >= 10


def test_context_takeover() -> None:
    """The second of two equal messages is small, unless nothing is kept."""
    # WebSocket M11, M12, M17
    message = Random(0).randbytes(1000)
    keeping, forgetting = Compressor(Deflate()), Compressor(Deflate(context_takeover=False))
    assert len(keeping.compress(message)) > 1000
    assert len(keeping.compress(message)) < 100
    first = forgetting.compress(message)
    assert forgetting.compress(message) == first
    # Whoever need not keep anything does not, and whoever must does.
    keeping = Compressor(Deflate())
    receiver = decompressor(Deflate(peer_context_takeover=False))
    assert receiver.decompress(keeping.compress(message), 0, fin=True) == message
    with pytest.raises(RemoteProtocolError):
        receiver.decompress(keeping.compress(message), 0, fin=True)


def test_empty_messages() -> None:
    """Have one byte, also as the last fragment (7.2.3.6)."""  # WebSocket M21
    sender = Compressor(Deflate())
    assert sender.compress(b"") == b"\0"
    assert sender.compress(b"") == b"\0"
    sender.compress(HELLO, fin=False)
    assert sender.compress(b"") == b"\0"
    for empty in ("00", "02 00", "01 00 00 ff ff 00", "00 00 00 ff ff 00"):
        assert seen(empty) == b""


@pytest.mark.parametrize(
    "message",
    [
        "",  # a block has at least one byte (7.2.1)
        "ff",
        "07",
        "f2 48 cd c9 c9 07",  # the empty block is cut off
        "f2 48 cd c9",  # the block is
        "f3 48 cd c9 c9 07 00",  # nothing behind the last block, not even the byte of an empty one
        "f3 48 cd c9 c9 07 00 ff",
        "00 05 00 fa fe 48",
        "f2 00 11 00 00",  # looks back behind the beginning
        "01 05 00 fa ff 48",
    ],
)
@pytest.mark.parametrize("keep", [True, False])
def test_corrupt_messages(message: str, keep: bool) -> None:
    """Are found at their end at the latest."""  # WebSocket M24
    with pytest.raises(RemoteProtocolError, match="cannot be decompressed") as caught:
        seen(message, decompressor(Deflate(peer_context_takeover=keep)))
    assert caught.value.code == 1007


@given(st.binary(max_size=50))
@example(b"\x03\x00\x00")
def test_whatever_comes_is_decompressed_or_refused(data: bytes) -> None:
    """However it is cut, with the same result."""
    results: list[Any] = []
    for cut in range(len(data) + 1):
        receiver = decompressor()
        try:
            begun = receiver.decompress(data[:cut], 0, fin=False)
            results.append(begun + receiver.decompress(data[cut:], 0, fin=True))
        except RemoteProtocolError as error:
            results.append(error.code)
    assert len(set(results)) == 1


def test_last_blocks_need_not_be_the_last() -> None:
    """Each begins anew, within a message and between two; what is behind them is read on."""
    # WebSocket M7, M8
    receiver = decompressor()
    block = "f3 48 cd c9 c9 07 00"
    assert seen(f"{block} {block} f2 48 cd c9 c9 07 00", receiver) == HELLO * 3
    assert seen(f"{block} 01", receiver) == HELLO  # the last one ends with the bytes left out
    assert seen(f"{block} 00", receiver) == HELLO


def test_many_last_blocks_cost_linear_time() -> None:
    """zlib copies what is behind each of them, so it is not given much at a time."""
    copied = 0

    class Counting:
        """A stream of zlib that counts what it leaves over."""

        def __init__(self) -> None:
            self.stream = zlib.decompressobj(-15)

        def __getattr__(self, name: str) -> Any:
            nonlocal copied
            if name == "unused_data":
                copied += len(self.stream.unused_data)
            return getattr(self.stream, name)

    class Receiver(Decompressor):
        @override
        def _begin_stream(self) -> Any:
            self._stream = Counting()
            return self._stream

    for blocks in (1000, 2000):
        copied = 0
        receiver = Receiver(Deflate(), Limits())
        assert receiver.decompress(b"\x03\x00" * blocks + b"\0", 0, fin=True) == b""
        assert copied < 1.1 * blocks * (2 + 1024)


# Bounds.


def test_a_message_is_decompressed_no_further_than_it_may() -> None:
    """And the bound is exact."""  # WebSocket Y4
    sender = Compressor(Deflate())
    receiver = decompressor(message_size=1000)
    for _ in range(2):
        assert receiver.decompress(sender.compress(bytes(1000)), 0, fin=True) == bytes(1000)
    wire = sender.compress(bytes(1001))
    with pytest.raises(LimitExceeded, match="more than 1000 bytes") as caught:
        receiver.decompress(wire, 0, fin=True)
    assert (caught.value.code, caught.value.limit) == (1009, "message_size")


def test_all_fragments_of_a_message_count() -> None:
    """Together, whatever each of them becomes."""
    sender = Compressor(Deflate())
    receiver = decompressor(message_size=1000)
    first, second = (sender.compress(bytes(600), fin=fin) for fin in (False, True))
    assert receiver.decompress(first, 0, fin=False) == bytes(600)
    with pytest.raises(LimitExceeded):
        receiver.decompress(second, 0, fin=True)


def test_a_bomb_is_not_even_made() -> None:
    """Of 16 KiB that would be 16 MiB, no more than the limit is ever there."""
    made: list[int] = []

    class Counting:
        def __init__(self) -> None:
            self.stream = zlib.decompressobj(-15)

        def decompress(self, data: bytes, most: int) -> bytes:
            assert most > 0  # which would be no limit
            part = self.stream.decompress(data, most)
            made.append(len(part))
            return part

    class Receiver(Decompressor):
        @override
        def _begin_stream(self) -> Any:
            self._stream = Counting()
            return self._stream

    receiver = Receiver(Deflate(), Limits(message_size=1000))
    with pytest.raises(LimitExceeded):
        receiver.decompress(Compressor(Deflate()).compress(bytes(2**24)), 0, fin=True)
    assert made == [1001]


def test_much_of_little_is_allowed_now_and_then() -> None:
    """As much as one message, and as much again within a second."""
    wire = Compressor(Deflate()).compress(bytes(100_000))
    assert len(wire) < 400
    receiver = decompressor(message_size=100_000, inflation_ratio=10)
    assert receiver.decompress(wire, 5, fin=True) == bytes(100_000)
    with pytest.raises(LimitExceeded, match="more than 10 times") as caught:
        receiver.decompress(wire, 5.5, fin=True)
    assert (caught.value.code, caught.value.limit) == (1008, "inflation_ratio")
    receiver = decompressor(message_size=100_000, inflation_ratio=10)
    for now in range(5, 15):
        assert receiver.decompress(wire, now, fin=True) == bytes(100_000)


def test_last_blocks_are_allowed_where_they_end_a_message() -> None:
    """Or another piece of one. In great numbers, they are no more than work."""
    receiver = decompressor(message_size=100_000)
    for _ in range(1000):
        assert seen("f3 48 cd c9 c9 07 00 00", receiver) == HELLO
        assert seen("03 00 00", receiver) == b""  # the shortest of all
    with pytest.raises(LimitExceeded, match="more than 200") as caught:
        receiver.decompress(b"\x03\x00" * 1000, 0, fin=False)
    assert (caught.value.code, caught.value.limit) == (1008, "inflation_ratio")


def test_there_may_be_no_bound() -> None:
    """Or one that zlib could not be told."""
    wire = Compressor(Deflate()).compress(bytes(10_000))
    for receiver in (decompressor(inflation_ratio=math.inf), decompressor(message_size=2**63)):
        assert receiver.decompress(b"", 0, fin=False) == b""
        assert receiver.decompress(b"\x03\x00" * 10_000, 0, fin=False) == b""
        assert receiver.decompress(wire, 0, fin=True) == bytes(10_000)


def test_what_is_compressed_well_but_not_too_well_is_always_allowed() -> None:
    """Also if it comes byte by byte, of which each for itself becomes nothing or much."""
    wire = Compressor(Deflate(level=1)).compress(b"abcdefghijklmnopqrstuvwxyz" * 100)
    receiver = decompressor(message_size=2600, inflation_ratio=2600 / len(wire) + 1)
    receiver._allowance.take(2600, 0)
    found = [receiver.decompress(wire[at : at + 1], 0, fin=False) for at in range(len(wire))]
    found.append(receiver.decompress(b"", 0, fin=True))
    assert b"".join(found) == b"abcdefghijklmnopqrstuvwxyz" * 100
