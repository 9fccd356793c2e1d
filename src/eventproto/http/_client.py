"""The client's end of an HTTP/1.1 connection (RFC 9110, RFC 9112), over h11."""

from __future__ import annotations

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
from eventproto.http._call import Body, Call, Result, Unanswered
from eventproto.http._h11 import Channel
from eventproto.http._heads import request_head, response_from
from eventproto.http._limits import Limits
from eventproto.http._messages import Request, Response

__all__ = ["ClientConnection"]

_PATIENCE: Final = "patience"


class _Phase(Enum):
    READY = auto()
    ASKED = auto()  # nothing has come of the answer
    HEAD = auto()
    WHOLE = auto()  # the body is collected
    STREAMING = auto()  # the body is passed on
    SWITCHED = auto()  # the wire is another machine's


_UNANSWERED: Final = frozenset({_Phase.ASKED, _Phase.HEAD, _Phase.WHOLE})


class ClientConnection(Machine[Call | End, Chunk, Chunk]):
    """Is told one `Call` at a time and reports its `Result`.

    A result is whole; or, if the call asked for a stream and the answer has begun, it has `more`,
    and `Body` values follow up to one with EOF. Bodies are what was sent, whatever their
    `Content-Encoding`. Interim answers are skipped, redirects are answers like any other. The
    connection writes `Host` and `Content-Length`.

    A status of 101 switches, and so does one of success to CONNECT: from then on the wire is for
    another machine, or for whom the tunnel leads to, which begins with what has `arrived`.

    When the call cannot be answered, its outcome is the error, and `Closed` follows with the same
    error: `Unanswered` if the server hung up before it sent anything, else `ConnectionLost`;
    `PeerTimeout`; `LimitExceeded`; `RemoteProtocolError`. `Closed` without an error follows an
    answer after which one of the sides does not want another call. `End` closes at once; the
    outcome of an open call is `ConnectionLost` then.

    Args:
        limits: How much, and how slowly, the server may send.

    Attributes:
        broken: Whether the connection has failed, so that the EOF which follows ends no answer in
            order (RFC 9112, 8). Drivers say so; without it, the front of an answer whose length
            nothing declares would be all of it.
    """

    def __init__(self, *, limits: Limits = Limits()) -> None:
        super().__init__()
        self.broken = False
        self._limits = limits
        self._channel: Channel[h11.Response | h11.InformationalResponse] = Channel(
            h11.CLIENT, limits
        )
        self._phase = _Phase.READY
        self._patience = {
            _Phase.READY: limits.idle_time,
            _Phase.ASKED: limits.response_time,  # it goes on through HEAD
            _Phase.WHOLE: limits.response_time,  # all of it: a byte now and then does not help
        }
        self._call: Call
        self._response: Response
        self._body = bytearray()

    @property
    def reusable(self) -> bool:
        """Whether a call may be sent now, and all that came of the one before was taken."""
        return self._phase is _Phase.READY and self._closed is None and not self.backlog

    @property
    def switched(self) -> bool:
        """Whether the wire is for another machine: 101 came, or CONNECT has opened a tunnel."""
        return self._phase is _Phase.SWITCHED

    @property
    def arrived(self) -> list[Chunk]:
        """What came behind the head that switched: bytes, and EOF if it came."""
        return self._channel.arrived

    # What the application sends.

    @override
    def _on_send(self, command: Call | End) -> None:
        match command:
            case Call(request=Request()):
                self._ask(command)
            case End():
                msg = "this side ended the connection before the answer was complete"
                self._report(ConnectionLost(msg))
                self._close()
            case _:
                msg = f"an HTTP client is told Call or End, not {command!r}"
                raise LocalProtocolError(msg)

    def _ask(self, call: Call) -> None:
        if self._phase is not _Phase.READY:
            msg = f"one call at a time; {self._call.token!r} is not answered yet"
            raise LocalProtocolError(msg)
        if self._failure is not None:
            msg = "the connection has failed"
            raise ClosedError(msg, reason=self._failure)
        head = request_head(call.request)
        body = h11.Data(call.request.body)
        self._call = call
        self._outputs.append(self._channel.write(head, body, h11.EndOfMessage()))
        self._enter(_Phase.ASKED)

    # What comes from the server.

    @override
    def _on_start(self) -> None:
        self._enter(_Phase.READY)

    @override
    def _on_receive(self, data: Chunk) -> None:
        self._channel.receive(data)

    @override
    def _parse(self) -> bool:
        match self._phase:
            case _Phase.READY:
                return self._parse_idle()
            case _Phase.ASKED:
                return self._parse_start()
            case _Phase.HEAD:
                return self._parse_head()
            case _Phase.WHOLE | _Phase.STREAMING:
                return self._parse_body()
            case _:
                return False

    def _parse_idle(self) -> bool:
        if self._channel.waiting:
            msg = "the server sent something that nobody had asked for"
            raise RemoteProtocolError(msg, code=400)
        if self._channel.ended:
            self._close()
        return False

    def _parse_start(self) -> bool:
        if self._channel.waiting:
            self._phase = _Phase.HEAD
            return True
        if self._channel.ended:
            self._fail(Unanswered("the server ended the connection without any answer"))
        return False

    def _parse_head(self) -> bool:
        if not b"HTTP/".startswith(bytes(self._channel.waiting[:5])):
            msg = "what does not begin with HTTP/ is no HTTP response"
            raise RemoteProtocolError(msg, code=400)
        head = self._channel.head(self._call.request.method)
        if head is None:
            return self._come_up_short()
        if self._channel.h11.their_state is h11.SWITCHED_PROTOCOL:
            self._enter(_Phase.SWITCHED)
            self._events.append(Result(self._call.token, response_from(head)))
        elif head.status_code >= 200:
            self._response = response_from(head)
            if self._call.stream:
                self._enter(_Phase.STREAMING)
                self._events.append(Result(self._call.token, self._response, more=True))
            else:
                self._enter(_Phase.WHOLE)
        return True

    def _parse_body(self) -> bool:
        chunk = self._channel.body(broken=self.broken)
        if chunk is None:
            return self._come_up_short()
        if self._phase is _Phase.STREAMING:
            self._events.append(Body(self._call.token, chunk))
        elif chunk is not EOF:
            self._collect(chunk)
        else:
            body, self._body = bytes(self._body), bytearray()
            self._events.append(Result(self._call.token, replace(self._response, body=body)))
        if chunk is EOF:
            self._finish()
        return True

    def _collect(self, chunk: bytes) -> None:
        self._body += chunk
        if len(self._body) > self._limits.body_size:
            msg = f"a body of more than {self._limits.body_size} bytes"
            raise LimitExceeded(msg, code=413, limit="body_size")

    def _come_up_short(self) -> bool:
        """The answer goes on, unless the connection has ended in the middle of it."""
        if self._channel.ended:
            msg = "the connection ended in the middle of an answer"
            self._fail(ConnectionLost(msg))
        return False

    def _finish(self) -> None:
        """Be ready for the next call, if both sides want one."""
        if self._channel.h11.our_state is h11.DONE:
            self._channel.restart()
            self._enter(_Phase.READY)
        else:
            self._close()

    # What the clock brings, and how it ends.

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        if self._phase is _Phase.READY:
            self._close()
        else:
            msg = f"the server sent nothing of use in {self._limits.response_time} seconds"
            self._fail(PeerTimeout(msg))

    @override
    def _on_failure(self, error: EventprotoError) -> None:
        self._report(error)
        self._close(error)

    def _report(self, error: EventprotoError) -> None:
        """Let the open call, if there is one, end with this error."""
        if self._phase is _Phase.STREAMING:
            self._events.append(Body(self._call.token, EOF, error))
        elif self._phase in _UNANSWERED:
            self._events.append(Result(self._call.token, error))

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        patience = self._patience.get(phase)
        if patience is None:
            self._timers.stop(_PATIENCE)
        else:
            self._timers.set(_PATIENCE, self._now + patience)
