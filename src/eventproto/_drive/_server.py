"""Serving a site: routed calls are answered, sessions get their handlers."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

from eventproto import CallMachine, ClosedError, End
from eventproto._drive._feed import Feeds, Follower
from eventproto._drive._role import Flag, Role
from eventproto._drive._stream import StreamSession
from eventproto._drive._websocket import WebSocketSession
from eventproto.engine import EngineError
from eventproto.http import Request, Response, Result
from eventproto.site import EventStream, Failed, Followed, LogSocket, Opened, Routed, Site
from eventproto.websocket import Binary, Close, CloseCode, Fragment, Text

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
                    match event:
                        case Routed(role, call):
                            running = self._roles.get(role)  # None if it was added while serving
                            answer = await running.answer(call.request) if running else _NOT_RUNNING
                            await connection.send(Result(call.token, answer))
                        case Opened():
                            await self._run_handler(event, connection)
                        case Followed():
                            await self._feed(event, connection)
                        case Failed():
                            path, error = event.request.path, event.error
                            _LOG.error("deciding on a request for %s failed", path, exc_info=error)
                        case _:
                            pass  # what a peer says that nobody listens to any more
            await connection.wait_gone()
        except Exception:  # noqa: BLE001  # one peer's trouble is not the server's
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
        endpoint, request = opened.endpoint, opened.request
        if isinstance(endpoint, EventStream):
            connection.settle()  # or the head would be in the way, and what is sent wait for it
            connection.bound_silence(endpoint.limits.stall_time)
            handling = self._until_gone(connection, endpoint.handler(connection, request))
            if await self._guarded(request, connection, handling):
                await connection.send(End())
        else:
            socket = WebSocketSession(connection)
            await self._talk(request, connection, endpoint.handler(socket, request))

    async def _feed(self, followed: Followed, connection: StreamSession[Any]) -> None:
        follower = self._feeds.join(followed, connection)
        try:
            if isinstance(followed.endpoint, LogSocket):
                await self._feed_socket(followed, followed.endpoint, connection, follower)
            else:
                connection.settle()  # as above
                connection.bound_silence(followed.endpoint.limits.stall_time)
                await self._feed_stream(followed, connection, follower)
        finally:
            self._feeds.leave(follower)

    async def _feed_stream(
        self, followed: Followed, connection: StreamSession[Any], follower: Follower
    ) -> None:
        if not follower.attach():
            handling = self._until_gone(connection, follower.catch_up())
            await self._guarded(followed.request, connection, handling)
        # Nothing comes while it streams but the last event, and that not without a reason.
        await self.take_turns()  # until the head has left, it is backlog, too
        await connection.wait_heard()
        await connection.next_event()

    async def _feed_socket(
        self,
        followed: Followed,
        endpoint: LogSocket,
        connection: StreamSession[Any],
        follower: Follower,
    ) -> None:
        attached = follower.attach()
        handler = endpoint.handler or _listen_to_nobody
        handling = handler(WebSocketSession(connection), followed.request)
        if not attached:
            handling = self._beside(handling, _caught_up(follower))
        await self._talk(followed.request, connection, handling)

    async def _talk(
        self, request: Request, connection: StreamSession[Any], handling: Awaitable[None]
    ) -> None:
        """Run what talks over a WebSocket, and close that as it ends."""
        code = CloseCode.NORMAL_CLOSURE
        try:
            await handling
        except EngineError as error:
            code = CloseCode.TRY_AGAIN_LATER
            _LOG.warning("%s breaks off: %s", request.path, error)
        except ClosedError:
            connection.post(Close(CloseCode.INTERNAL_ERROR))  # raises if it is this one that closed
            _LOG.exception("the handler of %s failed", request.path)
            return
        except Exception as error:  # noqa: BLE001  # one peer's trouble is not the server's
            code = CloseCode.INTERNAL_ERROR
            # Iterating raises the error of `Closed`: that is the peer's fault, not the handler's.
            if connection.closed is None or error is not connection.closed.error:
                _LOG.exception("the handler of %s failed", request.path)
        await connection.send(Close(code))

    async def _guarded(
        self, request: Request, connection: StreamSession[Any], handling: Awaitable[None]
    ) -> bool:
        """Break a stream off if what fills it fails; say whether it did not."""
        try:
            await handling
        except ClosedError:
            raise
        except EngineError as error:
            _LOG.warning("%s breaks off: %s", request.path, error)
        except Exception:  # noqa: BLE001  # one peer's trouble is not the server's
            _LOG.exception("the handler of %s failed", request.path)
        else:
            return True
        await self.take_turns()  # so that what there is, at least the head, can leave
        connection.abort()
        return False

    @abstractmethod
    async def _until_gone(
        self, connection: StreamSession[Any], handling: Coroutine[Any, Any, None]
    ) -> None:
        """Run the handler of a stream, and cancel it when the peer has gone.

        The only event that comes while a stream is open is its `Closed`.
        """

    @abstractmethod
    async def _beside(
        self, handling: Coroutine[Any, Any, None], aside: Coroutine[Any, Any, None]
    ) -> None:
        """Run a handler, and something beside it that ends with it, if not by itself."""

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


async def _listen_to_nobody(socket: WebSocketSession, _: Request) -> None:
    """Take what comes, so that the peer can ping and close; anything else is too much."""
    async for event in socket.events():
        if isinstance(event, Text | Binary | Fragment):
            with suppress(ClosedError):
                socket.post(Close(CloseCode.UNSUPPORTED_DATA, "this endpoint only sends"))


async def _caught_up(follower: Follower) -> None:
    with suppress(ClosedError):  # whoever talks with the peer sees that, too
        await follower.catch_up()
