"""The bounds of an HTTP/1.1 connection."""

from __future__ import annotations

from eventproto._limits import check_limits
from eventproto._value import value

__all__ = ["Limits"]


@value(kw_only=True)
class Limits:
    """How much, and how slowly, a peer may send on one HTTP/1.1 connection.

    At most `head_size + body_size` bytes are held, besides what one `receive` brings.

    Attributes:
        head_size: Bytes of start line and header fields (431; 414 if a request line alone has
            more). 32 KiB is twice what h11 allows and half of what large cookies have been seen
            to need.
        header_count: Number of header lines (431). 100, as Apache and Node.js.
        framing_size: Bytes of the line before each chunk of a chunked body, and of the trailers
            behind the last one (431). 1 KiB, where a dozen bytes are usual. All lines of a body
            may have 16 times as much, beyond 16 bytes each and two for each byte of data.
        body_size: Bytes of one whole body (413); streamed answers are not held, so not bounded.
            1 MiB, fifty times what the Standard Webhooks specification advises.
        request_time: Seconds from the first byte of a request to its last (408).
        response_time: Seconds from the end of a request to the head of its response, and from
            there to the end of a whole one, before a client gives up. Streams may take any time.
        idle_time: Seconds that a connection is kept open with nothing to do. 75, as nginx.
        linger_time: Seconds that a server, having refused a request, waits for the client to read
            that and hang up (RFC 9112, 9.6).
    """

    head_size: int = 32 * 1024
    header_count: int = 100
    framing_size: int = 1024
    body_size: int = 1024 * 1024
    request_time: float = 30.0
    response_time: float = 30.0
    idle_time: float = 75.0
    linger_time: float = 2.0

    def __post_init__(self) -> None:
        check_limits(self)
