"""Serving a site: routed calls are answered, sessions get their handlers."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from ssl import SSLContext
from typing import Any, Final, TypeVar

from eventproto import CallMachine, ClosedError, End, LocalProtocolError
from eventproto._drive._feed import Feeds, Follower
from eventproto._drive._listen import Acceptor, Listening, open_listeners
from eventproto._drive._pool import Pool
from eventproto._drive._primitives import Flag, Operation, Primitives, Tasks
from eventproto._drive._role import Role, run
from eventproto._drive._stream import StreamSession
from eventproto._drive._websocket import WebSocketSession
from eventproto.engine import EngineError
from eventproto.http import Request, Response, Result
from eventproto.site import (
    EventStream,
    Failed,
    Followed,
    LogSocket,
    Opened,
    Routed,
    Site,
    SiteConnection,
)
from eventproto.websocket import Binary, Close, CloseCode, Fragment, Text

__all__ = ["Server", "serve"]

CommandT = TypeVar("CommandT")

_NOT_RUNNING: Final = Response.of_text(503, "not running")
_GOODBYE: Final = End(going_away=True)
_LOG: Final = logging.getLogger("eventproto")


class Server:
    """A running server.

    Attributes:
        site: What it serves.
        port: The port that it listens on.
    """

    def __init__(self, site: Site, port: int, roles: Mapping[CallMachine[Any], Role[Any]]) -> None:
        self.site = site
        self.port = port
        self._roles = roles

    def session(self, role: CallMachine[CommandT]) -> Role[CommandT]:
        """The session of one of the site's roles: send it commands, take its events."""
        return self._roles[role]


class RunningServer(Server):
    """What a `Server` does."""

    def __init__(
        self,
        site: Site,
        port: int,
        roles: Mapping[CallMachine[Any], Role[Any]],
        *,
        tasks: Tasks,
        runtime: Primitives,
    ) -> None:
        super().__init__(site, port, roles)
        self._tasks = tasks
        self._runtime = runtime
        self._connections: set[StreamSession[Any]] = set()
        self._leaving = False
        self._left = runtime.new_flag()  # set when a connection has
        self._feeds = Feeds(self)

    async def attend(self, connection: StreamSession[Any]) -> None:
        """Serve a connection until it is gone."""
        self._connections.add(connection)
        try:
            if self._leaving:
                connection.post(_GOODBYE)
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
                            _LOG.error("answering a request for %s failed", path, exc_info=error)
                        case _:
                            pass  # what a peer says that nobody listens to any more
            await connection.wait_gone()
        except Exception:  # noqa: BLE001  # one peer's trouble is not the server's
            _LOG.exception("serving a connection failed")
        finally:
            connection.abort()
            self._connections.discard(connection)
            self._left.set()

    async def drain(self, grace: float) -> None:
        """Ask all peers to go, and give them `grace` seconds for it."""
        self._leaving = True
        for role in self._roles.values():  # they answer who waits for them
            with suppress(ClosedError):
                await role.send(End())
        for connection in self._connections:
            with suppress(ClosedError):
                connection.post(_GOODBYE)
        await self._runtime.before(self._runtime.now() + grace, self._all_have_left)

    async def _all_have_left(self) -> None:
        while self._connections:
            self._left = self._runtime.new_flag()
            await self._left.wait()

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

    async def _until_gone(
        self, connection: StreamSession[Any], handling: Coroutine[Any, Any, None]
    ) -> None:
        """Run what fills a stream, and cancel it when the peer has gone.

        The only event that comes while a stream is open is its `Closed`.
        """
        await self._runtime.first_of(handling, connection.next_event())

    async def _beside(
        self, handling: Coroutine[Any, Any, None], aside: Coroutine[Any, Any, None]
    ) -> None:
        """Run a handler, and something beside it that ends with it, if not by itself."""
        async with self._runtime.open_tasks() as tasks:
            tasks.start(lambda: aside)
            await handling

    # What `Feeds` need.

    def new_flag(self) -> Flag:
        """See `FeedRuntime`."""
        return self._runtime.new_flag()

    async def wait_for(self, flag: Flag, seconds: float) -> None:
        """See `FeedRuntime`."""
        await self._runtime.before(self._runtime.now() + seconds, flag.wait)

    async def take_turns(self) -> None:
        """See `FeedRuntime`."""
        await self._runtime.sleep(0)

    def spawn(self, task: Operation) -> None:
        """See `FeedRuntime`."""
        self._tasks.start(task)


@asynccontextmanager
async def serve(
    runtime: Listening,
    site: Site,
    pools: Callable[[], Pool],
    *,
    host: str,
    port: int,
    tls: SSLContext | None,
    grace: float,
    max_connections: int,
) -> AsyncGenerator[Server]:
    """Run a server for the time of the block."""
    if max_connections < 1:
        msg = f"max_connections must be at least 1, got {max_connections}"
        raise LocalProtocolError(msg)
    listeners = await open_listeners(runtime, host, port)
    async with AsyncExitStack() as stack:
        for listener in listeners:
            stack.callback(listener.close)
        roles = {
            role: await stack.enter_async_context(run(runtime, role, pools()))
            for role in site.roles
        }
        tasks = await stack.enter_async_context(runtime.open_tasks())
        server = RunningServer(site, listeners[0].port, roles, tasks=tasks, runtime=runtime)

        def attend(socket: Any) -> Coroutine[Any, Any, None]:  # noqa: ANN401  # of the runtime
            clock_offset = runtime.unix_time() - runtime.now()
            machine = SiteConnection(site, secure=tls is not None, clock_offset=clock_offset)
            time = site.limits.request_time
            return runtime.drive(machine, socket, server.attend, tls=tls, handshake_time=time)

        acceptor = Acceptor(runtime, tasks, max_connections, attend)
        stack.callback(acceptor.close)
        async with runtime.open_tasks() as accepting:
            for listener in listeners:
                accepting.start(partial(acceptor.accept_from, listener))
            yield server
        for listener in listeners:
            listener.close()
        await server.drain(grace)


async def _listen_to_nobody(socket: WebSocketSession, _: Request) -> None:
    """Take what comes, so that the peer can ping and close; anything else is too much."""
    async for event in socket.events():
        if isinstance(event, Text | Binary | Fragment):
            with suppress(ClosedError):
                socket.post(Close(CloseCode.UNSUPPORTED_DATA, "this endpoint only sends"))


async def _caught_up(follower: Follower) -> None:
    with suppress(ClosedError):  # whoever talks with the peer sees that, too
        await follower.catch_up()
