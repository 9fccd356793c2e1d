"""Everything goes through proxies, on both runtimes, over real sockets."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import anyio
import pytest
import trustme
from anyio.abc import SocketStream

from eventproto import ConnectionLost, HandshakeRejected, LocalProtocolError, Message, Steps
from eventproto._address import ANYWHERE, PUBLIC_ONLY, AddressPolicy
from eventproto.http import Headers, Limits, Request, Unsent
from eventproto.proxy import Proxy, SocksRejected, SocksReply
from eventproto.site import Site, WebSocket
from eventproto.webhook import StandardWebhooks
from tests.drivers.framed import Frame, Framed, frame
from tests.drivers.peers import peer
from tests.drivers.proxies import HttpProxy, SocksProxy, proxy

SCHEME = StandardWebhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def contexts(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """One for servers at localhost, and one for clients."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def echo(session: Any, request: Request) -> None:
    """Send every message back."""
    async for message in session:
        await session.send(message)


async def hang_up(stream: Any) -> None:
    """Say nothing at all."""


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize(
    ("scheme", "behave"),
    [
        ("http", HttpProxy),
        ("https", HttpProxy),
        ("socks5", SocksProxy),
        ("socks5h", SocksProxy),
    ],
)
async def test_a_websocket_through_a_proxy(
    runtime: ModuleType, authority: trustme.CA, scheme: str, behave: Any, secure: bool
) -> None:
    """Of each kind, to a target with TLS and without; also TLS within TLS."""  # WebSocket H4
    server_tls, client_tls = contexts(authority)
    proxying = behave()
    async with (
        runtime.serve(
            Site({"/": WebSocket(echo)}), host="localhost", tls=server_tls if secure else None
        ) as server,
        proxy(proxying, scheme, server_tls if scheme == "https" else None) as proxy_url,
        runtime.connect_websocket(
            f"{'wss' if secure else 'ws'}://localhost:{server.port}/",
            tls=client_tls,
            proxy=proxy_url,
        ) as websocket,
    ):
        await websocket.send("hello")
        assert (await anext(websocket)).text == "hello"
        big = bytes(range(256)) * 4000
        await websocket.send(big)
        assert (await anext(websocket)).data == big

    if scheme.startswith("http"):
        assert proxying.asked == [f"CONNECT localhost:{server.port} HTTP/1.1"]
    else:
        assert proxying.asked == [(b"localhost", server.port)]  # it resolves the name


@pytest.mark.parametrize(
    ("scheme", "proxying"),
    [
        ("http", HttpProxy(credentials="dXNlcjpwQHNz")),
        ("socks5", SocksProxy(credentials=(b"user", b"p@ss"))),
    ],
)
async def test_proxies_that_ask_who_it_is(runtime: ModuleType, scheme: str, proxying: Any) -> None:
    """The URL says it; who is not known is told so, and nobody learns the password."""
    async with (
        runtime.serve(Site({"/": WebSocket(echo)}), host="localhost") as server,
        proxy(proxying, scheme) as proxy_url,
    ):
        url = f"ws://localhost:{server.port}/"
        known = proxy_url.replace("://", "://user:p%40ss@")
        async with runtime.connect_websocket(url, proxy=known) as websocket:
            await websocket.send("hello")
            assert (await anext(websocket)).text == "hello"

        for stranger in (proxy_url, proxy_url.replace("://", "://user:secret@")):
            with pytest.raises((HandshakeRejected, SocksRejected)) as raised:
                async with runtime.connect_websocket(url, proxy=stranger):
                    pass
            assert raised.value.code == 407
            assert "secret" not in str(raised.value)
            if isinstance(raised.value, HandshakeRejected):
                assert raised.value.response.headers["Proxy-Authenticate"] == "Basic"
                assert raised.value.response.body == b"who?"


async def test_headers_for_a_proxy(runtime: ModuleType) -> None:
    """For those that want something else than Basic."""
    heads: list[bytes] = []

    async def refuse(stream: Any) -> None:
        heads.append(await stream.receive())
        await stream.send(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")

    async with proxy(refuse, "http") as proxy_url:
        headers = Headers({"Proxy-Authorization": "Bearer x"})
        with pytest.raises(HandshakeRejected, match="proxy answered 403"):
            async with runtime.connect_websocket(
                "ws://target.test/", proxy=Proxy(proxy_url, headers)
            ):
                pass

    assert b"\r\nProxy-Authorization: Bearer x\r\n" in heads[0]


async def test_a_proxy_must_not_answer_for_the_target(runtime: ModuleType) -> None:
    """Neither by a redirect, nor by asking for credentials that are the target's."""
    asked: list[Any] = []

    def redirect(stream: Any) -> Any:
        return stream.send(
            b"HTTP/1.1 302 There\r\nLocation: ws://evil.test/\r\nContent-Length: 0\r\n\r\n"
        )

    def ask(stream: Any) -> Any:
        return stream.send(b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n")

    for answer in (redirect, ask):
        async with proxy(answer, "http") as proxy_url:
            with pytest.raises(HandshakeRejected, match="proxy answered"):
                async with runtime.connect_websocket(
                    "ws://target.test/",
                    proxy=proxy_url,
                    authenticate=asked.append,
                ):
                    pass
    assert asked == []


async def test_a_target_that_speaks_first(runtime: ModuleType) -> None:
    """What comes with the proxy's answer is the target's, and is not lost."""
    async with peer(lambda stream: anyio.sleep(0.05)) as url:
        proxying = HttpProxy(early=frame(b"welcome") + frame(b"here")[:3])
        async with (
            proxy(proxying, "http") as proxy_url,
            runtime.connect(Framed(), url, proxy=proxy_url) as connection,
        ):
            assert await connection.next_event() == Frame(b"welcome")


async def test_nothing_comes_before_tls(runtime: ModuleType) -> None:
    """A server does not begin it, so it must be the proxy that speaks."""
    async with peer(lambda stream: anyio.sleep(0.05)) as url:
        proxying = HttpProxy(early=b"\x15\x03\x03")
        async with proxy(proxying, "http") as proxy_url:
            with pytest.raises(OSError, match="before TLS"):
                async with runtime.connect(Framed(), url.replace("http", "https"), proxy=proxy_url):
                    pass


async def test_a_target_that_is_gone_at_once(runtime: ModuleType) -> None:
    """As without a proxy: an error in the opening handshake, or no connection."""
    async with (
        peer(hang_up) as url,
        proxy(HttpProxy(), "http") as proxy_url,
    ):
        with pytest.raises((ConnectionLost, ConnectionError)):
            async with runtime.connect_websocket(url.replace("http", "ws"), proxy=proxy_url):
                pass


async def test_refusals_of_socks(runtime: ModuleType) -> None:
    """By name."""
    async with proxy(SocksProxy(reply=5), "socks5") as proxy_url:
        with pytest.raises(SocksRejected) as raised:
            async with runtime.connect_websocket("ws://target.test/", proxy=proxy_url):
                pass

    assert raised.value.reply is SocksReply.CONNECTION_REFUSED


async def test_proxies_that_fail(runtime: ModuleType, authority: trustme.CA) -> None:
    """Not there, gone at once, of another kind, not to be trusted."""
    server_tls, _ = contexts(authority)

    async def connect(proxy_url: str) -> None:
        async with runtime.connect_websocket("ws://target.test/", proxy=proxy_url):
            pass

    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        await connect("http://127.0.0.1:1")
    for scheme in ("http", "socks5"):
        async with proxy(hang_up, scheme) as proxy_url:
            with pytest.raises(ConnectionLost):
                await connect(proxy_url)
    async with proxy(HttpProxy(), "https", server_tls) as proxy_url:
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(proxy_url)
    with pytest.raises(LocalProtocolError):
        await connect("gopher://proxy.test")
    with pytest.raises(OSError, match="no host name"):
        async with runtime.connect_websocket(f"ws://{'x' * 256}/", proxy="socks5://127.0.0.1:1"):
            pass


async def test_a_target_is_verified_behind_a_proxy(
    runtime: ModuleType, authority: trustme.CA
) -> None:
    """The proxy is not believed."""
    server_tls, _ = contexts(authority)
    async with (
        runtime.serve(Site({"/": WebSocket(echo)}), host="localhost", tls=server_tls) as server,
        proxy(SocksProxy(), "socks5") as proxy_url,
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            async with runtime.connect_websocket(
                f"wss://localhost:{server.port}/", proxy=proxy_url
            ):
                pass


async def test_a_proxy_that_does_not_answer(
    runtime: ModuleType, count_tasks: Callable[[], int]
) -> None:
    """Is not waited for longer than for an answer; and leaves nothing behind."""

    async def silent(stream: Any) -> None:
        async for _ in stream:
            pass

    async with proxy(silent, "http") as proxy_url:
        pool = runtime._runtime.pool(
            limits=Limits(response_time=0.1), proxy=Proxy(proxy_url), policy=ANYWHERE, tls=None
        )
        with pytest.raises(Unsent, match=r"no connection"):
            await pool.request(Request("GET", "http://target.test/"))
        await anyio.wait_all_tasks_blocked()
        before = count_tasks()
        with anyio.move_on_after(0.05):
            async with runtime.connect_websocket("ws://target.test/", proxy=proxy_url):
                pass
        await anyio.sleep(0.05)
        assert count_tasks() <= before


async def test_the_policy_sees_the_proxy(runtime: ModuleType) -> None:
    """And of the target what can be seen from here."""
    proxying = HttpProxy()
    async with proxy(proxying, "http") as proxy_url:
        with pytest.raises(PermissionError):
            async with runtime.connect(
                Framed(), "http://target.test/", proxy=proxy_url, policy=PUBLIC_ONLY
            ):
                pass
        allowed = AddressPolicy(allowed=("127.0.0.1/32", "::1/128"))
        with pytest.raises(PermissionError, match="permits no"):
            async with runtime.connect(
                Framed(), "http://169.254.169.254/", proxy=proxy_url, policy=allowed
            ):
                pass
    assert proxying.asked == []


async def test_calls_go_through_a_proxy(runtime: ModuleType) -> None:
    """Those of roles, of event streams, webhooks and pings; each connection has one tunnel."""
    served: list[bytes] = []

    async def serve(stream: SocketStream) -> None:
        request = await stream.receive()
        served.append(request.split(b" ")[1])
        if b"/events" in request:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            await stream.send(head + b"data: here\n\n")
        else:
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    proxying = SocksProxy()
    async with peer(serve) as at, proxy(proxying, "socks5") as proxy_url:
        url = at.replace("127.0.0.1", "localhost")
        options: dict[str, Any] = {"proxy": proxy_url, "policy": ANYWHERE}
        async with runtime.connect_sse(f"{url}/events", **options) as events:
            assert (await anext(events)).text == "here"
        message = Message.of_text("x", id="1")
        await runtime.send_webhook(f"{url}/hook", message, SCHEME, schedule=Steps(()), **options)
        await runtime.publish("http://topic.test/", hubs=[f"{url}/hub"], **options)

    assert served == [b"/events", b"/hook", b"/hub"]
    assert len(proxying.asked) == 3


async def test_a_call_that_a_proxy_refuses(runtime: ModuleType) -> None:
    """Has not been made, and the reason is there."""
    async with proxy(HttpProxy(credentials="x"), "http") as proxy_url:
        with pytest.raises(Unsent) as raised:
            await runtime.publish("http://topic.test/", hubs=["http://hub.test"], proxy=proxy_url)

    cause = raised.value.__cause__
    assert isinstance(cause, HandshakeRejected)
    assert cause.response.status == 407


async def test_the_environment_is_not_read(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is sent through a proxy whom the application has not named."""  # WebSocket H4
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:1")
    async with (
        runtime.serve(Site({"/": WebSocket(echo)})) as server,
        AsyncExitStack() as stack,
    ):
        url = f"ws://127.0.0.1:{server.port}/"
        await stack.enter_async_context(runtime.connect_websocket(url))
