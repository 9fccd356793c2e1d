"""An open connection, both roles: what it reports, what it writes, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Closed,
    ClosedError,
    ConnectionLost,
    End,
    Event,
    LimitExceeded,
    LocalProtocolError,
    Message,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto.strategies import chunkings
from eventproto.strategies._websocket import (
    broken_websocket_streams,
    websocket_closes,
    websocket_streams,
)
from eventproto.testing import Wire, check_chunking, feed
from eventproto.websocket import (
    AbnormalClosure,
    Binary,
    Close,
    Frame,
    Limits,
    Opcode,
    Ping,
    Pong,
    Role,
    State,
    Text,
)
from eventproto.websocket._close import encode_close
from eventproto.websocket._outgoing import LARGE
from tests.websocket.peer import (
    KEY,
    client,
    close,
    error_of,
    events,
    more,
    seen,
    sent,
    server,
    text,
    written,
)

CALM = Limits(ping_interval=math.inf)
PING = Frame(Opcode.PING, b"?")
PONG = Frame(Opcode.PONG, b"?")


def echo(event: Event) -> Iterable[object]:
    """An application that sends back what it hears."""
    return [event] if isinstance(event, Text | Binary) else []


# What a peer sends.


@given(st.data(), st.booleans())
def test_streams_give_their_events(data: st.DataObject, masked: bool) -> None:
    """However they are cut; without a Close they have been cut off."""
    wire, expected = data.draw(websocket_streams(masked=masked))
    make = server if masked else client
    *found, last = check_chunking(make, wire, data.draw(chunkings(wire)))
    assert found == expected
    assert isinstance(last, Closed)
    assert isinstance(last.error, ConnectionLost)


@given(st.data(), st.booleans())
def test_violations_come_after_what_is_valid(data: st.DataObject, masked: bool) -> None:
    """And are answered with their code; what is behind them has no effect."""
    wire, expected, code = data.draw(broken_websocket_streams(masked=masked))
    make = server if masked else client
    *found, last = check_chunking(make, wire, data.draw(chunkings(wire)))
    assert found == expected
    assert isinstance(last, Closed)
    assert isinstance(last.error, RemoteProtocolError)
    assert last.error.code == code
    *frames, words = seen(feed(make(), [wire, EOF]).output, masked=not masked)
    assert [frame.payload for frame in frames] == [
        event.payload for event in expected if isinstance(event, Ping)
    ]
    assert (words.opcode, words.payload[:2]) == (Opcode.CLOSE, code.to_bytes(2, "big"))


@given(st.data(), websocket_closes(), st.binary(max_size=20), st.booleans())
def test_a_close_is_answered_and_nothing_follows(
    data: st.DataObject, goodbye: Close, after: bytes, masked: bool
) -> None:
    """With the same code; not even violations count any more."""  # Autobahn 7.1.2-7.1.4
    wire, expected = data.draw(websocket_streams(masked=masked))
    wire += sent(Frame(Opcode.CLOSE, encode_close(goodbye)), key=KEY if masked else None) + after
    make = server if masked else client
    *found, last = check_chunking(make, wire, data.draw(chunkings(wire)))
    assert found == [*expected, goodbye]
    assert last == Closed()
    *_, answer = seen(feed(make(), [wire, EOF]).output, masked=not masked)
    assert answer == Frame(Opcode.CLOSE, encode_close(Close(goodbye.code)))


@given(st.lists(st.binary()), st.booleans())
def test_no_input_raises(chunks: list[bytes], masked: bool) -> None:
    """Whatever it is, the end is a Closed."""
    transcript = feed(server() if masked else client(), [*chunks, EOF])
    error = error_of(transcript)
    assert error is None or isinstance(error, RemoteProtocolError | ConnectionLost)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([text("a"), text("b")._replace(opcode=Opcode.CONTINUATION), PING], 1002),  # Autobahn 5.9
        ([text("a"), text(b"\xff"), PING], 1007),
        ([text("a"), text("x" * 1025), PING], 1009),
    ],
)
def test_an_application_can_answer_before_a_violation_is(frames: list[Frame], code: int) -> None:
    """Although all came in one read."""  # Autobahn 3.2, 4.1.3, 5.15
    connection = server(Limits(message_size=1024))
    connection.receive(sent(*frames), 0)
    assert written(connection) == []
    assert connection.next_event() == Text("a")
    connection.send("a", 0)
    assert connection.next_event() is None
    echoed, last, end = written(connection)
    assert echoed == text("a")
    assert last.payload[:2] == code.to_bytes(2, "big")
    assert end is EOF


@pytest.mark.parametrize("end", [sent(close()), b"\xff\xff", EOF])
def test_an_end_can_be_seen_before_it_is_reported(end: Any) -> None:
    """By whoever waits for something that cannot come any more."""
    connection = server()
    connection.receive(sent(text("a")), 0)
    assert not connection.ending
    connection.receive(end, 0)
    assert connection.ending
    assert connection.next_event() == Text("a")


def test_an_application_can_answer_before_a_close_is() -> None:
    """Although both came in one read, and also while it thinks."""  # Autobahn 7.1.1
    connection = server()
    connection.receive(sent(text("a"), close(3000, "why")), 0)
    assert connection.next_event() == Text("a")
    connection.receive(sent(PING), 0)
    connection.receive(EOF, 0)
    assert connection.state is State.CLOSE_RECEIVED
    assert written(connection) == []
    connection.send("a", 0)
    assert events(connection) == [Close(3000, "why"), Closed()]
    assert written(connection) == [text("a"), close(3000), EOF]
    assert (connection.close_received, connection.close_sent) == (Close(3000, "why"), Close(3000))


@pytest.mark.parametrize("pieces", [7, 65536])
def test_two_ends(pieces: int) -> None:
    """Of our own, with an application on one of them that sends back what it hears."""
    said = [Text("one"), Binary(b"two"), Text("\u20ac"), Binary(bytes(70000))]
    left, right = client(CALM), server(CALM)

    def split(chunk: bytes) -> list[bytes]:
        return [chunk[at : at + pieces] for at in range(0, len(chunk), pieces)]

    wire = Wire(left, right, delay=0.1, split=split)
    wire.answer(right, echo)
    wire.send(left, *said, Ping(b"?"))
    wire.run()
    wire.send(left, End())
    wire.run()
    assert wire.events(right) == [*said, Ping(b"?"), Close(1000), Closed()]
    heard = wire.events(left)
    assert [event for event in heard if event != Pong(b"?")] == [*said, Close(1000), Closed()]
    assert Pong(b"?") in heard
    assert left.finished
    assert right.finished


# Fragments.


def test_fragments_are_joined() -> None:
    """With control frames between them, which come first."""  # Autobahn 5.3-5.8
    connection = server()
    connection.receive(sent(text("a", fin=False), PING, more("b", fin=False), more("c")), 0)
    assert events(connection) == [Ping(b"?"), Text("abc")]


def test_pings_between_fragments_are_answered_at_once() -> None:
    """The message may still take long."""  # Autobahn 5.19, 5.20
    connection = server()
    connection.receive(sent(text("a", fin=False), PING), 0)
    assert written(connection) == [PONG]


def test_many_fragments_are_one_message() -> None:
    """There is no bound but their size."""  # Autobahn 9.3.1
    connection = server()
    wire = sent(text("a", fin=False), *[more("a", fin=False)] * 5000, *[more("", fin=False)] * 5000)
    connection.receive(wire + sent(more("a")), 0)
    assert connection.next_event() == Text("a" * 5002)


@pytest.mark.parametrize(
    "chops",
    [
        [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", b"\xf4\x90"],  # Autobahn 6.4.4
        [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4", b"\x90"],
    ],
)
def test_text_fails_within_an_unfinished_frame(chops: list[bytes]) -> None:
    """At the byte that nothing can follow to make it UTF-8."""
    connection = server()
    wire = sent(text(b"".join(chops) + bytes(100)))
    at = 6 + len(chops[0])
    connection.receive(wire[:at], 0)
    assert connection.next_event() is None
    assert written(connection) == []
    connection.receive(wire[at : at + len(chops[1])], 0)
    assert connection.next_event() is None
    (words, _) = written(connection)
    assert words.payload[:2] == (1007).to_bytes(2, "big")


@pytest.mark.parametrize("size", [1, 125, 126])
def test_text_fails_in_a_read_of_its_own(size: int) -> None:
    """Short messages that come alone are read in another way than all others."""
    receiver = server()
    receiver.receive(sent(text("x" * (size - 1))), 1)
    assert events(receiver) == [Text("x" * (size - 1))]
    receiver.receive(sent(text(b"x" * (size - 1) + b"\xff")), 2)
    assert written(receiver) == []  # not before somebody has asked for events
    assert events(receiver) == []
    failure, end = written(receiver)
    assert (failure.payload[:2], end) == ((1007).to_bytes(2, "big"), EOF)


def test_a_close_amid_a_fragmented_message_is_legal() -> None:
    """The message will never be complete, and that is all."""  # Autobahn 7.1.5
    transcript = feed(server(), [sent(text("a", fin=False), close()), EOF])
    assert transcript.events == (Close(1000), Closed())
    assert seen(transcript.output) == [close()]


# Pings and Pongs.


def test_pings_are_answered_in_order() -> None:
    """Each with its own payload."""  # Autobahn 2.10
    pings = [Frame(Opcode.PING, bytes([number])) for number in range(10)]
    transcript = feed(server(), [sent(*pings)])
    assert transcript.events == tuple(Ping(frame.payload) for frame in pings)
    assert seen(transcript.output) == [frame._replace(opcode=Opcode.PONG) for frame in pings]


def test_only_the_newest_pings_are_answered_if_nothing_can_be_written() -> None:
    """So that answers do not pile up (5.5.3)."""
    connection = server(Limits(pongs=2))
    connection.receive(sent(*(Frame(Opcode.PING, bytes([number])) for number in range(100))), 0)
    assert [frame.payload for frame in written(connection)] == [b"b", b"c"]


def test_pongs_overtake_messages() -> None:
    """And come before a Close, since they could not come after it."""
    connection = server()
    connection.send("a", 0)
    connection.receive(sent(PING), 0)
    connection.send(Close(), 0)
    assert written(connection) == [PONG, text("a"), close()]


@pytest.mark.parametrize("taken", range(4))
def test_a_pong_does_not_tear_a_large_frame(taken: int) -> None:
    """Its payload leaves after its head, though not in one output with it."""
    connection = server()
    large = Frame(Opcode.BINARY, bytes(LARGE))
    connection.send(large.payload, 0)
    connection.send(large.payload, 0)
    output = [connection.next_output() for _ in range(taken)]
    connection.receive(sent(Frame(Opcode.PING, b"?")), 0)
    output += iter(connection.next_output, None)
    assert large.payload in output  # which is no copy
    frames = seen(b"".join(chunk for chunk in output if isinstance(chunk, bytes)))
    assert [frame for frame in frames if frame != PONG] == [large, large]
    assert frames.index(PONG) == (taken + 1) // 2


def test_unsolicited_pongs_are_reported() -> None:
    """And not answered."""  # Autobahn 2.7-2.9
    transcript = feed(server(), [sent(PONG)])
    assert transcript.events == (Pong(b"?"),)
    assert transcript.output == b""


# Closing.


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("first", [True, False])
def test_the_server_ends_the_tcp_connection(role: Role, first: bool) -> None:
    """Once both have said Close, whoever began; the client waits for that (7.1.1)."""
    connection, key = (server(), KEY) if role is Role.SERVER else (client(), None)
    end = [EOF] if role is Role.SERVER else []
    if first:
        connection.send(Close(1001, "bye"), 0)
        assert written(connection) == [close(1001, "bye")]
    connection.receive(sent(close(1001), key=key), 0)
    assert events(connection) == [Close(1001)]
    assert written(connection) == ([] if first else [close(1001)]) + end
    assert connection.state is State.DISCONNECTING
    connection.receive(EOF, 0)
    assert events(connection) == [Closed()]
    assert connection.finished


def test_both_may_close_at_once() -> None:
    """Each Close answers the other."""
    left, right = client(CALM), server(CALM)
    wire = Wire(left, right, delay=1)
    wire.send(left, Close(4000, "left"))
    wire.send(right, Close(4001, "right"))
    wire.run()
    assert wire.events(left) == [Close(4001, "right"), Closed()]
    assert wire.events(right) == [Close(4000, "left"), Closed()]


def test_what_comes_behind_our_close_is_reported() -> None:
    """Until the peer says Close too; a violation is one all the same, without a second Close."""
    connection = server()
    connection.send(Close(), 0)
    connection.receive(sent(text("a"), PING), 0)
    assert events(connection) == [Text("a"), Ping(b"?")]
    assert written(connection) == [PONG, close()]
    connection.receive(b"\xff\xff", 0)
    assert events(connection) == []
    assert written(connection) == [EOF]
    connection.receive(sent(text("b")), 0)
    assert isinstance(error_of(feed(connection, [EOF])), RemoteProtocolError)


def test_the_end_behind_a_violation_counts() -> None:
    """Although it came before the application had taken what was valid: no need to wait for it."""
    connection = server()
    connection.receive(sent(text("a")) + b"\xff\xff", 0)
    connection.receive(EOF, 0)
    message, closed = events(connection)
    assert message == Text("a")
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, RemoteProtocolError)


def test_our_close_may_answer_before_theirs_was_taken() -> None:
    """An application that is done need not know that the peer is."""
    connection = server()
    connection.receive(sent(text("a"), close(3000)), 0)
    connection.send(Close(4000), 0)
    assert written(connection) == [close(4000), EOF]
    assert events(connection) == [Text("a"), Close(3000)]


@pytest.mark.parametrize(("end", "code"), [(End(), 1000), (End(going_away=True), 1001)])
def test_end_is_a_close(end: End, code: int) -> None:
    """Because this side is done, or because it goes away (7.4.1)."""
    connection = server()
    connection.send(end, 0)
    assert written(connection) == [close(code)]


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("command", ["a", Ping(), Close(), End()])
def test_nothing_is_sent_behind_a_close(begun: bool, command: Any) -> None:
    """Too late is nobody's mistake, as the peer may have been first."""
    connection = server()
    if begun:
        connection.send(Close(), 0)
    else:
        connection.receive(sent(close()), 0)
        events(connection)
    with pytest.raises(ClosedError):
        connection.send(command, 0)


def test_too_late_says_why() -> None:
    """The error that it will close with."""
    connection = server()
    connection.receive(b"\xff\xff", 0)
    assert connection.next_event() is None
    with pytest.raises(ClosedError) as caught:
        connection.send("a", 0)
    assert isinstance(caught.value.reason, RemoteProtocolError)


@pytest.mark.parametrize("data", [b"", sent(text("a", fin=False)), sent(text("a"))[:-1]])
def test_the_end_without_a_close(data: bytes) -> None:
    """Is a loss, wherever it comes; RFC 6455 calls it 1006."""  # WebSocket E4, E8
    transcript = feed(server(), [data, EOF])
    error = error_of(transcript)
    assert isinstance(error, AbnormalClosure)
    assert isinstance(error, ConnectionLost)
    assert (error.code, error.sent) == (1006, None)
    assert transcript.machine.close_received is None
    assert transcript.output == b""
    assert transcript.machine.finished


def test_the_end_without_an_answer_to_our_close() -> None:
    """Is a loss as well; what was said is told."""
    connection = server()
    connection.send(Close(4000, "why"), 0)
    error = error_of(feed(connection, [EOF]))
    assert isinstance(error, AbnormalClosure)
    assert error.sent == connection.close_sent == Close(4000, "why")
    assert "4000" in str(error)


def test_messages_come_before_a_loss() -> None:
    """And can be answered, in case that only one half of the connection has gone."""
    connection = server()
    connection.receive(sent(text("a")), 0)
    connection.receive(EOF, 0)
    assert connection.next_event() == Text("a")
    connection.send("a", 0)
    assert isinstance(connection.next_event(), Closed)
    assert written(connection) == [text("a")]


# What an application sends.


@pytest.mark.parametrize(
    ("command", "frame"),
    [
        ("\u20ac", text("\u20ac")),
        (b"\xff", Frame(Opcode.BINARY, b"\xff")),
        (Text("a"), text("a")),
        (Binary(b"a"), Frame(Opcode.BINARY, b"a")),
        (Message.of_text("a"), text("a")),
        (Message(data=b"a"), Frame(Opcode.BINARY, b"a")),
        (Ping(b"?"), PING),
        (Pong(b"?"), PONG),
        (Close(1005), Frame(Opcode.CLOSE)),
        (Close(4999, "\u20ac"), Frame(Opcode.CLOSE, b"\x13\x87\xe2\x82\xac")),
    ],
)
@pytest.mark.parametrize("make", [client, server])
def test_commands(make: Any, command: Any, frame: Frame) -> None:
    """Only a client masks."""
    connection = make()
    connection.send(command, 0)
    assert written(connection) == [frame]


@pytest.mark.parametrize(
    "command",
    [
        *("\ud800", Text("\ud800"), Text(b"a"), Binary("a"), Binary(bytearray(1)), Ping("a")),  # type: ignore[arg-type]
        *(Ping(bytes(126)), Pong(bytes(126)), Pong(None), Close(1006), Close(1000, "x" * 124)),  # type: ignore[arg-type]
        *(None, 1, bytearray(b"a"), Closed()),
    ],
)
def test_commands_that_are_forbidden(command: Any) -> None:
    """They change nothing."""
    connection = server()
    with pytest.raises(LocalProtocolError):
        connection.send(command, 0)
    assert written(connection) == []
    assert connection.state is State.OPEN


# Bounds.


def test_events_are_parsed_no_further_than_the_backlog() -> None:
    """What is left stays bytes, and comes when events are taken."""
    connection = server()
    connection.receive(sent(*(text(str(number)) for number in range(1000)), close()), 0)
    assert connection.backlog == 256
    assert events(connection) == [*(Text(str(number)) for number in range(1000)), Close(1000)]


@pytest.mark.parametrize(
    ("limits", "limit", "frames"),
    [
        (Limits(message_size=3), "message_size", [text("abcd")]),
        (Limits(message_size=3), "message_size", [text("ab", fin=False), more("cd")]),
        (Limits(frame_size=3), "frame_size", [text("abcd")]),
    ],
)
def test_sizes_are_limited(limits: Limits, limit: str, frames: list[Frame]) -> None:
    """The peer is told with 1009."""
    transcript = feed(server(limits), [sent(*frames), EOF])
    error = error_of(transcript)
    assert isinstance(error, LimitExceeded)
    assert error.limit == limit
    (words,) = seen(transcript.output)
    assert words.payload[:2] == (1009).to_bytes(2, "big")


def test_a_close_behind_a_full_backlog_is_answered() -> None:
    """As soon as everything before it was taken, without another look."""
    connection = server()
    connection.receive(sent(*[text("x")] * 256, close()), 0)
    assert len(connection._events) == 256
    assert events(connection) == [Text("x")] * 256 + [Close(1000)]


# Time.


@pytest.mark.parametrize("answered", [True, False])
def test_a_peer_that_does_not_end_is_not_waited_for(answered: bool) -> None:
    """Neither for its Close, which is an error, nor for the end of its stream, which is none."""
    connection = server(Limits(close_time=5))
    connection.handle_timeout(100)
    connection.send(Close(), 100)
    if answered:
        connection.receive(sent(close()), 101)
    due = 106 if answered else 105
    connection.handle_timeout(due - 0.1)
    assert connection.deadline == due
    connection.handle_timeout(due)
    assert isinstance(error_of(feed(connection, [])), PeerTimeout) is not answered
    assert connection.deadline is None


def test_a_peer_that_does_not_end_after_a_violation_is_not_waited_for() -> None:
    """And the violation is what it closed with."""
    connection = client(Limits(close_time=5))
    connection.receive(b"\xff\xff", 0)
    assert events(connection) == []
    assert len(written(connection)) == 1
    connection.handle_timeout(5)
    assert isinstance(error_of(feed(connection, [])), RemoteProtocolError)


def test_a_silent_peer_is_pinged() -> None:
    """Its Pong is for nobody but this machine."""
    connection = server(Limits(ping_interval=20, ping_timeout=10))
    connection.handle_timeout(0)
    connection.receive(sent(text("a")), 5)
    connection.next_event()
    connection.handle_timeout(20)
    assert written(connection) == []
    assert connection.deadline == 25
    connection.handle_timeout(25)
    (ping,) = written(connection)
    assert ping == Frame(Opcode.PING, bytes(4))
    assert connection.deadline == 35
    connection.receive(sent(ping._replace(opcode=Opcode.PONG)), 26)
    assert events(connection) == []
    connection.handle_timeout(35)
    assert connection.deadline == 46
    connection.handle_timeout(46)
    assert len(written(connection)) == 1


def test_a_dead_peer_is_given_up() -> None:
    """In case that it lives, it is told why."""
    connection = server(Limits(ping_interval=20, ping_timeout=10, close_time=5))
    for now in (0, 20, 30):
        connection.handle_timeout(now)
    assert connection.next_event() is None
    ping, words, end = written(connection)
    assert ping.opcode is Opcode.PING
    assert words.payload[:2] == (1011).to_bytes(2, "big")
    assert end is EOF
    connection.handle_timeout(35)
    assert isinstance(error_of(feed(connection, [])), PeerTimeout)


def test_a_slow_application_is_not_the_fault_of_the_peer() -> None:
    """What the peer sends may be unread while nobody takes events."""
    connection = server(Limits(ping_interval=20, ping_timeout=10))
    connection.receive(sent(text("a")), 0)
    for now in (20, 30, 40, 50):
        connection.handle_timeout(now)
        assert connection.deadline == now + 10
    assert events(connection) == [Text("a")]
    connection.handle_timeout(60)
    connection.next_event()
    assert connection.state is State.DISCONNECTING


def test_pings_can_be_left_to_the_application() -> None:
    """Then a connection that is idle wants no time."""
    connection = server(CALM)
    connection.handle_timeout(0)
    assert connection.deadline is None
