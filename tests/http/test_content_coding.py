"""Content codings: undone as they come, in bounded pieces, whatever somebody made of them."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LimitExceeded, LocalProtocolError, RemoteProtocolError
from eventproto.http import ContentDecoder, Headers
from eventproto.strategies import chunkings


def raw_deflate(content: bytes) -> bytes:
    """Deflate without the frame that RFC 9110 wants around it."""
    compress = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compress.compress(content) + compress.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "stored deflate": ("deflate", lambda content: zlib.compress(content, 0)),
    "none": ("identity", bytes),
    "list": ("deflate, gzip", lambda content: gzip.compress(zlib.compress(content))),
    "list with nothing": ("identity, gzip,, identity", gzip.compress),
}


def decode(decoder: ContentDecoder, *chunks: bytes, size: int = 100) -> bytes:
    """All content of these chunks, each read before the next one comes."""
    content = b""
    for chunk in chunks:
        decoder.receive(chunk)
        while piece := decoder.read(size):
            assert len(piece) <= size
            content += piece
    return content


@pytest.mark.parametrize("name", CODINGS)
@given(content=st.binary(max_size=400), data=st.data())
def test_content_comes_back(name: str, content: bytes, data: st.DataObject) -> None:
    """However the body was cut."""
    coding, encode = CODINGS[name]
    decoder = ContentDecoder.of(Headers({"Content-Encoding": coding}))
    assert decode(decoder, *data.draw(chunkings(encode(content))), size=7) == content
    assert decoder.complete
    assert decode(decoder, b"") == b""


def test_no_field_is_no_coding() -> None:
    """The body is the content."""
    assert decode(ContentDecoder.of(Headers()), b"abc") == b"abc"


def test_codings_in_several_fields() -> None:
    """They are one list (RFC 9110, 5.3)."""
    headers = Headers([("Content-Encoding", "deflate"), ("content-encoding", "gzip")])
    assert decode(ContentDecoder.of(headers), gzip.compress(zlib.compress(b"abc"))) == b"abc"


@pytest.mark.parametrize("wbits", [31, 15, -15])
def test_content_comes_as_soon_as_it_was_flushed(wbits: int) -> None:
    """A stream goes on for days; what its server sends must not wait for its end."""
    coding = "gzip" if wbits == 31 else "deflate"
    compress, decoder = zlib.compressobj(wbits=wbits), ContentDecoder([coding])
    for number in range(100):
        event = b"data: %d\n\n" % number
        chunk = compress.compress(event) + compress.flush(zlib.Z_SYNC_FLUSH)
        assert decode(decoder, chunk) == event
        assert not decoder.complete
    assert decode(decoder, compress.flush()) == b""
    assert decoder.complete


def test_several_members_are_one_body() -> None:
    """As `cat a.gz b.gz` makes them."""
    members = [gzip.compress(each, mtime=0) for each in (b"a", b"", b"b" * 1000, b"")]
    decoder = ContentDecoder(["gzip"])
    assert decode(decoder, b"".join(members)) == b"a" + b"b" * 1000
    assert decode(decoder, members[0], members[1]) == b"a"
    assert decoder.complete


@pytest.mark.parametrize("name", ["gzip", "deflate", "raw deflate", "list"])
def test_a_body_that_was_cut_off(name: str) -> None:
    """It is told from a whole one, wherever it was cut."""
    coding, encode = CODINGS[name]
    body = encode(b"some content")
    for end in range(1, len(body)):
        decoder = ContentDecoder(coding.split(", "))
        decode(decoder, body[:end])
        assert not decoder.complete


def test_a_body_without_a_byte_is_whole() -> None:
    """Nothing was compressed into nothing."""
    assert ContentDecoder(["gzip"]).complete


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"data: no gzip\n\n"),
        ("gzip", zlib.compress(b"a")),
        ("gzip", gzip.compress(b"a", mtime=0)[:-8] + bytes(8)),
        ("gzip", gzip.compress(b"a", mtime=0) + b"and more"),
        ("gzip", gzip.compress(b"a", mtime=0) + bytes(10)),
        ("deflate", b"data: no deflate\n\n"),
        ("deflate", zlib.compress(b"a")[:-1] + b"x"),
        ("deflate", zlib.compress(b"a") + b"and more"),
        ("deflate", raw_deflate(b"a") + b"and more"),
        ("deflate", zlib.compress(b"a") + zlib.compress(b"b")),
        ("deflate", b"\x78\xbb\x00\x00\x00\x00aaaa"),  # wants a dictionary that nobody has
    ],
)
def test_corrupt_bodies(coding: str, body: bytes) -> None:
    """What came before is content; then it is an error, each time anew or not at all."""
    with pytest.raises(RemoteProtocolError) as raised:
        decode(ContentDecoder([coding]), body)
    assert raised.value.code == 400
    assert not isinstance(raised.value, LimitExceeded)


@given(st.sampled_from(["gzip", "deflate"]), st.binary(max_size=60), st.integers(0, 30))
def test_no_body_raises_anything_else(coding: str, noise: bytes, keep: int) -> None:
    """Whatever it is."""
    decoder = ContentDecoder([coding, coding])
    body = gzip.compress(gzip.compress(b"abc" * 100, mtime=0))[:keep] + noise
    with suppress(RemoteProtocolError):
        decode(decoder, body[:9], body[9:])


@pytest.mark.parametrize("codings", [["br"], ["gzip", "zstd"], ["gzip;q=1"], ["\u0130"], [""]])
def test_other_codings_are_refused(codings: list[str]) -> None:
    """At once, and not taken for content."""
    with pytest.raises(RemoteProtocolError) as raised:
        ContentDecoder(codings)
    assert raised.value.code == 415


def test_codings_are_counted() -> None:
    """Each of them is work, and a header field has room for thousands."""
    ContentDecoder(["gzip"] * 4)
    with pytest.raises(RemoteProtocolError) as raised:
        ContentDecoder(["gzip"] * 5)
    assert raised.value.code == 415


def test_a_size_that_is_none() -> None:
    """To zlib it would mean everything."""
    decoder = ContentDecoder(["gzip"])
    decoder.receive(gzip.compress(b"abc", mtime=0))
    with pytest.raises(LocalProtocolError):
        decoder.read(0)
    assert decoder.read(1) == b"a"


def test_a_bomb_is_never_held() -> None:
    """Sixteen kilobytes that are sixteen megabytes cost as much memory as was asked for."""
    # HTTP J7
    bomb = gzip.compress(bytes(16 * 1024 * 1024))
    decoder = ContentDecoder(["gzip"])
    tracemalloc.start()
    decoder.receive(bomb)
    size = 0
    while piece := decoder.read(4096):
        size += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 16 * 1024 * 1024
    assert decoder.complete
    assert peak < 200_000


def test_expansion_is_bounded() -> None:
    """Where it is set lower, or where codings of codings make more than one can."""
    # HTTP J7
    body = gzip.compress(bytes(1_000_000))
    decoder = ContentDecoder(["gzip"], expansion=100)
    with pytest.raises(LimitExceeded) as raised:
        decode(decoder, body, size=10_000)
    assert (raised.value.limit, raised.value.code) == ("expansion", 413)

    twice = gzip.compress(gzip.compress(bytes(10_000_000)))
    assert len(twice) < 500
    decode(ContentDecoder(["gzip"]), twice)
    with pytest.raises(LimitExceeded):
        decode(ContentDecoder(["gzip", "gzip"]), twice, size=10_000)


def test_members_without_content_are_work_too() -> None:
    """A hundred kilobytes of five million empty members would take seconds, for nothing."""
    empty = gzip.compress(gzip.compress(b"", mtime=0) * 50_000)
    with pytest.raises(LimitExceeded):
        decode(ContentDecoder(["gzip", "gzip"]), empty)
