"""The strategies that test this library, aimed at another WebSocket implementation: wsproto.

`websocket_streams` draws what a peer may send and the events of it, `broken_websocket_streams`
what it must not send and the close code that answers it, and `chunkings` what a network makes of
both. All that you write yourself is `hear`: how yours is fed, and what its events are in ours.

It prints::

    wsproto hears what a peer may send, however it is cut
    wsproto refuses what a peer must not send
"""

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType, events
from wsproto.connection import Connection

from eventproto import Event
from eventproto.strategies import broken_websocket_streams, chunkings, websocket_streams
from eventproto.websocket import Binary, Ping, Pong, Text


def hear(chunks: list[bytes]) -> tuple[list[Event], int | None]:
    """What wsproto makes of bytes from a client: events, and its close code if it refuses more."""
    connection = Connection(ConnectionType.SERVER)
    heard: list[Event] = []
    text, binary = "", b""
    for chunk in filter(None, chunks):
        connection.receive_data(chunk)
        for event in connection.events():
            match event:
                case events.TextMessage(data, _, finished):
                    text += data
                    if finished:
                        heard.append(Text(text))
                        text = ""
                case events.BytesMessage(data, _, finished):
                    binary += data
                    if finished:
                        heard.append(Binary(binary))
                        binary = b""
                case events.Ping(payload):
                    heard.append(Ping(bytes(payload)))
                case events.Pong(payload):
                    heard.append(Pong(bytes(payload)))
                case events.CloseConnection(code):
                    return heard, code
    return heard, None


@settings(max_examples=15, deadline=None)  # a busy machine is not a bug
@given(websocket_streams(masked=True), st.data())
def test_hears(drawn: tuple[bytes, list[Event]], data: st.DataObject) -> None:
    stream, expected = drawn
    assert hear(data.draw(chunkings(stream))) == (expected, None)


@settings(max_examples=15, deadline=None)
@given(broken_websocket_streams(masked=True, prompt=False))  # it looks at whole frames
def test_refuses(drawn: tuple[bytes, list[Event], int]) -> None:
    stream, expected, code = drawn
    assume(code != 1009)  # it knows no limits
    assert hear([stream]) == (expected, code)


test_hears()
print("wsproto hears what a peer may send, however it is cut")
test_refuses()
print("wsproto refuses what a peer must not send")
