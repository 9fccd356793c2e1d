"""Bytes to events: the algorithm of section 9.2.6, in one loop."""

from __future__ import annotations

from binascii import a2b_base64
from typing import Final

from eventproto._errors import LimitExceeded
from eventproto._event import Event
from eventproto.sse._events import Comment, RetryChanged, ServerSentEvent
from eventproto.sse._limits import Limits

__all__ = ["Decoder"]

_BOM: Final = b"\xef\xbb\xbf"
_CR: Final = 0x0D
_LF: Final = 0x0A
_DIGITS: Final = len(str(2**64))


class Decoder:
    """Reads one event stream; a new connection needs a new decoder.

    The only input that it does not take is one beyond its limits. What stands before that is
    delivered first: `receive` raises at once if it has no events to return, else the next time,
    and from then on. At the end of a stream look at `error`; what is unfinished there counts for
    nothing.

    Args:
        last_event_id: Where the stream before this one ended. Events without an id of their own
            carry it on.
        limits: The bounds of the stream.

    Attributes:
        last_event_id: The last event ID string, to be sent as `Last-Event-ID` by whoever wants
            to go on after the events that were returned.
        retry: The reconnection time, in milliseconds; None if the stream has set none.
        error: What `receive` will raise, or None.
    """

    __slots__ = (
        "_binary",
        "_data",
        "_id",
        "_limits",
        "_skip",
        "_type",
        "_unfinished",
        "error",
        "last_event_id",
        "retry",
    )

    def __init__(self, last_event_id: str = "", *, limits: Limits = Limits()) -> None:
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.error: LimitExceeded | None = None
        self._limits = limits
        # What counts for nothing if it comes next: the BOM, or the LF of a CRLF that was cut.
        self._skip = _BOM
        self._unfinished = bytearray()
        # The buffers of the event that is being read; None is the empty data buffer.
        self._data: bytes | bytearray | None = None
        self._type = "message"
        self._id = last_event_id
        self._binary = False

    def receive(self, chunk: bytes) -> list[Event]:
        """Take the next bytes of the stream, and return the events that they complete.

        Returns:
            `ServerSentEvent`, `Comment` and `RetryChanged`, in order.

        Raises:
            LimitExceeded: The stream is beyond its limits, and everything before was returned.
        """
        if self.error is not None:
            raise self.error
        if self._skip:
            chunk = self._join_unfinished(chunk)
            if len(chunk) < len(self._skip) and self._skip.startswith(chunk):
                self._unfinished += chunk
                return []
            chunk = chunk.removeprefix(self._skip)
            self._skip = b""
        if b"\n" not in chunk and b"\r" not in chunk:
            self._unfinished += chunk
            if len(self._unfinished) > self._limits.line_size:
                self.error = _exceeded("line_size", self._limits.line_size)
                raise self.error
            return []
        if self._unfinished:
            chunk = self._join_unfinished(chunk)
        # On bytes, unlike on text, this splits at CR, LF and CRLF and nowhere else. Neither byte
        # occurs within a character of UTF-8, so values can be decoded one by one.
        lines = chunk.splitlines()
        if chunk[-1] != _LF:
            if chunk[-1] == _CR:
                self._skip = b"\n"
            else:
                self._unfinished += lines.pop()
        too_long = len(chunk) > self._limits.line_size and self._cut(lines)
        events = self._process(lines)
        if too_long and self.error is None:
            self.error = _exceeded("line_size", self._limits.line_size)
        if self.error is not None and not events:
            raise self.error
        return events

    def _join_unfinished(self, chunk: bytes) -> bytes:
        joined = b"".join((self._unfinished, chunk))
        self._unfinished.clear()
        return joined

    def _cut(self, lines: list[bytes]) -> bool:
        """Drop the first line that is too long and all after it; say whether there is one."""
        line_size = self._limits.line_size
        for index, line in enumerate(lines):
            if len(line) > line_size:
                del lines[index:]
                return True
        return len(self._unfinished) > line_size

    def _process(self, lines: list[bytes]) -> list[Event]:
        # Most of the time that a stream costs is spent here, hence the local names and the short
        # way for what most lines are.
        events: list[Event] = []
        event_size = self._limits.event_size
        data, event_type, event_id, binary = self._data, self._type, self._id, self._binary
        for line in lines:
            if line[:6] == b"data: ":
                value = line[6:]
            elif not line:
                self.last_event_id = event_id
                if data is not None:
                    content = _from_base64(data) if binary else data.decode("utf-8", "replace")
                    events.append(ServerSentEvent(content, event_type, event_id))
                    data = None
                event_type = "message"
                binary = False
                continue
            else:
                name, _, value = line.partition(b":")
                if value[:1] == b" ":
                    value = value[1:]
                if name == b"event":
                    event_type = value.decode("utf-8", "replace") or "message"
                    continue
                if name == b"id":
                    if len(value) > self._limits.id_size:
                        self.error = _exceeded("id_size", self._limits.id_size)
                        break
                    if b"\0" not in value:
                        event_id = value.decode("utf-8", "replace")
                    continue
                if not name:
                    events.append(Comment(value.decode("utf-8", "replace")))
                    continue
                if name == b"retry":
                    if (milliseconds := _reconnection_time(value)) is not None:
                        self.retry = milliseconds
                        events.append(RetryChanged(milliseconds))
                    continue
                if name == b"data-encoding":
                    binary = value == b"base64"
                    continue
                if name != b"data":
                    continue
            if data is None:
                data = value
            else:
                if isinstance(data, bytes):
                    data = bytearray(data)
                data += b"\n"
                data += value
            if len(data) > event_size:
                self.error = _exceeded("event_size", event_size)
                break
        self._data, self._type, self._id, self._binary = data, event_type, event_id, binary
        return events


def _from_base64(data: bytes | bytearray) -> str | bytes:
    """What this is the base64 of; if it is no base64, the flag means nothing, and it is text."""
    try:
        return a2b_base64(data, strict_mode=True)
    except ValueError:
        return data.decode("utf-8", "replace")


def _reconnection_time(value: bytes) -> int | None:
    """The number, if it is one of ASCII digits that fits 64 bits, as in Chromium."""
    if not value.isdigit():
        return None
    digits = value.lstrip(b"0")
    if len(digits) > _DIGITS:  # int() refuses thousands of them
        return None
    milliseconds = int(digits or b"0")
    return milliseconds if milliseconds < 2**64 else None


def _exceeded(limit: str, size: int) -> LimitExceeded:
    msg = f"the event stream exceeds {limit}, {size} bytes"
    return LimitExceeded(msg, code=413, limit=limit)
