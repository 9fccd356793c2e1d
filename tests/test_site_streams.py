"""Streams of a site: who gets one, what waits for a slow client, and what a client follows."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import (
    EOF,
    Chunk,
    Closed,
    ClosedError,
    End,
    LimitExceeded,
    LocalProtocolError,
    Overflow,
    PeerTimeout,
)
from eventproto.engine import MemoryEngine
from eventproto.engine._cursors import Cursors
from eventproto.http import Request, Response
from eventproto.site import (
    EventStream,
    Failed,
    Followed,
    LogStream,
    Opened,
    Site,
    SiteConnection,
    Start,
    Topics,
)
from eventproto.sse import Cors, Encoded, Limits, ServerSentEvent
from eventproto.testing import feed

LOG = MemoryEngine().log
EVENT = Encoded.of(ServerSentEvent("x"))


async def handler(session: object, request: Request) -> None:
    """Never run here: machines run nothing."""


def asking(endpoint: EventStream | LogStream, head: str = "GET /", *fields: str) -> SiteConnection:
    """A connection on which a client has asked for the endpoint; the answer is not taken."""
    machine = SiteConnection(Site({"/": endpoint}))
    machine.handle_timeout(0)
    lines = [f"{head} HTTP/1.1", "Host: site.test", *fields, "", ""]
    machine.receive("\r\n".join(lines).encode(), 0)
    return machine


def output(machine: SiteConnection) -> bytes:
    chunks: list[Chunk] = list(iter(machine.next_output, None))
    return b"".join(b"<EOF>" if chunk is EOF else chunk for chunk in chunks)


def opened(endpoint: EventStream) -> SiteConnection:
    """A connection with an open stream, all of whose output was taken."""
    machine = asking(endpoint)
    assert isinstance(machine.next_event(), Opened)
    output(machine)
    return machine


def test_what_waits_leaves_in_one_chunk() -> None:
    """Many in, one out."""
    machine = opened(EventStream(handler))
    machine.send(EVENT, 1)
    machine.send((EVENT, EVENT), 1)
    assert output(machine) == b"1b\r\n" + EVENT.data * 3 + b"\r\n"


def test_what_waits_is_bounded_and_the_answer_breaks_off() -> None:
    """A client must not take it for complete, and comes back."""
    machine = opened(EventStream(handler, limits=Limits(output_count=2)))
    machine.send((EVENT, EVENT), 1)
    machine.send(EVENT, 1)
    with pytest.raises(ClosedError):
        machine.send(EVENT, 1)
    closed = machine.next_event()
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, LimitExceeded)
    assert output(machine) == b""
    assert machine.finished
    assert machine.deadline is None


def test_the_oldest_of_what_waits_gives_way() -> None:
    """By choice."""
    machine = opened(
        EventStream(handler, overflow=Overflow.DROP_OLDEST, limits=Limits(output_count=2))
    )
    machine.send((EVENT, EVENT, EVENT), 1)
    assert b"event: gap" in output(machine)
    assert machine.next_event() is None


def test_a_client_that_takes_nothing_is_given_up() -> None:
    """As the stream says."""
    machine = opened(EventStream(handler, limits=Limits(stall_time=10)))
    machine.send(EVENT, 1)
    assert machine.deadline == 11
    machine.handle_timeout(11)
    closed = machine.next_event()
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, PeerTimeout)


def test_going_away_drains_what_waits() -> None:
    """With a hint when to come back, and then the connection ends."""
    machine = opened(EventStream(handler, going_away_retry=9000))
    machine.send(EVENT, 1)
    machine.send(End(going_away=True), 1)
    assert not machine.finished
    written = output(machine)
    assert EVENT.data in written
    assert b"retry: 9000\n" in written
    assert written.endswith(b"\r\n0\r\n\r\n")
    assert machine.next_event() == Closed()
    assert machine.finished


def test_a_client_that_comes_when_this_side_is_going_away() -> None:
    """Its request was on its way: it is told when to come back, as all others are."""
    machine = SiteConnection(Site({"/": EventStream(handler, going_away_retry=9000)}))
    machine.receive(b"GET / HTTP/1.1\r\n", 0)
    machine.send(End(going_away=True), 1)
    assert not machine.finished
    machine.receive(b"Host: site.test\r\n\r\n", 2)
    assert isinstance(machine.next_event(), Opened)
    written = output(machine)
    assert b"Connection: close\r\n" in written
    assert written.endswith(b"retry: 9000\n\r\n0\r\n\r\n")
    assert machine.next_event() == Closed()
    assert machine.finished


def test_a_stream_that_ended_takes_nothing_more() -> None:
    """Also before its end was taken."""
    machine = opened(EventStream(handler))
    machine.send(End(), 1)
    with pytest.raises(ClosedError):
        machine.send(EVENT, 1)


@pytest.mark.parametrize(
    ("head", "status"),
    [("HEAD /", b"200"), ("OPTIONS /", b"204"), ("PUT /", b"405"), ("GET /?no", b"403")],
)
def test_a_request_that_opens_no_stream(head: str, status: bytes) -> None:
    """It is answered, and nobody is told."""

    def admit(request: Request) -> Response | None:
        return Response(403) if request.query else None

    for endpoint in (EventStream(handler, admit=admit), LogStream(LOG, "a", admit=admit)):
        machine = asking(endpoint, head)
        assert machine.next_event() is None
        assert output(machine).startswith(b"HTTP/1.1 " + status)


def test_other_methods_and_pages_of_other_origins() -> None:
    """By choice."""
    endpoint = EventStream(handler, methods=("POST",), cors=Cors())
    machine = asking(endpoint, "POST /", "Content-Length: 2", "Origin: https://a.example")
    machine.receive(b"{}", 0)
    event = machine.next_event()
    assert isinstance(event, Opened)
    assert event.request.body == b"{}"
    assert b"Access-Control-Allow-Origin: *" in output(machine)


def test_an_empty_chunk_is_not_in_the_way() -> None:
    """Of what comes behind it."""
    machine = opened(EventStream(handler))
    machine.send(Encoded(b""), 1)
    machine.send(End(), 1)
    assert machine.next_output() == b"0\r\n\r\n"


@pytest.mark.parametrize(
    "options", [{"heartbeat": 0}, {"retry": -1}, {"overflow": None}, {"methods": "GET"}]
)
def test_options_are_checked_when_the_endpoint_is_made(options: dict[str, Any]) -> None:
    """Not when the first client comes."""
    for make in (lambda: EventStream(handler, **options), lambda: LogStream(LOG, "a", **options)):
        with pytest.raises(LocalProtocolError):
            make()


@pytest.mark.parametrize("options", [{"channel_count": 0}, {"poll": 0}])
def test_options_of_a_log_stream_are_checked(options: dict[str, Any]) -> None:
    """As above."""
    with pytest.raises(LocalProtocolError):
        LogStream(LOG, "a", **options)


def started(topics: Topics, target: str = "/", last: str | None = None, **options: Any) -> Start:
    """What a client follows that asks for this."""
    fields = [] if last is None else [f"Last-Event-ID: {last}"]
    endpoint = LogStream(LOG, topics, **options)
    event = asking(endpoint, f"GET {target}", *fields).next_event()
    assert isinstance(event, Followed)
    assert event.endpoint is endpoint
    assert event.request.target == target
    return event.start


def refused(topics: Topics, target: str, **options: Any) -> bytes:
    machine = asking(LogStream(LOG, topics, **options), f"GET {target}")
    assert machine.next_event() is None
    return output(machine)


def test_one_topic() -> None:
    """From the start, from the header, from the query."""
    assert started("a") == Start(("a",), (None,), channels=False)
    assert started("a", last="7") == Start(("a",), ("7",), channels=False)
    assert started("a", "/?last_event_id=8") == Start(("a",), ("8",), channels=False)
    assert started("a", last="") == Start(("a",), (None,), channels=False)


def test_several_channels() -> None:
    """All of them, or those that the client chooses, each once and in order."""
    assert started({"b", "a"}).topics == ("a", "b")
    assert started(["a"]) == Start(("a",), (None,), channels=True)
    assert started(["c", "b", "a"], "/?channel=c&channel=a&channel=c").topics == ("a", "c")
    everything = [str(number) for number in range(100)]
    assert started(everything, "/?channel=7", channel_count=1).topics == ("7",)


def test_a_place_in_several_channels() -> None:
    """Those that the client has just begun with have none."""
    start = started(["a", "b", "h\u00e9&="], last="a=x-1&h%C3%A9%26%3D=y-2&gone=z-3")
    assert start == Start(("a", "b", "h\u00e9&="), ("x-1", None, "y-2"), channels=True)


@pytest.mark.parametrize(
    "last",
    ["7", "a", "a=", "a=1&", "&a=1", "a=1&a=2", "a=1&b", "a=\u00e9", "a=" + "1" * 65, "a=1&%61=2"],
)
def test_a_place_that_nobody_wrote(last: str) -> None:
    """It is one that no log knows, in every channel."""  # SSE G3
    assert started(["a", "b"], last=last).after == ("-", "-")


@pytest.mark.parametrize("topics", ["", [""], ["a", 5], "\ud800"])
def test_topics_that_no_log_has(topics: Any) -> None:
    """Are refused before a client comes; a function's, when one does, which is then told 500."""
    with pytest.raises(LocalProtocolError, match="a topic"):
        LogStream(LOG, topics)
    machine = asking(LogStream(LOG, lambda _: topics))
    failed = machine.next_event()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, LocalProtocolError)
    assert output(machine).startswith(b"HTTP/1.1 500")


def test_a_log_that_is_none() -> None:
    """But the engine that has it, say."""
    with pytest.raises(LocalProtocolError, match=r"engine\.log"):
        LogStream(MemoryEngine(), "a")  # type: ignore[arg-type]


def test_channels_that_are_refused() -> None:
    """404 for what is not there, 400 for too many."""
    assert refused(["a"], "/?channel=b").startswith(b"HTTP/1.1 404")
    assert refused([], "/").startswith(b"HTTP/1.1 404")
    assert refused(["a"], "/?channel=").startswith(b"HTTP/1.1 404")
    assert refused(["a", "b"], "/", channel_count=1).startswith(b"HTTP/1.1 400")
    target = "/?channel=a&channel=b"
    assert refused(["a", "b"], target, channel_count=1).startswith(b"HTTP/1.1 400")


def test_channels_whose_place_no_client_would_take() -> None:
    """Each takes its name, percent-encoded, a cursor, and two more bytes."""
    topics = ["b", "\u00e9" * 10]
    cursor = Cursors.of(bytes(16), "b").write(1)
    place = f"b={cursor}&{'%C3%A9' * 10}={cursor}"
    assert started(topics, limits=Limits(id_size=len(place))).topics == ("b", topics[1])
    limits = Limits(id_size=len(place) - 1)
    assert refused(topics, "/", limits=limits).startswith(b"HTTP/1.1 400")
    assert started(topics, "/?channel=b", limits=limits).topics == ("b",)


def test_topics_by_request() -> None:
    """A function says what a request is for, or refuses it."""

    def choose(request: Request) -> str | list[str] | Response:
        match dict(request.query).get("who"):
            case None:
                return Response(401)
            case "all":
                return ["a", "b"]
            case user:
                return f"users/{user}"

    assert started(choose, "/?who=eve") == Start(("users/eve",), (None,), channels=False)
    assert started(choose, "/?who=all&channel=b") == Start(("b",), (None,), channels=True)
    assert refused(choose, "/").startswith(b"HTTP/1.1 401")


def test_a_stream_of_a_log_is_filled_by_whoever_drives_it() -> None:
    """The head goes out at once."""
    transcript = feed(
        SiteConnection(Site({"/": LogStream(LOG, "a", retry=5)})),
        [b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"],
    )
    assert transcript.output.endswith(b"retry: 5\n\r\n")
    transcript.machine.send(EVENT, 1)
    assert EVENT.data in output(transcript.machine)
