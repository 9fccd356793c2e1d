"""When a client that is to stay connected comes back."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from eventproto import (
    Backoff,
    ConnectionLost,
    HandshakeRejected,
    LimitExceeded,
    LocalProtocolError,
    PeerTimeout,
    RemoteProtocolError,
    Steps,
)
from eventproto.http import Headers, Response
from eventproto.proxy import SocksRejected, SocksReply
from eventproto.websocket._reconnection import Reconnection, Waiting, is_transient


def rejected(status: int, **headers: str) -> HandshakeRejected:
    fields = Headers({name.replace("_", "-"): text for name, text in headers.items()})
    return HandshakeRejected("no", response=Response(status, fields))


def waiting(**options: Any) -> Waiting:
    options = {"backoff": Backoff(initial=1, ceiling=8, jitter=0), **options}
    return Waiting(Reconnection(**options))


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (OSError("unreachable"), True),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (ConnectionLost("gone"), True),
        (PeerTimeout("slow"), True),
        (rejected(429), True),
        (rejected(500), True),
        (rejected(502), True),
        (rejected(503), True),
        (rejected(504), True),
        (SocksRejected("no", code=502, reply=SocksReply.HOST_UNREACHABLE), True),
        (rejected(101), False),
        (rejected(400), False),
        (rejected(401), False),
        (rejected(403), False),
        (rejected(404), False),
        (rejected(407), False),
        (rejected(501), False),
        (SocksRejected("no", code=407), False),
        (PermissionError("policy"), False),
        (ssl.SSLCertVerificationError("who?"), False),
        (RemoteProtocolError("garbage", code=502), False),
        (LimitExceeded("round", code=301, limit="redirects"), False),
        (ValueError("a bug"), False),
    ],
)
def test_what_may_go_away_by_itself(error: Exception, transient: bool) -> None:
    """And what is there to stay."""
    assert is_transient(error) == transient


def test_waits_grow_until_a_connection_was_healthy() -> None:
    """One that ends at once is none."""
    wait = waiting(healthy_after=30)
    lost = ConnectionLost("gone")
    assert [wait.failed(lost, 0) for _ in range(5)] == [1, 2, 4, 8, 8]
    wait.opened(100)
    assert wait.ended(129) == 8
    wait.opened(200)
    assert wait.ended(230) == 1
    assert wait.failed(lost, 0) == 2


def test_a_connection_that_was_not_open_is_not_healthy() -> None:
    """Whatever the time."""
    assert waiting().ended(1000) == 1


def test_by_default_all_of_it_is_chance() -> None:
    """Or many clients would come back at once."""
    wait = Waiting(Reconnection(entropy=lambda size: b"\xc0" + bytes(size - 1)))
    assert wait.failed(OSError(), 0) == 0.25
    assert wait.failed(OSError(), 0) == 0.5


def test_what_is_not_worth_another_attempt() -> None:
    """By default, or as the application sees it."""
    assert waiting().failed(rejected(403), 0) is None
    assert waiting(worth_another=lambda _: True).failed(rejected(403), 0) == 1
    assert waiting(worth_another=lambda _: False).failed(OSError(), 0) is None


def test_a_schedule_may_end() -> None:
    """After failures, or connections that did not last."""
    wait = waiting(backoff=Steps((1.0,)))
    assert wait.failed(OSError(), 0) == 1
    assert wait.failed(OSError(), 0) is None
    assert wait.failed(rejected(503, Retry_After="5"), 0) is None
    assert wait.ended(0) is None


@pytest.mark.parametrize(
    ("field", "delay"),
    [("5", 6), ("Thu, 01 Jan 1970 00:01:40 GMT", 61), ("soon", 1), ("99999999", 1 + 600)],
)
def test_a_server_may_ask_for_more(field: str, delay: float) -> None:
    """On top, so that not all come back at that second; but not for ever."""
    wait = waiting(retry_after=600)
    assert wait.failed(rejected(503, Retry_After=field), 40) == delay


@pytest.mark.parametrize("options", [{"healthy_after": 0}, {"retry_after": -1}])
def test_times_are_positive(options: Any) -> None:
    """Anything else is a mistake."""
    with pytest.raises(LocalProtocolError):
        Reconnection(**options)
