"""WebSocket (RFC 6455): frames, the opening handshake, and both ends of a connection.

`ClientConnection` and `ServerConnection` are all of it, from the first byte on a TCP connection
to the last. `Connection` is what comes after the handshake, for those whose HTTP is somebody
else's: `accept` and `connect` take and give headers. `FrameDecoder` and `encode_frame` are for
those who need nothing but frames::

    request, handshake = websocket.connect("ws://example.com/chat")
    response, server = websocket.accept(request)
    client = handshake.finish(response)

    client.send("hello", now=0.0)
    server.receive(client.next_output(), now=0.0)
    print(server.next_event())  # Text(text='hello')

A connection takes what it reports: `Text`, `Binary`, `Fragment`, `Ping`, `Pong` and `Close` are
events and commands. Pings are answered, fragments are joined, masks come and go, silent peers are
asked for a sign of life, and slow ones are not waited for; all that an application does is talk.

Where the specification leaves a choice, this package has decided:

- A Close is answered with its own code, once the application has taken what came before it and
  asks for more. So whatever was received can still be answered.
- So is a violation: what is valid before it is delivered first, and its Close says why.
- Text is checked as it comes. What cannot become UTF-8 fails the connection at the first byte that
  says so, also within an unfinished frame.
- Messages that arrive after this side has sent its Close are still delivered.
- When Pings come faster than Pongs can be written, only the newest are answered.
- Messages are compressed (permessage-deflate, RFC 7692) if that is asked for with `Deflate`. It is
  not the default: it costs each message time and each connection memory, on both sides, and tells
  an attacker who can choose a part of a message about the rest of it.
"""

from eventproto.websocket._attempt import Attempt
from eventproto.websocket._close import AbnormalClosure, CloseCode
from eventproto.websocket._closing import Role
from eventproto.websocket._connection import Connection
from eventproto.websocket._deflate import Deflate
from eventproto.websocket._encoded import Encoded, Missing
from eventproto.websocket._events import (
    Binary,
    Close,
    Fragment,
    Opened,
    Ping,
    Pong,
    Requested,
    Sendable,
    Text,
)
from eventproto.websocket._frames import Frame, FrameDecoder, encode_frame
from eventproto.websocket._handshake import ClientHandshake, accept, connect
from eventproto.websocket._heads import Opcode
from eventproto.websocket._limits import Limits
from eventproto.websocket._mask import apply_mask
from eventproto.websocket._opening import ClientConnection, ServerConnection
from eventproto.websocket._reconnection import Reconnection, RetryPolicy, is_transient
from eventproto.websocket._states import State

__all__ = [
    "AbnormalClosure",
    "Attempt",
    "Binary",
    "ClientConnection",
    "ClientHandshake",
    "Close",
    "CloseCode",
    "Connection",
    "Deflate",
    "Encoded",
    "Fragment",
    "Frame",
    "FrameDecoder",
    "Limits",
    "Missing",
    "Opcode",
    "Opened",
    "Ping",
    "Pong",
    "Reconnection",
    "Requested",
    "RetryPolicy",
    "Role",
    "Sendable",
    "ServerConnection",
    "State",
    "Text",
    "accept",
    "apply_mask",
    "connect",
    "encode_frame",
    "is_transient",
]
