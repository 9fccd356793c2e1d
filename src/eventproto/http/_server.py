"""The server's end of an HTTP/1.1 connection (RFC 9110, RFC 9112), over h11."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import replace
from enum import Enum, auto
from typing import Final

import h11
from typing_extensions import override

from eventproto._errors import (
    ClosedError,
    ConnectionLost,
    EventprotoError,
    LimitExceeded,
    LocalProtocolError,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto._machine import EOF, Chunk, End, Machine
from eventproto.http._call import Body, Call, Result
from eventproto.http._date import http_date
from eventproto.http._h11 import Channel
from eventproto.http._headers import Headers
from eventproto.http._heads import check_response, request_from, response_head, with_length
from eventproto.http._limits import Limits
from eventproto.http._messages import Request, Response

__all__ = ["ServerConnection"]

_PATIENCE: Final = "patience"
_BLANK: Final = re.compile(rb"(?:\r?\n)+").match


class _Phase(Enum):
    IDLE = auto()  # nothing has come of the next request
    HEAD = auto()
    BODY = auto()
    CALLED = auto()  # the application owes the answer
    STREAMING = auto()  # the application owes the rest of the answer
    SWITCHED = auto()  # the wire is another machine's
    REFUSED = auto()  # the last words are out; whatever still comes is thrown away


_APPLICATION: Final = frozenset({_Phase.CALLED, _Phase.STREAMING, _Phase.SWITCHED})


class ServerConnection(Machine[Result | Body | End, Chunk, Chunk]):
    """Reports each request as a `Call` and is told its `Result`, one after the other.

    Tokens count from 1. The URL of a request is put together from `secure` and its `Host`, or is
    the request target where that is absolute. A `Result` is whole, or with `more` it is the head,
    and `Body` values follow up to one with EOF; one with an error breaks the connection off, so
    that the client does not take the answer for complete. The connection writes `Content-Length`
    or `Transfer-Encoding`, and `Date` if it has a clock, and leaves out the body for HEAD.
    Trailers are dropped.

    A result of status 101 switches: from then on the wire is for another machine, which begins
    with what has `arrived`.

    A request that breaks the protocol or a limit is answered with 400, 408, 413, 414, 421, 431,
    501 or 505.
    `Closed` comes when the client has hung up, or when `linger_time` is over: closing at once
    could destroy the answer on its way (RFC 9112, 9.6).

    A client that ends its side while it has an unanswered call is taken to have gone: the next
    event is a `Closed` with `ConnectionLost`. What is answered before the application asks for
    that event is written all the same, for clients that only have nothing more to ask.

    A client may ask further while a call is unanswered, up to `head_size + body_size` bytes, so a
    driver need not stop reading. `End` closes at once if no request has begun, else after its
    answer.

    Args:
        secure: Whether the connection came over TLS.
        limits: How much, and how slowly, the client may send.
        clock_offset: Seconds to add to `now` to get Unix time, for `Date`; None if there is no
            clock to tell it.
    """

    def __init__(
        self,
        *,
        secure: bool = False,
        limits: Limits = Limits(),
        clock_offset: float | None = None,
    ) -> None:
        super().__init__()
        self._clock_offset = clock_offset
        self._scheme = "https" if secure else "http"
        self._limits = limits
        self._channel: Channel[h11.Request] = Channel(h11.SERVER, limits)
        self._phase = _Phase.IDLE
        self._patience = {
            _Phase.IDLE: limits.idle_time,
            _Phase.HEAD: limits.request_time,  # it goes on through BODY
            _Phase.REFUSED: limits.linger_time,
        }
        self._calls = 0
        self._method = ""  # of the current request, as soon as it is known
        self._request: Request  # the current one, without its body
        self._body = bytearray()
        self._chunked = True  # how a streamed body is framed
        self._ending = False
        self._refusal: EventprotoError | None = None

    @property
    def switched(self) -> bool:
        """Whether a 101 was written: the wire is for another machine."""
        return self._phase is _Phase.SWITCHED

    @property
    def arrived(self) -> list[Chunk]:
        """What came behind the request that was answered with 101: bytes, and EOF if it came."""
        return self._channel.arrived

    @property
    @override
    def backlog(self) -> int:
        """Events, and answers that were not written: a client that reads none may ask no more."""
        return super().backlog + len(self._outputs)

    # What comes from the client.

    @override
    def _on_start(self) -> None:
        self._enter(_Phase.IDLE)

    @override
    def _on_receive(self, data: Chunk) -> None:
        self._channel.receive(data)

    @override
    def _parse(self) -> bool:
        match self._phase:
            case _Phase.IDLE:
                return self._parse_start()
            case _Phase.HEAD:
                return self._parse_head()
            case _Phase.BODY:
                return self._parse_body()
            case _Phase.REFUSED:
                self._channel.waiting.clear()
                if self._channel.ended:
                    self._close(self._refusal)
            case _:
                self._hold()
        return False

    def _parse_start(self) -> bool:
        waiting = self._channel.waiting
        if (blank := _BLANK(waiting)) is not None:  # RFC 9112, 2.2
            del waiting[: blank.end()]
        if not waiting or waiting == b"\r":
            if self._channel.ended:
                self._close()
            return False
        if waiting[0] <= 0x20:  # TLS, most of the time; no need to wait for the end of a head
            msg = "what does not begin with a method is no HTTP request"
            raise RemoteProtocolError(msg, code=400)
        self._method = ""
        self._enter(_Phase.HEAD)
        return True

    def _parse_head(self) -> bool:
        head = self._channel.head()
        if head is None:
            return self._come_up_short()
        self._method = head.method.decode()
        self._request = request_from(head, self._scheme)
        self._check_body_size(int(self._request.headers.get("Content-Length", "0")))
        if self._channel.h11.they_are_waiting_for_100_continue:
            self._write(response_head(h11.InformationalResponse, 100))
        self._phase = _Phase.BODY
        return True

    def _parse_body(self) -> bool:
        chunk = self._channel.body()
        if chunk is None:
            return self._come_up_short()
        if chunk is EOF:
            self._calls += 1
            body, self._body = bytes(self._body), bytearray()
            self._enter(_Phase.CALLED)
            self._events.append(Call(self._calls, replace(self._request, body=body)))
        else:
            self._body += chunk
            self._check_body_size(len(self._body))
        return True

    def _come_up_short(self) -> bool:
        """The request goes on, unless the client has ended in the middle of it."""
        if self._channel.ended:
            self._fail(ConnectionLost("the client ended the connection in the middle of a request"))
        return False

    def _hold(self) -> None:
        """Keep what comes while the application has the floor."""
        limits = self._limits
        if len(self._channel.waiting) > limits.head_size + limits.body_size:
            msg = f"further requests fill the buffer while request {self._calls} is unanswered"
            raise LimitExceeded(msg, code=413, limit="body_size")
        if self._channel.ended and self._phase is not _Phase.SWITCHED:
            msg = f"the client ended the connection before request {self._calls} was answered"
            self._fail(ConnectionLost(msg))

    def _check_body_size(self, size: int) -> None:
        if size > self._limits.body_size:
            msg = f"a body of more than {self._limits.body_size} bytes"
            raise LimitExceeded(msg, code=413, limit="body_size")

    # What the application sends.

    @override
    def _on_send(self, command: Result | Body | End) -> None:
        if self._phase is _Phase.REFUSED:
            msg = "the client's last request was refused"
            raise ClosedError(msg, reason=self._refusal)
        match command:
            case Result():
                self._answer(command)
            case Body():
                self._go_on(command)
            case End():
                self._ending = True
                if self._phase in {_Phase.IDLE, _Phase.SWITCHED}:
                    self._close()
            case _:
                msg = f"an HTTP server is told Result, Body or End, not {command!r}"
                raise LocalProtocolError(msg)

    def _answer(self, result: Result) -> None:
        if self._phase is not _Phase.CALLED or result.token != self._calls:
            msg = f"no call {result.token!r} waits for its result"
            raise LocalProtocolError(msg)
        response = result.outcome
        if not isinstance(response, Response):
            msg = f"an HTTP server answers with a Response, not with {response!r}"
            raise LocalProtocolError(msg)
        check_response(response, self._request, more=result.more)
        if response.status == 101:
            self._write(response_head(h11.InformationalResponse, 101, response.headers))
            self._enter(_Phase.SWITCHED)
        elif result.more:
            headers = self._completed(response.headers)
            self._write(response_head(h11.Response, response.status, headers))
            # As h11 has decided; to ask it for each piece would cost more than all the rest.
            self._chunked = (self._channel.h11.their_http_version or b"") >= b"1.1"
            self._enter(_Phase.STREAMING)
        else:
            self._write_whole(response)
            self._finish()

    def _go_on(self, body: Body) -> None:
        if self._phase is not _Phase.STREAMING or body.token != self._calls:
            msg = f"no result with more to come was sent for call {body.token!r}"
            raise LocalProtocolError(msg)
        if body.chunk is not EOF:
            chunk = body.chunk
            if chunk.__class__ is not bytes:
                msg = f"a piece of a body must be bytes, not {type(chunk).__name__}"
                raise LocalProtocolError(msg)
            if chunk and self._method != "HEAD":  # an empty one would end a chunked body
                self._outputs.append(
                    b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked else chunk
                )
        elif body.error is None:
            self._write(h11.EndOfMessage())
            self._finish()
        else:
            self._close(body.error)

    def _finish(self) -> None:
        """Go on with the next request, if both sides want to."""
        if self._ending or self._channel.h11.our_state is not h11.DONE:
            self._close()
        else:
            self._channel.restart()
            self._enter(_Phase.IDLE)
            self._advance()

    # What the clock brings, and how it ends.

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        if self._phase is _Phase.IDLE:
            self._close()
        elif self._phase is _Phase.REFUSED:
            self._close(self._refusal)
        else:
            msg = f"a request took more than {self._limits.request_time} seconds to arrive"
            self._fail(PeerTimeout(msg))

    @override
    def _on_failure(self, error: EventprotoError) -> None:
        if self._phase is _Phase.IDLE and isinstance(error, ConnectionLost):
            self._advance()  # the call that the client did not wait for was answered in time
        elif self._phase in _APPLICATION or isinstance(error, ConnectionLost):
            self._close(error)
        else:
            self._refuse(error)

    def _refuse(self, error: EventprotoError) -> None:
        status = error.code if isinstance(error, RemoteProtocolError) else 408
        text = "" if self._method == "HEAD" else f"{error}\n"
        self._channel.restart()  # h11 may be in the middle of anything
        self._method = ""  # which it does not know any more
        self._ending = True
        self._write_whole(Response.of_text(status, text))
        self._outputs.append(EOF)
        self._refusal = error
        self._enter(_Phase.REFUSED)
        self._advance()

    # What both sides need.

    def _write(self, *events: h11.Event) -> None:
        if written := self._channel.write(*events):
            self._outputs.append(written)

    def _write_whole(self, response: Response) -> None:
        body = b"" if self._method == "HEAD" else response.body
        headers = self._completed(with_length(response, self._method))
        head = response_head(h11.Response, response.status, headers)
        self._write(head, h11.Data(body), h11.EndOfMessage())

    def _completed(self, headers: Headers) -> Headers:
        """Headers that say when this was answered, and if it is the last time on the connection."""
        if self._clock_offset is not None and "Date" not in headers:  # RFC 9110, 6.6.1
            headers += {"Date": http_date(int(self._now + self._clock_offset))}
        return headers.replace("Connection", "close") if self._ending else headers

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        patience = self._patience.get(phase)
        if patience is None:
            self._timers.stop(_PATIENCE)
        else:
            self._timers.set(_PATIENCE, self._now + patience)
