"""The strategies that test this library, aimed at a parser that is not part of it.

`sse_streams` draws event streams with everything that may stand in them, `near_valid_sse_streams`
with what should not, and both what a reader must make of each. If `parse` has a bug, hypothesis
shows the shortest stream that it gets wrong.

It prints::

    the parser reads event streams as it should
"""

import re
from base64 import b64decode

from hypothesis import given, settings

from eventproto import Event
from eventproto.sse import ServerSentEvent
from eventproto.strategies import near_valid_sse_streams, sse_streams


def parse(stream: bytes) -> list[ServerSentEvent]:
    """Your own parser: the whole stream at once, as short as it gets."""
    events: list[ServerSentEvent] = []
    lines = re.split("\r\n|\r|\n", stream.decode(errors="replace").removeprefix("\ufeff"))
    data: list[str] = []
    kind, last_id, binary = "", "", False
    for line in lines[:-1]:  # what is unfinished counts for nothing
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                text = "\n".join(data)
                events.append(
                    ServerSentEvent(b64decode(text) if binary else text, kind or "message", last_id)
                )
            data, kind, binary = [], "", False
        elif field == "data":
            data.append(value)
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            last_id = value
        elif field == "data-encoding":  # an extension of this library
            binary = value == "base64"
    return events


@settings(deadline=None)  # a busy machine is not a bug
@given(sse_streams() | near_valid_sse_streams())
def test_parser(drawn: tuple[bytes, list[Event]]) -> None:
    stream, expected = drawn
    assert parse(stream) == [each for each in expected if isinstance(each, ServerSentEvent)]


test_parser()
print("the parser reads event streams as it should")
