"""WebSockets of a site: who gets one, and records of a log as the messages of one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from eventproto import Chunk, LocalProtocolError, Message, Overflow, websocket
from eventproto.bridge import Carriage, from_websocket
from eventproto.cloudevents import to_json
from eventproto.engine import MemoryEngine, Record
from eventproto.http import Headers, Request, Response
from eventproto.site import (
    Endpoint,
    EventStream,
    Failed,
    Followed,
    LogSocket,
    LogStream,
    Opened,
    Site,
    SiteConnection,
    Start,
    WebSocket,
)
from eventproto.site._channels import Channel
from eventproto.site._forms import SocketForm, form_of
from eventproto.site._subscriber import Subscriber
from eventproto.sse import Gap
from eventproto.strategies import cloud_events, messages
from eventproto.websocket import Encoded, Text

LOG = MemoryEngine().log


async def handler(session: object, request: Request) -> None:
    """Never run here: machines run nothing."""


def asking(endpoint: Endpoint, target: str = "/x", *fields: str) -> SiteConnection:
    """A connection on which a client has asked for a WebSocket; the answer is not taken."""
    machine = SiteConnection(Site({"/x": endpoint}))
    machine.handle_timeout(0)
    lines = [
        *(f"GET {target} HTTP/1.1", "Host: site.test", "Upgrade: websocket"),
        *("Connection: Upgrade", "Sec-WebSocket-Version: 13"),
        *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *fields, "", ""),
    ]
    machine.receive("\r\n".join(lines).encode(), 0)
    return machine


def output(machine: SiteConnection) -> bytes:
    chunks: list[Chunk] = list(iter(machine.next_output, None))
    return b"".join(chunk for chunk in chunks if isinstance(chunk, bytes))


# Who gets one.


def test_an_application_answers_instead() -> None:
    """With any status, headers and body; and the connection stays HTTP."""
    asked: list[str] = []

    def admit(request: Request) -> Response | None:
        asked.append(request.target)
        if request.query:
            return Response(401, Headers({"WWW-Authenticate": "Bearer"}), b"who are you?")
        return None

    for endpoint in (WebSocket(handler, admit=admit), LogSocket(LOG, "a", admit=admit)):
        machine = asking(endpoint, "/x?x")
        assert machine.next_event() is None
        written = output(machine)
        assert written.startswith(b"HTTP/1.1 401")
        assert b"WWW-Authenticate: Bearer" in written
        assert written.endswith(b"who are you?")
        assert isinstance(asking(endpoint).next_event(), Opened | Followed)
    assert asked == ["/x?x", "/x"] * 2


def test_nobody_is_asked_about_what_is_refused_anyway() -> None:
    """Such as a page from elsewhere."""

    def admit(request: Request) -> Response | None:
        raise AssertionError

    endpoint = WebSocket(handler, admit=admit, origins=["https://site.test"])
    machine = asking(endpoint, "/x", "Origin: https://evil.test")
    assert machine.next_event() is None
    assert output(machine).startswith(b"HTTP/1.1 403")


def fail(request: Request) -> Any:
    raise ZeroDivisionError


def switch(request: Request) -> Response:
    return Response(101)


@pytest.mark.parametrize("decide", [fail, switch])
def test_functions_that_fail(decide: Any) -> None:
    """The client gets 500, whoever drives the machine the reason, and the connection goes on."""
    for endpoint in (
        WebSocket(handler, admit=decide),
        LogSocket(LOG, "a", admit=decide),
        LogSocket(LOG, fail),
        LogStream(LOG, fail),
        LogStream(LOG, "a", admit=fail),
        EventStream(handler, admit=fail),
    ):
        machine = asking(endpoint)
        failed = machine.next_event()
        assert isinstance(failed, Failed)
        assert failed.endpoint is endpoint
        assert failed.request.target == "/x"
        assert isinstance(failed.error, ZeroDivisionError | LocalProtocolError)
        assert output(machine).startswith(b"HTTP/1.1 500")
        machine.receive(b"GET /nowhere HTTP/1.1\r\nHost: site.test\r\n\r\n", 1)
        assert machine.next_event() is None
        assert output(machine).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    "options",
    [{"subprotocols": ["a", "a"]}, {"subprotocols": "a"}, {"overflow": "disconnect"}],
)
def test_options_are_checked_when_the_endpoint_is_made(options: dict[str, Any]) -> None:
    """Not when the first peer comes."""
    for make in (lambda: WebSocket(handler, **options), lambda: LogSocket(LOG, "a", **options)):
        with pytest.raises(LocalProtocolError):
            make()


@pytest.mark.parametrize(
    "options",
    [
        {"channel_count": 0},
        {"poll": 0},
        {"id_size": 0},
        {"source": ""},
        {"source": "a\nb"},
    ],
)
def test_options_of_a_log_socket_are_checked(options: dict[str, Any]) -> None:
    """As above."""
    with pytest.raises(LocalProtocolError):
        LogSocket(LOG, "a", **options)


def test_where_a_client_was() -> None:
    """In the header or in the query, as for a `LogStream`."""
    endpoint = LogSocket(LOG, ["a", "b"])
    for target, fields in (
        ("/x?channel=a", ["Last-Event-ID: a=x-1"]),
        ("/x?channel=a&last_event_id=a%3Dx-1", []),
    ):
        event = asking(endpoint, target, *fields).next_event()
        assert isinstance(event, Followed)
        assert event.endpoint is endpoint
        assert event.start == Start(("a",), ("x-1",), channels=True)


def test_what_is_refused() -> None:
    """As for a `LogStream`."""
    endpoint = LogSocket(LOG, ["a"], id_size=3)
    for target, fields, status in (
        ("/x?channel=b", [], b"404"),
        ("/x", ["Last-Event-ID: a=12"], b"431"),
    ):
        machine = asking(endpoint, target, *fields)
        assert machine.next_event() is None
        assert output(machine).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(("fields", "agreed"), [((), False), (("cloudevents.json",), True)])
def test_the_subprotocol(fields: tuple[str, ...], *, agreed: bool) -> None:
    """It is agreed on if the client offers it."""
    machine = asking(LogSocket(LOG, "a"), "/x", *(f"Sec-WebSocket-Protocol: {f}" for f in fields))
    assert isinstance(machine.next_event(), Followed)
    assert (b"Sec-WebSocket-Protocol: cloudevents.json" in output(machine)) is agreed


# What it says.


def channel(topic: str, *, named: bool = False, **options: Any) -> Channel[Encoded]:
    endpoint = LogSocket(LOG, topic, **options)
    made: Channel[Encoded] = Channel(topic, endpoint, form_of(endpoint), named=named)
    made.begin("c-0")
    return made


def subscriber(*channels: Channel[Encoded], named: bool = False) -> Subscriber[Encoded]:
    start = Start(tuple(each.topic for each in channels), (None,) * len(channels), channels=named)
    made = Subscriber(start, channels, SocketForm("/"), replay=False)
    assert made.behind() is None
    return made


def read(encoded: Encoded) -> Message:
    return from_websocket(Text(encoded.payload.decode()), Carriage.CLOUDEVENTS)


WHOLE = Message.of_json(
    {"x": 1},
    type="t",
    id="1",
    source="/s",
    subject="about",
    time=datetime(2026, 1, 1, tzinfo=UTC),
    extensions={"traceparent": "00"},
)


def test_one_topic() -> None:
    """The message as it was, and the place behind it."""
    topic = channel("a")
    (encoded,) = subscriber(topic).take(0, [topic.add(Record("c-1", WHOLE))])
    message = read(encoded)
    assert message.extensions == {"traceparent": "00", "lasteventid": "1"}
    assert message.json() == {"x": 1}
    assert json.loads(encoded.payload)["data"] == {"x": 1}
    for name in ("type", "id", "source", "subject", "time", "content_type"):
        assert getattr(message, name) == getattr(WHOLE, name)


def test_several_channels() -> None:
    """Each message says which one it is of, and the place is one in all of them."""
    a, b = channel("a", named=True), channel("b\u00e9", named=True)
    client = subscriber(a, b, named=True)
    (first,) = client.take(1, [b.add(Record("c-1", WHOLE))])
    (second,) = client.take(0, [a.add(Record("c-2", WHOLE))])
    assert read(first).extensions["channel"] == "b\u00e9"
    assert read(first).extensions["lasteventid"] == "a=c-0&b%C3%A9=c-1"
    assert read(second).extensions["channel"] == "a"
    assert read(second).extensions["lasteventid"] == "a=c-2&b%C3%A9=c-1"
    assert read(second).type == "t"


def test_what_the_endpoint_says_itself_wins() -> None:
    """A message that came over another one may have such extensions, of another place."""
    topic = channel("a", named=True)
    old = Message(data=b"", id="1", extensions={"lasteventid": "old", "channel": "old"})
    (encoded,) = subscriber(topic, named=True).take(0, [topic.add(Record("c-1", old))])
    assert encoded.payload.count(b"lasteventid") == 1
    assert read(encoded).extensions == {"lasteventid": "a=c-1", "channel": "a"}


@pytest.mark.parametrize(
    ("options", "source"),
    [({}, "/users%2F42"), ({"source": "https://site.test/"}, "https://site.test/users%2F42")],
)
def test_a_message_without_a_source(options: dict[str, Any], source: str) -> None:
    """It is from its topic, so that no other event has the same id and source."""
    topic = channel("users/42", **options)
    (encoded,) = subscriber(topic).take(0, [topic.add(Record("c-1", Message(data=b"", id="1")))])
    assert read(encoded).source == source


def test_an_id_that_no_header_brings_back() -> None:
    """It stays what it is; the place is the cursor."""
    topic = channel("a")
    (encoded,) = subscriber(topic).take(0, [topic.add(Record("c-1", Message(data=b"", id=" 1")))])
    assert read(encoded).id == " 1"
    assert read(encoded).extensions["lasteventid"] == "c-1"


def test_a_message_that_is_no_cloudevent() -> None:
    """It has no form; the next one has."""
    topic = channel("a")
    records = [Record("c-1", Message(data=b"", id="1", type="a\nb")), Record("c-2", WHOLE)]
    entries = [topic.add(record) for record in records]
    assert not entries[0].body
    (encoded,) = subscriber(topic).take(0, entries)
    assert read(encoded).id == "1"


def test_a_place_without_a_record() -> None:
    """As an event of its own, without data."""
    place = subscriber(channel("a")).announce()
    assert place is not None
    message = read(place)
    assert (message.type, message.source, message.data) == ("place", "/", b"")
    assert message.extensions == {"lasteventid": "c-0"}


def test_a_gap() -> None:
    """With the data of the other protocol, whatever a client says of where it was."""
    topic = channel("h\u00e9")
    client = subscriber(topic)
    assert Gap.of(read(client.lose(0))) == Gap("", "history")
    named = subscriber(channel("h\u00e9", named=True), named=True)
    message = read(named.lose(0))
    assert Gap.of(message) == Gap("c-0", "history", "h\u00e9")
    assert message.id == "gap:h%C3%A9/c-0"
    assert "lasteventid" not in message.extensions
    odd = 'a\0"\u2028\U0001f600 \ufffe%26'
    assert Gap.of(read(SocketForm("/").gap(Gap(odd, "history")))) == Gap(odd, "history")


def test_key() -> None:
    """Under `Overflow.COALESCE`, messages of one topic replace each other by it."""
    topic = channel("a", overflow=Overflow.COALESCE, key=lambda message: message.data)
    (encoded,) = subscriber(topic).take(0, [topic.add(Record("c-1", WHOLE))])
    assert encoded.key == ("a", WHOLE.data)


@given(messages() | cloud_events())
def test_what_is_appended_comes_out(message: Message) -> None:
    """If it is a CloudEvent but for its id and source."""
    topic = channel("a")
    message = replace(message, id=message.id or "c-1")  # as every log does
    entry = topic.add(Record("c-1", message))
    if not entry.body:
        with pytest.raises(LocalProtocolError):
            to_json(replace(message, source=message.source or "/a"))
        return
    found = read(entry.encoded("c-1"))
    assert found.data == message.data
    assert (found.id, found.type, found.subject) == (message.id, message.type, message.subject)
    assert found.source == (message.source or "/a")
    extensions = {**message.extensions, "lasteventid": "c-1"}
    assert found.extensions == extensions


def test_what_gave_way_is_said() -> None:
    """Where it is missing, behind what left last, or where the client was."""
    topic = channel("a")
    client = subscriber(topic)
    endpoint = LogSocket(
        LOG, "a", overflow=Overflow.DROP_OLDEST, limits=websocket.Limits(output_count=1)
    )
    machine = asking(endpoint, "/x?last_event_id=c-0")
    assert isinstance(machine.next_event(), Followed)
    output(machine)

    def tell(*numbers: int) -> list[Message]:
        for number in numbers:
            made = Message.of_json({}, id=f"{number}", type="gap" if number == 3 else "t")
            for each in client.take(0, [topic.add(Record(f"c-{number}", made))]):
                machine.send(each, 1)
        peer = websocket.Connection(websocket.Role.CLIENT)
        peer.receive(output(machine), 0)
        events = list(iter(peer.next_event, None))
        return [from_websocket(e, Carriage.CLOUDEVENTS) for e in events if isinstance(e, Text)]

    gap, found = tell(1, 2)
    assert (Gap.of(gap), found.id) == (Gap("c-0", "overflow"), "2")
    gap, found = tell(3, 4)
    assert (Gap.of(gap), found.id) == (Gap("2", "overflow"), "4")
    (found,) = tell(5)
    assert found.id == "5"


def test_what_gave_way_behind_a_gap() -> None:
    """It begins where that one does; unless the application has a type of that name, too."""
    form = SocketForm("/")
    gap = form.missing("", form.gap(Gap("7", "history")))
    assert Gap.of(read(gap)) == Gap("7", "overflow")
    own = form.record(form.body(Message(data=b"", id="1", type="gap"), None, "a"), "1", None)
    assert Gap.of(read(form.missing("", own))) == Gap("1", "overflow")


def test_what_gave_way_behind_what_is_no_record() -> None:
    """A handler may send to many, too: where the client was, nobody knows then."""
    gap = SocketForm("/").missing("7", Encoded.of("hello, all"))
    assert Gap.of(read(gap)) == Gap("", "overflow")


def test_how_a_connection_is_told() -> None:
    """One by one, so that each waits within the bounds, and may be replaced."""
    topic = channel("a")
    client = subscriber(topic)
    told = client.take(0, [topic.add(Record(f"c-{number}", WHOLE)) for number in (1, 2)])
    machine = asking(LogSocket(LOG, "a"))
    assert isinstance(machine.next_event(), Followed)
    output(machine)
    for command in SocketForm("/").commands(told):
        machine.send(command, 1)
    assert output(machine) == told[0].frame + told[1].frame
