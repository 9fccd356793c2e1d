"""HTTP as values, and HTTP/1.1 connections as machines.

`Headers`, `Request`, `Response`, `Link` and `MediaType` say what goes over the wire; `Call`,
`Result` and `Body` tie answers to questions; `ServerConnection` and `ClientConnection` turn bytes
into calls and back; `ContentDecoder` undoes what a body was compressed with.
"""

from eventproto.http._call import (
    Body,
    Call,
    Exchange,
    HandshakeRejected,
    Result,
    Unanswered,
    Unsent,
)
from eventproto.http._client import ClientConnection
from eventproto.http._content_coding import ContentDecoder
from eventproto.http._headers import Headers
from eventproto.http._limits import Limits
from eventproto.http._link import Link, format_link, parse_links
from eventproto.http._media_type import MediaType
from eventproto.http._messages import Admit, Request, Response
from eventproto.http._server import ServerConnection

__all__ = [
    "Admit",
    "Body",
    "Call",
    "ClientConnection",
    "ContentDecoder",
    "Exchange",
    "HandshakeRejected",
    "Headers",
    "Limits",
    "Link",
    "MediaType",
    "Request",
    "Response",
    "Result",
    "ServerConnection",
    "Unanswered",
    "Unsent",
    "format_link",
    "parse_links",
]
