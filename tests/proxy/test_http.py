"""A tunnel through an HTTP proxy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import (
    EOF,
    Closed,
    ConnectionLost,
    End,
    HandshakeRejected,
    LimitExceeded,
    LocalProtocolError,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto.http import Headers, Limits
from eventproto.proxy import HttpTunnel, Opened
from eventproto.strategies import chunkings
from eventproto.testing import check_chunking, feed

ANSWER = b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n"


def tunnel(host: str = "target.test", port: int = 443, **options: Any) -> HttpTunnel:
    return HttpTunnel(host, port, **options)


def failure(*chunks: Any, **options: Any) -> Exception | None:
    (closed,) = feed(tunnel(**options), chunks).events
    assert isinstance(closed, Closed)
    return closed.error


@pytest.mark.parametrize(
    ("host", "port", "line"),
    [
        ("target.test", 443, b"CONNECT target.test:443 HTTP/1.1"),
        ("target.test", 80, b"CONNECT target.test:80 HTTP/1.1"),
        ("::1", 8080, b"CONNECT [::1]:8080 HTTP/1.1"),
    ],
)
def test_what_is_asked(host: str, port: int, line: bytes) -> None:
    """The target has its port, and an IPv6 address its brackets (RFC 9110, 9.3.6)."""
    headers = Headers({"Proxy-Authorization": "Bearer x"})
    first, *rest = feed(tunnel(host, port, headers=headers), []).output.split(b"\r\n")
    assert first == line
    assert b"Proxy-Authorization: Bearer x" in rest


@given(st.binary(max_size=100).flatmap(lambda rest: st.tuples(st.just(rest), chunkings(rest))))
def test_a_tunnel_opens(case: tuple[bytes, list[bytes]]) -> None:
    """However the answer is cut; what comes behind it is kept for whoever uses the tunnel."""
    rest, chunks = case
    assert check_chunking(tunnel, ANSWER + rest, [ANSWER, *chunks]) == (Opened(),)
    machine = feed(tunnel(), [ANSWER[:20], ANSWER[20:] + rest[:1], rest[1:]]).machine
    assert b"".join(each for each in machine.arrived if each is not EOF) == rest
    machine.receive(EOF, 0)
    assert machine.arrived[-1] is EOF
    assert (machine.next_event(), machine.deadline) == (None, None)


@pytest.mark.parametrize("status", [302, 401, 403, 407, 502])
def test_a_refusal_is_seen_whole(status: int) -> None:
    """Whatever it is: a proxy must not answer for the target, nor send anybody elsewhere."""
    head = b"HTTP/1.1 %d No\r\nLocation: https://evil.test/\r\nContent-Length: 3\r\n\r\n" % status
    error = failure(head, b"why")
    assert isinstance(error, HandshakeRejected)
    assert (error.code, error.response.body) == (status, b"why")
    assert "target.test:443" in str(error)


def test_what_else_may_go_wrong() -> None:
    """The end, garbage, too much."""
    assert isinstance(failure(EOF), ConnectionLost)
    assert isinstance(failure(ANSWER[:20], EOF), ConnectionLost)
    assert isinstance(failure(b"SSH-2.0-x\r\n"), RemoteProtocolError)
    assert isinstance(failure(ANSWER, limits=Limits(head_size=20)), LimitExceeded)
    many = b"HTTP/1.1 407 No\r\n\r\n" + bytes(11)
    assert isinstance(failure(many, limits=Limits(body_size=10)), LimitExceeded)


def test_a_proxy_that_does_not_answer() -> None:
    """It is given up."""
    machine = tunnel(limits=Limits(response_time=5))
    machine.handle_timeout(0)
    assert machine.deadline == 5
    machine.handle_timeout(5)
    closed = machine.next_event()
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, PeerTimeout)


@pytest.mark.parametrize("chunks", [[], [ANSWER]])
def test_it_may_be_ended(chunks: list[bytes]) -> None:
    """At any time."""
    machine = feed(tunnel(), chunks).machine
    machine.send(End(), 0)
    assert machine.next_event() == Closed()
    assert machine.finished


@pytest.mark.parametrize(
    ("host", "port"), [("", 1), ("a b", 1), ("a", 0), ("a", 65536), ("a/", 1), ("u@a", 1)]
)
def test_a_target_is_a_host_and_a_port(host: str, port: int) -> None:
    """Anything else could be smuggled into the request."""
    with pytest.raises(LocalProtocolError):
        tunnel(host, port)


@given(st.lists(st.binary() | st.sampled_from([ANSWER, EOF])))
def test_nothing_raises(chunks: list[Any]) -> None:
    """Whatever a proxy sends."""
    events = feed(tunnel(), chunks).events
    assert len(events) <= 1
