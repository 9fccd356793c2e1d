"""Hypothesis strategies for everything that the four protocols put on the wire.

They are the ones that this library is tested with. Aim them at your own implementation: each
strategy of something invalid draws it together with what must come of it. Needs the extra
`hypothesis`.
"""

from eventproto.strategies._chunks import chunkings
from eventproto.strategies._http import (
    headers,
    malformed_requests,
    request_bytes,
    requests,
    responses,
)
from eventproto.strategies._messages import cloud_events, messages
from eventproto.strategies._sse import (
    hostile_sse_streams,
    near_valid_sse_streams,
    oversized_sse_streams,
    sendable_sse_events,
    server_sent_events,
    sse_streams,
    unsendable_sse_events,
)
from eventproto.strategies._webhook import (
    SignedDelivery,
    refused_deliveries,
    signed_deliveries,
    webhook_messages,
    webhook_secrets,
)
from eventproto.strategies._websocket import (
    broken_websocket_streams,
    refused_websocket_requests,
    rejected_websocket_headers,
    websocket_closes,
    websocket_frames,
    websocket_requests,
    websocket_streams,
)
from eventproto.strategies._websocket_deflate import (
    broken_compressed_websocket_streams,
    compressed_websocket_streams,
    rejected_websocket_extensions,
    websocket_compressions,
    websocket_offers,
)
from eventproto.strategies._websub import (
    SignedContent,
    discoverable_responses,
    refused_hub_requests,
    refused_signatures,
    signed_contents,
    subscription_requests,
    web_urls,
    websub_secrets,
)

__all__ = [
    "SignedContent",
    "SignedDelivery",
    "broken_compressed_websocket_streams",
    "broken_websocket_streams",
    "chunkings",
    "cloud_events",
    "compressed_websocket_streams",
    "discoverable_responses",
    "headers",
    "hostile_sse_streams",
    "malformed_requests",
    "messages",
    "near_valid_sse_streams",
    "oversized_sse_streams",
    "refused_deliveries",
    "refused_hub_requests",
    "refused_signatures",
    "refused_websocket_requests",
    "rejected_websocket_extensions",
    "rejected_websocket_headers",
    "request_bytes",
    "requests",
    "responses",
    "sendable_sse_events",
    "server_sent_events",
    "signed_contents",
    "signed_deliveries",
    "sse_streams",
    "subscription_requests",
    "unsendable_sse_events",
    "web_urls",
    "webhook_messages",
    "webhook_secrets",
    "websocket_closes",
    "websocket_compressions",
    "websocket_frames",
    "websocket_offers",
    "websocket_requests",
    "websocket_streams",
    "websub_secrets",
]
