"""The opening handshake from headers: every check of RFC 6455, 4.1 and 4.2."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import HandshakeRejected, LocalProtocolError
from eventproto.http import Headers, Request, Response
from eventproto.strategies._websocket import (
    refused_websocket_requests,
    rejected_websocket_headers,
    websocket_requests,
)
from eventproto.websocket import Limits, State, Text, accept, connect

URL = "ws://example.com/chat"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ASKED = Headers(
    {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
)


def asking(**headers: str) -> Request:
    further = {name.replace("_", "-"): text for name, text in headers.items()}
    return Request("GET", "http://example.com/chat", ASKED + further)


def test_the_example_of_the_rfc() -> None:
    """That of section 1.3, as a client writes it and a server answers it."""
    request, handshake = connect(
        "ws://server.example.com/chat",
        subprotocols=["chat", "superchat"],
        origin="http://example.com",
        entropy=lambda size: b"the sample nonce"[:size],
    )
    assert request.method == "GET"
    assert request.headers == ASKED + {
        "Sec-WebSocket-Protocol": "chat, superchat",
        "Origin": "http://example.com",
    }
    response, server = accept(request, subprotocols=["chat"])
    assert response == Response(
        101,
        Headers(
            {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                "Sec-WebSocket-Protocol": "chat",
            }
        ),
    )
    client = handshake.finish(response)
    assert server is not None
    assert client.subprotocol == server.subprotocol == "chat"


def test_the_connections_are_the_two_ends_of_one() -> None:
    """With the limits that were given."""
    request, handshake = connect(URL, limits=Limits(message_size=5))
    response, server = accept(request, limits=Limits(message_size=4))
    client = handshake.finish(response)
    assert server is not None
    client.send("abcd", 0)
    client.send("abcde", 0)
    while (chunk := client.next_output()) is not None:
        server.receive(chunk, 0)
    assert server.next_event() == Text("abcd")
    assert server.next_event() is None
    assert server.state is State.DISCONNECTING


def test_keys_are_not_repeated() -> None:
    """A nonce is chosen for each connection (4.1)."""
    keys = {connect(URL)[0].headers["Sec-WebSocket-Key"] for _ in range(10)}
    assert len(keys) == 10


def test_further_headers_are_sent() -> None:
    """They come first."""
    request, _ = connect(URL, headers=Headers({"Authorization": "Bearer x"}))
    assert next(iter(request.headers)) == ("Authorization", "Bearer x")


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://example.com/", {}),
        ("example.com", {}),
        ("ws://", {}),
        ("ws://example.com/#fragment", {}),
        ("ws://example.com/a#", {}),
        ("ws://user@example.com/", {}),
        ("ws://user:secret@example.com", {}),
        ("ws://example.com:0/", {}),
        ("ws://example.com/\u20ac", {}),
        (URL, {"subprotocols": ["a", "a"]}),
        (URL, {"subprotocols": ["a b"]}),
        (URL, {"subprotocols": [""]}),
        (URL, {"subprotocols": "chat"}),
        (URL, {"compression": True}),
        (URL, {"headers": Headers({"sec-websocket-key": KEY})}),
        (URL, {"headers": Headers({"Origin": "null"})}),
        (URL, {"headers": Headers({"Upgrade": "h2c"})}),
        (URL, {"origin": "a\nb"}),
    ],
)
def test_what_a_client_cannot_ask(url: str, options: dict[str, Any]) -> None:
    """The URL is one of section 3; the handshake writes its own headers."""
    with pytest.raises(LocalProtocolError):
        connect(url, **options)


@pytest.mark.parametrize("url", ["wss://[::1]:8443", "WS://a?x=@y", "ws://a/@:#".removesuffix("#")])
def test_what_a_client_can_ask(url: str) -> None:
    """Any resource name, also one that looks like a user."""
    assert connect(url)[0].url == url


@given(websocket_requests(), st.lists(st.sampled_from(["chat", "mqtt", "other"]), unique=True))
def test_servers_accept_what_clients_write(asked: Any, spoken: list[str]) -> None:
    """And choose the best of the subprotocols of theirs that were offered."""
    request, offered = asked
    response, connection = accept(request, subprotocols=spoken)
    assert response.status == 101
    assert connection is not None
    assert connection.subprotocol == next((each for each in spoken if each in offered), None)
    assert response.headers.get("Sec-WebSocket-Protocol") == connection.subprotocol
    assert "Sec-WebSocket-Extensions" not in response.headers


@given(refused_websocket_requests())
def test_servers_refuse(refused: tuple[Request, int]) -> None:
    """With a status, a reason, and what would have been right."""
    request, status = refused
    response, connection = accept(request)
    assert connection is None
    assert response.status == status
    assert response.body
    if status == 426:
        assert response.headers["Sec-WebSocket-Version"] == "13"
        assert response.headers["Upgrade"] == "websocket"
    if status == 405:
        assert response.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    ("origins", "origin", "status"),
    [
        (None, "https://evil.example", 101),
        (["https://example.com"], "https://example.com", 101),
        (["https://example.com"], None, 101),
        (["https://example.com"], "https://evil.example", 403),
        (["https://example.com"], "null", 403),
        ([], "https://example.com", 403),
    ],
)
def test_origins(origins: list[str] | None, origin: str | None, status: int) -> None:
    """Only browsers have one, and only browsers are misled (10.2)."""
    request = asking() if origin is None else asking(Origin=origin)
    response, _ = accept(request, origins=origins)
    assert response.status == status


def test_one_of_two_origins_is_not_enough() -> None:
    """There is one in a request (4.1), and others might be looked at elsewhere."""
    headers = Headers(
        [*ASKED, ("Origin", "https://example.com"), ("Origin", "https://evil.example")]
    )
    response, _ = accept(Request("GET", URL, headers), origins=["https://example.com"])
    assert response.status == 403


def test_an_application_may_refuse() -> None:
    """With any answer, after all that the specification has a server refuse."""
    refusal = Response(418, Headers({"X": "y"}), b"no")

    def admit(request: Request) -> Response | None:
        assert request.headers["Sec-WebSocket-Key"] == KEY
        return None if "Cookie" in request.headers else refusal

    assert accept(asking(), admit=admit) == (refusal, None)
    response, server = accept(asking(Cookie="x"), admit=admit)
    assert response.status == 101
    assert server is not None
    assert accept(Request("POST", URL), admit=admit)[0].status == 405


def test_an_application_cannot_refuse_with_101() -> None:
    """Or there would be a connection on which nobody speaks."""
    with pytest.raises(LocalProtocolError, match="101"):
        accept(asking(), admit=lambda _: Response(101))


@pytest.mark.parametrize(
    "options",
    [
        {"subprotocols": ["a", "a"]},
        {"subprotocols": ["a,b"]},
        {"subprotocols": "chat"},
        {"subprotocols": [1]},
        {"origins": "https://app.example"},
        {"compression": True},
    ],
)
def test_what_a_server_cannot_offer(options: dict[str, Any]) -> None:
    """Said at the first request, whatever that is."""
    with pytest.raises(LocalProtocolError):
        accept(Request("POST", URL), **options)


@given(st.data())
def test_clients_reject(data: st.DataObject) -> None:
    """What is no answer to their request; and they say what it was."""
    request, handshake = connect(URL, subprotocols=data.draw(st.sampled_from([[], ["chat"]])))
    status, headers = data.draw(rejected_websocket_headers(request))
    response = Response(status, headers, b"why" if status != 101 else b"")
    with pytest.raises(HandshakeRejected) as caught:
        handshake.finish(response)
    assert caught.value.response is response
    assert caught.value.code == status


@pytest.mark.parametrize("changes", [{"upgrade": "WebSocket"}, {"connection": "close, upgrade"}])
def test_clients_do_not_look_at_case(changes: dict[str, str]) -> None:
    """Of the two headers (4.1)."""
    request, handshake = connect(URL)
    response, _ = accept(request)
    headers = response.headers
    for name, text in changes.items():
        headers = headers.replace(name, text)
    assert handshake.finish(Response(101, headers)).subprotocol is None


def test_a_subprotocol_may_be_declined() -> None:
    """By saying nothing of it (4.2.2)."""
    request, handshake = connect(URL, subprotocols=["chat"])
    response, connection = accept(request, subprotocols=["other"])
    assert connection is not None
    assert connection.subprotocol is None
    assert handshake.finish(response).subprotocol is None


def test_two_subprotocols_are_no_answer() -> None:
    """Even if both were offered (4.2.2)."""
    request, handshake = connect(URL, subprotocols=["a", "b"])
    response, _ = accept(request, subprotocols=["a"])
    headers = response.headers + {"Sec-WebSocket-Protocol": "b"}
    with pytest.raises(HandshakeRejected, match="one subprotocol"):
        handshake.finish(Response(101, headers))
