"""The publisher: a topic with its links, and hubs that are told."""

from __future__ import annotations

import pytest

from eventproto import Closed, ConnectionLost, End, LocalProtocolError, Message, Steps
from eventproto.http import Headers, Request, Response
from eventproto.websub import Published, Publisher, PublishFailed, discover
from tests.websub.roles import HUB, TOPIC, call, entropy, events, form, made, respond

TWO = "https://two.example/"


def new_publisher(hubs: tuple[str, ...] = (HUB, TWO)) -> Publisher:
    """A publisher that tries each hub twice."""
    return Publisher(TOPIC, hubs, schedule=Steps((5.0,)), entropy=entropy())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_topic_is_served_with_its_links(method: str) -> None:
    """Also before there is anything to say, so that it can be subscribed to."""
    # WebSub P1, P2, P5, P9
    publisher = new_publisher()
    assert call(publisher, Request(method, TOPIC)).status == 204
    publisher.send(Message(data=b"<p>news", content_type="text/html"), 0)
    made(publisher)

    response = call(publisher, Request(method, TOPIC))
    assert (response.status, response.body) == (200, b"<p>news")
    assert response.headers["Content-Type"] == "text/html"
    found = discover(response, url="https://elsewhere.example/")
    assert found.hubs == (HUB, TWO)
    assert found.topic == TOPIC


@pytest.mark.parametrize(
    ("request_", "status"),
    [(Request("GET", f"{TOPIC}?x"), 404), (Request("POST", TOPIC), 405)],
)
def test_nothing_else_is_served(request_: Request, status: int) -> None:
    """Another path, another method."""
    response = call(new_publisher(), request_)

    assert response.status == status
    assert response.headers.get("Allow") == ("GET, HEAD" if status == 405 else None)


def test_every_hub_is_told() -> None:
    """Under both names that hubs know; each one for itself, and again if it did not hear."""
    # WebSub P5, P7
    publisher = new_publisher()
    publisher.send(Message.of_text("news"), 0)
    first, second = made(publisher)
    assert [first.request.url, second.request.url] == [HUB, TWO]
    assert form(first.request.body) == {
        "hub.mode": "publish",
        "hub.url": TOPIC,
        "hub.topic": TOPIC,
    }
    respond(publisher, second, Response(204), 1)
    respond(publisher, first, Response(503), 1)
    assert events(publisher) == [Published(TWO), PublishFailed(HUB, Response(503), 5.0)]

    publisher.handle_timeout(6)
    (again,) = made(publisher)
    lost = ConnectionLost("away")
    respond(publisher, again, lost, 6)
    assert events(publisher) == [PublishFailed(HUB, lost, None)]
    assert publisher.deadline is None


def test_newer_content_is_what_the_hub_is_told_of() -> None:
    """One notice is enough; what comes of an older one is of no interest."""
    publisher = new_publisher((HUB,))
    publisher.send(Message.of_text("one"), 0)
    publisher.send(Message.of_text("two"), 0)
    old, new = made(publisher)
    respond(publisher, old, Response(500))
    assert events(publisher) == []
    respond(publisher, new, Response(200))

    assert events(publisher) == [Published(HUB)]
    assert call(publisher, Request("GET", TOPIC)).body == b"two"


def test_hubs_are_named_once() -> None:
    """Twice the same hub would be told twice."""
    publisher = new_publisher((HUB, HUB))
    publisher.send(Message.of_text("news"), 0)

    assert len(made(publisher)) == 1


def test_content_without_a_type_is_bytes() -> None:
    """A hub has to say something of it."""
    publisher = new_publisher()
    publisher.send(Message(data=b"\xff"), 0)
    made(publisher)

    response = call(publisher, Request("GET", TOPIC, Headers()))
    assert response.headers["Content-Type"] == "application/octet-stream"


def test_end_closes() -> None:
    """Hubs that have not heard are given up."""
    publisher = new_publisher()
    publisher.send(Message.of_text("news"), 0)
    publisher.send(End(), 0)

    assert events(publisher) == [Closed()]
    assert publisher.deadline is None


@pytest.mark.parametrize("hubs", [(), HUB, ("nowhere",)])
def test_a_publisher_refuses(hubs: tuple[str, ...]) -> None:
    """No hub, a string for a sequence, a URL that is none."""
    with pytest.raises(LocalProtocolError):
        Publisher(TOPIC, hubs)


def test_what_a_publisher_is_not_told() -> None:
    """Messages and the end, nothing else."""
    with pytest.raises(LocalProtocolError, match="takes no str"):
        new_publisher().send("news", 0)  # type: ignore[arg-type]
