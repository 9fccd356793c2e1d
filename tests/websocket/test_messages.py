"""Fragments to messages, and messages to what carries them."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Message, RemoteProtocolError
from eventproto.websocket import Binary, Frame, Opcode, Text
from eventproto.websocket._messages import Assembly, carriage
from tests.websocket.peer import more, text


@pytest.mark.parametrize(
    ("fragments", "error_at"),
    [
        ([b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", b"\xf4\x90"], 11),  # Autobahn 6.4.2
        ([b"\xf4", b"\x90"], 0),
        ([b"abc\xc0"], 3),
        ([b"ab", b"\xed", b"\xa0"], 2),
        ([b"\xf0\x9f", b"\x98", b"\x28"], 0),
    ],
)
def test_text_fails_at_the_first_impossible_byte(fragments: list[bytes], error_at: int) -> None:
    """Not when the message is complete: others may follow for ever."""
    assembly = Assembly()
    assert assembly.add(text(b"", fin=False), 0) is None
    *valid, last = [more(payload, fin=False) for payload in fragments]
    for fragment in valid:
        assert assembly.add(fragment, 0) is None
    with pytest.raises(RemoteProtocolError, match=f"at byte {error_at}$") as caught:
        assembly.add(last, 0)
    assert caught.value.code == 1007


def test_text_must_not_end_within_a_character() -> None:
    """The last fragment has nothing to wait for."""
    assembly = Assembly()
    assert assembly.add(text(b"\xe2\x82", fin=False), 0) is None
    with pytest.raises(RemoteProtocolError, match="at byte 0"):
        assembly.add(more(b""), 0)


def test_whole_text_is_checked_the_same() -> None:
    """With the same error at the same byte."""
    assembly = Assembly()
    assert assembly.add(text("\u20ac"), 0) == Text("\u20ac")
    with pytest.raises(RemoteProtocolError, match="at byte 2") as caught:
        assembly.add(text(b"ab\xff"), 0)
    assert caught.value.code == 1007


@pytest.mark.parametrize(
    "sizes",
    [
        [0, 0],
        [40000, 40000],
        [1, 40000, 1],
        [40000, 1, 1, 40000],
        [16384, 16383],
        [1] * 1000,
        [*range(200, 0, -1), 40000, *range(200)],
    ],
)
def test_fragments_of_all_sizes_are_joined(sizes: list[int]) -> None:
    """In their order; the character between two of them is cut."""
    content = ("\r\n\r a" * sum(sizes))[: sum(sizes)] + "\u20ac"
    data = content.encode()
    cuts = [sum(sizes[:count]) for count in range(1, len(sizes))] + [len(data) - 1]
    first, *others = [data[at:to] for at, to in zip([0, *cuts], [*cuts, None], strict=True)]
    assembly = Assembly()
    for _ in range(2):
        assert assembly.add(text(first, fin=False), 0) is None
        for fragment in others[:-1]:
            assert assembly.add(more(fragment, fin=False), 0) is None
        assert assembly.add(more(others[-1]), 0) == Text(content)


def test_a_peer_that_sends_byte_by_byte_costs_little_memory() -> None:
    """Small parts are joined before the last one has come; an object each would take fifty."""
    assembly = Assembly()
    assembly.add(Frame(Opcode.BINARY, b"", fin=False), 0)
    tracemalloc.start()
    for _ in range(30_000):
        assembly.add(more(bytes(1), fin=False), 0)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 100_000
    assert assembly.add(more(b""), 0) == Binary(bytes(30_000))


def test_messages_do_not_mix() -> None:
    """Bytes are not checked; one message after the other begins anew."""
    assembly = Assembly()
    assert assembly.add(Frame(Opcode.BINARY, b"\xff", fin=False), 0) is None
    assert assembly.add(more(b"\x00"), 0) == Binary(b"\xff\x00")
    assert assembly.add(text("a", fin=False), 0) is None
    assert assembly.add(more("b"), 0) == Text("ab")


@pytest.mark.parametrize(
    ("data", "content_type", "carrier"),
    [
        (b"a", "text/plain;charset=utf-8", Text("a")),
        (b"a", "text/plain", Text("a")),
        (b"a", "Text/HTML; charset=US-ASCII", Text("a")),
        (b"{}", "application/json", Text("{}")),
        (b"{}", "application/cloudevents+json; charset=UTF-8", Text("{}")),
        (b"<a/>", "application/xml", Text("<a/>")),
        (b"<a/>", "application/atom+xml", Text("<a/>")),
        (b"a", None, Binary(b"a")),
        (b"a", "nonsense", Binary(b"a")),
        (b"a", "application/octet-stream", Binary(b"a")),
        (b"a", "text/plain;charset=utf-16", Binary(b"a")),
        (b"\xff", "text/plain", Binary(b"\xff")),
    ],
)
def test_carriage_of_a_message(
    data: bytes, content_type: str | None, carrier: Text | Binary
) -> None:
    """Text if it says that it is, and is."""
    assert carriage(Message(data=data, content_type=content_type)) == carrier


@given(st.binary(), st.sampled_from([None, "text/plain", "application/json", "image/png"]))
def test_carriage_keeps_data(data: bytes, content_type: str | None) -> None:
    """Whatever it is said to be."""
    message = carriage(Message(data=data, content_type=content_type)).message()
    assert message.data == data


@given(st.text())
def test_text_messages_come_back_equal(content: str) -> None:
    """With their content type."""
    message = Message.of_text(content)
    assert carriage(message).message() == message


def test_bytes_have_the_content_type_of_bytes() -> None:
    """Which is all that the wire says of them."""
    assert Binary(b"a").message() == Message(data=b"a", content_type="application/octet-stream")
