"""Sans-I/O machines for Server-Sent Events, WebSocket, WebSub and webhooks, with one event model.

Here are the values that all four protocols share. Each protocol is a package of its own (`sse`,
`websocket`, `websub`, `webhook`); `eventproto.asyncio` and `eventproto.trio` put the machines on
real sockets.
"""

from eventproto._answer import Accept, Refuse
from eventproto._call import CallMachine
from eventproto._errors import (
    ClosedError,
    ConnectionLost,
    EventprotoError,
    LimitExceeded,
    LocalProtocolError,
    PeerTimeout,
    RemoteProtocolError,
    VerificationError,
)
from eventproto._event import Closed, Event, Message
from eventproto._machine import EOF, Chunk, End, Machine
from eventproto._overflow import Overflow
from eventproto._retry import Backoff, Entropy, Schedule, Steps, retry_after
from eventproto.http import HandshakeRejected

__all__ = [
    "EOF",
    "Accept",
    "Backoff",
    "CallMachine",
    "Chunk",
    "Closed",
    "ClosedError",
    "ConnectionLost",
    "End",
    "Entropy",
    "Event",
    "EventprotoError",
    "HandshakeRejected",
    "LimitExceeded",
    "LocalProtocolError",
    "Machine",
    "Message",
    "Overflow",
    "PeerTimeout",
    "Refuse",
    "RemoteProtocolError",
    "Schedule",
    "Steps",
    "VerificationError",
    "retry_after",
]
