"""One message from a webhook to an event stream and on to a WebSocket, under both carriages.

Native carriage brings over what both protocols have a place for. CloudEvents carriage brings
over everything.

It prints::

    native: SSE kept data, type, id and lost content_type, source, subject, time
    native: WebSocket kept data and lost content_type, id, source, subject, time, type
    cloudevents: SSE kept everything
    cloudevents: WebSocket kept everything
"""

from dataclasses import fields
from datetime import UTC, datetime

from eventproto import Message, bridge, sse
from eventproto.bridge import Carriage

said = Message.of_json(
    {"order": 1042, "total": "19.90"},
    type="shop.order.paid",
    id="order-1042-paid",
    source="https://shop.example/orders",
    subject="orders/1042",
    time=datetime(2025, 1, 31, 12, 0, tzinfo=UTC),
)


def compare(heard: Message) -> str:
    set_to = {each.name: getattr(said, each.name) for each in fields(Message)}
    lost = sorted(name for name, value in set_to.items() if getattr(heard, name) != value)
    if not lost:
        return "kept everything"
    kept = [name for name, value in set_to.items() if value and name not in lost]
    return f"kept {', '.join(kept)} and lost {', '.join(lost)}"


for carriage in Carriage:
    # What `to_sse` returns is sent; what the other side decodes is read with `from_sse`.
    wire = sse.encode(bridge.to_sse(said, carriage))
    (event,) = sse.Decoder().receive(wire)
    assert isinstance(event, sse.ServerSentEvent)
    print(f"{carriage.value}: SSE {compare(bridge.from_sse(event, carriage))}")

    frame = bridge.to_websocket(said, carriage)
    print(f"{carriage.value}: WebSocket {compare(bridge.from_websocket(frame, carriage))}")
