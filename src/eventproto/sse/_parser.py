"""Bytes to events: the algorithm of section 9.2.6, in one loop."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Iterator
from typing import Final

from eventproto._errors import LimitExceeded, LocalProtocolError
from eventproto._event import Event
from eventproto._value import constructor
from eventproto.sse._events import Comment, RetryChanged, ServerSentEvent
from eventproto.sse._limits import Limits

__all__ = ["Decoder"]

_BOM: Final = b"\xef\xbb\xbf"
_CR: Final = 0x0D
_LF: Final = 0x0A
_NUL: Final = 0x00
_DIGITS: Final = len(str(2**64))

# How blocks begin that can be read in one go.
_ALIKE: Final = (b"data: ", b"event:")

_event: Final = constructor(ServerSentEvent)
_comment: Final = constructor(Comment)


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

    Raises:
        LocalProtocolError: `last_event_id` is no string.

    Attributes:
        last_event_id: The last event ID string, to be sent as `Last-Event-ID` by whoever wants
            to go on after the events that were returned.
        retry: The reconnection time, in milliseconds; None if the stream has set none.
        error: What `receive` will raise, or None.
    """

    __slots__ = (
        "_between_blocks",
        "_binary",
        "_data",
        "_harmless",
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
        if not isinstance(last_event_id, str):
            msg = f"a last event ID is a string, got {last_event_id!r}"
            raise LocalProtocolError(msg)
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.error: LimitExceeded | None = None
        self._limits = limits
        # So few bytes without an id exceed no limit, whatever they say.
        self._harmless = min(limits.line_size, limits.event_size)
        # What counts for nothing if it comes next: the BOM, or the LF of a CRLF that was cut.
        self._skip = _BOM
        self._unfinished = bytearray()
        # The buffers of the event that is being read; None is the empty data buffer.
        self._data: bytes | bytearray | None = None
        self._type = "message"
        self._id = last_event_id
        self._binary = False
        # Whether they are all as a blank line leaves them.
        self._between_blocks = True

    def receive(self, chunk: bytes) -> list[Event]:
        """Take the next bytes of the stream, and return the events that they complete.

        Returns:
            `ServerSentEvent`, `Comment` and `RetryChanged`, in order.

        Raises:
            LimitExceeded: The stream is beyond its limits, and everything before was returned.
            LocalProtocolError: `chunk` is not of type bytes; nothing has changed.
        """
        if not isinstance(chunk, bytes):
            msg = f"a decoder receives bytes, not {type(chunk).__name__}"
            raise LocalProtocolError(msg)
        if self.error is not None:
            raise self.error.with_traceback(None)  # which would grow each time
        blank = 2 if chunk[-2:] == b"\n\n" else 4 if chunk[-4:] == b"\r\n\r\n" else 0
        if blank and self._between_blocks and not (self._skip or self._unfinished):
            # The short way of most chunks of most streams.
            events = self._alike(chunk, blank) or self._process(chunk)
        else:
            events = self._piece_together(chunk)
        if self.error is not None:
            # Nothing comes after it that could still be an event.
            self._unfinished.clear()
            self._data = None
            if not events:
                raise self.error
        return events

    def _piece_together(self, chunk: bytes) -> list[Event]:
        """Read a chunk that may have been cut out anywhere, after what others have left."""
        if self._skip:
            chunk = self._join_unfinished(chunk)
            if len(chunk) < len(self._skip) and self._skip.startswith(chunk):
                self._unfinished += chunk
                return []
            chunk = chunk.removeprefix(self._skip)
            self._skip = b""
        if _LF not in chunk and _CR not in chunk:
            self._keep(chunk)
            return []
        if self._unfinished:
            chunk = self._join_unfinished(chunk)
        rest = b""
        if chunk[-1] == _CR:
            self._skip = b"\n"
        elif chunk[-1] != _LF:
            end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
            chunk, rest = chunk[:end], chunk[end:]
        events = self._process(chunk) if _CR in chunk else self._lines(chunk)
        if rest:
            self._keep(rest)
        return events

    def _keep(self, rest: bytes) -> None:
        self._unfinished += rest
        if len(self._unfinished) > self._limits.line_size:
            self._exceed("line_size")

    def _join_unfinished(self, chunk: bytes) -> bytes:
        joined = b"".join((self._unfinished, chunk))
        self._unfinished.clear()
        return joined

    def _lines(self, lines: bytes) -> list[Event]:
        """Read lines that end with LF; as many whole blocks in one go as can be."""
        events: list[Event] = []
        if not self._between_blocks:
            block, blank, lines = lines.partition(b"\n\n")
            events = self._process(block + blank)
        if lines and self.error is None:
            end = lines.rfind(b"\n\n") + 2
            if alike := self._alike(lines[:end], blank=2):
                events += alike
                lines = lines[end:]
            if lines:
                events += self._process(lines)
        return events

    def _alike(self, blocks: bytes, blank: int) -> list[Event]:
        """Read blocks that are one line of data each, or a type and one line of data each.

        A single split finds their ends and takes field names away, where `_process` would look at
        each line. If one of them is not like the others, it finds nothing.

        Args:
            blocks: The blocks.
            blank: How many bytes the two line ends behind the last one have.
        """
        start = 6 if blocks[:6] == b"data: " else 7 if blocks[:7] == b"event: " else 0
        if not start or len(blocks) > self._harmless:
            return []
        try:
            text = blocks[start:-blank].decode()
        except UnicodeDecodeError:
            return []
        if "\r" in text:
            text = text.replace("\r\n", "\n")
            if "\r" in text:
                return []
        event_id = self._id
        if start == 6:
            if "\n" not in text:
                return [_event(text, "message", event_id)]
            values = text.split("\n\ndata: ")
            if "\n" in "".join(values):  # a search in each of them would take longer
                return []
            return [_event(value, "message", event_id) for value in values]
        events: list[Event] = []
        for block in text.split("\n\nevent: "):
            event_type, found, value = block.partition("\ndata: ")
            if not found or "\n" in event_type or "\n" in value:
                return []
            events.append(_event(value, event_type or "message", event_id))
        return events

    def _process(self, chunk: bytes) -> list[Event]:
        """Read lines, one by one."""
        # Most of the time that a stream costs is spent here, hence the local names and the short
        # way for what most lines are.
        events: list[Event] = []
        event_size = self._limits.event_size
        data, event_type, event_id, binary = self._data, self._type, self._id, self._binary
        # On bytes, unlike on text, this splits at CR, LF and CRLF and nowhere else. Neither byte
        # occurs within a character of UTF-8, so values can be decoded one by one.
        lines = chunk.splitlines()
        for line in lines if len(chunk) <= self._limits.line_size else self._up_to_limit(lines):
            if line[:6] == b"data: ":
                value = line[6:]
            elif not line:
                self.last_event_id = event_id
                if data is not None:
                    content = _from_base64(data) if binary else data.decode("utf-8", "replace")
                    events.append(_event(content, event_type, event_id))
                    data = None
                event_type = "message"
                binary = False
                continue
            elif line[:7] == b"event: ":
                event_type = line[7:].decode("utf-8", "replace") or "message"
                continue
            else:
                name, _, value = line.partition(b":")
                if value[:1] == b" ":
                    value = value[1:]
                if name == b"event":
                    event_type = value.decode("utf-8", "replace") or "message"
                    continue
                if name == b"id":
                    if _NUL in value:
                        continue
                    if len(value) > self._limits.id_size:
                        self._exceed("id_size")
                        break
                    event_id = value.decode("utf-8", "replace")
                    continue
                if not name:
                    events.append(_comment(value.decode("utf-8", "replace")))
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
                self._exceed("event_size")
                break
        self._data, self._type, self._id, self._binary = data, event_type, event_id, binary
        self._between_blocks = not lines[-1]
        return events

    def _up_to_limit(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            if len(line) > self._limits.line_size:
                self._exceed("line_size")
                return
            yield line

    def _exceed(self, limit: str) -> None:
        if self.error is None:
            msg = f"the event stream exceeds {limit}, {getattr(self._limits, limit)} bytes"
            self.error = LimitExceeded(msg, code=413, limit=limit)


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
