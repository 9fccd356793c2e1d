"""A site: paths, and what is found there, as a machine over HTTP.

An endpoint is a role that speaks calls (a hub, a publisher, a subscriber, a receiver of
webhooks), a stream of Server-Sent Events or a WebSocket, both of which may replay a log, or
a `Resource`, which answers by itself. `SiteConnection` is one connection to the site: bytes in,
bytes out, whatever the peer asks for.

Whoever drives it has four things to do, one for each event but `Closed`:

- `Routed`: have the role answer the call, and send the `Result` with the token of the call.
- `Opened`: run the endpoint's handler, and send `End()` when it returns.
- `Followed`: read the log from `Start.after` on, and send what is in it. `serve` of the drivers
  does so for all clients of a topic together.
- `Failed`: log it; the client was told.
"""

from eventproto.site._connection import Failed, Followed, Opened, Routed, SiteConnection
from eventproto.site._endpoints import (
    EventStream,
    Handler,
    Resource,
    SocketOptions,
    StreamOptions,
    WebSocket,
)
from eventproto.site._logs import LogOptions, LogSocket, LogStream, Topics
from eventproto.site._places import Start
from eventproto.site._site import Endpoint, Site

__all__ = [
    "Endpoint",
    "EventStream",
    "Failed",
    "Followed",
    "Handler",
    "LogOptions",
    "LogSocket",
    "LogStream",
    "Opened",
    "Resource",
    "Routed",
    "Site",
    "SiteConnection",
    "SocketOptions",
    "Start",
    "StreamOptions",
    "Topics",
    "WebSocket",
]
