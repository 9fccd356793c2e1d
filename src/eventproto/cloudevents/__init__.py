"""Messages as CloudEvents 1.0, and back: the JSON event format and the HTTP protocol binding.

A `Message` with an `id` and a `source` is a CloudEvent, if its `source` is a URI reference, its
`content_type` a media type and its extension `dataschema` a URI. `to_json` writes it as one JSON
object, which is also all that the WebSocket binding needs; `to_http` spreads it over header fields
and body, or puts the object into the body.

What is written is read back equal, to the last byte of `data`. So JSON is embedded only in its
canonical form, which is what `Message.of_json` makes, and text only in UTF-8; everything else
travels as base64. An event without data is one whose data is empty.

What comes from a peer is held to the specification: `RemoteProtocolError`, with the HTTP status
that answers it, is the only error that any bytes make.
"""

from eventproto.cloudevents._http import from_http, to_http
from eventproto.cloudevents._json import CONTENT_TYPE, WEBSOCKET_SUBPROTOCOL, from_json, to_json

__all__ = [
    "CONTENT_TYPE",
    "WEBSOCKET_SUBPROTOCOL",
    "from_http",
    "from_json",
    "to_http",
    "to_json",
]
