"""wsproto and websockets, as functions from bytes to our events and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import wsproto
import wsproto.connection
import wsproto.events as theirs
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode as TheirOpcode
from websockets.protocol import Protocol, Side
from wsproto.extensions import PerMessageDeflate as WsprotoDeflate

from eventproto import Event
from eventproto.websocket import Binary, Close, Deflate, Ping, Pong, Text


class Wsproto:
    """wsproto's end of an open connection, with compression as its own side would say it.

    Attributes:
        end: The code that it has found in a Close, or would answer a violation with.
    """

    def __init__(self, *, is_client: bool, compression: Deflate | None = None) -> None:
        role = wsproto.ConnectionType.CLIENT if is_client else wsproto.ConnectionType.SERVER
        self.connection = wsproto.connection.Connection(role, _extensions(compression, is_client))
        self.end: int | None = None

    def read(self, data: bytes) -> list[Event]:
        self.connection.receive_data(data)
        return list(self._events())

    def _events(self) -> Iterator[Event]:
        parts: list[Any] = []
        for event in self.connection.events():
            match event:
                case theirs.Message():
                    parts.append(event.data)
                    if event.message_finished:
                        text = isinstance(event, theirs.TextMessage)
                        yield Text("".join(parts)) if text else Binary(b"".join(parts))
                        parts = []
                case theirs.Ping():
                    yield Ping(bytes(event.payload))
                case theirs.Pong():
                    yield Pong(bytes(event.payload))
                case theirs.CloseConnection():
                    self.end = int(event.code)
                    yield Close(int(event.code), event.reason or "")
                case _:
                    raise AssertionError(event)

    def write(self, event: Event) -> bytes:
        match event:
            case Text(text):
                return self.connection.send(theirs.TextMessage(data=text))
            case Binary(data):
                return self.connection.send(theirs.BytesMessage(data=data))
            case Ping(payload):
                return self.connection.send(theirs.Ping(payload=payload))
            case Pong(payload):
                return self.connection.send(theirs.Pong(payload=payload))
            case Close(code, reason):
                return self.connection.send(theirs.CloseConnection(code=code, reason=reason))
            case _:
                raise AssertionError(event)


class Websockets:
    """The same with the sans-I/O layer of websockets, which leaves joining to its user.

    Attributes:
        end: The code of a Close that has come or was sent; 1007 if text could not be decoded.
    """

    def __init__(self, *, is_client: bool, compression: Deflate | None = None) -> None:
        self.protocol = Protocol(Side.CLIENT if is_client else Side.SERVER, max_size=None)
        if compression is not None:
            self.protocol.extensions = [
                PerMessageDeflate(
                    not compression.peer_context_takeover,
                    not compression.context_takeover,
                    compression.peer_window_bits,
                    compression.window_bits,
                )
            ]
        self.end: int | None = None

    def read(self, data: bytes) -> list[Event]:
        self.protocol.receive_data(data)
        if self.protocol.close_rcvd is not None:
            self.end = int(self.protocol.close_rcvd.code)
        if self.protocol.parser_exc is not None and self.protocol.close_sent is not None:
            self.end = int(self.protocol.close_sent.code)
        return list(self._events())

    def _events(self) -> Iterator[Event]:
        parts: list[bytes] = []
        text = False
        for frame in self.protocol.events_received():
            assert isinstance(frame, TheirFrame)
            payload = bytes(frame.data)
            match frame.opcode:
                case TheirOpcode.PING:
                    yield Ping(payload)
                case TheirOpcode.PONG:
                    yield Pong(payload)
                case TheirOpcode.CLOSE:
                    assert self.protocol.close_rcvd is not None
                    yield Close(int(self.protocol.close_rcvd.code), self.protocol.close_rcvd.reason)
                case opcode:
                    text = text if opcode is TheirOpcode.CONT else opcode is TheirOpcode.TEXT
                    parts.append(payload)
                    if frame.fin:
                        whole, parts = b"".join(parts), []
                        try:
                            message = Text(whole.decode()) if text else Binary(whole)
                        except UnicodeDecodeError:
                            self.end = 1007
                            return
                        yield message

    def write(self, event: Event) -> bytes:
        match event:
            case Text(text):
                self.protocol.send_text(text.encode())
            case Binary(data):
                self.protocol.send_binary(data)
            case Ping(payload):
                self.protocol.send_ping(payload)
            case Pong(payload):
                self.protocol.send_pong(payload)
            case Close(code, reason):
                self.protocol.send_close(code, reason)
            case _:
                raise AssertionError(event)
        return b"".join(self.protocol.data_to_send())


def _extensions(compression: Deflate | None, is_client: bool) -> list[Any]:
    if compression is None:
        return []
    client, server = compression.window_bits, compression.peer_window_bits
    forgets = not compression.context_takeover, not compression.peer_context_takeover
    if not is_client:
        client, server = server, client
        forgets = forgets[::-1]
    extension = WsprotoDeflate(forgets[0], client, forgets[1], server)
    extension._enabled = True
    return [extension]
