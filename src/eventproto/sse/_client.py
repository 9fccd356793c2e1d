"""The client's side: an event stream over as many connections as it takes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from typing import Final
from urllib.parse import urljoin

from typing_extensions import override

from eventproto._call import CallMachine
from eventproto._errors import (
    ConnectionLost,
    LimitExceeded,
    LocalProtocolError,
)
from eventproto._machine import EOF, Chunk, End
from eventproto._retry import Backoff, Entropy, Schedule
from eventproto._value import value
from eventproto.http import Call, HandshakeRejected, Headers, MediaType, Request, Response
from eventproto.sse._events import Disconnected, Opened, RetryChanged, ServerSentEvent
from eventproto.sse._limits import Limits
from eventproto.sse._parser import Decoder
from eventproto.sse._states import TRANSITIONS, State, Step
from eventproto.sse._writer import encode

__all__ = ["Client"]


class Client(CallMachine[End]):
    """The session of an EventSource: it calls, reads, and calls again when the stream breaks off.

    It reports `Opened`, the events of the stream, `Disconnected` before each wait, and at the
    end `Closed`: without an error when the server answered 204 or the application sent `End`,
    after which nothing more is reported; with `HandshakeRejected` for any other answer than a
    stream, with `LimitExceeded`, or with the last error when `backoff` gives up. Errors of the
    network and streams that end lead to a new connection.

    A redirect is followed and not remembered: the next connection starts at `url` again. What
    `headers` say is not told to another origin.

    Its carrier may drop a call that it has not finished as soon as there is another one, or none
    is wanted because the client has finished.

    Args:
        url: Where the stream is, http or https.
        headers: To be sent with each request, such as `Authorization`.
        last_event_id: Where to go on from. An id that fits no header field, because it has a
            control character, is not sent.
        retry: How long to wait before a reconnection until the server says otherwise, in
            milliseconds. 3000; the specification asks for "a few seconds".
        backoff: What is waited on top of that, by the number of attempts since a connection was
            open. By default up to one second at first, and up to one minute in the end; all of
            it by chance, so that clients that lost one server do not come back as one.
        limits: The bounds of the stream.
        entropy: Where chance comes from.

    Raises:
        LocalProtocolError: The URL is of another kind, the last event ID is none that a server
            could have sent, or `retry` is not one.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Headers = Headers(),
        last_event_id: str = "",
        retry: int = 3000,
        backoff: Schedule = Backoff(),
        limits: Limits = Limits(),
        entropy: Entropy = os.urandom,
    ) -> None:
        super().__init__()
        encode(ServerSentEvent("", id=last_event_id))
        encode(RetryChanged(retry))
        for name, text in _HEADERS:
            headers = headers.replace(name, text)
        self._home = _get(url, headers.without("Last-Event-ID"))
        self._retry = retry
        self._backoff = backoff
        self._limits = limits
        self._entropy = entropy
        self._state = State.CONNECTING
        self._decoder = Decoder(last_event_id, limits=limits)
        self._attempt: _Attempt | None = None
        self._token: Hashable = None
        self._failures = 0
        self._arrived: deque[Chunk] = deque()
        self._error: Exception | None = None

    @property
    def state(self) -> State:
        """Where the session stands: CONNECTING, OPEN or CLOSED."""
        return self._state

    @override
    def _on_start(self) -> None:
        self._fetch(self._home.url)

    @override
    def _on_send(self, command: End) -> None:
        if not isinstance(command, End):
            msg = f"a client of an event stream takes End and nothing else, got {command!r}"
            raise LocalProtocolError(msg)
        # Not even events that are complete are dispatched after close().
        self._events.clear()
        self._outputs.clear()
        self._close()

    @override
    def _on_call(self, call: Call) -> None:
        raise AssertionError(call)  # nobody calls a client

    @override
    def _on_result(self, about: _Attempt, outcome: Response | Exception) -> None:
        if isinstance(outcome, Exception):
            self._reestablish(outcome)
        elif outcome.status in _REDIRECTS and "Location" in outcome.headers:
            self._follow(about, outcome)
        elif outcome.status == 204:  # the way for a server to stop a client
            self._close()
        else:
            self._announce(about, outcome)

    @override
    def _on_body(self, about: _Attempt, chunk: Chunk, error: Exception | None) -> None:
        if about is not self._attempt:
            return  # what a redirect had to say
        if chunk is EOF:
            self._arrived.append(EOF)
            self._error = error
        else:
            # Pieces, so that no more events are made of a chunk at a time than a few thousand.
            self._arrived.extend(chunk[at : at + _PIECE] for at in range(0, len(chunk), _PIECE))

    @override
    def _parse(self) -> bool:
        if not self._arrived:
            return False
        chunk = self._arrived.popleft()
        if chunk is EOF:
            self._reestablish(self._error)
        else:
            self._events.extend(self._decoder.receive(chunk))
            if self._decoder.error is not None:
                raise self._decoder.error
        return True

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        self._fetch(self._home.url)

    @override
    def _close(self, error: Exception | None = None) -> None:
        self._step(Step.CLOSE if error is None else Step.FAIL)
        self._arrived.clear()
        super()._close(error)

    def _step(self, step: Step) -> None:
        self._state = TRANSITIONS[self._state, step]

    def _fetch(self, url: str, redirects: int = 0) -> None:
        request = _get(url, _HEADERS)
        headers = self._home.headers if _origin(request) == _origin(self._home) else _HEADERS
        if self._decoder.last_event_id:
            with suppress(LocalProtocolError):  # it has a control character
                headers = headers.replace("Last-Event-ID", self._decoder.last_event_id)
        self._attempt = _Attempt(url, redirects)
        self._token = self._call(_get(url, headers), self._attempt, stream=True)

    def _follow(self, attempt: _Attempt, response: Response) -> None:
        limit = self._limits.redirects
        if attempt.redirects == limit:
            msg = f"more than {limit} redirects from {self._home.url}, the last one {attempt.url}"
            raise LimitExceeded(msg, code=response.status, limit="redirects")
        location = response.headers["Location"]
        try:
            self._fetch(urljoin(attempt.url, location), attempt.redirects + 1)
        except (ValueError, LocalProtocolError) as error:
            msg = f"{attempt.url} redirects to {location!r}: {error}"
            raise HandshakeRejected(msg, response=response) from error

    def _announce(self, attempt: _Attempt, response: Response) -> None:
        content_type = response.headers.get("Content-Type")
        media_type = MediaType.parse(content_type)
        if response.status != 200 or not media_type or media_type.essence != "text/event-stream":
            msg = (
                f"expected 200 and text/event-stream from {attempt.url}, "
                f"got {response.status} and {content_type}"
            )
            raise HandshakeRejected(msg, response=response)
        self._step(Step.ANNOUNCE)
        self._failures = 0
        self._events.append(Opened(attempt.url, response))
        if self._token not in self._pending:  # the answer came whole
            self._on_body(attempt, response.body, None)
            self._on_body(attempt, EOF, None)

    def _reestablish(self, error: Exception | None) -> None:
        self._step(Step.REESTABLISH)
        self._failures += 1
        if self._decoder.retry is not None:
            self._retry = self._decoder.retry
        # Nothing of a stream survives its connection but these two.
        self._decoder = Decoder(self._decoder.last_event_id, limits=self._limits)
        further = self._backoff.delay(self._failures, self._entropy)
        if further is None:
            self._close(error or ConnectionLost(f"the stream of {self._home.url} has ended"))
        else:
            delay = min(self._retry, self._limits.retry) / 1000 + further
            self._events.append(Disconnected(error, delay))
            self._timers.set(_RECONNECT, self._now + delay)


@value()
class _Attempt:
    url: str
    redirects: int


_RECONNECT: Final = "reconnect"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PIECE: Final = 4096
_HEADERS: Final = Headers({"Accept": "text/event-stream", "Cache-Control": "no-cache"})


def _get(url: str, headers: Headers) -> Request:
    request = Request("GET", url, headers)
    if request.scheme not in {"http", "https"}:
        msg = f"an event stream is found at http or https, got {url!r}"
        raise LocalProtocolError(msg)
    return request


def _origin(request: Request) -> tuple[str, str, int]:
    return request.scheme, request.host, request.port
