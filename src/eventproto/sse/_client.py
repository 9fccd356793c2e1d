"""The client's side: an event stream over as many connections as it takes."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import replace
from enum import Enum, auto
from typing import Final

from typing_extensions import override

from eventproto._call import CallMachine
from eventproto._errors import (
    ConnectionLost,
    LimitExceeded,
    LocalProtocolError,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto._event import Event, Message
from eventproto._machine import EOF, Chunk, End
from eventproto._retry import Backoff, Entropy, Schedule
from eventproto.http import Headers, Response, Unsent
from eventproto.sse._attempt import Attempt, NotRepeated, first_request
from eventproto.sse._events import Disconnected, Opened, RetryChanged, ServerSentEvent
from eventproto.sse._limits import Limits
from eventproto.sse._parser import Decoder
from eventproto.sse._rejection import RejectionPolicy, retry_overloaded
from eventproto.sse._states import TRANSITIONS, State, Step
from eventproto.sse._writer import encode

__all__ = ["Client"]

_PIECE: Final = 4096  # so that no more events are made at a time than a few thousand
_SHORTEST: Final = 0.1
_CEILING: Final = 60.0


class _Timer(Enum):
    RECONNECT = auto()
    SILENCE = auto()
    REJECTION = auto()


class Client(CallMachine[End]):
    """The session of an EventSource: it calls, reads, and calls again when the stream breaks off.

    It reports `Opened`, the events of the stream, and `Disconnected` before each wait. A stream
    that ends or breaks off, and a server that falls silent, is overloaded or cannot be reached,
    lead to another attempt. Before that the client waits the reconnection time, or what
    `Retry-After` says if that is longer, and on top of it what `backoff` says.

    In the end it reports `Closed`, without an error when the server answered 204, or when the
    application sent `End`, after which nothing more is reported. The error is `HandshakeRejected`
    after any other answer than a stream, with what the server said, unless `on_rejection` has the
    client come back; `LimitExceeded`; or the last one when `backoff` gives up.

    A request that is not idempotent, such as a POST, is made again only if there was no
    connection to make it over. So the end of its stream is the end of the session; if no answer
    comes, or it breaks off, the error is `NotRepeated`.

    Redirects are followed as in the Fetch standard, and not remembered: the next connection starts
    at `url` again. What `headers` say is not told to another origin.

    Its carrier brings what has come before it brings the time, or a server would seem silent to
    which nobody has listened. It may drop a call that it has not finished when it makes the next
    one, when `Disconnected` is reported, and when the client has finished.

    Args:
        url: Where the stream is, http or https.
        method: How to ask for it.
        headers: To be sent with each request, such as `Authorization`; also instead of what the
            client says by itself, `Accept`, `Accept-Encoding` and `Cache-Control`.
        body: To be sent with each request: bytes; or the data of a message, and its content type.
        idempotent: Whether asking again does no more than asking once. Unless given, the method
            decides (RFC 9110, 9.2.2).
        last_event_id: Where to go on from. An id that fits no header field, because it has a
            control character, is not sent.
        retry: How long to wait before a reconnection until the server says otherwise, in
            milliseconds. 3000; the specification asks for "a few seconds".
        backoff: What is waited on top of that, by the number of attempts since a connection was
            last of use. By default up to as much again, and each time up to twice as much as
            before, one minute at most; all of it by chance, so that clients that lost one server
            do not come back as one.
        healthy_after: How long a connection must have been open to have been of use, in seconds,
            if it has not brought the last event ID any further. A server that takes every client
            and falls over must not be tried at the same pace for ever. Where servers without ids
            end streams in order after less, set it lower.
        read_timeout: How long nothing may come on an open stream before it counts as broken off,
            in seconds; None for ever. 60: servers send a comment every 15 seconds, as the
            specification advises. One that thinks in silence for longer needs more.
        on_rejection: What follows from an answer that is no stream.
        limits: The bounds of the stream.
        entropy: Where chance comes from.

    Raises:
        LocalProtocolError: The URL is of another kind, the last event ID is none that a server
            could have sent, or another argument says what cannot be.
    """

    def __init__(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Headers | Mapping[str, str] = Headers(),
        body: bytes | Message = b"",
        idempotent: bool | None = None,
        last_event_id: str = "",
        retry: int = 3000,
        backoff: Schedule | None = None,
        healthy_after: float = 60.0,
        read_timeout: float | None = 60.0,
        on_rejection: RejectionPolicy = retry_overloaded,
        limits: Limits = Limits(),
        entropy: Entropy = os.urandom,
    ) -> None:
        super().__init__()
        encode(ServerSentEvent("", id=last_event_id))
        encode(RetryChanged(retry))
        _check_seconds("healthy_after", healthy_after, least=0.0)
        if read_timeout is not None:
            _check_seconds("read_timeout", read_timeout, least=0.001)
        self._home = first_request(method, url, headers, body)
        self._idempotent = self._home.idempotent if idempotent is None else idempotent
        self._retry = retry
        self._backoff = backoff
        self._healthy_after = healthy_after
        self._read_timeout = read_timeout
        self._on_rejection = on_rejection
        self._limits = limits
        self._entropy = entropy
        self._state = State.CONNECTING
        self._decoder = Decoder(last_event_id, limits=limits)
        self._place = last_event_id  # where the current connection goes on from
        self._taken_id = last_event_id
        self._attempt = Attempt(self._home, limits)
        self._token: Hashable = None
        self._failures = 0

    @property
    def state(self) -> State:
        """Where the session stands: CONNECTING, OPEN or CLOSED."""
        return self._state

    @property
    def last_event_id(self) -> str:
        """Where to go on after the events that were taken, to be kept by whoever wants to."""
        return self._taken_id

    @override
    def next_event(self) -> Event | None:
        event = super().next_event()
        if isinstance(event, ServerSentEvent):
            self._taken_id = event.id or ""
        elif event is None and self._closed is None:  # also an id without an event counts then
            self._taken_id = self._decoder.last_event_id
        return event

    @override
    def _on_start(self) -> None:
        self._try(self._attempt)

    @override
    def _on_send(self, command: End) -> None:
        if not isinstance(command, End):
            msg = f"a client of an event stream takes End and nothing else, got {command!r}"
            raise LocalProtocolError(msg)
        # Not even events that are complete are dispatched after close().
        self._events.clear()
        self._outputs.clear()
        self._close()

    # What comes of a call.

    @override
    def _on_result(self, about: Attempt, outcome: Response | Exception) -> None:
        if isinstance(outcome, Exception):
            self._reestablish(outcome)
        elif (redirected := about.redirected(outcome)) is not None:
            self._try(redirected)
        elif outcome.status == 204:  # the way for a server to stop a client
            self._close()
        else:
            self._begin(about, outcome)

    def _begin(self, attempt: Attempt, response: Response) -> None:
        if attempt.begin(response, self._now):
            self._step(Step.ANNOUNCE)
            self._listen()
            self._events.append(Opened(attempt.request.url, response))
        else:
            self._timers.set(_Timer.REJECTION, self._now + self._limits.rejection_time)
        if self._token not in self._pending:  # the answer came whole
            self._on_body(attempt, response.body, None)
            self._on_body(attempt, EOF, None)

    @override
    def _on_body(self, about: Attempt, chunk: Chunk, error: Exception | None) -> None:
        if about.opened_at is None:
            if chunk is EOF or not about.collect(chunk):
                self._reject()
        elif chunk is EOF:
            self._end_stream(error)
        else:
            about.content.receive(chunk)
            self._listen()

    @override
    def _parse(self) -> bool:
        attempt = self._attempt
        if attempt.opened_at is None:
            return False
        try:
            piece = attempt.content.read(_PIECE)
        except LimitExceeded:
            raise
        except RemoteProtocolError as error:
            self._reestablish(error)
            return True
        if piece:
            self._events.extend(self._decoder.receive(piece))
            if self._decoder.error is not None:
                raise self._decoder.error
        elif attempt.ended_at is not None:
            self._reestablish(attempt.cut_off())
        else:
            return False
        return True

    # What the clock brings.

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        if timer is _Timer.SILENCE:
            # What has come is read first, as at any other end.
            self._end_stream(PeerTimeout(f"nothing came for {self._read_timeout} seconds"))
            self._advance()
        elif timer is _Timer.REJECTION:
            self._reject()
        else:
            self._try(self._attempt)

    def _listen(self) -> None:
        if self._read_timeout is not None:
            self._timers.set(_Timer.SILENCE, self._now + self._read_timeout)

    # The steps of a connection.

    def _try(self, attempt: Attempt) -> None:
        self._drop_call()
        headers = attempt.request.headers
        if self._decoder.last_event_id:
            with suppress(LocalProtocolError):  # it has a control character
                headers = headers.replace("Last-Event-ID", self._decoder.last_event_id)
        self._attempt = attempt
        self._token = self._call(replace(attempt.request, headers=headers), attempt, stream=True)

    def _drop_call(self) -> None:
        """What comes of the last call from now on is nobody's business."""
        self._pending.pop(self._token, None)
        self._timers.stop(_Timer.SILENCE)
        self._timers.stop(_Timer.REJECTION)

    def _end_stream(self, error: Exception | None) -> None:
        self._drop_call()
        self._attempt.end(error, self._now)

    def _reject(self) -> None:
        """The answer is no stream."""
        self._drop_call()
        error = self._attempt.rejection()
        least = None
        if self._idempotent:
            least = self._on_rejection(error.response, self._failures + 1, self._at)
        if least is None:
            self._fail(error)
        else:
            self._reestablish(error, least)

    def _reestablish(self, error: Exception | None, least: float = 0.0) -> None:
        """Wait and try again, if that may be; `least` is what the server asks for."""
        self._drop_call()
        attempt, self._attempt = self._attempt, Attempt(self._home, self._limits)
        sent = attempt.redirects > 0 or not isinstance(error, Unsent)
        if sent and not self._idempotent:
            self._close(None if error is None else self._not_repeated(error))
            return
        self._step(Step.REESTABLISH)
        self._failures = 1 if self._was_of_use(attempt) else self._failures + 1
        if self._decoder.retry is not None:
            self._retry = self._decoder.retry
        # Nothing of a stream survives its connection but these two.
        self._place = self._decoder.last_event_id
        self._decoder = Decoder(self._place, limits=self._limits)
        delay = self._delay(least)
        if delay is None:
            self._close(error or ConnectionLost(f"the stream of {self._home.url} has ended"))
        else:
            self._events.append(Disconnected(error, delay))
            self._timers.set(_Timer.RECONNECT, self._now + delay)

    def _was_of_use(self, attempt: Attempt) -> bool:
        if attempt.opened_at is None:
            return False
        ended_at = self._now if attempt.ended_at is None else attempt.ended_at
        healthy = ended_at - attempt.opened_at >= self._healthy_after
        return healthy or self._decoder.last_event_id != self._place

    def _delay(self, least: float) -> float | None:
        """How long to wait, in seconds; None if `backoff` gives up."""
        longest = self._limits.retry / 1000
        retry = min(self._retry / 1000, longest)
        backoff = self._backoff or Backoff(initial=max(retry, _SHORTEST), ceiling=_CEILING)
        further = backoff.delay(self._failures, self._entropy)
        return None if further is None else min(max(retry, least), longest) + further

    def _not_repeated(self, error: Exception) -> NotRepeated:
        asked = f"{self._home.method} {self._home.url}"
        msg = f"{asked} was not answered in full, nor asked again, as that may do it twice: {error}"
        failure = NotRepeated(msg)
        failure.__cause__ = error
        return failure

    @override
    def _close(self, error: Exception | None = None) -> None:
        self._step(Step.CLOSE if error is None else Step.FAIL)
        self._drop_call()
        super()._close(error)

    def _step(self, step: Step) -> None:
        self._state = TRANSITIONS[self._state, step]


def _check_seconds(name: str, seconds: float, *, least: float) -> None:
    if not seconds >= least:
        msg = f"{name} must be at least {least} seconds, got {seconds!r}"
        raise LocalProtocolError(msg)
