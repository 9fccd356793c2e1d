r"""Server-Sent Events: the `text/event-stream` format, and both sides of it.

`Decoder` and `encode` are all that an application with an HTTP stack of its own needs: bytes to
events exactly as browsers read them, however the network cut the bytes, and events to bytes that
every reader understands::

    decoder = sse.Decoder()
    for event in decoder.receive(b"id: 7\nevent: add\ndata: one\ndata: two\n\n: ping\n"):
        match event:
            case sse.ServerSentEvent(data, event_type, event_id):
                print(event_id, event_type, repr(data))  # 7 add 'one\ntwo'
            case sse.Comment(text):
                print(text)  # ping

The machines add time and life. `accept` answers a request with the right head and a
`ServerStream`: commands in, the body's bytes out, with comments that keep an idle connection
alive and bounds for a client that is too slow. `Client` is the session of an EventSource: it
makes the calls, reports `Opened`, the stream's events and `Disconnected`, and comes back with the
last event ID for as long as the server lets it.

Where the specification leaves a choice or the format has no room, this package has decided:

- A decoder continues with the last event ID of the stream before, as browsers do, although the
  letter of the specification lets the first blank line of a new stream erase it.
- An empty `retry` is ignored, and so is one that does not fit 64 bits.
- Lines, events and ids have limits, and what exceeds one is an error, never cut short.
- Binary data travels as base64 next to a field `data-encoding: base64`, which all other readers
  must ignore: they see the base64 text, this decoder gives the bytes back.
- Line ends in text may be CR, CRLF or LF, and all are read as LF. Bytes, and the data of a
  `Message`, arrive as they were sent.
- A server that has lost what a client missed says so by an event of type `gap`, see `Gap`.
- A client does not remember redirects, sends no `Last-Event-ID` once the id was taken back, and
  waits an hour at most for what `retry` says.
- A client ends at any status but 200, as browsers do, except that it comes back after 429 and 503.
- A client makes a request that is not idempotent again only if it was never sent.
- A client takes a server for gone that sends nothing for a minute.

The format is that of the WHATWG HTML standard, section 9.2.
"""

from eventproto.sse._accept import accept, last_event_id
from eventproto.sse._attempt import NotRepeated
from eventproto.sse._client import Client
from eventproto.sse._cors import Cors
from eventproto.sse._encoded import Encoded
from eventproto.sse._events import (
    Comment,
    Disconnected,
    Gap,
    Opened,
    RetryChanged,
    Sendable,
    ServerSentEvent,
)
from eventproto.sse._limits import Limits
from eventproto.sse._options import ClientOptions
from eventproto.sse._parser import Decoder
from eventproto.sse._rejection import RejectionPolicy, end_when_rejected, retry_overloaded
from eventproto.sse._server import ServerStream
from eventproto.sse._states import State
from eventproto.sse._writer import encode

__all__ = [
    "Client",
    "ClientOptions",
    "Comment",
    "Cors",
    "Decoder",
    "Disconnected",
    "Encoded",
    "Gap",
    "Limits",
    "NotRepeated",
    "Opened",
    "RejectionPolicy",
    "RetryChanged",
    "Sendable",
    "ServerSentEvent",
    "ServerStream",
    "State",
    "accept",
    "encode",
    "end_when_rejected",
    "last_event_id",
    "retry_overloaded",
]
