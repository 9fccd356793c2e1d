"""Records of a log as the events of a stream: each once, and from where the client was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Message
from eventproto.bridge import Carriage, from_sse
from eventproto.engine import MemoryEngine, Record
from eventproto.site import LogSocket, LogStream, Start
from eventproto.site._channels import Channel
from eventproto.site._forms import StreamForm, form_of
from eventproto.site._places import read_places, write_places
from eventproto.site._subscriber import Subscriber
from eventproto.sse import Decoder, Encoded, Gap, Limits, ServerSentEvent

LOG = MemoryEngine().log
FORM = StreamForm(Carriage.NATIVE)


def record(number: int, **attributes: Any) -> Record:
    attributes.setdefault("data", b"x")
    attributes.setdefault("id", f"id-{number}")
    return Record(f"c-{number:04}", Message(**attributes))


def channel(topic: str = "a", *, named: bool = False, **options: Any) -> Channel[Encoded]:
    """One that has begun at the end of a topic whose last cursor is c-0000."""
    endpoint = LogStream(LOG, topic, **options)
    made = Channel(topic, endpoint, form_of(endpoint), named=named)
    made.begin("c-0000")
    return made


def subscriber(
    *channels: Channel[Encoded], after: tuple[str | None, ...] = (None,), **options: bool
) -> Subscriber[Encoded]:
    topics = tuple(each.topic for each in channels)
    start = Start(topics, after, channels=options.pop("named", False))
    return Subscriber(start, channels, FORM, replay=options.pop("replay", False))


def read(events: list[Encoded]) -> list[tuple[str, str | bytes, str | None]]:
    """What a client reads."""
    found = Decoder().receive(b"".join(event.data for event in events))
    return [(e.event, e.data, e.id) for e in found if isinstance(e, ServerSentEvent)]


def test_one_topic_is_streamed_as_it_is() -> None:
    """Type, id and data."""
    topic = channel()
    client = subscriber(topic)
    assert client.behind() is None
    entries = [topic.add(record(1)), topic.add(record(2, type="t", data=b"1\n2"))]
    assert read(client.take(0, entries)) == [("message", "x", "id-1"), ("t", "1\n2", "id-2")]
    assert client.place(0) == topic.tail == "c-0002"


@pytest.mark.parametrize("key", [lambda _: 1 / 0, lambda _: []])
def test_a_key_that_is_none(key: Any) -> None:
    """The record is there all the same, and replaces nothing."""
    entry = channel(key=key).add(record(1))
    assert isinstance(entry.trouble, ZeroDivisionError | TypeError)
    assert entry.encoded("1").key is None
    assert read([entry.encoded("1")]) == [("message", "x", "1")]


def test_how_a_stream_is_told() -> None:
    """All at once, so that it leaves in one chunk."""
    topic = channel()
    told = subscriber(topic).take(0, [topic.add(record(number)) for number in (1, 2)])
    (command,) = FORM.commands(told)
    assert read(list(command)) == [("message", "x", "id-1"), ("message", "x", "id-2")]


@pytest.mark.parametrize(
    "own", [" x", "x ", "\n", "a\0b", "\x7f", "a\tb", "x" * 4097, "\u00e9" * 2049]
)
def test_an_id_that_no_header_brings_back(own: str) -> None:
    """The cursor does."""
    assert channel().add(record(1, id=own)).id == "c-0001"


def test_an_id_that_the_endpoint_itself_would_refuse() -> None:
    """Each has its own bounds."""
    for size, expected in ((3, "c-0001"), (4, "id-1")):
        stream = LogStream(LOG, "a", limits=Limits(id_size=size))
        socket = LogSocket(LOG, "a", id_size=size)
        for endpoint in (stream, socket):
            topic = Channel("a", endpoint, form_of(endpoint), named=False)
            topic.begin(None)
            assert topic.add(record(1)).id == expected


@pytest.mark.parametrize("own", ["h\u00e9", "a b", "\u2028", "a:b,c", "x" * 4096])
def test_an_id_that_a_header_brings_back(own: str) -> None:
    """It is that of the message."""  # SSE G2
    assert channel().add(record(1, id=own)).id == own


def test_all_of_a_message() -> None:
    """By choice, in CloudEvents carriage."""
    message = Message(data=b"\r", id="1", source="/s", subject="about", content_type="x/y")
    topic = channel(carriage=Carriage.CLOUDEVENTS)
    event = topic.add(Record("c-0001", message)).encoded("1")
    (found,) = Decoder().receive(event.data)
    assert isinstance(found, ServerSentEvent)
    assert from_sse(found, Carriage.CLOUDEVENTS) == message


@pytest.mark.parametrize(
    ("message", "carriage"),
    [
        (Message(data=b"", type="a\nb"), Carriage.NATIVE),
        (Message(data=b"", id="no source"), Carriage.CLOUDEVENTS),
    ],
)
def test_a_record_that_has_no_form(message: Message, carriage: Carriage) -> None:
    """The client goes on behind it."""
    topic = channel(carriage=carriage)
    client = subscriber(topic)
    assert client.behind() is None
    entry = topic.add(Record("c-0001", message))
    assert entry.body == b""
    assert client.take(0, [entry]) == []
    assert client.place(0) == "c-0001"


def test_each_event_is_made_once() -> None:
    """However many clients get it."""
    topic = channel()
    clients = [subscriber(topic) for _ in range(3)]
    assert [client.behind() for client in clients] == [None] * 3
    entry = topic.add(record(1))
    made = [event for client in clients for event in client.take(0, [entry])]
    assert len(made) == 3
    assert made[0] is made[1] is made[2]
    entry.forget()
    assert entry.encoded("id-1") == made[0]


def test_what_replaces_what() -> None:
    """By default the same type about the same subject, in the same topic."""
    topic, other = channel(), channel("b")
    first = topic.add(record(1, type="t", subject="s"))
    keys = {
        entry.encoded("").key
        for entry in (
            first,
            topic.add(record(2, type="t", subject="s")),
            topic.add(record(3, type="t")),
            topic.add(record(4, subject="s")),
            other.add(record(1, type="t", subject="s")),
        )
    }
    assert len(keys) == 4
    chosen = channel(key=lambda message: message.data)
    assert chosen.add(record(1)).encoded("").key == ("a", b"x")


def test_a_client_that_has_just_begun() -> None:
    """It is at the end, and gets an id to come back with."""
    topic = channel()
    topic.add(record(1))
    client = subscriber(topic)
    assert client.behind() is None
    assert client.missing() == 0
    assert client.missed() == []
    assert client.announce() == Encoded(b"id: c-0001\n\n", "c-0001")
    assert client.announce() is None


def test_a_client_that_comes_back_by_id_or_by_cursor() -> None:
    """To what is at hand; it needs no new id."""
    topic = channel()
    for number in (1, 2, 3):
        topic.add(record(number))
    for place in ("id-1", "c-0001"):
        client = subscriber(topic, after=(place,))
        assert client.behind() is None
        assert client.missing() == 2
        assert [event_id for _, _, event_id in read(client.missed())] == ["id-2", "id-3"]
        assert client.missing() == 0
        assert client.announce() is None
    assert subscriber(topic, after=("c-0000",)).behind() is None


@pytest.mark.parametrize("place", ["id-0", "", "c-0004"])
def test_a_client_that_has_to_read_for_itself(place: str) -> None:
    """What came behind its place is not at hand; nor where it is."""
    topic = channel()
    topic.add(record(1))
    client = subscriber(topic, after=(place,))
    assert client.behind() == 0
    assert client.place(0) == place


def test_a_client_that_wants_everything() -> None:
    """It reads from the oldest record on."""
    topic = channel()
    topic.add(record(2))
    client = subscriber(topic, replay=True)
    assert client.behind() == 0
    assert client.place(0) is None
    assert (client.missing(), client.missed()) == (0, [])
    known = [topic.entry(record(number)) for number in (1, 2)]
    assert len(client.take(0, known)) == 2
    assert client.behind() is None
    assert client.announce() is None


def test_records_at_hand_are_not_encoded_again() -> None:
    """Whoever reads for itself meets those that were read for all."""
    topic = channel()
    entries = [topic.add(record(number)) for number in (1, 2)]
    assert [topic.entry(record(number)) for number in (1, 2)] == entries
    assert topic.entry(record(0)) not in entries
    assert topic.entry(record(3)) not in entries


def test_a_gap() -> None:
    """What is left follows; if nothing is, the client gets an id to come back with."""
    topic = channel()
    client = subscriber(topic, after=("gone",))
    gap = client.lose(0)
    assert gap == Encoded.of(Gap("gone", "history"))
    client.reach(0, "c-0000")
    assert client.behind() is None
    assert client.announce() == Encoded(b"id: c-0000\n\n", "c-0000")

    client.take(0, [topic.add(record(1))])
    topic.begin(None)
    assert client.lose(0) == Encoded.of(Gap("id-1", "history"))
    assert len(client.take(0, [topic.add(record(2))])) == 1
    assert client.announce() is None


def test_a_gap_of_a_client_that_has_just_begun() -> None:
    """It has no last event, but may have been told its place."""
    topic = channel()
    client = subscriber(topic)
    assert client.behind() is None
    client.announce()
    assert client.lose(0) == Encoded.of(Gap("c-0000", "history"))
    assert subscriber(topic).lose(0) == Encoded.of(Gap("", "history"))


def test_several_channels() -> None:
    """The type tells which one, the id where the client is in all of them."""
    orders, prices = channel("orders", named=True), channel("prices", named=True)
    client = subscriber(orders, prices, after=(None, None), named=True)
    assert client.behind() is None
    place = client.announce()
    assert place is not None
    assert place.id == "orders=c-0000&prices=c-0000"
    events = client.take(1, [prices.add(record(7))])
    events += client.take(0, [orders.add(record(1, type="paid")), orders.add(record(2))])
    assert read(events) == [
        ("prices", "x", "orders=c-0000&prices=c-0007"),
        ("orders:paid", "x", "orders=c-0001&prices=c-0007"),
        ("orders", "x", "orders=c-0002&prices=c-0007"),
    ]


def test_several_channels_share_what_is_made() -> None:
    """For clients that are at the same places."""
    topics = [channel(name, named=True) for name in "ab"]
    clients = [subscriber(*topics, after=(None, None), named=True) for _ in range(3)]
    behind = subscriber(*topics, after=("x-1", "y-1"), named=True)
    assert [client.behind() for client in clients] == [None] * 3
    entry = topics[0].add(record(1))
    made = [client.take(0, [entry])[0] for client in (*clients, behind)]
    assert made[0] is made[1] is made[2]
    assert made[3].id == "a=c-0001&b=y-1"


def test_what_is_made_for_a_client_is_not_kept_for_others() -> None:
    """Or whoever says that it is somewhere else each time would fill the memory."""
    entry = channel(named=True).add(record(1))
    made = entry.encoded("a=c-0001&b=1")
    assert entry.encoded("a=c-0001&b=1") is made
    assert entry.encoded("a=c-0001&b=2") is not made
    assert entry.encoded("a=c-0001&b=1") is not made


def test_a_client_that_adds_a_channel() -> None:
    """It begins there, and has to be told."""
    topics = [channel(name, named=True) for name in "ab"]
    topics[0].add(record(1))
    client = subscriber(*topics, after=("c-0000", None), named=True)
    assert client.behind() is None
    assert client.missing() == 1
    assert [event.id for event in client.missed()] == ["a=c-0001&b=c-0000"]
    assert client.announce() is None


def test_everything_of_several_channels() -> None:
    """A place that it has not reached yet is not claimed."""
    topics = [channel(name, named=True) for name in "ab"]
    client = subscriber(*topics, after=(None, None), named=True, replay=True)
    assert client.behind() == 0
    (event,) = client.take(0, [topics[0].entry(record(1))])
    assert event.id == "a=c-0001"
    topics[0].add(record(1))
    assert client.behind() == 1
    assert client.lose(1) == Encoded.of(Gap("", "history", "b"))
    client.reach(1, "c-0000")
    assert client.behind() is None
    place = client.announce()
    assert place is not None
    assert place.id == "a=c-0001&b=c-0000"


def test_only_the_newest_are_at_hand() -> None:
    """And what came behind the last one that is not."""
    topic = channel()
    for number in range(1, 301):
        topic.add(record(number))
    assert not topic.knows("c-0000")
    assert not topic.knows("id-43")
    assert topic.count("id-44") == len(topic.since("c-0044")) == 256
    assert topic.since("c-0300") == []


def test_large_ones_are_not_kept() -> None:
    """But always the newest."""
    topic = channel()
    for number in (1, 2, 3):
        topic.add(record(number, data=bytes(900_000)))
    assert len(topic.since("c-0002")) == 1
    assert not topic.knows("c-0001")


def test_an_id_that_is_used_again() -> None:
    """It means the newest, and goes with that."""
    topic = channel()
    topic.add(record(1, id="same"))
    for number in range(2, 200):
        topic.add(record(number))
    topic.add(record(200, id="same"))
    assert topic.count("same") == 0
    for number in range(201, 400):
        topic.add(record(number))
    assert topic.count("same") == 199
    for number in range(400, 600):
        topic.add(record(number))
    assert not topic.knows("same")


@given(st.dictionaries(st.text(), st.from_regex(r"[A-Za-z0-9-]{1,64}", fullmatch=True)))
def test_places_are_read_back(places: dict[str, str]) -> None:
    """Whatever the channels are called."""
    text = write_places(places.items())
    assert text.isascii()
    assert " " not in text
    assert read_places(text) == (places or None)


@given(st.text(alphabet="a=&%4-\u00e9\0"))
def test_any_text_may_be_asked_for(text: str) -> None:
    """It is read as what was written, or not at all."""  # SSE G3
    places = read_places(text)
    assert places is None or read_places(write_places(places.items())) == places


@given(st.data())
def test_every_client_gets_every_record_once(data: st.DataObject) -> None:
    """Wherever it comes in: it reads on for itself, and then hears what all hear."""
    records = [record(number) for number in range(1, 30)]
    topic = channel()
    read_by_all = data.draw(st.integers(0, len(records)), label="read by all")
    for each in records[:read_by_all]:
        topic.add(each)
    was = data.draw(st.integers(0, len(records)), label="was at")
    client = subscriber(topic, after=(f"c-{was:04}",))
    got: list[Encoded] = []
    if client.behind() == 0:  # it is ahead of what was read for all
        for each in records[read_by_all:was]:
            topic.add(each)
        assert client.behind() is None
    got += client.missed()
    for each in records[max(read_by_all, was) :]:
        got += client.take(0, [topic.add(each)])
    assert [event.id for event in got] == [f"id-{number}" for number in range(was + 1, 30)]
