"""A server on asyncio: accepts connections and attends to each in a task of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

from typing_extensions import override

from eventproto import CallMachine, ClosedError, End
from eventproto._address import PUBLIC_ONLY, AddressPolicy
from eventproto._drive._attend import Attendant
from eventproto.asyncio._calls import RunningRole, run
from eventproto.asyncio._stream import StreamConnection
from eventproto.http import Request, Response
from eventproto.site import Site, SiteConnection

__all__ = ["Server", "serve"]

CommandT = TypeVar("CommandT")


class Server(Attendant[StreamConnection[Any]]):
    """A running server.

    Attributes:
        port: The port that it listens on.
    """

    def __init__(self, site: Site, roles: dict[CallMachine[Any], RunningRole[Any]]) -> None:
        self.port = 0
        self.site = site
        self._roles = roles
        self._attending: dict[StreamConnection[Any], asyncio.Task[None]] = {}

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
        handler = asyncio.create_task(handling)
        gone = asyncio.create_task(connection.wait_gone())
        try:
            await asyncio.wait({handler, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            handler.cancel()
            gone.cancel()
            await asyncio.wait({handler, gone})
        if not handler.cancelled():
            handler.result()

    def attend(self, connection: StreamConnection[Any]) -> None:
        """Serve a new connection until it is gone."""
        task = asyncio.create_task(self._attend(connection))
        self._attending[connection] = task
        task.add_done_callback(lambda _: self._attending.pop(connection))

    async def aclose(self, grace: float) -> None:
        """Ask all peers to go, and after `grace` seconds send them away."""
        tasks = set(self._attending.values())
        for connection in list(self._attending):
            with suppress(ClosedError):
                connection.machine.send(End(going_away=True), asyncio.get_running_loop().time())
                connection.step()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.wait(tasks)


class _Accepted(StreamConnection[Any]):
    def __init__(self, server: Server, *, secure: bool) -> None:
        super().__init__(SiteConnection(server.site, secure=secure))
        self._server = server

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.attend(self)


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
    async with AsyncExitStack() as stack:
        roles = {
            role: await stack.enter_async_context(run(role, policy=policy)) for role in site.roles
        }
        server = Server(site, roles)
        listener = await asyncio.get_running_loop().create_server(
            lambda: _Accepted(server, secure=tls is not None), host, port, ssl=tls
        )
        server.port = listener.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            listener.close()
            await server.aclose(grace)
