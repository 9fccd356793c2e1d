"""The examples of RFC 7692, byte for byte, where it has bytes: 7.1.3 and 7.2.3."""

from __future__ import annotations

import pytest

from eventproto import Event
from eventproto.http import Request
from eventproto.testing import feed
from eventproto.websocket import Binary, Connection, Deflate, Fragment, Text, accept, connect
from tests.websocket.peer import client, server

NAME = "permessage-deflate"
ALL = Deflate(window_bits=15, threshold=0)
FORGETTING = Deflate(window_bits=15, threshold=0, context_takeover=False)


def reader(deflate: Deflate = ALL) -> Connection:
    """One end that reads what is not masked, as in the examples."""
    return client(compression=deflate)


def read(*frames: str, connection: Connection | None = None) -> list[Event]:
    """What frames are in which nothing is masked."""
    return list(feed(connection or reader(), [bytes.fromhex(each) for each in frames]).events)


def written(*said: str | bytes | Fragment, deflate: Deflate = ALL) -> list[str]:
    """The frames that this becomes, in which nothing is masked."""
    connection = server(compression=deflate)
    for each in said:
        connection.send(each, 0)
    chunks = iter(connection.next_output, None)
    return [chunk.hex(" ") for chunk in chunks if isinstance(chunk, bytes)]


SMALL = f"{NAME}; client_max_window_bits; server_max_window_bits=10"


@pytest.mark.parametrize(
    ("offers", "answer", "asking"),
    [
        (NAME, NAME, NAME),
        (
            SMALL,
            f"{NAME}; server_max_window_bits=10",
            f"{NAME}; server_max_window_bits=10; client_max_window_bits=9",
        ),
        (
            f"{SMALL}, {NAME}; client_max_window_bits",
            f"{NAME}; server_max_window_bits=10",
            f"{NAME}; server_max_window_bits=10; client_max_window_bits=9",
        ),
    ],
)
def test_offers_and_answers(offers: str, answer: str, asking: str) -> None:
    """Of a server that wants nothing, and of one that asks for a small window where it may."""
    # WebSocket P3, N24 (7.1.3)
    request, _ = connect("ws://example.com/")
    headers = request.headers + {"Sec-WebSocket-Extensions": offers}
    request = Request("GET", request.url, headers)
    for bits, expected in ((15, answer), (9, asking)):
        deflate = Deflate(window_bits=15, peer_window_bits=bits)
        response, _ = accept(request, compression=deflate)
        assert response.headers["Sec-WebSocket-Extensions"] == expected


@pytest.mark.parametrize(
    "frames",
    [
        ["c1 07 f2 48 cd c9 c9 07 00"],  # 7.2.3.1
        ["41 03 f2 48 cd", "80 04 c9 c9 07 00"],
        ["c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00"],  # 7.2.3.3
        ["c1 08 f3 48 cd c9 c9 07 00 00"],  # 7.2.3.4
        ["c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00"],  # 7.2.3.5
        ["41 0b f2 48 cd c9 c9 07 00 00 00 ff ff", "80 01 00"],  # 7.2.3.6
    ],
)
def test_messages_are_received(frames: list[str]) -> None:
    """In one block or two, of whatever type, whole or in fragments."""
    # WebSocket M7, M8, M15
    assert read(*frames) == [Text("Hello")]


def test_messages_are_sent() -> None:
    """In one block, with RSV1, and the opcode that says what they are (7.2.3.1)."""
    # WebSocket M1, M4, M6
    assert written("Hello") == ["c1 07 f2 48 cd c9 c9 07 00"]
    assert written(b"Hello") == ["c2 07 f2 48 cd c9 c9 07 00"]
    assert read("c2 07 f2 48 cd c9 c9 07 00") == [Binary(b"Hello")]


def test_messages_are_sent_in_fragments() -> None:
    """All but the last one keep the end of the empty block (7.2.3.5, 7.2.3.6)."""
    # WebSocket M9, M21
    first, last = "41 08 f2 48 05 00 00 00 ff ff", "80 05 ca c9 c9 07 00"
    assert written(Fragment("He", fin=False), Fragment("llo")) == [first, last]
    whole, nothing = "41 0b f2 48 cd c9 c9 07 00 00 00 ff ff", "80 01 00"
    assert written(Fragment("Hello", fin=False), Fragment("")) == [whole, nothing]


@pytest.mark.parametrize("between", [[], ["81 01 21", "89 00"]])
def test_the_second_message(between: list[str]) -> None:
    """Refers to the first one, whatever came between them that was not compressed (7.2.3.2)."""
    # WebSocket M11, M12, M16, M20
    first, second = "c1 07 f2 48 cd c9 c9 07 00", "c1 05 f2 00 11 00 00"
    assert written("Hello", "Hello") == [first, second]
    assert written("Hello", "Hello", deflate=FORGETTING) == [first, first]
    found = read(first, *between, second)
    assert [found[0], found[-1]] == [Text("Hello")] * 2
