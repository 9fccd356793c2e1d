"""Content codings (RFC 9110, 8.4): bodies that were compressed, read in bounded pieces."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol

from typing_extensions import override

from eventproto._errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from eventproto.http._headers import Headers

__all__ = ["ContentDecoder"]

_GZIP: Final = frozenset({"gzip", "x-gzip"})
_MOST_CODINGS: Final = 4  # nobody needs two, and each is work for whoever undoes it
_SLICE: Final = 1024  # what zlib has not used of its input it copies, at every call
_MEMBER_COST: Final = 4096  # making a decompressor is as much work as filling a page
_HEADROOM: Final = 64 * 1024


class ContentDecoder:
    """Undoes the content codings of one body, as it comes: gzip, deflate, and lists of them.

    What is compressed stays so until it is asked for, and no more is made of it than was asked
    for: whatever the sender does, this holds what it was given, one piece, and for each coding
    the 64 KiB that zlib needs.

    Several gzip members in a row are one body (RFC 1952, 2.2). `deflate` is read with the frame of
    zlib, as it should be, and without, as some servers send it.

    Args:
        codings: In the order in which they were applied, as in `Content-Encoding`; `identity`
            counts for nothing. At most four.
        expansion: The number of bytes that one byte of the body may become, before this is no
            compression any more but an attack. A single coding cannot make more than 1032 of one,
            so the default, 1100, only stops codings of codings; it is counted beyond 64 KiB.

    Raises:
        RemoteProtocolError: There are other codings, or too many; `code` is 415.
    """

    def __init__(self, codings: Iterable[str] = (), *, expansion: int = 1100) -> None:
        self._source = _Source(expansion)
        self._codings: list[_Inflated] = []
        outermost: _Readable = self._source
        for coding in reversed([each.lower() for each in codings if each.lower() != "identity"]):
            if coding not in _GZIP and coding != "deflate":
                msg = f"no content coding but gzip and deflate is known here, got {coding[:100]!r}"
                raise RemoteProtocolError(msg, code=415)
            inflated = _Inflated(outermost, self._source, coding)
            self._codings.append(inflated)
            outermost = inflated
        if len(self._codings) > _MOST_CODINGS:
            msg = f"at most {_MOST_CODINGS} content codings, got {len(self._codings)}"
            raise RemoteProtocolError(msg, code=415)
        self._outermost = outermost

    @classmethod
    def of(cls, headers: Headers, *, expansion: int = 1100) -> ContentDecoder:
        """The decoder for a body with these headers; raises as the constructor does."""
        return cls(headers.elements("Content-Encoding"), expansion=expansion)

    def receive(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        self._source.receive(chunk)

    def read(self, size: int) -> bytes:
        """Give the next bytes of the content, at most `size`; none if it takes more of the body.

        Raises:
            RemoteProtocolError: The body is not what its coding says; `code` is 400.
            LimitExceeded: It becomes more than it may, `expansion`.
            LocalProtocolError: `size` is not positive.
        """
        if size < 1:  # which zlib would take for "all"
            msg = f"size must be at least 1, got {size}"
            raise LocalProtocolError(msg)
        return self._outermost.read(size)

    @property
    def complete(self) -> bool:
        """Whether the content may end here; a body that does otherwise was cut off."""
        return all(each.complete for each in self._codings)


class _Readable(Protocol):
    def read(self, size: int) -> bytes:
        """At most `size` bytes; none if there is nothing now."""
        ...


class _Source(_Readable):
    """What came, and the account of what was made of it."""

    def __init__(self, expansion: int) -> None:
        self._chunks: deque[bytes] = deque()
        self._at = 0
        self._expansion = expansion
        self._taken = 0

    def receive(self, chunk: bytes) -> None:
        if chunk:
            self._chunks.append(chunk)

    @override
    def read(self, size: int) -> bytes:
        if not self._chunks:
            return b""
        chunk = self._chunks[0]
        piece = chunk[self._at : self._at + size]
        self._at += len(piece)
        if self._at == len(chunk):
            self._chunks.popleft()
            self._at = 0
        self._taken += len(piece)
        return piece

    def account(self, made: int) -> None:
        """Raise LimitExceeded if one coding has made this many bytes of what was taken."""
        if made > _HEADROOM + self._expansion * self._taken:
            msg = f"{self._taken} bytes of a body became more than {self._expansion} times as many"
            raise LimitExceeded(msg, code=413, limit="expansion")


class _Inflater(Protocol):
    """What `zlib.decompressobj` makes."""

    @property
    def eof(self) -> bool: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Inflated(_Readable):
    """What one coding is made of."""

    def __init__(self, compressed: _Readable, source: _Source, coding: str) -> None:
        self._compressed = compressed
        self._source = source
        self._coding = coding
        self._inflater: _Inflater | None = None  # between two members there is none
        self._unused = b""
        self._made = 0
        self._ended = False

    @property
    def complete(self) -> bool:
        return self._inflater is None and not self._unused

    @override
    def read(self, size: int) -> bytes:
        while (inflater := self._inflater or self._begin()) is not None:
            piece = self._decompress(inflater, size)
            if piece:
                self._made += len(piece)
                self._source.account(self._made)
                return piece
            if inflater.eof:
                self._unused = inflater.unused_data
                self._inflater = None
                self._ended = True
            elif not self._fill():
                break
        return b""

    def _begin(self) -> _Inflater | None:
        """Start the next member, or the only one, if it has come."""
        # The frame of zlib takes two bytes to tell from none.
        while len(self._unused) < 2:
            if not self._fill():
                return None
        if self._ended and self._coding == "deflate":
            msg = "there is something behind the end of a body in deflate"
            raise RemoteProtocolError(msg, code=400)
        self._made += _MEMBER_COST
        self._source.account(self._made)
        self._inflater = zlib.decompressobj(self._window())
        return self._inflater

    def _window(self) -> int:
        """How zlib is told what it gets: gzip, zlib, or neither."""
        if self._coding != "deflate":
            return 16 + zlib.MAX_WBITS
        first, second = self._unused[:2]
        framed = first & 0x0F == zlib.DEFLATED and (first << 8 | second) % 31 == 0  # RFC 1950, 2.2
        return zlib.MAX_WBITS if framed else -zlib.MAX_WBITS

    def _fill(self) -> bool:
        fresh = self._compressed.read(_SLICE)
        self._unused += fresh
        return bool(fresh)

    def _decompress(self, inflater: _Inflater, size: int) -> bytes:
        try:
            piece = inflater.decompress(self._unused, size)
        except zlib.error as error:
            msg = f"a body is not in {self._coding}, though it says so: {error}"
            raise RemoteProtocolError(msg, code=400) from error
        self._unused = inflater.unconsumed_tail
        return piece
