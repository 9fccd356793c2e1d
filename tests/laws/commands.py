"""What an application may send, right and wrong."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from eventproto import (
    EOF,
    Accept,
    ConnectionLost,
    End,
    Event,
    Message,
    Refuse,
    sse,
    websocket,
)
from eventproto.http import Body, Call, Headers, Request, Response, Result
from tests.laws.wires import Drawn


def told(*known: Any) -> Drawn:
    """These, and answers to all that was ever asked."""

    def drawn(events: Sequence[Event]) -> st.SearchStrategy[Any]:
        asked = [getattr(each, "token", None) for each in events]
        tokens: list[Hashable] = [1, 7, *(token for token in asked if token is not None)]
        answers = [answer(token) for token in tokens for answer in ANSWERS]
        return st.sampled_from([*known, *known, *known, *answers, End(), End(going_away=True)])

    return drawn


ANSWERS: Final[list[Callable[[Hashable], Any]]] = [
    Accept,
    lambda token: Refuse(token, 410),
    lambda token: Result(token, Response(200, body=b"hello")),
    lambda token: Result(token, Response(200), more=True),
    lambda token: Result(token, Response(101, Headers({"Upgrade": "x", "Connection": "upgrade"}))),
    lambda token: Result(token, Response(403)),
    lambda token: Result(token, ConnectionLost("no answer")),
    lambda token: Body(token, b"more"),
    lambda token: Body(token, EOF),
    lambda token: Body(token, EOF, ConnectionLost("broken off")),
]

SOCKET_COMMANDS: Final = [
    "hello",
    b"hello",
    "half of a pair: \ud800",
    Message.of_text("hello"),
    websocket.Text("hello"),
    websocket.Binary(b"x" * 200_000),
    websocket.Fragment("hel", fin=False),
    websocket.Fragment(b"lo", fin=True),
    websocket.Ping(b"x"),
    websocket.Ping(b"x" * 126),
    websocket.Pong(b"x"),
    websocket.Close(1000, "bye"),
    websocket.Encoded.of("to many"),
    websocket.Encoded.of(b"x" * 70_000, key="k"),
]
STREAM_COMMANDS: Final = [
    sse.ServerSentEvent("hello", id="1"),
    (sse.ServerSentEvent("a"), sse.Comment("b"), sse.RetryChanged(1000)),
    (sse.ServerSentEvent("a"), "no event"),
    sse.ServerSentEvent("a", "forged\nevent"),
    Message.of_text("hello", id="2"),
    sse.Encoded.of(sse.ServerSentEvent("x" * 70_000), key="k"),
    sse.Gap("1", "history"),
]
CALL: Final = Call("call", Request("GET", "http://a.test/"))
STREAMED: Final = Call("call", Request("POST", "http://a.test/", body=b"ab"), stream=True)
