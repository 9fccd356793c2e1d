"""The bounds of a WebSocket connection."""

from __future__ import annotations

import math

from eventproto._limits import check_limits
from eventproto._machine import DEFAULT_BACKLOG
from eventproto._value import value

__all__ = ["Limits"]


@value(kw_only=True)
class Limits:
    """How much, and how slowly, a peer may send on one connection.

    A connection holds the message that is arriving, at most `message_size` bytes and as much
    again when it becomes an event; and what it was given and nobody has taken.

    Attributes:
        message_size: Bytes of one message, text as UTF-8 (1009). A compressed one is not
            decompressed any further than that. 1 MiB, as `websockets`.
        frame_size: Bytes of one frame (1009). Frames are not held, so this costs no memory: it
            bounds how long one frame can keep a Ping or a Close behind it from coming through.
            16 MiB.
        fragments: Frames of one message (1009). Nothing is held for each of them, but empty ones
            add nothing to `message_size`, so nothing else ends a message that goes on in them.
            16,384, so that a message of `message_size` may come 64 bytes at a time.
        backlog: Events that are parsed ahead; from then on, what comes stays bytes, and a driver
            has stopped to read. 16 KiB that came count as an event, so that few large messages
            are bounded as many small ones are. 256, which is 4 MiB.
        control_rate: Pings and Pongs that the peer may send at once, and as many again within a
            second (1008). Each is work, and a Ping makes this side answer. 1000, where a few each
            minute are usual.
        inflation_ratio: Bytes that a compressed byte may become. What is made beyond that may come
            to `message_size` at once, and as much again within a second (1008): DEFLATE makes a
            thousand bytes of one, so that a thin line would else keep a processor busy. Where a
            stream of it ends, to begin the next one counts as 512. 200, which few but the
            emptiest messages reach.
        pongs: How many Pings are answered that came while nothing could be written; of more than
            that, only the newest (RFC 6455, 5.5.3). 16, which is 2 KiB.
        output_count: How many `Encoded` messages may wait for a peer that is slow. 1024, as for
            event streams.
        output_size: Bytes of the messages that may wait there. 1 MiB, so that a thousand peers
            that do not read hold no more than a gigabyte.
        redirects: How many redirects a client follows for one connection. 20, as in the Fetch
            standard.
        open_time: Seconds for the opening handshake of a `ClientConnection` or `ServerConnection`.
            Not for that of a `site.WebSocket`, which is under `http.Limits`.
        close_time: Seconds to wait for the peer's Close, and then for the end of its stream.
        ping_interval: Seconds without anything from the peer after which it is sent a Ping.
            `math.inf` for never. 20, less than common proxies let a connection idle.
        ping_timeout: Seconds after such a Ping in which the peer must send something (1011).
        idle_time: Seconds without any part of a message, in either direction, after which this
            side closes the connection (1001); Pings and Pongs do not count. `math.inf`, the
            default, for never: to be silent is what many connections are for.
    """

    message_size: int = 1024 * 1024
    frame_size: int = 16 * 1024 * 1024
    fragments: int = 16 * 1024
    backlog: int = DEFAULT_BACKLOG
    control_rate: float = 1000.0
    inflation_ratio: float = 200.0
    pongs: int = 16
    output_count: int = 1024
    output_size: int = 1024 * 1024
    redirects: int = 20
    open_time: float = 10.0
    close_time: float = 10.0
    ping_interval: float = 20.0
    ping_timeout: float = 20.0
    idle_time: float = math.inf

    def __post_init__(self) -> None:
        check_limits(self)
