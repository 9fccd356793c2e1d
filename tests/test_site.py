"""A site as a machine: what is found where, and one connection through all that it may become."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Chunk,
    Closed,
    ClosedError,
    ConnectionLost,
    End,
    LocalProtocolError,
    Message,
)
from eventproto.http import Limits, Request, Response, Result
from eventproto.site import (
    EventStream,
    Failed,
    Opened,
    Resource,
    Routed,
    Site,
    SiteConnection,
    WebSocket,
)
from eventproto.sse import ServerSentEvent
from eventproto.testing import check_chunking, feed
from eventproto.webhook import Receiver, StandardWebhooks
from eventproto.websocket import Close, Text

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GET = b"GET %s HTTP/1.1\r\nHost: site.test\r\n\r\n"
UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: site.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HELLO = b"\x81\x85\0\0\0\0hello"  # masked with zeros


async def handler(session: object, request: Request) -> None:
    """Never run here: machines run nothing."""


RECEIVER = Receiver(StandardWebhooks(SECRET))
STREAM = EventStream(handler, heartbeat=5, retry=700)
SOCKET = WebSocket(handler, origins=["https://site.test"])
SITE = Site({"/hooks": RECEIVER, "/events": STREAM, "/socket": SOCKET, "/below/": RECEIVER})


def connection(site: Site = SITE) -> SiteConnection:
    """A new connection to the site."""
    return SiteConnection(site)


def output(machine: SiteConnection) -> bytes:
    """All that the machine has to write; an EOF shows as such."""
    chunks: list[Chunk] = list(iter(machine.next_output, None))
    return b"".join(b"<EOF>" if chunk is EOF else chunk for chunk in chunks)


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/hooks", RECEIVER),
        ("/events", STREAM),
        ("/hooks/", None),
        ("/hook", None),
        ("/", None),
        ("/below", None),
        ("/below/", RECEIVER),
        ("/below/this/and/that", RECEIVER),
    ],
)
def test_find(path: str, endpoint: object) -> None:
    """A path that ends with a slash takes what is below it; any other one only itself."""
    assert SITE.find(path) is endpoint


@pytest.mark.parametrize(
    ("spelling", "path"),
    [
        ("/%68ooks", "/hooks"),
        ("/caf%c3%a9", "/caf\u00e9"),
        ("/caf%C3%A9", "/caf%c3%a9"),
        ("/a%20b", "/a b"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%3Fb", "/a?b"),
        ("/100%", "/100%"),
        ("/100%25", "/100%"),
        ("/%%32%65", "/%252e"),
        ("/|", "/%7c"),
        ("/below/../hooks", "/hooks"),
        ("/%2e%2E/./hooks", "/hooks"),
        ("/a/..", "/"),
        ("/a/b/../.", "/a/"),
        ("/.", "/"),
        ("//a", "//a"),
        ("/.a/..b/", "/.a/..b/"),
    ],
)
def test_a_path_has_many_spellings(spelling: str, path: str) -> None:
    """Whoever guards one in front of this server does not guard another one (RFC 3986, 6.2.2)."""
    site = Site({path: STREAM})
    assert site.find(spelling) is STREAM
    assert Site({spelling: STREAM}).find(path) is STREAM
    with pytest.raises(LocalProtocolError, match="given once"):
        site.add(spelling, SOCKET)


@given(st.text(st.sampled_from("/.%2eEfF\u00e9?#a\0")))
def test_any_path_is_found(path: str) -> None:
    """As it was added, and percent-encoded."""
    site = Site({f"/{path}": STREAM})
    assert site.find(f"/{path}") is STREAM
    assert Site({quote(f"/{path}", safe="/"): STREAM}).find(f"/{path.replace('%', '%25')}")


@pytest.mark.parametrize("spelling", ["/a%2Fb", "/A", "/a/", "//a", "/a;b", "/a%00"])
def test_what_is_another_path(spelling: str) -> None:
    """An encoded slash is none, and case matters."""
    site = Site({"/a": STREAM, "/a/b": SOCKET})
    assert site.find(spelling) is None


def test_a_path_that_nobody_can_ask_for() -> None:
    """Half of a surrogate pair has no bytes."""
    with pytest.raises(LocalProtocolError, match="half of a surrogate pair"):
        Site({"/\ud800": STREAM})


@pytest.mark.parametrize("endpoint", [handler, EventStream, None])
def test_add_refuses_what_is_no_endpoint(endpoint: Any) -> None:
    """A handler has to be wrapped, for it does not say what it speaks."""
    with pytest.raises(LocalProtocolError, match=r"EventStream\(handler\)"):
        Site({"/": endpoint})


def test_find_prefers_the_longest_path() -> None:
    """The root takes what nobody else does."""
    site = Site({"/": RECEIVER, "/a/": STREAM, "/a/b": SOCKET})

    assert site.find("/a/b") is SOCKET
    assert site.find("/a/b/c") is STREAM
    assert site.find("/b") is RECEIVER


@pytest.mark.parametrize("path", ["hooks", "", "/hooks"])
def test_add_refuses(path: str) -> None:
    """A path starts with a slash, and means one thing."""
    with pytest.raises(LocalProtocolError, match="a path starts with /"):
        Site({"/hooks": RECEIVER}).add(path, STREAM)


def test_roles_are_told_once() -> None:
    """Sessions are made for each peer, roles once for the site."""
    assert SITE.roles == (RECEIVER,)


def test_what_is_not_there_is_404() -> None:
    """And the connection goes on."""
    transcript = feed(connection(), [GET % b"/nothing", GET % b"/hooks"])

    assert transcript.output.startswith(b"HTTP/1.1 404")
    (routed,) = transcript.events
    assert isinstance(routed, Routed)
    assert routed.role is RECEIVER


def test_a_call_is_routed_and_answered() -> None:
    """Its result goes out under its token."""
    machine = feed(connection(), []).machine
    machine.receive(GET % b"/below/x", 1)
    event = machine.next_event()
    assert isinstance(event, Routed)
    assert event.call.request.url == "http://site.test/below/x"

    machine.send(Result(event.call.token, Response.of_text(200, "hello")), 2)

    assert output(machine).endswith(b"\r\n\r\nhello")


def test_a_resource_answers_by_itself() -> None:
    """Whatever the method, and nobody hears of it."""
    site = Site({"/": Resource(lambda request: Response.of_text(200, request.method))})
    transcript = feed(connection(site), [GET % b"/", (GET % b"/").replace(b"GET", b"HEAD")])

    answer, at_head = transcript.output.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert answer.endswith(b"\r\n\r\nGET")
    assert at_head.endswith(b"\r\n\r\n")
    assert transcript.events == ()


@pytest.mark.parametrize("respond", [lambda _: 1 / 0, lambda _: None, lambda _: Response(101)])
def test_a_resource_that_has_no_answer(respond: Any) -> None:
    """The client is told 500, and whoever runs the site why."""
    resource = Resource(respond)
    transcript = feed(connection(Site({"/a": resource})), [GET % b"/a", GET % b"/b"])

    assert transcript.output.startswith(b"HTTP/1.1 500")
    assert b"HTTP/1.1 404" in transcript.output
    (failed,) = transcript.events
    assert isinstance(failed, Failed)
    assert failed.endpoint is resource
    assert failed.request.path == "/a"
    assert isinstance(failed.error, ZeroDivisionError | LocalProtocolError)


def test_a_stream_is_opened() -> None:
    """The head goes out at once, then what the application sends, then heartbeats."""
    transcript = feed(connection(), [GET % b"/events"])
    machine = transcript.machine
    (opened,) = transcript.events
    assert isinstance(opened, Opened)
    assert opened.endpoint is STREAM
    assert b"text/event-stream" in transcript.output
    assert b"retry: 700\n" in transcript.output

    machine.send(ServerSentEvent("one"), 1)
    machine.send(Message.of_text("two"), 1)
    assert output(machine).count(b"data: ") == 2

    assert machine.deadline == 6
    machine.handle_timeout(6)
    assert b"\n:" in output(machine)


def test_a_stream_ends_and_the_connection_goes_on() -> None:
    """`End` is the stream's end; then there is HTTP again."""
    machine = feed(connection(), [GET % b"/events"]).machine
    machine.send(End(), 1)
    assert output(machine) == b"0\r\n\r\n"
    with pytest.raises(LocalProtocolError):
        machine.send(ServerSentEvent("late"), 1)

    machine.receive(GET % b"/nothing", 2)
    assert machine.next_event() is None
    assert output(machine).startswith(b"HTTP/1.1 404")


def test_going_away_ends_the_stream_and_the_connection() -> None:
    """What an application sends meanwhile is too late, not wrong."""
    machine = feed(connection(), [GET % b"/events"]).machine
    machine.send(End(going_away=True), 1)

    assert output(machine) == b"0\r\n\r\n"
    assert machine.next_event() == Closed()
    assert machine.finished
    with pytest.raises(ClosedError):
        machine.send(ServerSentEvent("late"), 1)


def test_a_client_that_leaves_its_stream() -> None:
    """The application hears of it as the connection's last event."""
    transcript = feed(connection(), [GET % b"/events", EOF])

    assert isinstance(transcript.events[-1], Closed)
    assert isinstance(transcript.events[-1].error, ConnectionLost)
    transcript.machine.handle_timeout(100)  # no heartbeat for nobody
    assert transcript.machine.deadline is None


def test_head_of_a_stream_opens_none() -> None:
    """The headers, and nobody to send to."""
    transcript = feed(connection(), [(GET % b"/events").replace(b"GET", b"HEAD")])

    assert b"text/event-stream" in transcript.output
    assert transcript.events == ()


def test_a_websocket_is_opened() -> None:
    """What came behind the request is the WebSocket's."""
    transcript = feed(connection(), [UPGRADE + HELLO])
    machine = transcript.machine

    assert transcript.output.startswith(b"HTTP/1.1 101")
    opened, hello = transcript.events
    assert isinstance(opened, Opened)
    assert opened.endpoint is SOCKET
    assert hello == Text("hello")

    machine.send("back", 1)
    assert output(machine) == b"\x81\x04back"
    machine.send(Close(1000), 2)
    assert output(machine) == b"\x88\x02\x03\xe8"


def test_a_websocket_that_comes_when_this_side_is_going_away() -> None:
    """It is closed with 1001."""
    machine = SiteConnection(SITE)
    machine.receive(UPGRADE[:20], 0)
    machine.send(End(going_away=True), 1)
    machine.receive(UPGRADE[20:], 2)
    assert isinstance(machine.next_event(), Opened)
    assert output(machine).endswith(b"\r\n\r\n\x88\x02\x03\xe9")


def test_a_websocket_is_refused() -> None:
    """A page from elsewhere gets 403, and the connection stays HTTP."""
    refused = UPGRADE.replace(b"\r\n\r\n", b"\r\nOrigin: https://evil.test\r\n\r\n")
    transcript = feed(connection(), [refused, GET % b"/hooks"])

    assert transcript.output.startswith(b"HTTP/1.1 403")
    assert isinstance(transcript.events[-1], Routed)


def test_end_without_a_session_closes() -> None:
    """An idle connection closes at once."""
    machine = feed(connection(), []).machine
    machine.send(End(going_away=True), 1)

    assert machine.next_event() == Closed()
    assert machine.finished
    assert machine.deadline is None


def test_limits_are_the_sites() -> None:
    """A head that is too large is 431."""
    site = Site(limits=Limits(head_size=100))
    transcript = feed(connection(site), [b"GET / HTTP/1.1\r\nX: " + b"x" * 200, EOF])

    assert transcript.output.startswith(b"HTTP/1.1 431")


def test_any_chunking_gives_the_same() -> None:
    """Through a 404, a call that is never answered, and a WebSocket."""
    check_chunking(connection, GET % b"/nothing" + UPGRADE + HELLO)
    check_chunking(connection, GET % b"/nothing" + GET % b"/hooks")
