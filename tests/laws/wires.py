"""What may come to a machine, right and wrong, on both kinds of wire."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

from hypothesis import strategies as st

from eventproto import EOF, ConnectionLost, websocket
from eventproto.http import Body, Call, Request, Response, Result
from eventproto.testing import feed

Drawn: TypeAlias = Callable[[Sequence[Any]], st.SearchStrategy[Any]]


def entropy() -> Callable[[int], bytes]:
    """The same for each machine."""
    return random.Random(1).randbytes


# -- what may come on a wire of bytes -------------------------------------------------------------


def pieces(*known: bytes) -> Drawn:
    """Of these, of several of them, of them in two, of anything."""
    whole = st.sampled_from(known)
    several = st.lists(whole, max_size=4).map(b"".join)
    cut = st.builds(lambda data, at: [data[:at], data[at:]], whole, st.integers(0, 12))
    drawn = st.one_of(whole, several, cut.flatmap(st.sampled_from), st.binary(max_size=9))
    return lambda _: drawn | st.just(EOF)


def frames(*, key: bytes | None) -> list[bytes]:
    """What a WebSocket may bring: masked, if it is a client's."""
    opcodes = websocket.Opcode
    said = [
        (opcodes.TEXT, b"hello"),
        (opcodes.BINARY, b"\x00" * 300),
        (opcodes.PING, b"are you there?"),
        (opcodes.PONG, b""),
        (opcodes.CLOSE, b"\x03\xe8"),
        (opcodes.CLOSE, b""),
        (opcodes.CONTINUATION, b"no beginning"),
        (opcodes.TEXT, b"\xff"),
    ]
    first = websocket.encode_frame(opcodes.TEXT, b"hel", key=key, fin=False)
    last = websocket.encode_frame(opcodes.CONTINUATION, b"lo", key=key)
    return [*(websocket.encode_frame(*each, key=key) for each in said), first, last, first + last]


CLIENT_FRAMES: Final = frames(key=b"abcd")
SERVER_FRAMES: Final = frames(key=None)
HTTP_REQUESTS: Final = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"2\r\nab\r\n",
    b"0\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
]
HTTP_RESPONSES: Final = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
    b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"2\r\nab\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nto the end",
]
UPGRADE: Final = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def upgraded() -> bytes:
    """The right answer to the client below, whose entropy is always zero."""
    client = websocket.ClientConnection("ws://a.test/", entropy=bytes)
    client.handle_timeout(0)
    return feed(websocket.ServerConnection(), [client.next_output() or EOF]).output


# -- what may come on a wire of calls --------------------------------------------------------------

CHALLENGE: Final = "hub.challenge"


def exchanges(*called: Request, answers: Sequence[Response] = ()) -> Drawn:
    """Calls, answers to those that the machine has made, and what nobody waits for."""
    outcomes = [*answers, Response(200), Response(404), Response(410), Response(500)]
    lost = st.builds(ConnectionLost, st.just("gone"))
    outcome = st.sampled_from(outcomes) | lost
    outcomes_of_streams = st.sampled_from([*answers, *outcomes])
    tokens = st.integers(1, 3) | st.text(max_size=1)

    def drawn(written: Sequence[Any]) -> st.SearchStrategy[Any]:
        made = [each for each in written if isinstance(each, Call)]
        calls = st.builds(
            Call, tokens, st.sampled_from([*called, Request("PUT", "http://a.test/x")])
        )
        known = st.sampled_from(made).flatmap(answer) if made else calls
        return st.one_of(calls, known, known, st.builds(Result, tokens, outcome))

    def answer(call: Call) -> st.SearchStrategy[Any]:
        whole = outcome
        if CHALLENGE in call.request.url:
            challenge = parse_qs(urlsplit(call.request.url).query)[CHALLENGE][0]
            whole |= st.just(Response(200, body=challenge.encode()))
        result = st.builds(Result, st.just(call.token), whole)
        if not call.stream:
            return result
        chunks = st.sampled_from([b"id: 1\ndata: a\n\n", b"data", b": x\n\n", b"\xff\n", EOF])
        return st.one_of(
            result,
            st.builds(Result, st.just(call.token), outcomes_of_streams, st.just(value=True)),
            st.builds(Body, st.just(call.token), chunks),
            st.builds(
                Body, st.just(call.token), st.just(EOF), st.builds(ConnectionLost, st.just("x"))
            ),
        )

    return drawn
