"""h11, with the care that it leaves to whoever uses it.

h11 reads heads, keeps the states of both sides, and writes. It bounds only what is incomplete, so
a head that comes in one piece may have any size; and its expression for a header line takes
quadratic time on many spaces before a character that may not be there. So a head is cut out,
measured and looked over before h11 sees it, and bodies it does not see: of those it would take a
lone CR, and keep or copy what was read already.
"""

from __future__ import annotations

import re
from typing import Any, Final, Generic, TypeVar, cast

import h11

from eventproto._errors import LimitExceeded, RemoteProtocolError
from eventproto._machine import EOF, Chunk
from eventproto.http._body import ChunkedBody, ClosingBody, Reader, SizedBody
from eventproto.http._limits import Limits

__all__ = ["Channel"]

HeadT = TypeVar("HeadT", h11.Request, h11.Response | h11.InformationalResponse)


class Channel(Generic[HeadT]):
    """What the peer sends, and an h11 connection for one exchange after another.

    Each exchange has a connection of its own: that costs no more than resetting one.

    Args:
        role: `h11.CLIENT` or `h11.SERVER`.
        limits: The bounds of the connection.

    Attributes:
        h11: The connection of the current exchange.
        waiting: What has come and was not used.
        ended: Whether EOF has come.
    """

    def __init__(self, role: Any, limits: Limits) -> None:  # noqa: ANN401  # h11's is private
        self.waiting = bytearray()
        self.ended = False
        self._role = role
        self._limits = limits
        self._searched = 0  # how much of `waiting` is known not to end a head
        self._body: Reader
        self.h11 = h11.Connection(role)

    def receive(self, chunk: Chunk) -> None:
        """Take what the wire brought."""
        if chunk is EOF:
            self.ended = True
        else:
            self.waiting += chunk

    def head(self, asked: str = "") -> HeadT | None:
        """Take the next head, or None as long as it is incomplete.

        Args:
            asked: The method of the request, if this is the head of a response.
        """
        found = _HEAD_END(self.waiting, self._searched)
        size = found.end() if found else len(self.waiting)
        if size > self._limits.head_size:
            raise self._too_large()
        if found is None:
            self._searched = max(0, size - 2)
            return None
        self._searched = 0
        head = bytes(self.waiting[:size])
        del self.waiting[:size]
        self._check(head)
        self.h11.receive_data(head)
        event = cast("HeadT", self._parsed(head))  # it is whole
        # What switches has no body, whatever it says.
        if self.h11.their_state is not h11.SWITCHED_PROTOCOL:
            self._body = self._reader(event, asked)
        return event

    def body(self, *, broken: bool = False) -> Chunk | None:
        """Take the next piece of the body, EOF behind the last one, or None if it has not come.

        A response whose length nothing declares ends with the connection; any other body that
        the end of the connection cuts short is None for ever.

        Args:
            broken: Whether the connection does not end in order, and no body with it.
        """
        return self._body.read(self.waiting, ended=self.ended and not broken)

    @property
    def arrived(self) -> list[Chunk]:
        """What came behind the current exchange, and EOF if that came."""
        chunks: list[Chunk] = [bytes(self.waiting)] if self.waiting else []
        return [*chunks, EOF] if self.ended else chunks

    def restart(self) -> None:
        """Begin the next exchange."""
        self.h11 = h11.Connection(self._role)

    def write(self, *events: h11.Event) -> bytes:
        """What these events are on the wire; whoever calls this has seen to it that they fit."""
        return b"".join(self.h11.send(event) or b"" for event in events)

    def _too_large(self) -> LimitExceeded:
        size = self._limits.head_size
        if self._role is h11.SERVER and self.waiting.find(b"\n", 0, size) < 0:
            msg = f"a request line of more than {size} bytes"
            return LimitExceeded(msg, code=414, limit="head_size")  # RFC 9112, 3
        msg = f"a head of more than {size} bytes"
        return LimitExceeded(msg, code=431, limit="head_size")

    def _check(self, head: bytes) -> None:
        if head.count(b"\n") - 2 > self._limits.header_count:
            msg = f"a head of more than {self._limits.header_count} header lines"
            raise LimitExceeded(msg, code=431, limit="header_count")
        if (control := _CONTROL(head)) is not None:
            msg = f"a control character at byte {control.start()} of a head"
            raise RemoteProtocolError(msg, code=400)
        # A client must bear the first (RFC 9112, 5.2) and may bear the second. But of requests, a
        # proxy before this server may have read other fields than there are here.
        if self._role is h11.SERVER:
            if (fold := _FOLD(head)) is not None:
                msg = f"an obsolete line folding at byte {fold.start()} of a head"
                raise RemoteProtocolError(msg, code=400)
            if head.count(b"\r\n") not in {0, head.count(b"\n")}:
                msg = "some lines of a head end with CRLF, and some with LF"
                raise RemoteProtocolError(msg, code=400)

    def _parsed(self, head: bytes) -> object:
        try:
            return self.h11.next_event()
        except h11.RemoteProtocolError as error:
            code = error.error_status_hint
            if code == 501:  # a coding that h11 does not know, or more than one
                code = _transfer_code(head)
            msg = _BYTEARRAY(r"\1", str(error))[:_LONGEST_QUOTE]
            raise RemoteProtocolError(msg, code=code) from error

    def _reader(self, head: HeadT, asked: str) -> Reader:
        """How the body behind a head ends (RFC 9112, 6.3)."""
        fields = dict(head.headers)
        length = fields.get(b"content-length")
        chunked = b"transfer-encoding" in fields
        if chunked and (length is not None or head.http_version < b"1.1"):
            msg = "Transfer-Encoding beside Content-Length or in HTTP/1.0 (RFC 9112, 6.1)"
            raise RemoteProtocolError(msg, code=400)
        if not isinstance(head, h11.Request):
            status = head.status_code
            if asked == "HEAD" or status < 200 or status in _WITHOUT_BODY:
                return SizedBody(0)
            if not chunked and length is None:
                return ClosingBody()
        return ChunkedBody(self._limits.framing_size) if chunked else SizedBody(int(length or 0))


_HEAD_END: Final = re.compile(rb"\n\r?\n").search
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)").search
_FOLD: Final = re.compile(rb"\n[ \t]").search
_TRANSFER: Final = re.compile(rb"^transfer-encoding:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_WITHOUT_BODY: Final = frozenset({204, 304})
_BYTEARRAY: Final = re.compile(r"bytearray\((.*)\)").sub  # what it quotes is bytes to readers
_LONGEST_QUOTE: Final = 200  # what h11 says may quote a whole head


def _transfer_code(head: bytes) -> int:
    """What answers transfer codings that are not just `chunked` (RFC 9112, 6.1 and 6.3)."""
    codings = [each.strip().lower() for each in b",".join(_TRANSFER.findall(head)).split(b",")]
    ends = codings[-1] == b"chunked" and codings.count(b"chunked") == 1
    return 501 if ends else 400
