"""Frames to bytes and back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LimitExceeded, LocalProtocolError, RemoteProtocolError
from eventproto.strategies import chunkings
from eventproto.strategies._websocket import (
    broken_websocket_streams,
    websocket_frames,
    websocket_streams,
)
from eventproto.websocket import Frame, FrameDecoder, Limits, Opcode, encode_frame
from tests.websocket.peer import KEY, close, joined, more, sent, text

PING = Frame(Opcode.PING, b"Hello")
HELLO = text("Hello")


def decoder(*, masked: bool = True, rsv1: bool = False, **limits: int) -> FrameDecoder:
    return FrameDecoder(masked=masked, rsv1=rsv1, limits=Limits(**limits))


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        ("81 05 48656c6c6f", [HELLO]),
        ("81 85 37fa213d 7f9f4d5158", [HELLO]),
        ("01 03 48656c 80 02 6c6f", [text("Hel", fin=False), more("lo")]),
        ("89 05 48656c6c6f", [PING]),
        ("8a 85 37fa213d 7f9f4d5158", [PING._replace(opcode=Opcode.PONG)]),
        ("82 7e 0100" + 256 * "00", [Frame(Opcode.BINARY, bytes(256))]),
        ("82 7f 0000000000010000" + 65536 * "00", [Frame(Opcode.BINARY, bytes(65536))]),
    ],
)
def test_examples_of_the_rfc(data: str, frames: list[Frame]) -> None:
    """Those of section 5.7, read and written."""
    wire = bytes.fromhex(data)
    masked = wire[1] >= 0x80
    assert decoder(masked=masked).receive(wire) == frames
    assert sent(*frames, key=KEY if masked else None) == wire


@given(websocket_frames(), st.booleans(), st.data())
def test_what_is_encoded_is_decoded(frame: Frame, masked: bool, data: st.DataObject) -> None:
    """Cut in any way, with pieces put together again."""
    opcode, payload, fin, _ = frame
    key = data.draw(st.binary(min_size=4, max_size=4)) if masked else None
    wire = encode_frame(opcode, payload, fin=fin, key=key)
    before = []
    receiver = decoder(masked=masked)
    if opcode is Opcode.CONTINUATION:
        before = [text("", fin=False)]
        receiver.receive(sent(*before, key=KEY if masked else None))
    frames = [each for chunk in data.draw(chunkings(wire)) for each in receiver.receive(chunk)]
    assert joined([*before, *frames]) == joined([*before, frame])


@given(websocket_streams(masked=True), st.data())
def test_cutting_changes_no_more_than_fragmentation(stream: Any, data: st.DataObject) -> None:
    """So whoever joins fragments need not know how the network cut them."""
    wire, _ = stream
    whole, cut = decoder(), decoder()
    frames = [each for chunk in data.draw(chunkings(wire)) for each in cut.receive(chunk)]
    assert payloads(frames) == payloads(whole.receive(wire))


@given(broken_websocket_streams(masked=True) | st.tuples(st.binary()), st.data())
def test_nothing_but_a_violation_is_raised(broken: Any, data: st.DataObject) -> None:
    """And then it is raised from then on."""
    receiver = decoder()
    for chunk in data.draw(chunkings(broken[0])):
        receiver.feed(chunk)
        with suppress(RemoteProtocolError):
            receiver.frames()
    if receiver.error is not None:
        assert receiver.error.code in {1002, 1009}
        with pytest.raises(RemoteProtocolError):
            receiver.receive(sent(HELLO))


def payloads(frames: list[Frame]) -> list[Frame]:
    """Frames as if messages were never fragmented; only what stands between may be out of order."""
    messages = joined([frame for frame in frames if frame.opcode < Opcode.CLOSE])
    return messages + [frame for frame in frames if frame.opcode >= Opcode.CLOSE]


VIOLATIONS = [
    ("c1 80 00000000", "reserved bits 100"),  # Autobahn 3.1
    ("a9 80 00000000", "reserved bits 010"),  # 3.3: on control frames too
    ("91 80 00000000", "reserved bits 001"),
    ("83 80 00000000", "opcode 3"),  # 4.1.*
    ("8b 80 00000000", "opcode 11"),  # 4.2.*
    ("09 80 00000000", "PING frame that is fragmented"),  # 5.1
    ("08 80 00000000", "CLOSE frame that is fragmented"),
    ("89 fe 007e 00000000", "PING frame of more than 125"),  # 2.5
    ("88 ff 0000000000010000", "CLOSE frame of more than 125"),  # 7.3.6
    ("80 80 00000000", "nothing to continue"),  # 5.9
    ("00 80 00000000", "nothing to continue"),  # 5.12
    ("01 80 00000000 81 80 00000000", "TEXT frame within a fragmented message"),  # 5.18
    ("01 80 00000000 02 80 00000000", "BINARY frame within a fragmented message"),
    ("81 05 48656c6c6f", "not masked"),
    ("89 00", "not masked"),
    ("82 fe 007d", "coded as 007d"),
    ("82 ff 000000000000ffff", "coded as 000000000000ffff"),
    ("82 ff 8000000000010000", "coded as 8000000000010000"),
]


@pytest.mark.parametrize(("data", "message"), VIOLATIONS)
def test_violations(data: str, message: str) -> None:
    """Found as soon as the bytes that say so are there, whatever may follow."""
    wire = bytes.fromhex(data)
    receiver = decoder()
    assert receiver.receive(sent(HELLO, PING)) == [HELLO, PING]
    with suppress(RemoteProtocolError):
        for at in range(len(wire)):
            receiver.receive(wire[at : at + 1])
    assert receiver.error is not None
    assert receiver.error.code == 1002
    assert message in str(receiver.error)


@pytest.mark.parametrize(("data", "message"), VIOLATIONS)
def test_what_is_valid_comes_first(data: str, message: str) -> None:
    """Also if it came with the violation."""
    receiver = decoder()
    assert receiver.receive(sent(HELLO, PING) + bytes.fromhex(data))[:2] == [HELLO, PING]
    with pytest.raises(RemoteProtocolError, match=message):
        receiver.receive(b"")
    with pytest.raises(RemoteProtocolError, match=message):
        receiver.receive(sent(HELLO))


def test_a_server_must_not_mask() -> None:
    """A client fails on a frame that is (5.1)."""
    with pytest.raises(RemoteProtocolError, match="frame that is masked"):
        decoder(masked=False).receive(sent(HELLO))


def test_an_unfinished_data_frame_is_handed_on() -> None:
    """Nothing of it is held but its head."""
    receiver = decoder()
    wire = sent(HELLO, text("world"))
    assert receiver.receive(wire[:6]) == []
    assert receiver.receive(wire[6:9]) == [text("Hel", fin=False)]
    assert receiver.receive(b"") == []
    assert receiver.receive(wire[9:10]) == [more("l", fin=False)]
    assert receiver.receive(wire[10:]) == [more("o"), text("world")]


def test_an_unfinished_control_frame_is_held() -> None:
    """A Ping is answered whole."""
    receiver = decoder()
    wire = sent(Frame(Opcode.PING, bytes(125)))
    assert [each for at in range(len(wire)) for each in receiver.receive(wire[at : at + 1])] == [
        Frame(Opcode.PING, bytes(125))
    ]


def test_pieces_within_fragments() -> None:
    """The frame that is cut may itself be a fragment, the first or not the last."""
    receiver = decoder()
    wire = sent(text("ab", fin=False), more("cd", fin=False), more("ef"), HELLO)
    frames = [each for at in range(0, len(wire), 7) for each in receiver.receive(wire[at : at + 7])]
    assert joined(frames) == [text("abcdef"), HELLO]


def test_frames_can_be_taken_a_few_at_a_time() -> None:
    """What was not asked for stays bytes."""
    receiver = decoder()
    receiver.feed(sent(HELLO, PING, HELLO))
    assert receiver.frames(2) == [HELLO, PING]
    receiver.feed(sent(PING)[:3])
    assert receiver.frames(0) == []
    receiver.feed(sent(PING)[3:])
    assert receiver.frames(1) == [HELLO]
    assert receiver.frames() == [PING]
    assert receiver.frames() == []


def test_nothing_is_read_behind_a_close() -> None:
    """Not even what would be a violation (1.4)."""
    receiver = decoder()
    assert receiver.receive(sent(close(), HELLO) + b"\xff\xff") == [close()]
    assert receiver.receive(b"\xff\xff") == []
    assert receiver.error is None


def test_frame_size_is_limited() -> None:
    """By what its head says, before any of it has come."""
    receiver = decoder(frame_size=200, message_size=1000)
    assert receiver.receive(sent(text("x" * 200))) == [text("x" * 200)]
    with pytest.raises(LimitExceeded, match="201 bytes where 200") as caught:
        receiver.receive(sent(text("x" * 201))[:4])
    assert (caught.value.code, caught.value.limit) == (1009, "frame_size")


def test_message_size_is_limited() -> None:
    """Over all fragments, and not over two messages."""
    receiver = decoder(message_size=10)
    ten = [text("123456", fin=False), Frame(Opcode.PING, bytes(125)), more("7890")]
    assert receiver.receive(sent(*ten, *ten)) == ten + ten
    receiver.receive(sent(text("123456", fin=False), more("7890", fin=False)))
    assert receiver.receive(sent(more("", fin=False))) == [more("", fin=False)]
    with pytest.raises(LimitExceeded, match="11 bytes where 10") as caught:
        receiver.receive(sent(more("1"))[:2])
    assert (caught.value.code, caught.value.limit) == (1009, "message_size")


def test_fragments_are_counted() -> None:
    """Empty ones too, which no size bounds; the pieces of a frame are not fragments."""
    receiver = decoder(fragments=3)
    message = [text("", fin=False), more("", fin=False), more("")]
    assert receiver.receive(sent(*message, PING, *message)) == [*message, PING, *message]
    wire = sent(text("0123456789", fin=False), more("", fin=False))
    for at in range(len(wire) - 1):
        receiver.receive(wire[at : at + 1])
    assert receiver.receive(wire[-1:]) == [more("", fin=False)]
    assert receiver.receive(sent(more("", fin=False), more(""))) == [more("", fin=False)]
    with pytest.raises(LimitExceeded, match="more frames than the 3") as caught:
        receiver.receive(b"")
    assert (caught.value.code, caught.value.limit) == (1009, "fragments")


COMPRESSED = Frame(Opcode.TEXT, bytes.fromhex("f248cdc9c90700"), rsv1=True)  # RFC 7692, 7.2.3.1


def test_rsv1_is_read_where_it_has_a_meaning() -> None:
    """On the first frame of a message, and of the pieces of a frame on the first."""
    receiver = decoder(rsv1=True)
    first, last = COMPRESSED._replace(fin=False), more("x")
    wire = sent(COMPRESSED, HELLO, first, PING, last)
    assert wire[0] == 0xC1
    assert receiver.receive(wire) == [COMPRESSED, HELLO, first, PING, last]
    frames = [frame for each in wire for frame in receiver.receive(bytes((each,)))]
    assert [frame.rsv1 for frame in frames if frame.opcode is Opcode.TEXT] == [True, False, True]
    assert joined(frames)[1:] == joined([HELLO, first, PING, last])
    assert receiver.error is None


@pytest.mark.parametrize(
    "data", ["c9 80 00000000", "01 80 00000000 c0 80 00000000", "a1 80 00000000"]
)
def test_rsv1_means_nothing_elsewhere(data: str) -> None:
    """On control frames and later fragments; nor do the other two bits."""
    receiver = decoder(rsv1=True)
    with suppress(RemoteProtocolError):
        receiver.receive(bytes.fromhex(data))
    assert "reserved bits" in str(receiver.error)


def test_what_is_compressed_may_be_longer() -> None:
    """DEFLATE cannot make everything shorter; so much more is allowed, and nothing beyond."""
    receiver = decoder(rsv1=True, message_size=100)
    whole = Frame(Opcode.BINARY, bytes(110), rsv1=True)
    first = whole._replace(fin=False)
    last = Frame(Opcode.CONTINUATION, bytes(10))
    assert receiver.receive(sent(whole, first, last)) == [whole, first, last]
    with pytest.raises(LimitExceeded) as caught:
        receiver.receive(sent(Frame(Opcode.BINARY, bytes(101))))
    assert caught.value.limit == "message_size"
    with pytest.raises(LimitExceeded) as caught:
        decoder(rsv1=True, message_size=100).receive(sent(whole._replace(payload=bytes(1300))))
    assert caught.value.limit == "message_size"


@given(websocket_frames() | st.binary().map(lambda data: Frame(Opcode.TEXT, data)), st.booleans())
def test_a_short_message_can_be_taken_at_once(frame: Frame, masked: bool) -> None:
    """Where a read is one, the result is that of the long way; where it is not, nothing changes."""
    opcode, payload, fin, _ = frame
    wire = sent(frame, key=KEY if masked else None)
    receiver = decoder(masked=masked)
    message = receiver.short_message(wire)
    short = opcode in {Opcode.TEXT, Opcode.BINARY} and fin and len(payload) <= 125
    assert message == ((opcode, payload) if short else None)
    if opcode is not Opcode.CONTINUATION:
        assert joined(receiver.receive(wire)) == joined([frame])


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\x81",
        sent(HELLO)[:-1],
        sent(HELLO) + b"\x81",
        sent(HELLO, key=None),
        sent(HELLO._replace(rsv1=True)),
        sent(HELLO._replace(fin=False)),
        sent(PING),
        sent(close()),
        b"\x83" + sent(HELLO)[1:],
        sent(text("x" * 126)),
        sent(text("x" * 11)),
    ],
)
def test_what_is_no_short_message(wire: bytes) -> None:
    """Other frames, more than one, less than one, and what breaks the protocol or a limit."""
    receiver = decoder(rsv1=True, message_size=10)
    assert receiver.short_message(wire) is None
    assert receiver.receive(sent(HELLO)) == [HELLO]


@pytest.mark.parametrize(
    ("before", "at_most"),
    [
        (sent(HELLO)[:1], 9),
        (sent(text("Hello", fin=False)), 9),
        (sent(HELLO, HELLO), 1),
        (sent(text("12345678"))[:10], 9),
        (sent(close()), 9),
    ],
)
def test_nothing_is_taken_out_of_turn(before: bytes, at_most: int) -> None:
    """What has come before has to be read first, or says that this is no message."""
    receiver = decoder()
    receiver.feed(before)
    receiver.frames(at_most)
    assert receiver.short_message(sent(HELLO)) is None


@pytest.mark.parametrize(
    ("opcode", "payload", "options"),
    [
        (Opcode.PING, bytes(126), {}),
        (Opcode.CLOSE, b"", {"fin": False}),
        (Opcode.PONG, b"", {"rsv1": True}),
        (Opcode.TEXT, b"", {"key": b"abc"}),
        (Opcode.TEXT, b"", {"key": b""}),
    ],
)
def test_what_cannot_be_encoded(opcode: Opcode, payload: bytes, options: dict[str, Any]) -> None:
    """Because no peer would take it."""
    with pytest.raises(LocalProtocolError):
        encode_frame(opcode, payload, **options)
