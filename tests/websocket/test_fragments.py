"""Messages in fragments: reported as they come, and sent as they are made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Chunk,
    Closed,
    ClosedError,
    End,
    Event,
    LocalProtocolError,
    Message,
    RemoteProtocolError,
)
from eventproto.strategies import chunkings
from eventproto.strategies._websocket import broken_websocket_streams, websocket_streams
from eventproto.testing import Wire, feed
from eventproto.websocket import (
    Binary,
    Close,
    Connection,
    Deflate,
    Fragment,
    Frame,
    Limits,
    Opcode,
    Ping,
    Pong,
    State,
    Text,
)
from tests.websocket.peer import KEY, client, close, events, more, sent, server, text

PING = Frame(Opcode.PING, b"?")


def whole(found: list[Event]) -> list[Event]:
    """Events with the fragments of each message joined, as soon as it is complete."""
    joined: list[Event] = []
    begun: Any = None
    for event in found:
        if not isinstance(event, Fragment):
            joined.append(event)
            continue
        assert event.data or event.fin, "a fragment that says nothing"
        begun = event.data if begun is None else begun + event.data
        if event.fin:
            joined.append(Text(begun) if isinstance(begun, str) else Binary(begun))
            begun = None
    return joined


def written(connection: Connection) -> bytes:
    return feed(connection, []).output


def told(command: Any, connection: Connection) -> None:
    with pytest.raises(LocalProtocolError):
        connection.send(command, 0)


# Received.


@given(st.data(), st.booleans())
def test_fragments_make_up_the_messages(data: st.DataObject, masked: bool) -> None:
    """However the peer and the network have cut them; text is cut between characters."""
    wire, expected = data.draw(websocket_streams(masked=masked))
    make = server if masked else client
    found = feed(make(fragments=True), data.draw(chunkings(wire))).events
    assert whole([*found]) == expected


@given(st.data(), st.booleans())
def test_violations_are_the_same(data: st.DataObject, masked: bool) -> None:
    """Whether messages are whole or not."""  # Autobahn 6.4.1-6.4.4
    wire, expected, code = data.draw(broken_websocket_streams(masked=masked))
    make = server if masked else client
    chunks: list[Chunk] = [*data.draw(chunkings(wire)), EOF]
    *found, last = feed(make(fragments=True), chunks).events
    assert whole(found) == expected
    assert isinstance(last, Closed)
    assert isinstance(last.error, RemoteProtocolError)
    assert last.error.code == code


def test_fragments_are_reported_as_they_come() -> None:
    """A whole message is one that has one; an empty one is reported only if it is the last."""
    connection = server(fragments=True)
    wire = sent(text("ab", fin=False), PING, more("", fin=False), more("c", fin=False), more(""))
    connection.receive(wire + sent(Frame(Opcode.BINARY, b"x"), text("")), 0)
    assert events(connection) == [
        Fragment("ab", fin=False),
        Ping(b"?"),
        Fragment("c", fin=False),
        Fragment(""),
        Fragment(b"x"),
        Fragment(""),
    ]


def test_what_has_come_of_a_frame_is_a_fragment() -> None:
    """A character of which a part has come waits for the rest, also behind the end of a frame."""
    connection = server(fragments=True)
    wire = sent(text("a\u20acb\U0001f600", fin=False), more("c"))
    found = []
    for at in range(len(wire)):
        connection.receive(wire[at : at + 1], 0)
        found += events(connection)
    texts = ["a", "\u20ac", "b", "\U0001f600"]
    assert found == [*(Fragment(each, fin=False) for each in texts), Fragment("c")]


def test_a_character_must_not_be_cut_off_by_the_end() -> None:
    """And the byte that is wrong is counted in the whole message."""
    connection = server(fragments=True)
    connection.receive(sent(text(b"ab", fin=False), more(b"c\xe2\x82")), 0)
    assert connection.next_event() == Fragment("ab", fin=False)
    assert connection.next_event() is None
    with pytest.raises(ClosedError) as caught:
        connection.send("x", 0)
    assert "not UTF-8 at byte 3" in str(caught.value.reason)


def test_an_end_amid_a_message_is_reported_behind_its_fragments() -> None:
    """There is no last fragment then."""  # Autobahn 7.1.5
    transcript = feed(server(fragments=True), [sent(text("a", fin=False), close()), EOF])
    assert transcript.events == (Fragment("a", fin=False), Close(1000), Closed())


def test_a_message_in_fragments_is_no_message() -> None:
    """Of which an application could be told before it has ended."""
    assert Fragment("a").message() is None


# Sent.


@pytest.mark.parametrize("make", [client, server])
def test_fragments_are_sent(make: Any) -> None:
    """Control frames may stand between them (5.4)."""  # WebSocket D4, D5
    connection = make()
    connection.send(Fragment("a", fin=False), 0)
    connection.send(Ping(b"?"), 0)
    connection.send(Fragment("", fin=False), 0)
    connection.send(Pong(b"!"), 0)
    connection.send(Fragment("\u20ac"), 0)
    connection.send(Fragment(b"\xff", fin=False), 0)
    connection.send(Fragment(b""), 0)
    connection.send(Fragment("whole"), 0)
    assert written(connection) == sent(
        text("a", fin=False),
        PING,
        more("", fin=False),
        Frame(Opcode.PONG, b"!"),
        more("\u20ac"),
        Frame(Opcode.BINARY, b"\xff", fin=False),
        more(b""),
        text("whole"),
        key=KEY if make is client else None,
    )


@pytest.mark.parametrize("compression", [None, Deflate(threshold=0)])
@pytest.mark.parametrize("begun", ["a", b"a"])
def test_a_message_must_end_before_the_next_one(
    begun: str | bytes, compression: Deflate | None
) -> None:
    """Nothing of another one may stand between its fragments (5.4)."""  # WebSocket F13, F15
    connection = server(compression=compression)
    connection.send(Fragment(begun, fin=False), 0)
    before = written(connection)
    other: str | bytes = b"b" if isinstance(begun, str) else "b"
    for command in ("b", b"b", Text("b"), Binary(b"b"), Message.of_text("b"), Message(data=b"b")):
        told(command, connection)
    told(Fragment(other, fin=False), connection)
    told(Fragment(other), connection)
    assert written(connection) == b""
    connection.send(Fragment(begun), 0)
    connection.send(other, 0)
    peer = client(compression=compression)
    peer.receive(before + written(connection), 0)
    assert [*map(type, events(peer))] == ([Text, Binary] if begun == "a" else [Binary, Text])


@pytest.mark.parametrize("data", ["\ud800", bytearray(b"a"), None, 1])
def test_what_is_no_fragment(data: Any) -> None:
    """It changes nothing: another one may go on."""
    connection = server()
    told(Fragment(data), connection)
    told(Fragment(data, fin=False), connection)
    connection.send("a", 0)
    assert written(connection) == sent(text("a"), key=None)


def test_a_message_may_be_left_unfinished() -> None:
    """By whoever closes."""  # WebSocket C6
    connection = server()
    connection.send(Fragment("a", fin=False), 0)
    connection.send(End(), 0)
    assert written(connection) == sent(text("a", fin=False), close(), key=None)
    with pytest.raises(ClosedError):
        connection.send(Fragment("b"), 0)


def test_a_message_may_be_finished_before_a_close_is_answered() -> None:
    """It may be nearly complete (5.5.1)."""  # WebSocket C6
    connection = server()
    connection.send(Fragment("a", fin=False), 0)
    connection.receive(sent(close()), 0)
    assert connection.state is State.CLOSE_RECEIVED
    connection.send(Fragment("b"), 0)
    assert events(connection) == [Close(1000)]
    assert written(connection) == sent(text("a", fin=False), more("b"), close(), key=None)


@pytest.mark.parametrize("compression", [None, Deflate()])
@given(pieces=st.lists(st.text() | st.binary(), max_size=6), size=st.integers(1, 100))
def test_two_ends(compression: Deflate | None, pieces: list[str | bytes], size: int) -> None:
    """Whatever one side sends in fragments, the other one hears, whole or in fragments."""
    calm = Limits(ping_interval=1000)
    left = client(calm, compression=compression, fragments=True)
    right = server(calm, compression=compression)

    def split(chunk: bytes) -> list[bytes]:
        return [chunk[at : at + size] for at in range(0, len(chunk), size)]

    wire = Wire(left, right, split=split)
    for piece in pieces:
        for end, side in ((left, left), (right, right)):
            wire.send(side, Fragment(piece, fin=False), Ping(), Fragment(piece[:1], fin=False))
            wire.send(end, Fragment(piece[:0]))
    wire.run(until=1)
    said = [piece + piece[:1] for piece in pieces]  # type: ignore[operator]
    expected = [Text(each) if isinstance(each, str) else Binary(each) for each in said]
    controls = (Ping, Pong)
    for found in (whole([*wire.events(left)]), wire.events(right)):
        assert [event for event in found if not isinstance(event, controls)] == expected
