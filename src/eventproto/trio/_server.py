"""A server on trio: accepts connections and attends to each in a task of its own."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import trio
from typing_extensions import override

from eventproto import CallMachine, ClosedError, End
from eventproto._address import PUBLIC_ONLY, AddressPolicy
from eventproto._drive._attend import Attendant
from eventproto.http import Request, Response
from eventproto.site import Site, SiteConnection
from eventproto.trio._calls import RunningRole, run
from eventproto.trio._stream import AnyStream, StreamConnection, running, unwrapped

__all__ = ["Server", "serve"]

CommandT = TypeVar("CommandT")


class Server(Attendant[StreamConnection[Any]]):
    """A running server.

    Attributes:
        port: The port that it listens on.
    """

    def __init__(self, site: Site, roles: dict[CallMachine[Any], RunningRole[Any]]) -> None:
        self.port = 0
        self._site = site
        self._roles = roles
        self._attending: set[StreamConnection[Any]] = set()
        self._idle = trio.Event()

    def session(self, role: CallMachine[CommandT]) -> RunningRole[CommandT]:
        """The session of one of the site's roles: send it commands, take its events."""
        return self._roles[role]

    @override
    async def _answer(self, role: CallMachine[Any], request: Request) -> Response:
        return await self._roles[role].answer(request)

    @override
    async def _until_gone(
        self, connection: StreamConnection[Any], handling: Coroutine[Any, Any, None]
    ) -> None:
        async def cancel_when_gone() -> None:
            await connection.wait_gone()
            nursery.cancel_scope.cancel()

        with unwrapped():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(cancel_when_gone)
                await handling
                nursery.cancel_scope.cancel()

    async def accept(self, stream: AnyStream) -> None:
        """Serve a new connection until it is gone."""
        secure = isinstance(stream, trio.SSLStream)
        connection = StreamConnection(SiteConnection(self._site, secure=secure), stream)
        self._attending.add(connection)
        try:
            async with running(connection):
                await self._attend(connection)
        finally:
            self._attending.discard(connection)
            if not self._attending:
                self._idle.set()

    async def drain(self, grace: float) -> None:
        """Ask all peers to go, and give them `grace` seconds for it."""
        self._idle = trio.Event()
        for connection in self._attending:
            with suppress(ClosedError):
                connection.machine.send(End(going_away=True), trio.current_time())
                connection.step()
        if self._attending:
            with trio.move_on_after(grace):
                await self._idle.wait()


@asynccontextmanager
async def serve(
    site: Site,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    policy: AddressPolicy = PUBLIC_ONLY,
    grace: float = 5.0,
) -> AsyncIterator[Server]:
    """Serve a site for the time of the block, then let the peers go in order.

    Args:
        site: What is found where.
        host: The address to listen on.
        port: The port to listen on; 0 lets the system choose, `Server.port` says which.
        tls: The server's certificate; without one it speaks plain HTTP.
        policy: Which addresses the site's roles may call.
        grace: Seconds that peers get at the end to finish what they are doing.
    """
    listeners = await trio.open_tcp_listeners(port, host=host)
    async with AsyncExitStack() as stack:
        roles = {
            role: await stack.enter_async_context(run(role, policy=policy)) for role in site.roles
        }
        server = Server(site, roles)
        server.port = listeners[0].socket.getsockname()[1]
        stack.enter_context(unwrapped())
        attending = await stack.enter_async_context(trio.open_nursery())
        accepting = await stack.enter_async_context(trio.open_nursery())
        accepting.start_soon(
            partial(trio.serve_listeners, handler_nursery=attending),
            server.accept,
            [
                trio.SSLListener(each, tls, https_compatible=True) if tls else each
                for each in listeners
            ],
        )
        try:
            yield server
            accepting.cancel_scope.cancel()
            await server.drain(grace)
        finally:
            accepting.cancel_scope.cancel()
            attending.cancel_scope.cancel()
