"""The bounds of an event stream and its client."""

from __future__ import annotations

from eventproto._limits import check_limits
from eventproto._value import value

__all__ = ["Limits"]


@value(kw_only=True)
class Limits:
    """How much a server may have a decoder hold and a client do; how much a server holds.

    A decoder holds at most twice `line_size` (a type may be as long), `event_size` and twice
    `id_size`, and while it decodes an event up to four times as much again for the text. A
    server's stream holds at most `output_size` bytes, or one event if that alone is larger.

    Attributes:
        line_size: Bytes of one line, whatever stands in it. 16 MiB, because services send whole
            images as one line of JSON.
        event_size: Bytes of the data of one event. 16 MiB, as one line may be an event.
        id_size: Bytes of a last event ID. 4 KiB: it comes back as a header field, for which
            common servers take 8 KiB.
        redirects: How many redirects a client follows for one connection. 20, as in the Fetch
            standard.
        expansion: How many times as many bytes a compressed stream may become. 1100, because a
            server may well send the same again and again, and deflate alone can do 1032.
        rejection_size: Bytes that a client keeps of an answer that is no stream, for the error that
            it reports. 64 KiB, where a service says in one or two what was wrong.
        rejection_time: Seconds that it waits for them. 10.
        output_count: How many events may wait in a server's stream for a client that is slow. 1024:
            some minutes of a busy feed, as Mercure has it.
        output_size: Bytes of the events that may wait there. 1 MiB, so that a thousand clients
            that do not read hold no more than a gigabyte.
        stall_time: Seconds after which a server gives a client up that takes nothing of what
            waits for it. 120, twice what the drivers leave a peer for 64 KiB.
        retry: The longest that a server may have a client wait before it reconnects, by `retry` or
            `Retry-After`, in milliseconds; more counts as this. One hour.
    """

    line_size: int = 16 * 1024 * 1024
    event_size: int = 16 * 1024 * 1024
    id_size: int = 4 * 1024
    redirects: int = 20
    expansion: int = 1100
    rejection_size: int = 64 * 1024
    rejection_time: float = 10.0
    output_count: int = 1024
    output_size: int = 1024 * 1024
    stall_time: float = 120.0
    retry: int = 60 * 60 * 1000

    def __post_init__(self) -> None:
        check_limits(self)
