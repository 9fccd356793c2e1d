"""The four protocols on real sockets, with trio.

`eventproto.asyncio` has the same names. Everything that is started inside of an
`async with` has ended when the block exits.
"""

from eventproto._address import ANYWHERE, PUBLIC_ONLY, AddressPolicy
from eventproto._drive._clients import Clients
from eventproto._drive._engines import Engines
from eventproto._drive._event_source import EventSource
from eventproto._drive._following import Following
from eventproto._drive._role import Role
from eventproto._drive._server import Server
from eventproto._drive._session import Session
from eventproto._drive._stream import StreamSession
from eventproto._drive._websocket import Pieces, WebSocketSession, broadcast
from eventproto._drive._websocket_client import (
    Authenticate,
    Connections,
    RequestHeaders,
    WebSocketConnector,
)
from eventproto.trio import _runtime
from eventproto.trio._threads import Threads

__all__ = [
    "ANYWHERE",
    "PUBLIC_ONLY",
    "AddressPolicy",
    "Authenticate",
    "Connections",
    "EventSource",
    "Following",
    "Pieces",
    "RequestHeaders",
    "Role",
    "Server",
    "Session",
    "StreamSession",
    "Threads",
    "WebSocketConnector",
    "WebSocketSession",
    "broadcast",
    "connect",
    "connect_sse",
    "connect_websocket",
    "open_engine",
    "publish",
    "run",
    "send_webhook",
    "serve",
    "subscribe",
]

_clients = Clients(_runtime)

connect = _clients.connect
connect_sse = _clients.connect_sse
connect_websocket = _clients.connect_websocket
open_engine = Engines(Threads()).open
publish = _clients.publish
run = _clients.run
send_webhook = _clients.send_webhook
serve = _clients.serve
subscribe = _clients.subscribe
