"""WebSocket: frames, what a peer may send and what not, and opening handshakes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from eventproto import Event, websocket
from eventproto.http import Headers, Request
from eventproto.websocket import (
    Binary,
    Close,
    Frame,
    Opcode,
    Ping,
    Pong,
    Text,
    accept,
    encode_frame,
)

__all__ = [
    "broken_websocket_streams",
    "refused_websocket_requests",
    "rejected_websocket_headers",
    "websocket_closes",
    "websocket_frames",
    "websocket_requests",
    "websocket_streams",
]


def websocket_frames() -> st.SearchStrategy[Frame]:
    """Single frames of all kinds that RFC 6455 allows, whatever their payloads say.

    Data frames have lengths in each of the three encodings.
    """
    control = st.sampled_from([Opcode.CLOSE, Opcode.PING, Opcode.PONG])
    data = st.sampled_from([Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY])
    payload = st.binary(max_size=200) | st.sampled_from(_EDGES).map(bytes)
    plain = st.just(value=False)
    controls = st.builds(Frame, control, st.binary(max_size=125), st.just(value=True), plain)
    return controls | st.builds(Frame, data, payload, st.booleans(), plain)


def websocket_closes() -> st.SearchStrategy[Close]:
    """What a peer may say in a Close: code 1005 stands for nothing."""
    code = st.sampled_from([1000, 1001, 1002, 1003]) | st.integers(1007, 1014)
    reason = st.text(_CHARACTERS, max_size=123).filter(lambda text: len(text.encode()) <= 123)
    closes = st.builds(Close, code | st.integers(3000, 4999), reason)
    return st.just(Close(1005)) | closes


@st.composite
def websocket_streams(draw: st.DrawFn, *, masked: bool) -> tuple[bytes, list[Event]]:
    """What a peer may send between the opening handshake and its Close, and the events of it.

    Messages are whole or fragmented, with control frames between the fragments. There are no
    more Pings than are always answered.

    Args:
        masked: Whether it is a client that sends.
    """
    frames: list[Frame] = []
    events: list[Event] = []
    for message in draw(st.lists(websocket_messages(), max_size=5)):
        if isinstance(message, Text):
            opcode, payload = Opcode.TEXT, message.text.encode()
        else:
            opcode, payload = Opcode.BINARY, message.data
        cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=2)))
        for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True):
            for frame, control in draw(st.lists(control_frames(), max_size=1)):
                frames.append(frame)
                events.append(control)
            frames.append(Frame(opcode, payload[start:end], fin=False))
            opcode = Opcode.CONTINUATION
        frames[-1] = frames[-1]._replace(fin=True)
        events.append(message)
    return b"".join(draw(encoded_frames(frame, masked=masked)) for frame in frames), events


@st.composite
def broken_websocket_streams(
    draw: st.DrawFn,
    *,
    masked: bool,
    limits: websocket.Limits = websocket.Limits(),
    prompt: bool = True,
) -> tuple[bytes, list[Event], int]:
    """What a peer must not send, with the events before that and the close code that answers it.

    What comes behind the violation must have no effect.

    Args:
        masked: Whether it is a client that sends.
        limits: Those of the receiver, each of them more than 65536 bytes.
        prompt: Whether the receiver must see a violation with the byte that is one. Otherwise
            enough follows for one that looks at whole frames.
    """
    before, events = draw(websocket_streams(masked=masked))
    within = draw(st.booleans())
    if within:
        before += draw(encoded_frames(Frame(Opcode.TEXT, b"a", fin=False), masked=masked))
    violation, code = draw(
        st.one_of(
            _broken_heads(masked=masked, within=within),
            _broken_sizes(masked=masked, within=within, limits=limits),
            _broken_payloads(masked=masked, within=within),
        )
    )
    after = draw(encoded_frames(Frame(Opcode.PING), masked=masked) | st.binary(max_size=10))
    if not prompt:
        after += bytes(_LARGEST_REST)
    return before + violation + after, events, code


@st.composite
def websocket_requests(draw: st.DrawFn) -> tuple[Request, tuple[str, ...]]:
    """Requests of the opening handshake as clients write them, and the subprotocols they offer."""
    offered = tuple(draw(st.lists(_tokens(), max_size=4, unique=True)))
    pairs = [
        ("Upgrade", draw(st.sampled_from(["websocket", "WebSocket", "h2c, websocket"]))),
        ("Connection", draw(st.sampled_from(["Upgrade", "upgrade", "keep-alive, Upgrade"]))),
        ("Sec-WebSocket-Key", b64encode(draw(st.binary(min_size=16, max_size=16))).decode()),
        ("Sec-WebSocket-Version", "13"),
    ]
    if draw(st.booleans()):
        pairs += [("Sec-WebSocket-Protocol", each) for each in offered]
    elif offered:
        pairs.append(("Sec-WebSocket-Protocol", draw(st.sampled_from([",", ", "])).join(offered)))
    pairs += draw(st.lists(st.sampled_from(_IGNORED), max_size=2, unique=True))
    spell: Callable[[str], str] = draw(st.sampled_from([str.title, str.lower, str.upper]))
    pairs = [(spell(name), text) for name, text in draw(st.permutations(pairs))]
    return Request("GET", "http://example.com/socket?x=y", Headers(pairs)), offered


@st.composite
def refused_websocket_requests(draw: st.DrawFn) -> tuple[Request, int]:
    """Requests that a server must refuse, and the status that does."""
    request, _ = draw(websocket_requests())
    headers = request.headers
    name, texts, status = draw(st.sampled_from(_REFUSED))
    if name == "method":
        return Request(draw(st.sampled_from(texts)), request.url, headers), status
    headers = headers.without(name) + [(name, text) for text in texts]
    return Request("GET", request.url, headers), status


@st.composite
def rejected_websocket_headers(draw: st.DrawFn, request: Request) -> tuple[int, Headers]:
    """Status and headers of an answer that a client must not take for an open WebSocket.

    Args:
        request: What the client has asked; it offers no subprotocol `unheard-of`.
    """
    response, _ = accept(request)
    name, texts = draw(st.sampled_from(_REJECTED))
    if name == "status":
        return draw(st.sampled_from([200, 204, 301, 401, 403, 426, 503])), response.headers
    return 101, response.headers.without(name) + [(name, text) for text in texts]


_CHARACTERS: Final = st.characters(codec="utf-8") | st.sampled_from("\0\x7f\u00e9\u20ac\U0001f600")
_EDGES: Final = (0, 125, 126, 127, 65535, 65536)
_LARGEST_REST: Final = 300  # of a frame that was cut off
_FIN: Final = 0x80
_MASK: Final = 0x80


def websocket_messages() -> st.SearchStrategy[Text | Binary]:
    edges = st.integers(125, 127).map(lambda size: Text("x" * size))
    texts = st.builds(Text, st.text(_CHARACTERS)) | edges
    return texts | st.builds(Binary, st.binary(max_size=200))


def control_frames() -> st.SearchStrategy[tuple[Frame, Event]]:
    """Pings and Pongs, as frames and as events."""
    payload = st.binary(max_size=125)
    pings = payload.map(lambda payload: (Frame(Opcode.PING, payload), Ping(payload)))
    return pings | payload.map(lambda payload: (Frame(Opcode.PONG, payload), Pong(payload)))


def encoded_frames(frame: Frame, *, masked: bool) -> st.SearchStrategy[bytes]:
    keys = st.binary(min_size=4, max_size=4) if masked else st.none()
    opcode, payload, fin, rsv1 = frame
    return keys.map(lambda key: encode_frame(opcode, payload, fin=fin, rsv1=rsv1, key=key))


def _broken_heads(*, masked: bool, within: bool) -> st.SearchStrategy[tuple[bytes, int]]:
    """The first two bytes of a frame, one of which cannot be: RFC 6455, 5.1, 5.2, 5.4 and 5.5."""
    mask, wrong = (_MASK, 0) if masked else (0, _MASK)
    data = [0] if within else [1, 2]
    valid = [*data, *(_FIN | opcode for opcode in (*data, 8, 9, 10))]
    reserved_bits = st.builds(int.__or__, st.sampled_from(valid), st.sampled_from(_RESERVED_BITS))
    reserved_opcodes = st.sampled_from([_FIN | each for each in (*range(3, 8), *range(11, 16))])
    fragmented_controls = st.sampled_from([8, 9, 10])
    out_of_sequence = st.sampled_from([1, 2, _FIN | 1, _FIN | 2] if within else [0, _FIN])
    first = reserved_bits | reserved_opcodes | fragmented_controls | out_of_sequence
    heads = st.one_of(
        st.tuples(first, st.integers(0, 127).map(lambda size: mask | size)),
        st.tuples(st.sampled_from(valid), st.integers(0, 127).map(lambda size: wrong | size)),
        st.tuples(st.sampled_from([0x88, 0x89, 0x8A]), st.sampled_from([mask | 126, mask | 127])),
    )
    return heads.map(lambda head: (bytes(head), 1002))


def _broken_sizes(
    *, masked: bool, within: bool, limits: websocket.Limits
) -> st.SearchStrategy[tuple[bytes, int]]:
    """The head of a data frame with a length that cannot be, or that is beyond a limit."""
    first = _FIN | (Opcode.CONTINUATION if within else Opcode.BINARY)
    mask = _MASK if masked else 0
    largest = min(limits.message_size - within, limits.frame_size)
    return st.one_of(
        st.integers(0, 125).map(lambda size: (126, size, 2, 1002)),
        st.integers(0, 65535).map(lambda size: (127, size, 8, 1002)),
        st.integers(2**63, 2**64 - 1).map(lambda size: (127, size, 8, 1002)),
        st.integers(largest + 1, 2**63 - 1).map(lambda size: (127, size, 8, 1009)),
    ).map(
        lambda broken: (
            bytes([first, mask | broken[0]]) + broken[1].to_bytes(broken[2], "big"),
            broken[3],
        )
    )


@st.composite
def _broken_payloads(draw: st.DrawFn, *, masked: bool, within: bool) -> tuple[bytes, int]:
    """A frame whose payload cannot be, whole or cut off just behind the byte that says so."""
    if draw(st.booleans()):
        payload, code = draw(st.sampled_from(_BROKEN_CLOSES))
        return draw(encoded_frames(Frame(Opcode.CLOSE, payload), masked=masked)), code
    opcode = Opcode.CONTINUATION if within else Opcode.TEXT
    start = draw(st.text(_CHARACTERS)).encode()
    if draw(st.booleans()):
        frame = Frame(opcode, start + draw(st.sampled_from(_INCOMPLETE)))
        return draw(encoded_frames(frame, masked=masked)), 1007
    rest = draw(st.binary(max_size=200))
    frame = Frame(
        opcode, start + draw(st.sampled_from(IMPOSSIBLE_TEXT)) + rest, draw(st.booleans())
    )
    encoded = draw(encoded_frames(frame, masked=masked))
    return (encoded[: -len(rest)] if rest else encoded), 1007


def _tokens() -> st.SearchStrategy[str]:
    return st.sampled_from(["chat", "superchat", "v1.json", "mqtt", "x!#$%&'*+-.^_`|~9"])


_RESERVED_BITS: Final = (0x10, 0x20, 0x40, 0x50, 0x70)
_INCOMPLETE: Final = (b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xf4\x8f")
# Each ends with the first byte after which nothing can make it UTF-8.
IMPOSSIBLE_TEXT: Final = (
    *(b"\x80", b"\xc0", b"\xc1", b"\xf5", b"\xfe", b"\xff"),
    *(b"\xc3\x28", b"\xe2\x82\x28", b"\xf0\x9f\x98\x28"),
    *(b"\xe0\x80", b"\xf0\x80"),  # longer than need be
    b"\xed\xa0",  # half of a surrogate pair
    b"\xf4\x90",  # beyond U+10FFFF
)
_BROKEN_CLOSES: Final = (
    (b"\x03", 1002),
    *(
        (code.to_bytes(2, "big") + b"why", 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    ),
    *(((1000).to_bytes(2, "big") + text, 1007) for text in (*_INCOMPLETE, *IMPOSSIBLE_TEXT)),
)
_IGNORED: Final = (
    ("Origin", "https://example.com"),
    ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ("Cookie", "a=b"),
    ("User-Agent", "caf\udce9"),
)
_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
MALFORMED_EXTENSIONS: Final = ("a;", "a b", 'a; b="', 'a; b="c d"', 'a; b=""', "a; b=c=d", "(x)")
_REFUSED: Final[tuple[tuple[str, tuple[str, ...], int], ...]] = (
    ("method", ("POST", "HEAD", "PUT", "get"), 405),
    ("Upgrade", (), 426),
    ("Upgrade", ("h2c",), 426),
    ("Upgrade", ("websockets",), 426),
    ("Connection", (), 400),
    ("Connection", ("close",), 400),
    ("Connection", ("upgrades",), 400),
    ("Sec-WebSocket-Version", (), 400),
    ("Sec-WebSocket-Version", ("13", "13"), 400),
    ("Sec-WebSocket-Version", ("8",), 426),
    ("Sec-WebSocket-Version", ("013",), 426),
    ("Sec-WebSocket-Version", ("13, 8",), 426),
    ("Sec-WebSocket-Key", (), 400),
    ("Sec-WebSocket-Key", ("",), 400),
    ("Sec-WebSocket-Key", (_KEY, _KEY), 400),
    ("Sec-WebSocket-Key", (_KEY[:-1],), 400),
    ("Sec-WebSocket-Key", ("c2hvcnQ=",), 400),
    ("Sec-WebSocket-Key", ("dGhlIHNhbXBsZSBub25j\udce9Q==",), 400),
    ("Sec-WebSocket-Protocol", ("a, a",), 400),
    ("Sec-WebSocket-Protocol", ("a", "b", "a"), 400),
    ("Sec-WebSocket-Protocol", ("a b",), 400),
    ("Sec-WebSocket-Protocol", ('"a"',), 400),
    *(("Sec-WebSocket-Extensions", (text,), 400) for text in MALFORMED_EXTENSIONS),
)
_REJECTED: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("status", ()),
    ("Upgrade", ()),
    ("Upgrade", ("h2c",)),
    ("Upgrade", ("websocket", "websocket")),
    ("Connection", ()),
    ("Connection", ("close",)),
    ("Sec-WebSocket-Accept", ()),
    ("Sec-WebSocket-Accept", ("",)),
    ("Sec-WebSocket-Accept", ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
    ("Sec-WebSocket-Accept", ("AAAAAAAAAAAAAAAAAAAAAAAAAAA=",)),
    *(("Sec-WebSocket-Extensions", (text,)) for text in ("x-mux", *MALFORMED_EXTENSIONS)),
    ("Sec-WebSocket-Protocol", ("unheard-of",)),
    ("Sec-WebSocket-Protocol", ("",)),
)
