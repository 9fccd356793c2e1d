"""Every machine of this library keeps the laws of all machines."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qs

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Accept,
    ConnectionLost,
    End,
    Event,
    Machine,
    Message,
    Overflow,
    Refuse,
    http,
    proxy,
    site,
    sse,
    webhook,
    websocket,
    websub,
)
from eventproto._layered import Layered
from eventproto.engine import MemoryEngine
from eventproto.http import Body, Call, Headers, Request, Response, Result
from eventproto.testing import check_machine, feed

Drawn: TypeAlias = Callable[[Sequence[Any]], st.SearchStrategy[Any]]

# Few, since there are many machines. They are not shrunk: that takes minutes, and who needs a short
# program leaves `phases` out.
FEW: Final = settings(
    max_examples=settings().max_examples // 5, stateful_step_count=25, phases=[Phase.generate]
)


class Case(NamedTuple):
    """A machine, and what may come to it."""

    make: Callable[[], Machine[Any, Any, Any]]
    inputs: Drawn
    commands: Drawn


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
            asked = dict(pair.split("=") for pair in call.request.target.split("?")[1].split("&"))
            whole |= st.just(Response(200, body=asked[CHALLENGE].encode()))
        result = st.builds(Result, st.just(call.token), whole)
        if not call.stream:
            return result
        chunks = st.sampled_from([b"id: 1\ndata: a\n\n", b"data", b": x\n\n", b"\xff\n", EOF])
        return st.one_of(
            result,
            st.builds(Result, st.just(call.token), st.sampled_from(list(answers)), st.just(True)),
            st.builds(Body, st.just(call.token), chunks),
            st.builds(
                Body, st.just(call.token), st.just(EOF), st.builds(ConnectionLost, st.just("x"))
            ),
        )

    return drawn


# -- what an application may send ------------------------------------------------------------------


def told(*known: Any) -> Drawn:
    """These, and answers to all that was ever asked."""

    def drawn(events: Sequence[Event]) -> st.SearchStrategy[Any]:
        asked = [getattr(each, "token", None) for each in events]
        tokens: list[Hashable] = [7, *(token for token in asked if token is not None)]
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

SCHEME: Final = webhook.StandardWebhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
TOPIC: Final = "http://topic.test/"
FORM: Final = Headers({"Content-Type": "application/x-www-form-urlencoded"})


def hub_request(mode: str, **fields: str) -> Request:
    """A form, as hubs are sent it."""
    pairs = {"hub.mode": mode, "hub.topic": TOPIC, **fields}
    body = "&".join(f"{name}={value}" for name, value in pairs.items())
    return Request("POST", "http://hub.test/", FORM, body.encode())


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


def called_back(written: Sequence[Any]) -> st.SearchStrategy[Any]:
    """What hubs answer a subscriber, ask of it, and bring to it."""
    link = f'<http://hub.test/>; rel="hub", <{TOPIC}>; rel="self"'
    found = Response(200, Headers({"Link": link}))
    asked = [
        parse_qs(each.request.body.decode())
        for each in written
        if isinstance(each, Call) and each.request.method == "POST"
    ]
    callbacks = [each["hub.callback"][0] for each in asked]
    calls = [Request("POST", url, body=b"unsigned") for url in callbacks]
    for url in callbacks:
        for mode in ("subscribe", "unsubscribe", "denied"):
            query = f"hub.mode={mode}&hub.topic={TOPIC}&hub.challenge=abc&hub.lease_seconds=100"
            calls.append(Request("GET", f"{url}?{query}"))
    for each in asked:
        if secrets := each.get("hub.secret"):
            signature = Headers({"X-Hub-Signature": websub.sign(b"news", secrets[0])})
            calls.append(Request("POST", each["hub.callback"][0], signature, b"news"))
    return exchanges(*calls, answers=[found, Response(202)])(written)


CASES: Final = {
    "http client": Case(http.ClientConnection, pieces(*HTTP_RESPONSES), told(CALL, STREAMED)),
    "http server": Case(http.ServerConnection, pieces(*HTTP_REQUESTS), told()),
    "http tunnel": Case(
        lambda: proxy.HttpTunnel("a.test", 443), pieces(*HTTP_RESPONSES), told(None)
    ),
    "socks tunnel": Case(
        lambda: proxy.SocksTunnel("a.test", 443, user="u", password="p"),
        pieces(b"\x05\x02", b"\x05\x00", b"\x01\x00", b"\x05\x00\x00\x01abcdef", b"\x05\x05"),
        told(None),
    ),
    "websocket client, open": Case(
        lambda: websocket.Connection(websocket.Role.CLIENT, entropy=bytes),
        pieces(*SERVER_FRAMES),
        told(*SOCKET_COMMANDS),
    ),
    "websocket server, open": Case(
        lambda: websocket.Connection(
            websocket.Role.SERVER,
            overflow=Overflow.COALESCE,
            limits=websocket.Limits(backlog=2, output_size=100_000, idle_time=100.0),
        ),
        pieces(*CLIENT_FRAMES),
        told(*SOCKET_COMMANDS),
    ),
    "websocket server, open, in fragments": Case(
        lambda: websocket.Connection(websocket.Role.SERVER, fragments=True),
        pieces(*CLIENT_FRAMES),
        told(*SOCKET_COMMANDS),
    ),
    "websocket server, open, compressed": Case(
        lambda: websocket.Connection(websocket.Role.SERVER, compression=websocket.Deflate()),
        pieces(*CLIENT_FRAMES, b"\xc1\x87abcd\x93\xaa\xae\xad\xa8\xa5\x64"),
        told(*SOCKET_COMMANDS),
    ),
    "websocket client": Case(
        lambda: websocket.ClientConnection("ws://a.test/", entropy=bytes),
        pieces(upgraded(), *SERVER_FRAMES, *HTTP_RESPONSES[:2]),
        told(*SOCKET_COMMANDS),
    ),
    "websocket server": Case(
        websocket.ServerConnection,
        pieces(UPGRADE, UPGRADE, *CLIENT_FRAMES, HTTP_REQUESTS[0]),
        told(*SOCKET_COMMANDS),
    ),
    "websocket server that asks": Case(
        lambda: websocket.ServerConnection(ask=True),
        pieces(UPGRADE, UPGRADE, *CLIENT_FRAMES),
        told(*SOCKET_COMMANDS),
    ),
    "sse server stream": Case(
        lambda: sse.ServerStream(
            retry=1000,
            going_away_retry=2000,
            overflow=Overflow.DROP_OLDEST,
            limits=sse.Limits(output_size=100_000),
        ),
        pieces(b"nobody listens"),
        told(*STREAM_COMMANDS),
    ),
    "sse client": Case(
        lambda: sse.Client("http://a.test/", entropy=entropy()),
        exchanges(
            answers=[
                Response(200, Headers({"Content-Type": "text/event-stream"})),
                Response(204),
                Response(302, Headers({"Location": "/b"})),
            ]
        ),
        told(None),
    ),
    "webhook sender": Case(
        lambda: webhook.Sender("http://a.test/", SCHEME, entropy=entropy()),
        exchanges(),
        told(Message.of_text("a"), Message.of_text("b", id="b"), Message(data=b"\xff", id="c.d")),
    ),
    "webhook receiver": Case(
        lambda: webhook.Receiver(SCHEME),
        exchanges(delivery(), Request("POST", "http://a.test/", body=b"forged")),
        told(),
    ),
    "websub hub": Case(
        lambda: websub.Hub("http://hub.test/", entropy=entropy()),
        exchanges(
            hub_request("subscribe", **{"hub.callback": "http://a.test/", "hub.secret": "s"}),
            hub_request("subscribe", **{"hub.callback": "http://b.test/"}),
            hub_request("unsubscribe", **{"hub.callback": "http://a.test/"}),
            hub_request("publish", **{"hub.url": TOPIC}),
            answers=[Response(302, Headers({"Location": "/moved"}))],
        ),
        told(Message.of_text("news", source=TOPIC), Message.of_text("of nowhere")),
    ),
    "websub publisher": Case(
        lambda: websub.Publisher(TOPIC, ["http://hub.test/", "http://h/"], entropy=entropy()),
        exchanges(Request("GET", TOPIC)),
        told(Message.of_text("a"), Message(data=b"b")),
    ),
    "websub subscriber": Case(
        lambda: websub.Subscriber("https://me.test/", entropy=entropy()),
        called_back,
        told(
            websub.Subscribe(TOPIC),
            websub.Subscribe("http://b.test/", "b", signed=False),
            websub.Unsubscribe(TOPIC),
            websub.Unsubscribe("b"),
        ),
    ),
    "site": Case(
        lambda: site.SiteConnection(SITE),
        pieces(
            *HTTP_REQUESTS,
            UPGRADE.replace(b"GET /", b"GET /socket"),
            UPGRADE.replace(b"GET /", b"GET /log/socket"),
            HTTP_REQUESTS[0].replace(b"GET /", b"GET /log"),
            HTTP_REQUESTS[0].replace(b"GET /", b"GET /hook"),
            *CLIENT_FRAMES[:2],
        ),
        told(*STREAM_COMMANDS[:4], *SOCKET_COMMANDS[:4]),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_laws(case: Case) -> None:
    """In every order of its doors, early and late, right and wrong."""
    check_machine(case.make, inputs=case.inputs, commands=case.commands, settings=FEW)


def test_no_machine_is_missing() -> None:
    """Each class that can be made is made above; `Layered` alone is of no use."""

    def below(kind: type[Any]) -> set[type[Any]]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    made = {type(case.make()) for case in CASES.values()}
    machines = {
        each
        for each in below(Machine)
        if each.__module__.startswith("eventproto.") and not inspect.isabstract(each)
    }
    assert {each for each in machines if not each.__name__.startswith("_")} - made == {Layered}
