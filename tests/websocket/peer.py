"""The other end of a connection: what it sends, and what it sees."""

from __future__ import annotations

from typing import Any

from eventproto import EOF, Closed, Event
from eventproto.testing import Transcript
from eventproto.websocket import (
    Close,
    Connection,
    Frame,
    FrameDecoder,
    Limits,
    Opcode,
    Role,
    encode_frame,
)
from eventproto.websocket._close import encode_close

KEY = b"\x37\xfa\x21\x3d"
LARGE = Limits(message_size=2**40, frame_size=2**40)


def server(limits: Limits = Limits(), **options: Any) -> Connection:
    return Connection(Role.SERVER, limits=limits, entropy=bytes, **options)


def client(limits: Limits = Limits(), **options: Any) -> Connection:
    return Connection(Role.CLIENT, limits=limits, entropy=lambda size: KEY[:size], **options)


def events(connection: Connection) -> list[Event]:
    return list(iter(connection.next_event, None))


def written(connection: Connection) -> list[Any]:
    """The frames that a connection writes, and EOF."""
    frames: list[Any] = []
    data = b""
    while (chunk := connection.next_output()) is not None:
        if chunk is EOF:
            frames.append(EOF)
        else:
            data += chunk
    return seen(data, masked=connection._role is Role.CLIENT) + frames


def error_of(transcript: Transcript[Connection]) -> Exception | None:
    """What a connection closed with, which is the last thing that it reports."""
    last = transcript.events[-1]
    assert isinstance(last, Closed)
    return last.error


def sent(*frames: Frame, key: bytes | None = KEY) -> bytes:
    """What a peer writes, a client unless `key` is None."""
    return b"".join(
        encode_frame(opcode, payload, fin=fin, rsv1=rsv1, key=key)
        for opcode, payload, fin, rsv1 in frames
    )


def text(payload: str | bytes, *, fin: bool = True) -> Frame:
    return Frame(Opcode.TEXT, payload.encode() if isinstance(payload, str) else payload, fin)


def more(payload: str | bytes, *, fin: bool = True) -> Frame:
    return text(payload, fin=fin)._replace(opcode=Opcode.CONTINUATION)


def close(code: int = 1000, reason: str = "") -> Frame:
    return Frame(Opcode.CLOSE, encode_close(Close(code, reason)))


def seen(output: bytes, *, masked: bool = False) -> list[Frame]:
    """What a peer reads, a client unless `masked`."""
    decoder = FrameDecoder(masked=masked, rsv1=True, limits=LARGE)
    return joined(decoder.receive(output))


def joined(frames: list[Frame]) -> list[Frame]:
    """Frames with the pieces put together that a decoder made of them."""
    whole: list[Frame] = []
    for frame in frames:
        if whole and not whole[-1].fin and frame.opcode is Opcode.CONTINUATION:
            first = whole.pop()
            payload = first.payload + frame.payload
            whole.append(first._replace(payload=payload, fin=frame.fin))
        else:
            whole.append(frame)
    return whole
