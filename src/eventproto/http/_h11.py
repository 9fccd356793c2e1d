"""h11, with the care that it leaves to whoever uses it.

h11 bounds only what is incomplete, so a head that comes in one piece may have any size. And its
expressions for a header line and for the size line of a chunk take quadratic time on many spaces
before a character that may not be there: four seconds for 32 KiB. So a head is cut out, measured
and looked over before h11 sees it, and a chunked body is handed on in slices, of which h11 never
keeps more than a short line.
"""

from __future__ import annotations

import re
from typing import Any, Final, Generic, TypeVar, cast

import h11

from eventproto._errors import LimitExceeded, RemoteProtocolError
from eventproto._machine import EOF, Chunk
from eventproto.http._limits import Limits

__all__ = ["Channel"]

HeadT = TypeVar("HeadT", h11.Request, h11.Response | h11.InformationalResponse)

_HEAD_END: Final = re.compile(rb"\n\r?\n").search
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)").search
_LONGEST_QUOTE: Final = 200  # what h11 says may quote a whole head


class Channel(Generic[HeadT]):
    """What the peer sends, and an h11 connection for one exchange after another.

    Each exchange has a connection of its own: that costs no more than resetting one, and what
    came behind an exchange does not stay in h11.

    Args:
        role: `h11.CLIENT` or `h11.SERVER`.
        limits: The bounds of the connection.

    Attributes:
        h11: The connection of the current exchange.
        waiting: What has come and was not used; while a body is read, h11 may hold the front.
        ended: Whether EOF has come.
    """

    def __init__(self, role: Any, limits: Limits) -> None:  # noqa: ANN401  # h11's is private
        self.waiting = bytearray()
        self.ended = False
        self._role = role
        self._limits = limits
        self._searched = 0  # how much of `waiting` is known not to end a head
        self._given = 0  # how much of `waiting` h11 has been given, and may have used
        self._needed: int | None = None  # what h11 still lacks of a body whose length was declared
        self.h11 = self._new_connection()

    def receive(self, chunk: Chunk) -> None:
        """Take what the wire brought."""
        if chunk is EOF:
            self.ended = True
        else:
            self.waiting += chunk

    def head(self) -> HeadT | None:
        """Take the next head, or None as long as it is incomplete."""
        found = _HEAD_END(self.waiting, self._searched)
        size = found.end() if found else len(self.waiting)
        if size > self._limits.head_size:
            msg = f"a head of more than {self._limits.head_size} bytes"
            raise LimitExceeded(msg, code=431, limit="head_size")
        if found is None:
            self._searched = max(0, size - 2)
            return None
        self._searched = 0
        head = bytes(self.waiting[:size])
        del self.waiting[:size]
        if head.count(b"\n") - 2 > self._limits.header_count:
            msg = f"a head of more than {self._limits.header_count} header lines"
            raise LimitExceeded(msg, code=431, limit="header_count")
        if (control := _CONTROL(head)) is not None:
            msg = f"a control character at byte {control.start()} of a head"
            raise RemoteProtocolError(msg, code=400)
        self.h11.receive_data(head)
        event = cast("HeadT", self._next_event())  # it is whole
        if self.h11.their_state is not h11.SWITCHED_PROTOCOL:  # or there is no body in any case
            self._needed = _declared_length(event)
        return event

    def body(self) -> Chunk | None:
        """Take the next piece of the body, EOF behind the last one, or None if it has not come.

        A response whose length nothing declares ends with the connection; any other body that
        the end of the connection cuts short is None for ever.
        """
        while True:
            event = self._next_event()
            if isinstance(event, h11.Data):
                return bytes(event.data)
            if isinstance(event, h11.EndOfMessage):
                return EOF
            if not self._give():
                return EOF if self.ended and self._ends_with_connection() else None

    @property
    def arrived(self) -> list[Chunk]:
        """What came behind the current exchange, and EOF if that came."""
        self._drop_used()
        chunks: list[Chunk] = [bytes(self.waiting)] if self.waiting else []
        return [*chunks, EOF] if self.ended else chunks

    def restart(self) -> None:
        """Begin the next exchange."""
        self._drop_used()
        self._given = 0
        self.h11 = self._new_connection()

    def write(self, *events: h11.Event) -> bytes:
        """What these events are on the wire; whoever calls this has seen to it that they fit."""
        return b"".join(self.h11.send(event) or b"" for event in events)

    def _new_connection(self) -> h11.Connection:
        return h11.Connection(self._role, max_incomplete_event_size=self._limits.framing_size)

    def _next_event(self) -> object:
        try:
            return self.h11.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                msg = f"more than {self._limits.framing_size} bytes around a chunk of a body"
                raise LimitExceeded(msg, code=431, limit="framing_size") from error
            msg = str(error)[:_LONGEST_QUOTE]
            if msg.startswith("malformed chunk footer"):  # it goes on with what has come so far
                msg = "a chunk of a body is not followed by CRLF"
            raise RemoteProtocolError(msg, code=error.error_status_hint) from error

    def _give(self) -> bool:
        """Give h11 more of the body; say whether there was any."""
        self._drop_used()
        room = self._limits.framing_size + 1 if self._needed is None else self._needed
        fresh = bytes(self.waiting[self._given : room])
        if not fresh:  # which would tell h11 that the connection has ended
            return False
        self.h11.receive_data(fresh)
        self._given += len(fresh)
        if self._needed is not None:
            self._needed -= len(fresh)
        return True

    def _drop_used(self) -> None:
        held = len(self.h11.trailing_data[0])
        del self.waiting[: self._given - held]
        self._given = held

    def _ends_with_connection(self) -> bool:
        self.h11.receive_data(b"")
        try:
            return isinstance(self.h11.next_event(), h11.EndOfMessage)
        except h11.RemoteProtocolError:
            return False


def _declared_length(head: h11.Request | h11.Response | h11.InformationalResponse) -> int | None:
    """What `Content-Length` says; refuses framing that another recipient may read otherwise."""
    fields = dict(head.headers)
    length = fields.get(b"content-length")
    if b"transfer-encoding" in fields and (length is not None or head.http_version < b"1.1"):
        msg = "Transfer-Encoding beside Content-Length or in HTTP/1.0 (RFC 9112, 6.1)"
        raise RemoteProtocolError(msg, code=400)
    return None if length is None else int(length)
