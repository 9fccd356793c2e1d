"""Where the body of a message ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import EOF, LimitExceeded, RemoteProtocolError
from eventproto.http._body import ChunkedBody, ClosingBody, Reader, SizedBody

SIGNATURE = b";chunk-signature=" + b"0" * 64  # as AWS has it


def single(reader: Reader, data: bytes) -> bytes:
    """A body that comes byte by byte, whole."""
    waiting, found = bytearray(), b""
    for byte in data:
        waiting.append(byte)
        while (piece := reader.read(waiting, ended=False)) is not None:
            if piece is EOF:
                assert not waiting
                return found
            found += piece
    raise AssertionError(data)


def chunked(data: bytes, framing_size: int = 100) -> list[bytes]:
    """The pieces of a body in chunks that has come at once, whole."""
    waiting, reader, pieces = bytearray(data), ChunkedBody(framing_size), list[bytes]()
    while (piece := reader.read(waiting, ended=False)) is not EOF:
        assert piece, data
        pieces.append(piece)
    assert not waiting
    return pieces


def test_a_declared_length() -> None:
    """So much and no more; what has come is not held back."""
    reader = SizedBody(5)
    waiting = bytearray(b"abc")
    assert reader.read(waiting, ended=False) == b"abc"
    assert reader.read(waiting, ended=False) is None
    assert reader.read(waiting, ended=True) is None  # for ever
    waiting += b"defgh"
    assert reader.read(waiting, ended=False) == b"de"
    assert reader.read(waiting, ended=False) is EOF
    assert waiting == b"fgh"


def test_the_end_of_the_connection() -> None:
    """Nothing is left."""
    reader = ClosingBody()
    waiting = bytearray(b"abc")
    assert reader.read(waiting, ended=True) == b"abc"
    assert reader.read(waiting, ended=False) is None
    assert reader.read(waiting, ended=True) is EOF


@pytest.mark.parametrize(
    ("data", "pieces"),
    [
        (b"0\r\n\r\n", []),
        (b"3\r\nabc\r\n0\r\n\r\n", [b"abc"]),
        (b"1\r\na\r\n2\r\nbc\r\n000\r\n\r\n", [b"a", b"bc"]),
        (b"0000000000000000000000000a\r\n0123456789\r\n0\r\n\r\n", [b"0123456789"]),
        (b"A\r\n0123456789\r\n0\r\n\r\n", [b"0123456789"]),
        (b"2\r\n\r\n\r\n0\r\n\r\n", [b"\r\n"]),
        (b'3;a=b;c="d;\xff\t e"\r\nabc\r\n0;last\r\n\r\n', [b"abc"]),
        (b"3 ; a = b\r\nabc\r\n0\t\r\n\r\n", [b"abc"]),
        (b"0\r\nA: b\r\nC:\r\n\r\n", []),
    ],
)
def test_chunks(data: bytes, pieces: list[bytes]) -> None:
    """Sizes in hexadecimal digits, extensions and trailers that mean nothing."""
    # HTTP D10, E1, E3, E5
    assert chunked(data) == pieces
    assert single(ChunkedBody(100), data) == b"".join(pieces)


@given(st.lists(st.binary(min_size=1)), st.binary())
def test_what_follows_is_left(pieces: list[bytes], behind: bytes) -> None:
    """It is the next message."""
    data = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces)
    waiting, reader = bytearray(data + b"0\r\n\r\n" + behind), ChunkedBody(100)
    assert list(iter(lambda: reader.read(waiting, ended=False), EOF)) == pieces
    assert waiting == behind


@pytest.mark.parametrize(
    "data",
    [
        *(b"\r\n", b"x\r\n", b"-1\r\n", b"+1\r\n", b"0x1\r\n", b"1_0\r\n", b" 1\r\n", b"1 0\r\n"),
        *(b"1.0\r\n", b"\xd9\xa1\r\n", b";a\r\n", b"1\0\r\n", b"1;\0\r\n", b"1;\x7f\r\n"),
        # a line that ends otherwise: somebody on the way may see another end
        *(b"1\na\n0\n\n", b"1;a\rb\r\n", b"1;a\n", b"1\r\r\n", b"1;a\x0bb\r\n"),
        *(b"1\r\na\n0\r\n\r\n", b"1\r\nab\r\n", b"1\r\na\r0", b"1\r\naXX", b"1\r\na0"),
        *(b"0\r\n\n", b"0\r\nA: b\n\r\n", b"0\r\nA: b\rc\r\n\r\n", b"0\r\nA: b\0\r\n\r\n"),
        *(b"0\r\nA : b\r\n\r\n", b"0\r\n: b\r\n\r\n", b"0\r\n b\r\n\r\n", b"0\r\nGET /\r\n\r\n"),
        b"0\r\nA: b\r\n folded\r\n\r\n",
    ],
)
def test_what_is_no_chunk(data: bytes) -> None:
    """Refused, wherever it is cut."""
    # HTTP A3, E2
    for feed in (chunked, lambda wire: single(ChunkedBody(100), wire)):
        with pytest.raises(RemoteProtocolError) as raised:
            feed(data)
        assert raised.value.code == 400
        assert len(str(raised.value)) < 600


@pytest.mark.parametrize("framing", [b"3;%s\r\nabc\r\n0\r\n\r\n", b"0\r\nA: b\r\nC:%s\r\n\r\n"])
def test_framing_size(framing: bytes) -> None:
    """Of a line, and of all trailers with the line behind them: to the byte, and not held."""
    # HTTP E4
    around = len(framing % b"") - (len(b"abc\r\n0\r\n\r\n") if b"abc" in framing else len(b"0\r\n"))
    right, wrong = framing % (b"x" * (100 - around)), framing % (b"x" * (101 - around))
    assert b"".join(chunked(right)) == single(ChunkedBody(100), right)
    for feed in (chunked, lambda wire: single(ChunkedBody(100), wire)):
        with pytest.raises(LimitExceeded) as raised:
            feed(wrong)
        assert (raised.value.limit, raised.value.code) == ("framing_size", 431)
    with pytest.raises(LimitExceeded):
        ChunkedBody(100).read(bytearray(b"1" * 101), ended=False)


@pytest.mark.parametrize(
    ("line", "size", "count"),
    [
        (b"%x", 1, 20_000),
        (b"%x;" + b"x" * 12, 1, 20_000),
        (b"%x" + SIGNATURE, 8192, 100),
        (b"%x;" + b"x" * 1000, 1, 16),
    ],
)
def test_what_honest_chunks_need(line: bytes, size: int, count: int) -> None:
    """Byte by byte, signed, or a long line now and then."""
    # HTTP E4
    one = line % size + b"\r\n" + b"x" * size + b"\r\n"
    pieces = chunked(one * count + b"0\r\n\r\n", 1024)
    assert len(pieces) == count


def test_extensions_have_an_end() -> None:
    """RFC 9112, 7.1.1: a megabyte of them, a thousand bytes at a time, is an attack."""
    # HTTP E4
    one = b"1;" + b"x" * 1000 + b"\r\nx\r\n"
    with pytest.raises(LimitExceeded) as raised:
        chunked(one * 1000, 1024)
    assert raised.value.limit == "framing_size"
    with pytest.raises(LimitExceeded):
        single(ChunkedBody(1024), one * 18)
