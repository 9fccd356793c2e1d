"""Serving a site: routed calls are answered, sessions get their handlers."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

from eventproto import CallMachine, ClosedError, End
from eventproto._drive._feed import Feeds
from eventproto._drive._role import Flag, Role
from eventproto._drive._stream import StreamSession
from eventproto._drive._websocket import WebSocketSession
from eventproto.engine import EngineError
from eventproto.http import Request, Response, Result
from eventproto.site import EventStream, Followed, Opened, Routed, Site

__all__ = ["Server"]

CommandT = TypeVar("CommandT")

_NOT_RUNNING: Final = Response.of_text(503, "not running")
_LOG: Final = logging.getLogger("eventproto")


class Server(ABC):
    """A running server.

    Attributes:
        site: What it serves.
        port: The port that it listens on.
    """

    def __init__(self, site: Site, roles: Mapping[CallMachine[Any], Role[Any]]) -> None:
        self.site = site
        self.port = 0
        self._roles = roles
        self._connections: set[StreamSession[Any]] = set()
        self._feeds = Feeds(self)

    def session(self, role: CallMachine[CommandT]) -> Role[CommandT]:
        """The session of one of the site's roles: send it commands, take its events."""
        return self._roles[role]

    async def _attend(self, connection: StreamSession[Any]) -> None:
        """Serve a connection until it is gone."""
        self._connections.add(connection)
        try:
            async for event in connection.events():
                with suppress(ClosedError):  # the peer left meanwhile; the next event says so
                    if isinstance(event, Routed):
                        role = self._roles.get(event.role)  # None if it was added while serving
                        response = await role.answer(event.call.request) if role else _NOT_RUNNING
                        await connection.send(Result(event.call.token, response))
                    elif isinstance(event, Opened):
                        if isinstance(event.endpoint, EventStream):
                            connection.bound_silence(event.endpoint.limits.stall_time)
                        await self._run_handler(event, connection)
                    elif isinstance(event, Followed):
                        connection.bound_silence(event.endpoint.limits.stall_time)
                        await self._follow(event, connection)
            await connection.wait_gone()
        except Exception:  # noqa: BLE001  # an application's `admit`: its trouble with one request
            _LOG.exception("serving a connection failed")
        finally:
            connection.abort()
            self._connections.discard(connection)

    async def _say_goodbye(self) -> None:
        """Ask everybody to go: roles answer who waits for them, sessions end in their order."""
        for role in self._roles.values():
            with suppress(ClosedError):
                await role.send(End())
        for connection in self._connections:
            with suppress(ClosedError):
                connection.post(End(going_away=True))

    async def _run_handler(self, opened: Opened, connection: StreamSession[Any]) -> None:
        handler = opened.endpoint.handler
        if isinstance(opened.endpoint, EventStream):
            handling = self._until_gone(connection, handler(connection, opened.request))
        else:
            handling = handler(WebSocketSession(connection), opened.request)
        if await self._guarded(opened.request, connection, handling):
            await connection.send(End())

    async def _follow(self, followed: Followed, connection: StreamSession[Any]) -> None:
        follower = self._feeds.join(followed, connection)
        try:
            if not follower.attach():
                handling = self._until_gone(connection, follower.catch_up())
                await self._guarded(followed.request, connection, handling)
            # Nothing comes while it streams but the last event, and that not without a reason.
            await self.take_turns()  # until the head has left, it is backlog, too
            await connection.wait_heard()
            await connection.next_event()
        finally:
            self._feeds.leave(follower)

    async def _guarded(
        self, request: Request, connection: StreamSession[Any], handling: Awaitable[None]
    ) -> bool:
        """Keep what goes wrong with one peer from the others; say whether nothing did."""
        try:
            await handling
        except ClosedError:
            raise
        except EngineError as error:
            _LOG.warning("%s breaks off: %s", request.path, error)
            connection.abort()
            return False
        except Exception as error:  # noqa: BLE001  # one peer's trouble is not the server's
            # Iterating raises the error of `Closed`: that is the peer's fault, not the handler's.
            if connection.closed is None or error is not connection.closed.error:
                _LOG.exception("the handler of %s failed", request.path)
            connection.abort()
            return False
        return True

    @abstractmethod
    async def _until_gone(
        self, connection: StreamSession[Any], handling: Coroutine[Any, Any, None]
    ) -> None:
        """Run the handler of a stream, and cancel it when the peer has gone.

        The only event that comes while a stream is open is its `Closed`.
        """

    @abstractmethod
    def new_flag(self) -> Flag:
        """See `FeedRuntime`."""

    @abstractmethod
    async def wait_for(self, flag: Flag, seconds: float) -> None:
        """See `FeedRuntime`."""

    @abstractmethod
    async def take_turns(self) -> None:
        """See `FeedRuntime`."""

    @abstractmethod
    def spawn(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """See `FeedRuntime`."""
