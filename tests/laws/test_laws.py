"""Every machine of this library keeps the laws of all machines."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import eventproto
from eventproto import (
    EOF,
    CallMachine,
    Chunk,
    Machine,
    Message,
    Overflow,
    http,
    proxy,
    site,
    sse,
    webhook,
    websocket,
    websub,
)
from eventproto._layered import Layered
from eventproto.http import Headers, Request, Response, Result
from eventproto.strategies import chunkings
from eventproto.testing import check_chunking, check_machine
from eventproto.websub._follower import Follower
from tests.laws.commands import CALL, SOCKET_COMMANDS, STREAM_COMMANDS, STREAMED, told
from tests.laws.machines import (
    PUBLISHED,
    SCHEME,
    SITE,
    STREAMS,
    SUBSCRIPTIONS,
    TOPIC,
    asked,
    called,
    called_back,
    delivery,
    failed,
    hub_request,
    streamed,
    subscribed,
    subscribing,
    verified,
    waited_for,
)
from tests.laws.wires import (
    CLIENT_FRAMES,
    HTTP_REQUESTS,
    HTTP_RESPONSES,
    SERVER_FRAMES,
    UPGRADE,
    Drawn,
    entropy,
    exchanges,
    pieces,
    upgraded,
)

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


CASES: Final = {
    "http client": Case(http.ClientConnection, pieces(*HTTP_RESPONSES), told(CALL, STREAMED)),
    "http server": Case(http.ServerConnection, pieces(*HTTP_REQUESTS), told()),
    "http client that has asked": Case(
        lambda: asked(CALL), pieces(*HTTP_RESPONSES), told(CALL, STREAMED)
    ),
    "http client that reads": Case(
        lambda: asked(STREAMED, HTTP_RESPONSES[2]), pieces(*HTTP_RESPONSES[3:5]), told(CALL)
    ),
    "http server that was asked": Case(called, pieces(*HTTP_REQUESTS), told()),
    "http server that streams": Case(
        lambda: called(Result(1, Response(200), more=True)), pieces(*HTTP_REQUESTS), told()
    ),
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
        exchanges(answers=STREAMS),
        told(None),
    ),
    "sse client that reads": Case(streamed, exchanges(answers=STREAMS), told(None)),
    "webhook sender": Case(
        lambda: webhook.Sender("http://a.test/", SCHEME, entropy=entropy()),
        exchanges(),
        told(Message.of_text("a"), Message.of_text("b", id="b"), Message(data=b"\xff", id="c.d")),
    ),
    "webhook sender that has failed": Case(
        failed, exchanges(), told(Message.of_text("b", id="b"), Message.of_text("c", id="c"))
    ),
    "webhook receiver": Case(
        lambda: webhook.Receiver(SCHEME),
        exchanges(delivery(), Request("POST", "http://a.test/", body=b"forged")),
        told(),
    ),
    "webhook receiver that is waited for": Case(waited_for, exchanges(delivery()), told()),
    "websub hub": Case(
        lambda: websub.Hub("http://hub.test/", entropy=entropy()),
        exchanges(*SUBSCRIPTIONS, PUBLISHED),
        told(Message.of_text("news", source=TOPIC), Message.of_text("of nowhere")),
    ),
    "websub hub with subscribers": Case(
        subscribed,
        exchanges(
            *SUBSCRIPTIONS[:1],
            hub_request("unsubscribe", **{"hub.callback": "http://a.test/"}),
            PUBLISHED,
            answers=[Response(302, Headers({"Location": "/moved"})), Response(200, body=b"new")],
        ),
        told(Message.of_text("news", source=TOPIC)),
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
    "websub subscriber that was verified": Case(
        verified, called_back, told(websub.Subscribe("http://b.test/"), websub.Unsubscribe(TOPIC))
    ),
    "websub follower": Case(
        lambda: subscribing(Follower)[0], called_back, told(websub.Unsubscribe(TOPIC))
    ),
    "websub follower that was verified": Case(
        lambda: verified(Follower), called_back, told(websub.Unsubscribe(TOPIC))
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


PIECEWISE: Final = {"http client that reads", "websocket server, open, in fragments"}
"""Those that are to report pieces as they come."""

BYTES: Final = {
    name: case
    for name, case in CASES.items()
    if name not in PIECEWISE and not isinstance(case.make(), CallMachine)
}


@pytest.mark.parametrize("case", BYTES.values(), ids=BYTES)
def test_no_chunking_changes_anything(case: Case) -> None:
    """Neither what is reported nor what is written."""

    @FEW
    @given(st.data(), st.lists(case.inputs([]), max_size=6))
    def check(data: st.DataObject, chunks: list[Chunk]) -> None:
        whole = b"".join(each for each in chunks if each is not EOF)
        check_chunking(case.make, whole, data.draw(chunkings(whole)), eof=data.draw(st.booleans()))

    check()


def test_no_machine_is_missing() -> None:
    """Each class that can be made is made above; `Layered` alone is of no use."""
    for module in pkgutil.walk_packages(eventproto.__path__, "eventproto."):
        if not module.name.endswith(("__main__", "_hypothesis")):  # which do something
            import_module(module.name)

    def below(kind: type[Any]) -> set[type[Any]]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    made = {type(case.make()) for case in CASES.values()}
    machines = {
        each
        for each in below(Machine)
        if each.__module__.startswith("eventproto.") and not inspect.isabstract(each)
    }
    assert {each for each in machines if not each.__name__.startswith("_")} - made == {Layered}
