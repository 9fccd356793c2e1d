"""A message goes over one protocol, then over another, and is what it was.

Everything between the two ends is real: encoders, decoders and machines, in memory.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventproto import (
    Event,
    LocalProtocolError,
    Message,
    RemoteProtocolError,
    sse,
    webhook,
    websocket,
    websub,
)
from eventproto.bridge import (
    NATIVE_COLUMNS,
    Carriage,
    from_sse,
    from_webhook,
    from_websocket,
    from_websub,
    to_sse,
    to_webhook,
    to_websocket,
    to_websub,
)
from eventproto.http import Body, Call, Headers, Response, Result
from eventproto.strategies import cloud_events
from eventproto.testing import CallNetwork, Wire

Passage = Callable[[Message, Carriage], Message]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOPIC = "https://blog.example/feed"


def over_sse(message: Message, carriage: Carriage) -> Message:
    stream = sse.ServerStream()
    stream.send(to_sse(message, carriage), 0)
    client = sse.Client("https://sse.example/", entropy=random.Random(0).randbytes)
    client.handle_timeout(0)
    call = client.next_output()
    assert isinstance(call, Call)
    headers = Headers({"Content-Type": "text/event-stream"})
    client.receive(Result(call.token, Response(200, headers), more=True), 0)
    while (chunk := stream.next_output()) is not None:
        client.receive(Body(call.token, chunk), 0)
    opened, *retries, event = iter(client.next_event, None)
    assert isinstance(opened, sse.Opened)
    assert all(isinstance(each, sse.RetryChanged) for each in retries)
    assert isinstance(event, sse.ServerSentEvent)
    return from_sse(event, carriage)


def over_websocket(message: Message, carriage: Carriage) -> Message:
    client = websocket.Connection(websocket.Role.CLIENT)
    server = websocket.Connection(websocket.Role.SERVER)
    wire = Wire(client, server)
    wire.send(client, to_websocket(message, carriage))
    wire.run(until=1)
    (event,) = wire.events(server)
    assert isinstance(event, websocket.Text | websocket.Binary)
    return from_websocket(event, carriage)


def over_webhook(message: Message, carriage: Carriage) -> Message:
    scheme = webhook.StandardWebhooks(SECRET, source="https://sender.example/")
    sender = webhook.Sender("https://hooks.example/in", scheme)
    receiver = webhook.Receiver(scheme)
    network = CallNetwork()
    network.add(sender)
    network.add(receiver, "https://hooks.example/")
    network.send(sender, to_webhook(message, carriage))
    network.run(until=1)
    (event,) = network.events(receiver)
    assert isinstance(event, webhook.Received)
    return from_webhook(event, carriage)


def over_websub(message: Message, carriage: Carriage) -> Message:
    network, hub, subscriber = subscribed()
    network.send(hub, to_websub(message, carriage, topic=TOPIC))
    network.run(until=network.now + 1)
    event = network.events(subscriber)[-1]
    assert isinstance(event, websub.ContentReceived)
    return from_websub(event, carriage)


@cache
def subscribed() -> tuple[CallNetwork, websub.Hub, websub.Subscriber]:
    """A subscriber that a hub has verified; one for all, as time goes on."""
    entropy = random.Random(0).randbytes
    publisher = websub.Publisher(TOPIC, ["https://hub.example/"], entropy=entropy)
    hub = websub.Hub("https://hub.example/", entropy=entropy)
    subscriber = websub.Subscriber("https://reader.example/", entropy=entropy)
    network = CallNetwork()
    network.add(publisher, TOPIC)
    network.add(hub, "https://hub.example/")
    network.add(subscriber, "https://reader.example/")
    network.answer(subscriber, accept)
    network.send(subscriber, websub.Subscribe(TOPIC))
    network.run(until=1)
    assert isinstance(network.events(subscriber)[-1], websub.SubscriptionVerified)
    return network, hub, subscriber


def accept(event: Event) -> list[websub.Accept]:
    return [websub.Accept(event.token)] if isinstance(event, websub.ContentReceived) else []


PASSAGES: dict[str, Passage] = {
    "sse": over_sse,
    "websocket": over_websocket,
    "websub": over_websub,
    "webhook": over_webhook,
}
PAIRS = list(product(PASSAGES, PASSAGES))


@st.composite
def native_messages(draw: st.DrawFn) -> Message:
    """Messages that every protocol can carry natively."""
    message = draw(cloud_events())
    id = draw(st.text("abcXYZ019_-", min_size=1))
    return replace(message, id=id)


def test_each_protocol_has_its_columns() -> None:
    """And nothing else has, and no column is unknown."""
    assert NATIVE_COLUMNS.keys() == PASSAGES.keys()
    names = {each.name for each in fields(Message)}
    assert all(columns <= names for columns in NATIVE_COLUMNS.values())
    assert all("data" in columns for columns in NATIVE_COLUMNS.values())


# Each way over a protocol is in eight of the pairs.
FOR_EACH_PAIR = settings(max_examples=settings().max_examples // 5)


@pytest.mark.parametrize(("first", "second"), PAIRS)
@FOR_EACH_PAIR
@given(message=cloud_events())
def test_cloud_events_carry_everything(first: str, second: str, message: Message) -> None:
    """Over every pair of protocols, every CloudEvent is equal to the last byte."""
    once = PASSAGES[first](message, Carriage.CLOUDEVENTS)
    assert once == message
    assert PASSAGES[second](once, Carriage.CLOUDEVENTS) == message


@pytest.mark.parametrize(("first", "second"), PAIRS)
@FOR_EACH_PAIR
@given(message=native_messages())
def test_native_carriage_keeps_what_both_have(first: str, second: str, message: Message) -> None:
    """Over every pair of protocols; binary data is among it everywhere."""
    once = PASSAGES[first](message, Carriage.NATIVE)
    if "id" not in NATIVE_COLUMNS[first]:
        once = replace(once, id=message.id)  # a webhook needs one, whoever gives it
    twice = PASSAGES[second](once, Carriage.NATIVE)
    for name in NATIVE_COLUMNS[first] & NATIVE_COLUMNS[second]:
        if (sent := getattr(message, name)) is not None:
            assert getattr(twice, name) == sent


@pytest.mark.parametrize("name", PASSAGES)
@pytest.mark.parametrize("data", [b"", bytes(range(256)), b"\r\n\r", b"\n", b"\xef\xbb\xbf", b" x"])
def test_each_protocol_carries_any_bytes(name: str, data: bytes) -> None:
    """In both carriages; natively, a text may come out as one of another content type."""
    # CE B17
    message = Message(data=data, id="1", source="/s", content_type="text/plain")
    assert PASSAGES[name](message, Carriage.NATIVE).data == data
    assert PASSAGES[name](message, Carriage.CLOUDEVENTS) == message


@pytest.mark.parametrize("name", PASSAGES)
def test_each_protocol_carries_an_event_of_64_kib(name: str) -> None:
    """Within the limits that it has by default, as those who pass events on must."""
    # CE B18
    message = Message(data=b"\xff" * 48_000, id="1", source="/s")
    assert len(to_websocket(message, Carriage.CLOUDEVENTS).message().data) > 64_000
    assert PASSAGES[name](message, Carriage.CLOUDEVENTS) == message


@pytest.mark.parametrize("name", PASSAGES)
@pytest.mark.parametrize("carriage", ["native", "cloudevents", None, True])
def test_a_carriage_is_no_word(name: str, carriage: Any) -> None:
    """One that is none is not taken for the other."""
    with pytest.raises(LocalProtocolError, match=r"Carriage\.NATIVE"):
        PASSAGES[name](Message(data=b"", id="1", source="/s"), carriage)


# What each protocol itself says of a message, as the table in the guide has it.
HEARD = {
    "sse": Message(data=b"{}", type="t", id="1", content_type="text/plain"),
    "websocket": Message(data=b"{}", content_type="text/plain;charset=utf-8"),
    "websub": Message(data=b"{}", source=TOPIC, content_type="application/json"),
    "webhook": Message(
        data=b"{}",
        id="1",
        source="https://sender.example/",
        time=datetime.fromtimestamp(0, UTC),
        content_type="application/json",
    ),
}


@pytest.mark.parametrize("name", PASSAGES)
def test_what_is_heard_natively(name: str) -> None:
    """Column by column: what was sent, what the receiver knows by itself, and nothing else."""
    message = Message.of_json(
        {},
        type="t",
        id="1",
        source="/s",
        subject="x",
        time=datetime(2025, 1, 31, tzinfo=UTC),
        extensions={"a": "b"},
    )
    assert PASSAGES[name](message, Carriage.NATIVE) == HEARD[name]


@pytest.mark.parametrize("name", PASSAGES)
def test_what_is_no_cloud_event_is_refused(name: str) -> None:
    """Before anything goes over the wire."""
    with pytest.raises(LocalProtocolError, match="source"):
        PASSAGES[name](Message(data=b"", id="1"), Carriage.CLOUDEVENTS)


NOT_AN_EVENT = [
    (from_sse, sse.ServerSentEvent("x"), 400),
    (from_sse, sse.ServerSentEvent(b"\xff"), 400),
    (from_websocket, websocket.Text("x"), 1007),
    (from_websocket, websocket.Binary(b"\xff"), 1007),
    (from_webhook, webhook.Received(body=b"x", headers=Headers()), 400),
    (from_websub, websub.ContentReceived("t", "n", TOPIC, None, b"x", Headers()), 400),
]


@pytest.mark.parametrize(("read", "event", "code"), NOT_AN_EVENT)
def test_what_is_no_event_is_the_peers_error(
    read: Callable[..., Message], event: object, code: int
) -> None:
    """With the code that answers it on that protocol."""
    with pytest.raises(RemoteProtocolError) as caught:
        read(event, Carriage.CLOUDEVENTS)
    assert caught.value.code == code
    read(event)  # natively it is a message like any other


def test_a_stream_has_type_and_id_in_both_carriages() -> None:
    """So that `addEventListener` and `Last-Event-ID` work."""
    message = Message(data=b"{}", type="added", id="7", source="/s")
    for carriage in Carriage:
        event = to_sse(message, carriage)
        assert (event.event, event.id) == ("added", "7")


@pytest.mark.parametrize(
    ("id", "webhook_id"), [("a_1-", "a_1-"), ("a.b c", "a%2Eb%20c"), ("é%2E", "%C3%A9%252E")]
)
def test_any_id_makes_a_webhook_id(id: str, webhook_id: str) -> None:
    """A different one for each, and the same one where it can be."""
    message = Message(data=b"", id=id, source="/s")
    assert to_webhook(message, Carriage.CLOUDEVENTS).id == webhook_id
    assert to_webhook(message) == message


def test_unsigned_headers_are_not_believed() -> None:
    """Whoever is in between can change them; the body is what counts."""
    message = Message(data=b"{}", id="1", source="/s")
    body = to_webhook(message, Carriage.CLOUDEVENTS).data
    headers = Headers({"ce-id": "2", "Content-Type": "text/plain"})
    received = webhook.Received(body=body, headers=headers, id="1")
    assert from_webhook(received, Carriage.CLOUDEVENTS) == message


def test_a_topic_takes_the_place_of_the_source() -> None:
    """For the hub; subscribers read the source from the event."""
    message = Message(data=b"", id="1", source="/s")
    assert to_websub(message).source == "/s"
    assert to_websub(message, topic=TOPIC).source == TOPIC
