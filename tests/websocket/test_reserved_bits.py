"""RSV1 on frames, for the extension that gives it a meaning; and how many frames a message has."""

from __future__ import annotations

import pytest

from eventproto import LimitExceeded, LocalProtocolError, RemoteProtocolError
from eventproto.websocket import Frame, FrameDecoder, Limits, Opcode, encode_frame
from tests.websocket.peer import more, sent, text

PING = Frame(Opcode.PING, b"?")
COMPRESSED = text("abc")._replace(rsv1=True)


def decoder(*, rsv1: bool = True, **limits: int) -> FrameDecoder:
    return FrameDecoder(masked=True, rsv1=rsv1, limits=Limits(**limits))


def test_rsv1_is_reported() -> None:
    """On the first frame of a message, whole or not, of either kind."""
    frames = [
        COMPRESSED,
        COMPRESSED._replace(opcode=Opcode.BINARY),
        COMPRESSED._replace(fin=False),
        PING,
        more("d", fin=False),
        more("e"),
        text("f"),
    ]
    assert decoder().receive(sent(*frames)) == frames


def test_only_the_first_piece_of_a_frame_has_it() -> None:
    """A frame that has not arrived whole is handed on as if it were fragmented."""
    receiver = decoder()
    data = sent(COMPRESSED)
    assert receiver.receive(data[:7]) == [text("a", fin=False)._replace(rsv1=True)]
    assert receiver.receive(data[7:]) == [more("bc")]


@pytest.mark.parametrize(
    ("rsv1", "data", "bits"),
    [
        (False, "c1 80 00000000", "100"),  # WebSocket F4
        (True, "c9 80 00000000", "100"),  # WebSocket M11
        (True, "41 80 00000000 c0 80 00000000", "100"),
        (True, "01 80 00000000 40 80 00000000", "100"),
        (True, "e1 80 00000000", "110"),
        (True, "d1 80 00000000", "101"),
    ],
)
def test_rsv1_that_means_nothing(rsv1: bool, data: str, bits: str) -> None:
    """On control frames, on later fragments, beside other bits, or without an extension."""
    receiver = decoder(rsv1=rsv1)
    receiver.feed(bytes.fromhex(data))
    with pytest.raises(RemoteProtocolError, match=f"reserved bits {bits}") as caught:
        list(iter(receiver.frames, []))
    assert caught.value.code == 1002


def test_control_frames_are_never_compressed() -> None:
    """That is the caller's mistake."""
    with pytest.raises(LocalProtocolError, match="rsv1=True"):
        encode_frame(Opcode.PING, rsv1=True)


def test_compressed_messages_may_be_larger() -> None:
    """By what compression costs in the worst case, and no more: twice as large, and 1 KiB."""
    receiver = decoder(message_size=100)
    large = Frame(Opcode.BINARY, bytes(1224), rsv1=True)
    parts = [large._replace(payload=bytes(24), fin=False), more(bytes(1200))]
    assert receiver.receive(sent(large, *parts)) == [large, *parts]
    for frames in (
        [large._replace(payload=bytes(1225))],
        [parts[0], more(bytes(1201))],
        [Frame(Opcode.BINARY, bytes(101))],
        [large, Frame(Opcode.BINARY, bytes(101))],
        [*parts, Frame(Opcode.BINARY, bytes(101))],
    ):
        receiver = decoder(message_size=100)
        receiver.feed(sent(*frames))
        with pytest.raises(LimitExceeded) as caught:
            list(iter(receiver.frames, []))
        assert (caught.value.code, caught.value.limit) == (1009, "message_size")


def test_compressed_frames_are_limited() -> None:
    """By `frame_size`, as any frame."""
    with pytest.raises(LimitExceeded) as caught:
        decoder(message_size=100, frame_size=99).receive(
            sent(COMPRESSED._replace(payload=bytes(100)))
        )
    assert caught.value.limit == "frame_size"


def test_fragments_are_limited() -> None:
    """After the frame behind which there would have to be one too many; empty ones count."""
    receiver = decoder(fragments=3)
    whole = [text("", fin=False), more("", fin=False), PING, more("")]
    assert receiver.receive(sent(*whole, *whole)) == whole + whole
    endless = [*whole[:2], more("", fin=False)]
    assert receiver.receive(sent(*endless, text("x"))) == endless
    with pytest.raises(LimitExceeded, match="3 that are allowed") as caught:
        receiver.frames()
    assert (caught.value.code, caught.value.limit) == (1009, "fragments")


def test_pieces_are_not_fragments() -> None:
    """The network may cut one frame into as many as it likes."""
    receiver = decoder(fragments=2)
    data = sent(text(bytes(100), fin=False), more(bytes(100)))
    pieces = [receiver.receive(data[at : at + 1]) for at in range(len(data))]
    assert sum(map(len, pieces)) == 200
