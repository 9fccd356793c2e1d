"""What is fuzzed, and what must hold for it whatever the bytes are.

Nothing is raised but what is documented; a machine reports and writes the same however its input is
cut; and what is read can be written again.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from typing_extensions import override

from eventproto import (
    Chunk,
    Event,
    LimitExceeded,
    LocalProtocolError,
    Machine,
    RemoteProtocolError,
    cloudevents,
)
from eventproto.http import (
    Call,
    ClientConnection,
    ContentDecoder,
    Headers,
    MediaType,
    Request,
    Response,
    Result,
    ServerConnection,
    parse_links,
)
from eventproto.proxy import HttpTunnel, SocksTunnel
from eventproto.sse import Decoder, ServerSentEvent, encode
from eventproto.testing import check_chunking
from eventproto.webhook import StandardWebhooks
from eventproto.websocket import ClientConnection as WebSocketClient
from eventproto.websocket import Connection, Deflate, Frame, FrameDecoder, Opcode, Role
from eventproto.websocket import ServerConnection as WebSocketServer
from eventproto.websub import discover, parse_hub_request, verify_signature

__all__ = ["TARGETS"]

Target = Callable[[bytes], None]
Stream = Machine[Any, Chunk, Chunk]

_URL: Final = "http://a.example/"
_GET: Final = Request("GET", _URL)


def sse_decoder(data: bytes) -> None:
    """Any cut gives the same events, and each can be sent on."""
    whole, single = Decoder(), Decoder()
    events: list[Event] = []
    pieces: list[Event] = []
    with suppress(LimitExceeded):
        events += whole.receive(data)
    with suppress(LimitExceeded):
        for at in range(len(data)):
            pieces += single.receive(data[at : at + 1])
    assert events == pieces
    assert str(whole.error) == str(single.error)
    if whole.error is None:
        assert whole.last_event_id == single.last_event_id
    for event in events:
        if isinstance(event, ServerSentEvent):
            (again,) = Decoder(event.id or "").receive(encode(event))
            assert again == event


def websocket_frames(data: bytes) -> None:
    """Any cut gives the same frames, but for the pieces that those come in that are not whole."""
    assert _frames([data]) == _frames([data[at : at + 1] for at in range(len(data))])


def _frames(chunks: list[bytes]) -> tuple[object, ...]:
    decoder = FrameDecoder(masked=True)
    frames: list[Frame] = []
    with suppress(RemoteProtocolError):
        for chunk in chunks:
            frames += decoder.receive(chunk)
    begun = [(frame.opcode, frame.rsv1) for frame in frames if frame.opcode]
    ended = [frame.opcode >= Opcode.CLOSE for frame in frames if frame.fin]
    return begun, ended, b"".join(frame.payload for frame in frames), str(decoder.error)


def websub_discovery(data: bytes) -> None:
    """It raises nothing; what it finds is absolute."""
    head, _, body = data.partition(b"\0")
    for kind in ("text/html", "application/atom+xml"):
        headers = _headers(("Content-Type", kind), ("Link", head.decode("latin-1")))
        for hub in discover(Response(200, headers, body), url=_URL).hubs:
            assert "://" in hub


def http_values(data: bytes) -> None:
    """Links and media types are read from anything."""
    text = data.decode("latin-1")
    parse_links(_headers(("Link", text)), _URL)
    MediaType.parse(text)


def content_coding(data: bytes) -> None:
    """What is decoded is bounded by what came."""
    decoder = ContentDecoder.of(
        Headers({"Content-Encoding": "gzip" if len(data) % 2 else "deflate"})
    )
    decoder.receive(data)
    with suppress(RemoteProtocolError):
        while piece := decoder.read(4096):
            assert len(piece) <= 4096


def cloudevents_json(data: bytes) -> None:
    """What is read is written and read again, equal."""
    with suppress(RemoteProtocolError):
        message = cloudevents.from_json(data)
        assert cloudevents.from_json(cloudevents.to_json(message)) == message


def cloudevents_http(data: bytes) -> None:
    """The same in header fields: one to a line, the body behind an empty one."""
    head, _, body = data.partition(b"\n\n")
    pairs = (line.partition(b":") for line in head.split(b"\n"))
    headers = _headers(*((n.decode("latin-1"), v.decode("latin-1")) for n, _, v in pairs))
    with suppress(RemoteProtocolError):
        message = cloudevents.from_http(headers, body)
        assert cloudevents.from_http(*cloudevents.to_http(message, mode="structured")) == message
        with suppress(LocalProtocolError):  # its data is an event, which would be read in its place
            assert cloudevents.from_http(*cloudevents.to_http(message)) == message


def signatures(data: bytes) -> None:
    """Nothing that was not signed is taken for signed."""
    scheme = StandardWebhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    head, _, body = data.partition(b"\n\n")
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    values = [line.decode("latin-1") for line in head.split(b"\n")]
    request = Request("POST", _URL, _headers(*zip(names, values, strict=False)), body)
    with suppress(RemoteProtocolError):
        scheme.verify(request, at=1_000_000_000)
        raise AssertionError(data)
    assert not verify_signature(head.decode("latin-1"), body, "secret")


def hub_requests(data: bytes) -> None:
    """A form is read, or answered."""
    kind = Headers({"Content-Type": "application/x-www-form-urlencoded"})
    with suppress(RemoteProtocolError):
        parse_hub_request(Request("POST", _URL, kind, data))


def _headers(*pairs: tuple[str, str]) -> Headers:
    """Those of the fields that there can be."""
    headers = Headers()
    for pair in pairs:
        with suppress(LocalProtocolError):
            headers += [pair]
    return headers


class _Obliging(ServerConnection):
    """Answers each call as soon as it is reported."""

    @override
    def next_event(self) -> Event | None:
        event = super().next_event()
        if isinstance(event, Call):
            self.send(Result(event.token, Response(200, body=b"hello")), self._now)
        return event


def _asking() -> ClientConnection:
    client = ClientConnection()
    client.send(Call("t", _GET), 0.0)
    return client


def _of(make_machine: Callable[[], Stream]) -> Target:
    def target(data: bytes) -> None:
        check_chunking(make_machine, data)

    return target


_CLOUD_EVENT: Final = b'{"specversion":"1.0","id":"1","source":"/","type":"t","data":{"a":[1.5]}}'
_ATOM: Final = b'<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub self" href="/"/></feed>'
_HTML: Final = b'<html><head><base href="/x/"><link rel=hub href=h></head></html>'
_FORM: Final = (
    b"hub.mode=subscribe&hub.topic=http%3A%2F%2Fa.example%2F&hub.callback=http%3A%2F%2Fb.example%2F"
    b"&hub.secret=s&hub.lease_seconds=60"
)
_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n\x81\x01a"
)
_UPGRADE: Final = (
    b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_MASKED: Final = (
    b"\x81\x82\0\0\0\0hi\x01\x81\0\0\0\0a\x89\x80\0\0\0\0\x80\x80\0\0\0\0\x88\x80\0\0\0\0"
)

TARGETS: Final[dict[str, tuple[Target, tuple[bytes, ...]]]] = {
    "cloudevents-http": (
        cloudevents_http,
        (
            b"ce-specversion:1.0\nce-id:1\nce-source:/\nce-type:t\nce-time:2020-01-01T00:00:00Z\n\na",
        ),
    ),
    "cloudevents-json": (cloudevents_json, (_CLOUD_EVENT,)),
    "content-coding": (content_coding, (zlib.compress(b"hello"), gzip.compress(b"hello" * 9))),
    "http-client": (
        _of(_asking),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nA: b\r\n\r\n",
        ),
    ),
    "http-server": (
        _of(_Obliging),
        (
            b"GET / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\n\r\n" * 2,
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ),
    ),
    "http-tunnel": (
        _of(lambda: HttpTunnel("b.example", 443)),
        (b"HTTP/1.1 200 Connection Established\r\n\r\nabc",),
    ),
    "http-values": (
        http_values,
        (b'<a>; rel="b c"; anchor=d, <e>; title*=UTF-8\'\'f; charset="g"',),
    ),
    "hub-requests": (hub_requests, (_FORM,)),
    "signatures": (signatures, (b"msg_1\n1000000000\nv1,AAAA v1a,BBBB\n\nbody",)),
    "socks-tunnel": (
        _of(lambda: SocksTunnel("b.example", 443, user="a", password="b")),
        (b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0abc",),
    ),
    "sse": (
        sse_decoder,
        (
            b"\xef\xbb\xbfevent: a\nid: 1\ndata: b\ndata:c\r\n\r\n",
            b": d\rretry: 9\ndata-encoding: base64\ndata: aGk=\n\n",
        ),
    ),
    "websocket-client": (
        _of(lambda: Connection(Role.CLIENT, compression=Deflate(), entropy=bytes)),
        (b"\x81\x02hi\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x88\x02\x03\xe8",),
    ),
    "websocket-client-handshake": (
        _of(lambda: WebSocketClient("ws://a.example/", entropy=bytes)),
        (_SWITCHING,),
    ),
    "websocket-frames": (websocket_frames, (_MASKED,)),
    "websocket-server": (_of(lambda: Connection(Role.SERVER, compression=Deflate())), (_MASKED,)),
    "websocket-server-handshake": (_of(WebSocketServer), (_UPGRADE + _MASKED,)),
    "websub-discovery": (websub_discovery, (b"<h>; rel=hub\0" + _ATOM, b"\0" + _HTML)),
}
"""What can be fuzzed, by name: the function, and some input to begin with."""
