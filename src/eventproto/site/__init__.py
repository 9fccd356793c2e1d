"""A site: paths, and what is found there, as a machine over HTTP.

An endpoint is a role that speaks calls (a hub, a publisher, a subscriber, a receiver of
webhooks), a stream of Server-Sent Events, or a WebSocket. `SiteConnection` is one connection to
the site: bytes in, bytes out, whatever the peer asks for.
"""

from eventproto.site._connection import Followed, Opened, Routed, SiteConnection
from eventproto.site._endpoints import (
    Endpoint,
    EventStream,
    Handler,
    LogStream,
    StreamOptions,
    Topics,
    WebSocket,
)
from eventproto.site._places import Start
from eventproto.site._site import Site

__all__ = [
    "Endpoint",
    "EventStream",
    "Followed",
    "Handler",
    "LogStream",
    "Opened",
    "Routed",
    "Site",
    "SiteConnection",
    "Start",
    "StreamOptions",
    "Topics",
    "WebSocket",
]
