"""The strategies that test this library, aimed at a parser that is not part of it.

`sse_streams` draws event streams with everything that may stand in them, `near_valid_sse_streams`
with what should not, and both what a reader must make of each. If `parse` has a bug, hypothesis
shows the shortest stream that it gets wrong.

It prints::

    the parser reads event streams as it should
"""

import re

from hypothesis import given, settings

from eventproto import Event
from eventproto.sse import ServerSentEvent
from eventproto.strategies import near_valid_sse_streams, sse_streams


def parse(stream: bytes) -> list[tuple[str, str, str]]:
    """Your own parser: the whole stream at once, as short as it gets."""
    events: list[tuple[str, str, str]] = []
    lines = re.split("\r\n|\r|\n", stream.decode(errors="replace").removeprefix("\ufeff"))
    data: list[str] = []
    kind, last_id = "", ""
    for line in lines[:-1]:  # what is unfinished counts for nothing
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append(("\n".join(data), kind or "message", last_id))
            data, kind = [], ""
        elif field == "data":
            data.append(value)
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            last_id = value
    return events


# Without events of bytes, which are an extension of this library.
streams = sse_streams(binary=False) | near_valid_sse_streams(binary=False)


@settings(max_examples=15, deadline=None)  # a busy machine is not a bug
@given(streams)
def test_parser(drawn: tuple[bytes, list[Event]]) -> None:
    stream, expected = drawn
    assert parse(stream) == [
        (each.data, each.event, each.id) for each in expected if isinstance(each, ServerSentEvent)
    ]


test_parser()
print("the parser reads event streams as it should")
