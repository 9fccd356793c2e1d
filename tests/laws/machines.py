"""Machines that have got somewhere, and what then may come to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

from hypothesis import strategies as st

from eventproto import Message, http, site, sse, webhook, websub
from eventproto.engine import MemoryEngine
from eventproto.http import Body, Call, Headers, Request, Response, Result
from tests.laws.wires import CHALLENGE, HTTP_REQUESTS, entropy, exchanges

SCHEME: Final = webhook.StandardWebhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
TOPIC: Final = "http://topic.test/"
FORM: Final = Headers({"Content-Type": "application/x-www-form-urlencoded"})


def hub_request(mode: str, **fields: str) -> Request:
    """A form, as hubs are sent it."""
    pairs = {"hub.mode": mode, "hub.topic": TOPIC, **fields}
    body = "&".join(f"{name}={value}" for name, value in pairs.items())
    return Request("POST", "http://hub.test/", FORM, body.encode())


SUBSCRIPTIONS: Final = [
    hub_request("subscribe", **{"hub.callback": "http://a.test/", "hub.secret": "s"}),
    hub_request("subscribe", **{"hub.callback": "http://b.test/"}),
]
PUBLISHED: Final = hub_request("publish", **{"hub.url": TOPIC})


def delivery() -> Request:
    """A webhook that verifies."""
    message = Message.of_json({"a": 1}, id="1", time=datetime.fromtimestamp(1000, UTC))
    return Request("POST", "http://a.test/", SCHEME.sign(message, at=1000), message.data)


async def handler(*_: object) -> None:
    """Of a site that nobody runs."""


SITE: Final = site.Site(
    {
        "/": site.EventStream(handler),
        "/socket": site.WebSocket(handler),
        "/log": site.LogStream(MemoryEngine().log, "news"),
        "/log/socket": site.LogSocket(MemoryEngine().log, ["news"]),
        "/hook": webhook.Receiver(SCHEME),
    }
)


FOUND: Final = Response(
    200, Headers({"Link": f'<https://hub.test/>; rel="hub", <{TOPIC}>; rel="self"'})
)


def forms(written: Sequence[Any]) -> list[dict[str, str]]:
    """What a subscriber has asked hubs for."""
    posts = [
        each.request for each in written if isinstance(each, Call) and each.request.method == "POST"
    ]
    return [dict(parse_qsl(request.body.decode())) for request in posts]


def intents(form: dict[str, str]) -> list[Request]:
    """What a hub asks of whom it takes for a subscriber."""
    query = f"hub.topic={TOPIC}&hub.challenge=abc&hub.lease_seconds=100"
    modes = (form["hub.mode"], "subscribe", "unsubscribe", "denied")
    return [Request("GET", f"{form['hub.callback']}?hub.mode={mode}&{query}") for mode in modes]


def called_back(written: Sequence[Any]) -> st.SearchStrategy[Any]:
    """What hubs answer a subscriber, ask of it, and bring to it."""
    calls: list[Request] = []
    for form in forms(written) or [subscribing()[1]]:
        signed = Headers({"X-Hub-Signature": websub.sign(b"news", form.get("hub.secret", "s"))})
        calls += intents(form)
        calls += [Request("POST", form["hub.callback"], each, b"news") for each in (signed, FORM)]
    return exchanges(*calls, answers=[FOUND, Response(202)])(written)


NOW: Final = 1000.0
EVENT_STREAM: Final = Response(200, Headers({"Content-Type": "text/event-stream"}))
STREAMS: Final = [
    EVENT_STREAM,
    Response(204),
    Response(302, Headers({"Location": "/b"})),
]


def asked(call: Call, *received: bytes) -> http.ClientConnection:
    """A client that waits for an answer, of which this has come."""
    machine = http.ClientConnection()
    machine.send(call, NOW)
    for data in received:
        machine.receive(data, NOW)
    return machine


def called(*sent: Result) -> http.ServerConnection:
    """A server that has been asked, and has answered this."""
    machine = http.ServerConnection()
    machine.receive(HTTP_REQUESTS[0], NOW)
    machine.next_event()
    for each in sent:
        machine.send(each, NOW)
    return machine


def streamed() -> sse.Client:
    """A client whose stream has begun."""
    machine = sse.Client("http://a.test/", entropy=entropy())
    machine.handle_timeout(NOW)
    call = machine.next_output()
    assert isinstance(call, Call)
    machine.receive(Result(call.token, EVENT_STREAM, more=True), NOW)
    machine.receive(Body(call.token, b"retry: 10\nid: 1\ndata: a\n\n"), NOW)
    return machine


def subscribed() -> websub.Hub:
    """A hub with two subscribers and something to deliver."""
    machine = websub.Hub("http://hub.test/", entropy=entropy())
    for token, request in enumerate(SUBSCRIPTIONS):
        machine.receive(Call(token, request), NOW)
    for output in iter(machine.next_output, None):
        if isinstance(output, Call):
            challenge = parse_qs(urlsplit(output.request.url).query)[CHALLENGE][0]
            machine.receive(Result(output.token, Response(200, body=challenge.encode())), NOW)
    machine.send(Message.of_text("news", source=TOPIC), NOW)
    return machine


def subscribing(
    kind: type[websub.Subscriber] = websub.Subscriber,
) -> tuple[websub.Subscriber, dict[str, str]]:
    """A subscriber that waits for a hub, and what it has asked for."""
    machine = kind("https://me.test/", entropy=entropy())
    machine.send(websub.Subscribe(TOPIC), NOW)
    discovery = machine.next_output()
    assert isinstance(discovery, Call)
    machine.receive(Result(discovery.token, FOUND), NOW)
    subscription = machine.next_output()
    assert isinstance(subscription, Call)
    machine.receive(Result(subscription.token, Response(202)), NOW)
    (form,) = forms([subscription])
    return machine, form


def verified(kind: type[websub.Subscriber] = websub.Subscriber) -> websub.Subscriber:
    """A subscriber that a hub has taken."""
    machine, form = subscribing(kind)
    machine.receive(Call("intent", intents(form)[0]), NOW)
    return machine


def waited_for() -> webhook.Receiver:
    """A receiver that owes an answer."""
    machine = webhook.Receiver(SCHEME)
    machine.receive(Call("waiting", delivery()), NOW)
    return machine


def failed() -> webhook.Sender:
    """A sender that will try again."""
    machine = webhook.Sender("http://a.test/", SCHEME, entropy=entropy())
    machine.send(Message.of_text("a", id="a"), NOW)
    call = machine.next_output()
    assert isinstance(call, Call)
    machine.receive(Result(call.token, Response(500)), NOW)
    return machine
