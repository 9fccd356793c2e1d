"""What may go wrong with TLS, from either side, on both runtimes."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from types import ModuleType

import anyio
import anyio.to_thread
import pytest
import trustme

from eventproto import ConnectionLost
from eventproto.http import Request, Response
from tests.drivers.framed import Framed

HELLO = b"HTTP/1.1 200 OK\r\n\r\nhello"


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@asynccontextmanager
async def secure_server(
    certificate: trustme.LeafCert, behave: Callable[[ssl.SSLSocket], None]
) -> AsyncIterator[str]:
    """A server in a thread, for one client; gives its URL."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            raw, _ = listener.accept()
            with raw, context.wrap_socket(raw, server_side=True) as secure:
                behave(secure)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield f"https://localhost:{listener.getsockname()[1]}"
        await anyio.to_thread.run_sync(thread.join, 10)


def say_nothing(secure: ssl.SSLSocket) -> None:
    """Wait until the client has had enough."""
    secure.recv(1)


@pytest.mark.parametrize("fault", ["another host", "expired"])
async def test_certificates_that_are_not_good(
    runtime: ModuleType, authority: trustme.CA, trusting: ssl.SSLContext, fault: str
) -> None:
    """Nothing is said to such a server; the error says what is wrong."""
    if fault == "expired":
        certificate = authority.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    else:
        certificate = authority.issue_cert("elsewhere.test")
    async with secure_server(certificate, say_nothing) as url:
        with pytest.raises(ssl.SSLCertVerificationError, match=r"expired|not valid for"):
            async with runtime.connect(Framed(), url, tls=trusting):
                pass


async def test_a_server_that_hangs_up_in_the_handshake(
    runtime: ModuleType, trusting: ssl.SSLContext
) -> None:
    """No connection, as if there had been no server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            raw, _ = listener.accept()
            with raw:
                raw.recv(1)

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        with pytest.raises(OSError):  # of several kinds, by who notices
            async with runtime.connect(
                Framed(), f"https://localhost:{listener.getsockname()[1]}", tls=trusting
            ):
                pass
        thread.join()


@pytest.mark.parametrize("cut", [False, True])
async def test_an_answer_that_only_the_end_delimits(
    runtime: ModuleType, authority: trustme.CA, trusting: ssl.SSLContext, *, cut: bool
) -> None:
    """It is whole if TLS says so: anybody can end the TCP connection (RFC 9112, 9.8)."""

    def answer(secure: ssl.SSLSocket) -> None:
        secure.recv(65536)
        secure.sendall(HELLO)
        if not cut:
            with suppress(OSError):
                secure.unwrap()
        socket.socket(fileno=secure.detach()).close()

    pool = runtime._runtime.pool(tls=trusting)
    async with secure_server(authority.issue_cert("localhost"), answer) as url:
        if cut:
            with pytest.raises(ConnectionLost, match="in the middle"):
                await pool.request(Request("GET", url))
        else:
            response: Response = await pool.request(Request("GET", url))
            assert response.body == b"hello"
        pool.close()
