"""Messages to frames: what one side writes."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError
from eventproto.websocket import Deflate, Frame, Opcode
from eventproto.websocket._outgoing import LARGE, Outgoing, checked, encoded
from tests.websocket.peer import KEY, more, sent, text


def test_each_frame_has_a_key_of_its_own() -> None:
    """Of four bytes from the source of randomness (5.3)."""  # WebSocket F9, Y2
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return os.urandom(size)

    outgoing = Outgoing(compression=None, entropy=entropy)
    frames = {outgoing.message(Opcode.TEXT, b"") for _ in range(50)}
    frames |= {outgoing.frame(Opcode.PING, b"") for _ in range(50)}
    frames |= {outgoing.fragment(Opcode.TEXT, b"", fin=False) for _ in range(50)}
    assert asked == [4] * 150
    assert len({frame[2:] for frame in frames}) == 150


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans())))
def test_fragments_and_messages_take_turns(commands: list[tuple[bool, bool, bool]]) -> None:
    """What is refused changes nothing: the rest is as if it had not been tried."""
    tried = Outgoing(compression=Deflate(), entropy=None)
    done = Outgoing(compression=Deflate(), entropy=None)
    begun: Opcode | None = None
    for is_text, whole, fin in commands:
        opcode = Opcode.TEXT if is_text else Opcode.BINARY
        if whole and begun is None:
            assert tried.message(opcode, b"a" * 200) == done.message(opcode, b"a" * 200)
        elif whole:
            with pytest.raises(LocalProtocolError):
                tried.message(opcode, b"a" * 200)
        elif begun in {None, opcode}:
            frames = [each.fragment(opcode, b"abc", fin=fin) for each in (tried, done)]
            assert frames[0] == frames[1]
            begun = None if fin else opcode
        else:
            with pytest.raises(LocalProtocolError):
                tried.fragment(opcode, b"abc", fin=fin)


def test_a_fragmented_message_is_compressed_whatever_its_size() -> None:
    """Nobody knows yet how large it becomes; but one that is whole is known."""
    outgoing = Outgoing(compression=Deflate(threshold=10), entropy=lambda _: KEY)
    wire = outgoing.fragment(Opcode.TEXT, b"a", fin=True)
    assert wire == sent(text("a"))
    first = outgoing.fragment(Opcode.TEXT, b"a", fin=False)
    last = outgoing.fragment(Opcode.TEXT, b"", fin=True)
    assert first[0] == 0x41
    assert last == sent(more(b"\0"))


@pytest.mark.parametrize("compression", [None, Deflate()])
@pytest.mark.parametrize("key", [None, KEY])
def test_a_large_message_is_the_same_as_a_small_one(
    compression: Deflate | None, key: bytes | None
) -> None:
    """But its payload is not copied where it goes as it is."""
    payload = bytes(LARGE)
    entropy = None if key is None else lambda _: key
    one, other = (Outgoing(compression=compression, entropy=entropy) for _ in range(2))
    parts = one.large(Opcode.BINARY, payload)
    assert b"".join(parts) == other.message(Opcode.BINARY, payload)
    assert (parts[-1] is payload) == (compression is None and key is None)


def test_a_large_message_waits_for_the_end_of_another_one() -> None:
    """As all do (5.4)."""
    outgoing = Outgoing(compression=None, entropy=None)
    outgoing.fragment(Opcode.TEXT, b"a", fin=False)
    with pytest.raises(LocalProtocolError):
        outgoing.large(Opcode.BINARY, bytes(LARGE))


def test_a_server_does_not_mask() -> None:
    """It has no source of keys."""  # WebSocket F3
    outgoing = Outgoing(compression=None, entropy=None)
    assert outgoing.frame(Opcode.PONG, b"?") == sent(Frame(Opcode.PONG, b"?"), key=None)


@pytest.mark.parametrize("wrong", [None, 1, bytearray(b"a"), memoryview(b"a")])
def test_payloads_are_strings_or_bytes(wrong: object) -> None:
    """Which nobody can change while they are being sent (10.3)."""  # WebSocket Y3
    with pytest.raises(LocalProtocolError):
        checked(wrong)
    with pytest.raises(LocalProtocolError):
        encoded(wrong)  # type: ignore[arg-type]
