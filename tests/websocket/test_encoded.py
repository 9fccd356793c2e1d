"""Messages for many connections: encoded once, and waiting within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import EOF, Closed, ClosedError, End, LimitExceeded, LocalProtocolError, Message
from eventproto._overflow import Overflow
from eventproto.websocket import (
    Binary,
    Close,
    CloseCode,
    Connection,
    Deflate,
    Encoded,
    Fragment,
    Limits,
    Opcode,
    Ping,
    Role,
    ServerConnection,
    State,
    Text,
)
from tests.websocket.peer import KEY, close, seen, sent, text


def server(overflow: Overflow = Overflow.DISCONNECT, **limits: Any) -> Connection:
    connection = Connection(Role.SERVER, overflow=overflow, limits=Limits(**limits))
    connection.handle_timeout(0)
    return connection


def output(connection: Connection) -> list[object]:
    return list(iter(connection.next_output, None))


@pytest.mark.parametrize(
    ("message", "opcode", "payload"),
    [
        ("é", Opcode.TEXT, b"\xc3\xa9"),
        (Text("a"), Opcode.TEXT, b"a"),
        (Message.of_json([1]), Opcode.TEXT, b"[1]"),
        (b"\xff", Opcode.BINARY, b"\xff"),
        (Binary(b""), Opcode.BINARY, b""),
        (Message(data=b"x"), Opcode.BINARY, b"x"),
    ],
)
def test_what_is_encoded(message: Any, opcode: Opcode, payload: bytes) -> None:
    """The same as when it is sent."""
    encoded = Encoded.of(message, "key")
    assert (encoded.opcode, encoded.payload, encoded.key) == (opcode, payload, "key")
    direct = server()
    direct.send(message, 0)
    assert output(direct) == [encoded.frame]
    assert len(encoded) == len(encoded.frame)


@pytest.mark.parametrize("message", [None, 1, ["a"], Ping(b""), "\ud800", Text(1), Binary("a")])  # type: ignore[arg-type]
def test_what_cannot_be(message: Any) -> None:
    """Is told before anybody is sent anything."""
    with pytest.raises(LocalProtocolError):
        Encoded.of(message)


def test_all_plain_servers_send_the_same_bytes() -> None:
    """Not only equal ones."""
    encoded = Encoded.of("hello")
    first, second = server(), server()
    for connection in (first, second):
        connection.send(encoded, 0)
    assert output(first)[0] is output(second)[0] is encoded.frame


def test_others_encode_it_in_their_turn() -> None:
    """A client masks; what is compressed depends on what was before."""
    client = Connection(Role.CLIENT, entropy=lambda size: KEY[:size])
    client.send(Encoded.of("hello"), 0)
    assert output(client) == [sent(text("hello"))]

    direct, later = (Connection(Role.SERVER, compression=Deflate()) for _ in range(2))
    for each in ("a" * 200, "a" * 300):
        direct.send(each, 0)
        later.send(Encoded.of(each), 0)
    assert output(later) == output(direct)


def test_messages_stay_in_order() -> None:
    """Also where others are sent directly, or in fragments, which nothing comes between."""
    connection = server(Overflow.DROP_OLDEST, output_count=1)
    for each in ("a", Encoded.of("b"), "c", Encoded.of("d"), Fragment("e", fin=False)):
        connection.send(each, 0)
    connection.send(Encoded.of("f"), 0)
    found = [seen(each)[0].payload for each in output(connection) if isinstance(each, bytes)]
    assert found == [b"a", b"b", b"c", b"d", b"e"]
    connection.send(Encoded.of("g"), 0)
    assert output(connection) == []
    connection.send(Fragment("h"), 0)
    connection.send(Encoded.of("i"), 0)
    found = [seen(each)[0].payload for each in output(connection)[1:] if isinstance(each, bytes)]
    assert found == [b"i"]  # which others have given way to


@pytest.mark.parametrize("end", [Close(4000), End(), sent(close(4000))])
def test_what_waits_leaves_before_the_close(end: Any) -> None:
    """It was accepted."""
    connection = server()
    connection.send(Encoded.of("a"), 0)
    connection.send(Encoded.of("b"), 0)
    if isinstance(end, bytes):
        connection.receive(end, 0)
        assert connection.next_event() == Close(4000)
    else:
        connection.send(end, 0)
    frames = output(connection)[:3]
    assert frames[:2] == [Encoded.of("a").frame, Encoded.of("b").frame]
    with pytest.raises(ClosedError):
        connection.send(Encoded.of("c"), 0)


def test_a_close_amid_a_message_cannot_wait_for_others() -> None:
    """Nor could they be sent."""
    connection = server()
    connection.send(Fragment("a", fin=False), 0)
    connection.send(Encoded.of("b"), 0)
    connection.send(Close(), 0)
    assert len(output(connection)) == 2


@pytest.mark.parametrize(
    ("limits", "limit"),
    [({"output_count": 2}, "output_count"), ({"output_size": 7}, "output_size")],
)
def test_a_peer_that_is_too_slow_is_told_to_come_back(limits: Any, limit: str) -> None:
    """With 1013, and what waited is not sent any more."""
    connection = server(**limits)
    for each in "abc":
        connection.send(Encoded.of(each), 0)
    (frame, end) = output(connection)
    assert isinstance(frame, bytes)
    assert frame[2:4] == int(CloseCode.TRY_AGAIN_LATER).to_bytes(2, "big")
    assert end is EOF
    connection.receive(EOF, 0)
    closed = connection.next_event()
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, LimitExceeded)
    assert closed.error.limit == limit
    assert output(connection) == []


def test_who_is_ending_anyway_is_not_told_twice() -> None:
    """By its own violation, or its Close."""
    connection = server(output_count=1)
    connection.receive(b"\xff\xff", 0)
    for each in "abc":
        connection.send(Encoded.of(each), 0)
    assert connection.next_event() is None
    assert connection.close_sent == Close(1002, connection.close_sent.reason)  # type: ignore[union-attr]

    connection = server(output_count=1)
    connection.receive(sent(close(4000)), 0)
    for each in "abc":
        connection.send(Encoded.of(each), 0)
    assert connection.state is State.CLOSE_RECEIVED
    assert connection.next_event() == Close(4000)


def test_the_oldest_may_give_way() -> None:
    """Or what is older under the same key."""
    connection = server(Overflow.DROP_OLDEST, output_count=2)
    for each in "abc":
        connection.send(Encoded.of(each), 0)
    assert output(connection) == [Encoded.of("b").frame, Encoded.of("c").frame]

    connection = server(Overflow.COALESCE)
    for each, key in [("a", 1), ("b", 2), ("c", 1), ("d", None), ("e", None)]:
        connection.send(Encoded.of(each, key), 0)
    assert output(connection) == [Encoded.of(each).frame for each in "bcde"]


def test_the_peer_may_be_told_of_what_gave_way() -> None:
    """Where it is missing, once, and by what left before it."""
    asked: list[Encoded | None] = []

    def missing(taken: Encoded | None) -> Encoded:
        asked.append(taken)
        return Encoded.of("...")

    connection = Connection(
        Role.SERVER, overflow=Overflow.DROP_OLDEST, missing=missing, limits=Limits(output_count=2)
    )
    connection.handle_timeout(0)
    for given, told in (("123", ["...", "2", "3"]), ("4", ["4"]), ("567", ["...", "6", "7"])):
        for each in given:
            connection.send(Encoded.of(each), 0)
        assert output(connection) == [Encoded.of(each).frame for each in told]
    assert asked == [None, Encoded.of("4")]


def test_a_server_connection_says_what_gives_way() -> None:
    """It hands it on."""
    request = (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    machine = ServerConnection(overflow=Overflow.DROP_OLDEST, limits=Limits(output_count=1))
    machine.receive(request, 0)
    machine.next_event()
    while machine.next_output() is not None:
        pass
    for each in "abc":
        machine.send(Encoded.of(each), 0)
    assert list(iter(machine.next_output, None)) == [Encoded.of("c").frame]


def test_a_broadcast_is_no_silence() -> None:
    """It counts as a message when it is accepted."""
    connection = server(idle_time=10, ping_interval=100)
    connection.send(Encoded.of("a"), 8)
    connection.handle_timeout(10)
    assert connection.state is State.OPEN
    connection.handle_timeout(18)
    assert connection.state is not State.OPEN
