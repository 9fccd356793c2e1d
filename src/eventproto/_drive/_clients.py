"""What applications call: the clients of all four protocols, over what a runtime provides."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from ssl import SSLContext
from typing import Any, Final, TypeVar, Unpack

from eventproto import (
    CallMachine,
    Chunk,
    Machine,
    Message,
    Schedule,
    Steps,
    sse,
    webhook,
    websocket,
    websub,
)
from eventproto._address import ANYWHERE, PUBLIC_ONLY, AddressPolicy
from eventproto._drive._event_source import EventSource
from eventproto._drive._following import Place
from eventproto._drive._outcomes import deliver, ping
from eventproto._drive._pool import Pool
from eventproto._drive._role import Role, run
from eventproto._drive._runtime import Runtime
from eventproto._drive._server import Server, serve
from eventproto._drive._stream import StreamSession
from eventproto._drive._websocket_client import (
    Authenticate,
    RequestHeaders,
    WebSocketConnector,
)
from eventproto.cloudevents import WEBSOCKET_SUBPROTOCOL
from eventproto.http import Headers, Limits
from eventproto.proxy import Proxy
from eventproto.site import Site
from eventproto.websub._follower import Follower

__all__ = ["Clients"]

CommandT = TypeVar("CommandT")

_LIMITS: Final = Limits()
_SOON: Final = Steps((1.0, 5.0, 25.0), jitter=0.2)


class Clients:
    """The functions that applications call, on one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def connect(
        self,
        machine: Machine[CommandT, Chunk, Chunk],
        url: str,
        *,
        tls: SSLContext | None = None,
        policy: AddressPolicy = ANYWHERE,
        proxy: Proxy | str | None = None,
    ) -> AbstractAsyncContextManager[StreamSession[CommandT]]:
        """Connect any byte-stream machine, for the time of the block.

        The machine is told to end when the block ends in order, and dropped when it raises.

        Args:
            machine: What is to speak on the connection.
            url: Whom to connect to: only scheme, host and port count.
            tls: How to verify the server of an `https` or `wss` URL, and an `https` proxy; the
                system's trust by default.
            policy: Which addresses may be connected to. With a proxy, that is the proxy's, and
                the target's only as far as its name tells: see `Proxy.check_target`.
            proxy: What to go through, as a URL or a `proxy.Proxy`. The environment is never read.

        Raises:
            OSError: There is no connection to be had.
            EventprotoError: The proxy opens none.
        """
        proxy = _proxy(proxy)
        return self._runtime.connect(machine, url, tls=tls, policy=policy, proxy=proxy)

    def run(
        self,
        machine: CallMachine[CommandT],
        *,
        policy: AddressPolicy = PUBLIC_ONLY,
        tls: SSLContext | None = None,
        proxy: Proxy | str | None = None,
        limits: Limits = _LIMITS,
    ) -> AbstractAsyncContextManager[Role[CommandT]]:
        """Run a role, for the time of the block: make its calls, keep its time.

        Args:
            machine: A hub, publisher, subscriber, receiver or sender.
            policy: Which addresses it may call. Others choose them, so only public ones by
                default.
            tls: How to verify servers; the system's trust by default.
            proxy: What its calls go through, as for `connect`.
            limits: The bounds of the connections that it calls over.
        """
        pool = self._pool(limits=limits, policy=policy, tls=tls, proxy=proxy)
        return run(self._runtime, machine, pool)

    def serve(
        self,
        site: Site,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: SSLContext | None = None,
        policy: AddressPolicy = PUBLIC_ONLY,
        client_tls: SSLContext | None = None,
        proxy: Proxy | str | None = None,
        grace: float = 5.0,
        max_connections: int = 10_000,
    ) -> AbstractAsyncContextManager[Server]:
        """Serve a site for the time of the block, then let the peers go in order.

        Args:
            site: What is found where.
            host: The address to listen on, or a name: all of its addresses, at the same port.
            port: The port to listen on; 0 lets the system choose, `Server.port` says which.
            tls: The server's certificate; without one it speaks plain HTTP. A client has
                `request_time` of the site's limits to begin TLS.
            policy: Which addresses the site's roles may call.
            client_tls: How the site's roles verify servers; the system's trust by default.
            proxy: What the calls of the site's roles go through, as for `connect`.
            grace: Seconds that peers and handlers get at the end to finish what they are doing.
            max_connections: How many connections may be open. Whoever comes then waits, unaccepted,
                until one of them has closed. An idle connection takes about 12 KiB, one that
                sends as much as it may, 1 MiB. It is worth no more than the system has
                descriptors for a process (often 1,024): when there are none left, who comes
                waits, too.

        Raises:
            LocalProtocolError: `max_connections` is not positive.
            OSError: It cannot listen there.
        """
        pools = partial(self._pool, policy=policy, tls=client_tls, proxy=_proxy(proxy))
        return serve(
            self._runtime,
            site,
            pools,
            host=host,
            port=port,
            tls=tls,
            grace=grace,
            max_connections=max_connections,
        )

    def _pool(
        self,
        *,
        policy: AddressPolicy,
        tls: SSLContext | None,
        proxy: Proxy | str | None,
        limits: Limits = _LIMITS,
    ) -> Pool:
        return self._runtime.pool(limits=limits, policy=policy, tls=tls, proxy=_proxy(proxy))

    def connect_websocket(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        origin: str | None = None,
        headers: RequestHeaders = Headers(),
        compression: websocket.Deflate | None = None,
        fragments: bool = False,
        limits: websocket.Limits = websocket.Limits(),
        authenticate: Authenticate | None = None,
        tls: SSLContext | None = None,
        policy: AddressPolicy = ANYWHERE,
        proxy: Proxy | str | None = None,
    ) -> WebSocketConnector:
        """Open a WebSocket, for the time of the block.

        Iterate over it for messages; send it strings, bytes, messages::

            async with connect_websocket("wss://example.com/chat") as websocket:
                await websocket.send("hello")
                async for message in websocket:
                    print(message.text)

        `connect_websocket(url).reconnecting()` stays connected, over one WebSocket after the other;
        `connect_websocket(url).following()` follows a `site.LogSocket` over all of them.

        Redirects are followed, never from `wss` down to `ws`. What `headers` say is not told to
        another origin.

        Args:
            url: `ws` or `wss`.
            subprotocols: Those that this side speaks, best first.
            origin: The origin to speak for, as a browser would say it; None for none.
            headers: Further ones, such as `Authorization` or `Cookie`; or a function that gives
                them, perhaps an async one, which is called before each connection.
            compression: How messages may be compressed, if the server agrees; None for not at all.
            fragments: Whether messages are reported as they come, as `websocket.Fragment` among
                the events; there are no whole messages then.
            limits: The bounds of the handshake and the connection.
            authenticate: Is shown an answer with status 401, and gives headers to ask once more
                with, or None; it may be an async function. Only the server at `url` is answered,
                not where it redirects to.
            tls: How to verify the server of a `wss` URL, and an `https` proxy; the system's trust
                by default.
            policy: Which addresses may be connected to.
            proxy: What to go through, such as `http://user:password@host:3128` or `socks5://host`;
                see `proxy.Proxy`. The environment is never read.

        Raises:
            LocalProtocolError: The URL or an option cannot be.
            OSError: There is no connection to be had.
            HandshakeRejected: The server does not want one, or the proxy does not open one.
            EventprotoError: What else went wrong with the opening handshake.
        """
        proxy = _proxy(proxy)

        def machine(attempt: websocket.Attempt, place: Place | None) -> websocket.ClientConnection:
            headers, offered = attempt.headers, tuple(subprotocols)
            if place is not None:
                headers = place.add_to(headers)
                if WEBSOCKET_SUBPROTOCOL not in offered:
                    offered += (WEBSOCKET_SUBPROTOCOL,)
            return websocket.ClientConnection(
                attempt.url,
                subprotocols=offered,
                origin=origin,
                headers=headers,
                compression=compression,
                fragments=fragments,
                limits=limits,
            )

        def connect(
            attempt: websocket.Attempt, place: Place | None
        ) -> AbstractAsyncContextManager[StreamSession[Any]]:
            speaking = machine(attempt, place)
            return self.connect(speaking, attempt.url, tls=tls, policy=policy, proxy=proxy)

        known = Headers() if callable(headers) else headers
        machine(websocket.Attempt(url, known), None)  # refuses what cannot be, at once
        return WebSocketConnector(
            self._runtime,
            connect,
            url,
            headers,
            redirects=limits.redirects,
            authenticate=authenticate,
        )

    def connect_sse(
        self,
        url: str,
        *,
        response_time: float = _LIMITS.response_time,
        tls: SSLContext | None = None,
        policy: AddressPolicy = ANYWHERE,
        proxy: Proxy | str | None = None,
        **options: Unpack[sse.ClientOptions],
    ) -> EventSource:
        """Follow a stream of Server-Sent Events, over as many connections as it takes.

        Iterate over what this returns for messages, or over its `events()` for all that happens.
        Where the loop may be left early, do it inside of `async with`, which drops the connection
        at once.

        Args:
            url: `http` or `https`.
            response_time: Seconds that the server has to accept a connection, and to begin an
                answer.
            tls: How to verify the server of an `https` URL; the system's trust by default.
            policy: Which addresses may be connected to.
            proxy: What to go through, as for `connect`.
            options: Those of `sse.Client`: how to ask, when to come back, what to bear.

        Raises:
            LocalProtocolError: The URL or an option cannot be.
        """
        limits = Limits(response_time=response_time)
        pool = self._pool(limits=limits, policy=policy, tls=tls, proxy=proxy)
        return EventSource(sse.Client(url, **options), pool, self._runtime)

    async def send_webhook(
        self,
        url: str,
        message: Message,
        scheme: webhook.Scheme,
        *,
        schedule: Schedule = _SOON,
        tls: SSLContext | None = None,
        policy: AddressPolicy = PUBLIC_ONLY,
        proxy: Proxy | str | None = None,
    ) -> webhook.Delivered:
        """Deliver one message, and wait until it is there.

        Args:
            url: The endpoint.
            message: What to deliver; schemes with a delivery id need its `id`.
            scheme: How to sign it.
            schedule: When to try again; after about half a minute it is given up by default.
            tls: How to verify the endpoint; the system's trust by default.
            policy: Which addresses may be connected to. Others choose endpoints, so only public
                ones by default.
            proxy: What to go through, as for `connect`.

        Raises:
            EventprotoError: The outcome of the last attempt.
        """
        sender = webhook.Sender(url, scheme, schedule=schedule)
        async with self.run(sender, tls=tls, policy=policy, proxy=proxy) as role:
            return await deliver(role, message)

    async def publish(
        self,
        topic: str,
        *,
        hubs: Iterable[str],
        tls: SSLContext | None = None,
        policy: AddressPolicy = ANYWHERE,
        proxy: Proxy | str | None = None,
    ) -> None:
        """Tell WebSub hubs that a topic has news; they fetch it and tell its subscribers.

        Every hub is told, also if one of them fails.

        Args:
            topic: The topic's URL, the one that it calls itself (`rel=self`).
            hubs: Those that the topic advertises.
            tls: How to verify the hubs; the system's trust by default.
            policy: Which addresses may be connected to.
            proxy: What to go through, as for `connect`.

        Raises:
            EventprotoError: A hub does not want to know, or cannot be reached; of several, what
                came of the first one.
        """
        pool = self._pool(tls=tls, policy=policy, proxy=proxy)
        try:
            await ping(pool, hubs, topic)
        finally:
            pool.close()

    @asynccontextmanager
    async def subscribe(
        self,
        url: str,
        *,
        callback: str,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: SSLContext | None = None,
        policy: AddressPolicy = PUBLIC_ONLY,
        proxy: Proxy | str | None = None,
        lease_seconds: int | None = None,
        **options: Any,  # noqa: ANN401  # those of the machine
    ) -> AsyncGenerator[Role[Any]]:
        """Follow a resource over WebSub, for the time of the block.

        Iterate over it for the messages that hubs deliver. Each is accepted when the next one is
        asked for. The loop ends with the error if the subscription does not come about, or ends
        because it is denied or cannot be renewed.

        Args:
            url: The resource; its hubs and topic are found from there.
            callback: The URL, up to a `/`, under which hubs reach the server that this starts.
            host: The address that it listens on.
            port: The port that it listens on.
            tls: The server's certificate; without one it speaks plain HTTP.
            policy: Which addresses may be connected to. Resources choose their hubs, so only public
                ones by default.
            proxy: What the subscriber's calls go through, as for `connect`.
            lease_seconds: What to ask the hub for.
            options: Those of `websub.Subscriber`.
        """
        subscriber = Follower(callback, **options)
        site = Site({"/": subscriber})
        async with self.serve(
            site, host=host, port=port, tls=tls, policy=policy, proxy=proxy
        ) as server:
            session = server.session(subscriber)
            await session.send(websub.Subscribe(url, lease_seconds=lease_seconds))
            yield session


def _proxy(proxy: Proxy | str | None) -> Proxy | None:
    return Proxy(proxy) if isinstance(proxy, str) else proxy
