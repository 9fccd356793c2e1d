"""Opening a WebSocket: once, or again whenever it was lost."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from typing_extensions import override

from eventproto import ConnectionLost, HandshakeRejected, LocalProtocolError, Message
from eventproto._drive._following import Following, Place
from eventproto._drive._runtime import Contexts, Runtime
from eventproto._drive._stream import StreamSession
from eventproto._drive._websocket import WebSocketSession
from eventproto.http import Headers, Response
from eventproto.websocket import Attempt, Opened, Reconnection, RetryPolicy
from eventproto.websocket._reconnection import Waiting

__all__ = ["Authenticate", "Connections", "RequestHeaders", "WebSocketConnector"]

Authenticate: TypeAlias = Callable[[Response], Headers | Awaitable[Headers | None] | None]
"""Is shown a refusal with status 401, and gives the headers to ask again with, or None.

It may be an async function, which may fetch a token.
"""

RequestHeaders: TypeAlias = Headers | Callable[[], Headers | Awaitable[Headers]]
"""Headers, or a function that says them before each connection; it may be async.

For what does not stay the same: a token that expires, a place to come back to.
"""

Connect: TypeAlias = Callable[
    [Attempt, Place | None], AbstractAsyncContextManager[StreamSession[Any]]
]
"""Makes an attempt, for who follows a log from this place on, or for who does not."""

_LOG: Final = logging.getLogger("eventproto")


class WebSocketConnector:
    """What `connect_websocket` returns: a WebSocket, or as many as it takes to stay connected.

    For the time of an `async with` block it is one open WebSocket. `reconnecting()` gives one
    after the other, `following()` what a server replays from a log over all of them.
    """

    def __init__(
        self,
        runtime: Runtime,
        connect: Connect,
        url: str,
        headers: RequestHeaders,
        *,
        redirects: int,
        authenticate: Authenticate | None,
    ) -> None:
        self._runtime = runtime
        self._connect = connect
        self._url = url
        self._headers = headers
        self._redirects = redirects
        self._authenticate = authenticate
        self._entered: AbstractAsyncContextManager[StreamSession[Any]] | None = None

    async def __aenter__(self) -> WebSocketSession:
        if self._entered is not None:
            msg = "this block has been entered already; connect_websocket() makes another one"
            raise LocalProtocolError(msg)
        entered = self._entered = self._opened()
        try:
            return WebSocketSession(await entered.__aenter__())
        except BaseException:
            self._entered = None
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        entered, self._entered = self._entered, None
        return None if entered is None else await entered.__aexit__(kind, error, traceback)

    @asynccontextmanager
    async def reconnecting(
        self, reconnection: Reconnection = Reconnection()
    ) -> AsyncGenerator[Connections]:
        """Stay connected for the time of the block: iterate for one WebSocket after the other.

        ::

            async with connect_websocket(url).reconnecting() as connections:
                async for websocket in connections:
                    async for message in websocket:
                        ...

        Asking for the next one ends the one before it in order, waits, and connects, as often as
        it takes. The block ends the last one, also if the loop was left early.

        Args:
            reconnection: How long to wait, and after which errors.
        """
        async with self._runtime.contexts() as contexts:
            yield Connections(self._runtime, self._opened, contexts, reconnection)

    @asynccontextmanager
    async def following(
        self, last_event_id: str = "", reconnection: Reconnection = Reconnection()
    ) -> AsyncGenerator[Following]:
        """Follow a `site.LogSocket` for the time of the block, over any number of connections.

        ::

            async with connect_websocket(url).following() as messages:
                async for message in messages:
                    ...

        Each connection goes on where the one before it was, so that nothing is lost or repeated.
        The first one is there when the block begins.

        Args:
            last_event_id: Where to begin: `Following.last_event_id` of another day.
            reconnection: How long to wait, and after which errors.

        Raises:
            LocalProtocolError: No header can bring this id to the server.
            OSError, EventprotoError: Why there is no connection, if that is not worth another
                attempt.
        """
        place = Place(last_event_id)
        async with self._runtime.contexts() as contexts:
            opened = partial(self._opened, place)
            connections = Connections(self._runtime, opened, contexts, reconnection)
            yield Following(await anext(connections), connections, place)

    @asynccontextmanager
    async def _opened(self, place: Place | None = None) -> AsyncGenerator[StreamSession[Any]]:
        """One connection, wherever the server sends the client for it."""
        headers = self._headers() if callable(self._headers) else self._headers
        if inspect.isawaitable(headers):
            headers = await headers
        attempt = Attempt(self._url, headers)
        while True:
            async with self._connect(attempt, place) as connection:
                event = await connection.next_event()
                if isinstance(event, Opened):
                    connection.source = attempt.url
                    yield connection
                    return
            attempt = await self._next(attempt, _error_of(connection))

    async def _next(self, attempt: Attempt, error: Exception) -> Attempt:
        """What to try after a refusal; raises the error if there is nothing."""
        if not isinstance(error, HandshakeRejected):
            raise error
        redirected = attempt.redirected(error.response, limit=self._redirects)
        if redirected is not None:
            return redirected
        if self._authenticate is not None and attempt.may_authenticate(error.response):
            headers = self._authenticate(error.response)
            if inspect.isawaitable(headers):
                headers = await headers
            if headers is not None:
                return attempt.with_credentials(headers)
        raise error


class Connections(AsyncIterator[WebSocketSession]):
    """The connections of a client that comes back; see `WebSocketConnector.reconnecting`.

    A loop over the messages of such a connection ends when the connection is lost in a way that
    is worth another attempt; any other error is raised by it. What is sent to a connection that
    has closed raises `ClosedError` as ever.
    """

    def __init__(
        self,
        runtime: Runtime,
        opened: Callable[[], AbstractAsyncContextManager[StreamSession[Any]]],
        contexts: Contexts,
        reconnection: Reconnection,
    ) -> None:
        self._runtime = runtime
        self._opened = opened
        self._contexts = contexts
        self._reconnection = reconnection
        self._waiting = Waiting(reconnection)
        self._last: StreamSession[Any] | None = None

    @override
    async def __anext__(self) -> WebSocketSession:
        """Connect once more, after the wait that is due.

        Raises:
            OSError, EventprotoError: Why there is no connection, if that is not worth another
                attempt, or `backoff` gives up.
        """
        if self._last is not None:
            await self._end_last(self._last)
        while True:
            try:
                self._last = await self._contexts.enter(self._opened())
            except Exception as error:
                delay = self._waiting.failed(error, self._runtime.unix_time())
                if delay is None:
                    raise
                _LOG.info("no WebSocket: %s; trying again in %.1f seconds", error, delay)
                await self._runtime.sleep(delay)
            else:
                self._waiting.opened(self._runtime.now())
                return _Recovering(self._last, self._reconnection.worth_another)

    async def _end_last(self, last: StreamSession[Any]) -> None:
        self._last = None
        await self._contexts.leave()
        delay = self._waiting.ended(self._runtime.now())
        if delay is None:
            raise _error_of(last)
        await self._runtime.sleep(delay)


def _error_of(connection: StreamSession[Any]) -> Exception:
    """Why a connection has ended."""
    error = None if connection.closed is None else connection.closed.error
    return error or ConnectionLost("the connection was closed")


class _Recovering(WebSocketSession):
    """A connection after whose loss there will be another one."""

    def __init__(self, session: StreamSession[Any], worth_another: RetryPolicy) -> None:
        super().__init__(session)
        self._worth_another = worth_another

    @override
    def __aiter__(self) -> Self:
        return self

    @override
    async def __anext__(self) -> Message:
        try:
            return await super().__anext__()
        except Exception as error:
            ended = self.closed is not None and self.closed.error is error
            if ended and self._worth_another(error):
                raise StopAsyncIteration from error
            raise
