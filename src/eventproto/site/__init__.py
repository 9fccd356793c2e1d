"""A site: paths, and what is found there, as a machine over HTTP.

An endpoint is a role that speaks calls (a hub, a publisher, a subscriber, a receiver of
webhooks), a stream of Server-Sent Events, or a WebSocket; the last two may replay a log.
`SiteConnection` is one connection to
the site: bytes in, bytes out, whatever the peer asks for.
"""

from eventproto.site._connection import Failed, Followed, Opened, Routed, SiteConnection
from eventproto.site._endpoints import (
    EventStream,
    Handler,
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
    "Routed",
    "Site",
    "SiteConnection",
    "SocketOptions",
    "Start",
    "StreamOptions",
    "Topics",
    "WebSocket",
]
