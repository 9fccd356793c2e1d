"""WebSocket with permessage-deflate: what a peer may send and what not, and what it may ask for."""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import Any, Final

from hypothesis import strategies as st

from eventproto import Event, websocket
from eventproto.http import Headers
from eventproto.strategies._websocket import (
    IMPOSSIBLE_TEXT,
    MALFORMED_EXTENSIONS,
    control_frames,
    encoded_frames,
    websocket_messages,
)
from eventproto.websocket import Deflate, Frame, Opcode, Text

__all__ = [
    "broken_compressed_websocket_streams",
    "compressed_websocket_streams",
    "rejected_websocket_extensions",
    "websocket_compressions",
    "websocket_offers",
]


def websocket_compressions() -> st.SearchStrategy[Deflate]:
    """All ways to compress, and to wish that the peer does."""
    bits = st.integers(8, 15)
    return st.builds(
        Deflate,
        window_bits=bits,
        context_takeover=st.booleans(),
        peer_window_bits=bits,
        peer_context_takeover=st.booleans(),
        level=st.integers(0, 9),
        memory_level=st.integers(1, 9),
        threshold=st.sampled_from([0, 10, 128]),
    )


@st.composite
def compressed_websocket_streams(
    draw: st.DrawFn, *, masked: bool, deflate: Deflate = Deflate()
) -> tuple[bytes, list[Event]]:
    """What a peer may send where permessage-deflate was agreed on, and the events of it.

    Messages are compressed or not, whole or fragmented, in one block or several, of which some
    say that they are the last. There are no more Pings than are always answered.

    Args:
        masked: Whether it is a client that sends.
        deflate: As the receiver says it: the peer keeps to `peer_window_bits` and
            `peer_context_takeover`.
    """
    compressor = _Compressor(deflate)
    frames: list[Frame] = []
    events: list[Event] = []
    for message in draw(st.lists(websocket_messages(), max_size=4)):
        if isinstance(message, Text):
            opcode, payload = Opcode.TEXT, message.text.encode()
        else:
            opcode, payload = Opcode.BINARY, message.data
        rsv1 = draw(st.booleans())
        if rsv1:
            parts = draw(_cuts(payload))
            payload = compressor.compress(parts, last_block=draw(st.booleans()))
        for part in draw(_cuts(payload)):
            for frame, control in draw(st.lists(control_frames(), max_size=1)):
                frames.append(frame)
                events.append(control)
            frames.append(Frame(opcode, part, fin=False, rsv1=rsv1))
            opcode, rsv1 = Opcode.CONTINUATION, False
        frames[-1] = frames[-1]._replace(fin=True)
        events.append(message)
    return b"".join(draw(encoded_frames(frame, masked=masked)) for frame in frames), events


@st.composite
def broken_compressed_websocket_streams(
    draw: st.DrawFn,
    *,
    masked: bool,
    deflate: Deflate = Deflate(),
    limits: websocket.Limits = websocket.Limits(),
) -> tuple[bytes, list[Event], int]:
    """What a peer must not send there, with the events before that and the close code.

    What comes behind the violation must have no effect.

    Args:
        masked: Whether it is a client that sends.
        deflate: As for `compressed_websocket_streams`.
        limits: Those of the receiver, with a `message_size` from 2000 bytes on.
    """
    before, events = draw(compressed_websocket_streams(masked=masked, deflate=deflate))
    kind = draw(st.sampled_from(["corrupt", "text", "large", "control", "continuation"]))
    frame, code = Frame(Opcode.BINARY, b"", rsv1=True), 1002
    # Without a context, since what may be in it is gone.
    if kind == "corrupt":
        frame, code = frame._replace(payload=draw(st.sampled_from(_CORRUPT))), 1007
    elif kind == "text":
        payload = _compressed(draw(st.sampled_from(IMPOSSIBLE_TEXT)) + draw(st.binary()))
        frame, code = Frame(Opcode.TEXT, payload, rsv1=True), 1007
    elif kind == "large":
        excess = draw(st.integers(1, 100))
        frame, code = frame._replace(payload=_compressed(bytes(limits.message_size + excess))), 1009
    elif kind == "continuation":
        before += draw(encoded_frames(Frame(Opcode.BINARY, b"", fin=False), masked=masked))
        frame = Frame(Opcode.CONTINUATION, draw(st.binary(max_size=10)))
    else:
        opcode = draw(st.sampled_from([Opcode.PING, Opcode.PONG, Opcode.CLOSE]))
        frame = Frame(opcode, draw(st.binary(max_size=10)))
    wire = bytearray(draw(encoded_frames(frame, masked=masked)))
    if not frame.rsv1:
        wire[0] |= _RSV1
    after = draw(encoded_frames(Frame(Opcode.PING), masked=masked) | st.binary(max_size=10))
    return before + wire + after, events, code


@st.composite
def websocket_offers(draw: st.DrawFn) -> tuple[Headers, str | None]:
    """Values of `Sec-WebSocket-Extensions` of a request, and what a server must make of them.

    That is the first offer of permessage-deflate that it must not decline, as it was written; or
    None if it must not agree on any extension.
    """
    offers = draw(st.lists(st.sampled_from([*_UNDERSTOOD, *_DECLINED, *_UNKNOWN]), max_size=4))
    understood = next((each for each in offers if each in _UNDERSTOOD), None)
    joint = draw(st.sampled_from([", ", ",", " ,\t"]))
    texts = offers if draw(st.booleans()) else [joint.join(offers)] if offers else []
    return Headers([("Sec-WebSocket-Extensions", text) for text in texts]), understood


def rejected_websocket_extensions() -> st.SearchStrategy[str]:
    """Values of `Sec-WebSocket-Extensions` of an answer that no client may take.

    Whatever it has offered, if that was not more than permessage-deflate.
    """
    wrong = [*_DECLINED, *_UNKNOWN, *MALFORMED_EXTENSIONS, f"{_NAME}; client_max_window_bits"]
    return st.sampled_from([*wrong, f"{_NAME}, {_NAME}", f"{_NAME}, x-mux"])


def _cuts(payload: bytes) -> st.SearchStrategy[list[bytes]]:
    cuts = st.lists(st.integers(0, len(payload)), max_size=2).map(sorted)
    return cuts.map(
        lambda cuts: [payload[start:end] for start, end in pairwise([0, *cuts, len(payload)])]
    )


class _Compressor:
    """zlib's, told what to do by the letter of RFC 7692, 7.2.1."""

    def __init__(self, deflate: Deflate) -> None:
        self._deflate = deflate
        self._stream: Any = None

    def compress(self, parts: list[bytes], *, last_block: bool) -> bytes:
        stream = self._stream or _stream(self._deflate.peer_window_bits)
        keep = self._deflate.peer_context_takeover and not last_block
        self._stream = stream if keep else None
        *blocks, rest = parts
        data: bytes = b"".join(
            stream.compress(each) + stream.flush(zlib.Z_SYNC_FLUSH) for each in blocks
        )
        data += stream.compress(rest)
        data += stream.flush(zlib.Z_FINISH if last_block else zlib.Z_SYNC_FLUSH)
        return data + b"\0" if last_block else data[:-4]


def _stream(bits: int) -> Any:  # noqa: ANN401  # zlib's has no name
    return zlib.compressobj(wbits=-max(bits, 9))  # 9 looks back 250 bytes, so it is 8, too


def _compressed(payload: bytes) -> bytes:
    return _Compressor(Deflate(peer_window_bits=8)).compress([payload], last_block=True)


_RSV1: Final = 0x40
_CORRUPT: Final = (
    b"",
    b"\x07",
    b"\xff",
    b"\x00\x05\x00\xfa\xfeH",
    b"\x01\x05\x00\xfa\xffH",
    b"\xf3H\xcd\xc9\xc9\x07\x00",
    b"\xf3H\xcd\xc9\xc9\x07\x00\xff",
    b"\xf3H\xcd\xc9\xc9\x07\x00\x00\x05",
)
_NAME: Final = "permessage-deflate"
_UNDERSTOOD: Final = (
    _NAME,
    f"{_NAME}; server_no_context_takeover",
    f"{_NAME};client_no_context_takeover",
    f"{_NAME}; server_max_window_bits=8",
    f"{_NAME}; server_max_window_bits = 15",
    f'{_NAME}; server_max_window_bits="10"',
    f"{_NAME}; client_max_window_bits",
    f"{_NAME}; client_max_window_bits=9",
    f"{_NAME}; client_no_context_takeover; client_max_window_bits; server_max_window_bits=9",
)
_DECLINED: Final = (
    *(f"{_NAME}; {side}_no_context_takeover=1" for side in ("server", "client")),
    *(
        f"{_NAME}; {side}_max_window_bits={bits}"
        for side in ("server", "client")
        for bits in ("0", "7", "16", "08", "x", '"7"')
    ),
    f"{_NAME}; server_max_window_bits",
    f"{_NAME}; unheard_of",
    f"{_NAME}; server_no_context_takeover; server_no_context_takeover",
    f"{_NAME}; client_max_window_bits=9; client_max_window_bits=10",
)
_UNKNOWN: Final = ("x-webkit-deflate-frame", 'x-mux; max-channels="4"; flow-control')
