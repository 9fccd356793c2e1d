"""A tunnel through a SOCKS proxy."""

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
    LocalProtocolError,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto.proxy import Opened, SocksRejected, SocksReply, SocksTunnel
from eventproto.strategies import chunkings
from eventproto.testing import check_chunking, feed

NO_AUTHENTICATION = b"\x05\x00"
PASSWORD = b"\x05\x02"
WELCOME = b"\x01\x00"
REPLY = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90"
NAMED = b"\x05\x00\x00\x03\x05proxy\x1f\x90"
SIX = b"\x05\x00\x00\x04" + bytes(16) + b"\x1f\x90"


def tunnel(host: str = "target.test", port: int = 443, **options: Any) -> SocksTunnel:
    return SocksTunnel(host, port, **options)


def failure(*chunks: Any, **options: Any) -> Exception:
    whole = [each for each in chunks if each is not EOF]
    (closed,) = check_chunking(lambda: tunnel(**options), b"".join(whole), eof=EOF in chunks)
    assert isinstance(closed, Closed)
    assert closed.error is not None
    return closed.error


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("target.test", b"\x03\x0btarget.test"),
        ("127.0.0.1", b"\x01\x7f\x00\x00\x01"),
        ("::1", b"\x04" + bytes(15) + b"\x01"),
        ("x" * 255, b"\x03\xff" + b"x" * 255),
    ],
)
def test_what_is_asked(host: str, address: bytes) -> None:
    """A name is the proxy's to resolve; an address goes as one (RFC 1928, 4)."""
    output = feed(tunnel(host, 8080), [NO_AUTHENTICATION]).output
    assert output == b"\x05\x01\x00" + b"\x05\x01\x00" + address + b"\x1f\x90"


def test_nothing_is_asked_before_its_turn() -> None:
    """The method is agreed on first, then the user is taken (RFC 1928, 3; RFC 1929, 2)."""
    machine = tunnel(user="me", password="höher")
    assert feed(machine, []).output == b"\x05\x02\x00\x02"
    assert feed(machine, [PASSWORD]).output == b"\x01\x02me\x06h\xc3\xb6her"
    assert feed(machine, [WELCOME]).output.startswith(b"\x05\x01\x00\x03")
    assert feed(machine, [REPLY]).events == (Opened(),)


def test_a_proxy_may_not_care_who_it_is() -> None:
    """Then it is not told."""
    transcript = feed(tunnel(user="me", password="secret"), [NO_AUTHENTICATION, REPLY])
    assert b"secret" not in transcript.output
    assert transcript.events == (Opened(),)


@pytest.mark.parametrize("reply", [REPLY, NAMED, SIX, NAMED.replace(b"\x05proxy", b"\x00")])
@given(st.data())
def test_a_tunnel_opens(reply: bytes, data: st.DataObject) -> None:
    """Whatever address the proxy has, and however it is cut; what comes behind is kept."""
    rest = data.draw(st.binary(max_size=50))
    wire = NO_AUTHENTICATION + reply + rest
    chunks = data.draw(chunkings(wire))
    assert check_chunking(tunnel, wire, chunks) == (Opened(),)
    machine = feed(tunnel(), chunks).machine
    assert machine.arrived == ([rest] if rest else [])
    machine.receive(EOF, 0)
    assert machine.arrived[-1] is EOF
    assert (machine.next_event(), machine.deadline) == (None, None)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (SocksReply.GENERAL_FAILURE, 502),
        (SocksReply.NOT_ALLOWED, 403),
        (SocksReply.NETWORK_UNREACHABLE, 502),
        (SocksReply.HOST_UNREACHABLE, 502),
        (SocksReply.CONNECTION_REFUSED, 502),
        (SocksReply.TTL_EXPIRED, 504),
        (SocksReply.COMMAND_NOT_SUPPORTED, 501),
        (SocksReply.ADDRESS_TYPE_NOT_SUPPORTED, 501),
    ],
)
@pytest.mark.parametrize("rest", [b"", REPLY[2:]])
def test_a_refusal_has_a_name(reply: SocksReply, code: int, rest: bytes) -> None:
    """Also if the rest of the reply is missing."""
    error = failure(NO_AUTHENTICATION, bytes([5, reply]) + rest)
    assert isinstance(error, SocksRejected)
    assert (error.reply, error.code) == (reply, code)
    assert reply.name.lower().replace("_", " ") in str(error)
    assert "target.test:443" in str(error)


@pytest.mark.parametrize("reply", [9, 255])
def test_a_refusal_without_a_name(reply: int) -> None:
    """X'09' to X'FF' are unassigned."""
    error = failure(NO_AUTHENTICATION, bytes([5, reply]))
    assert isinstance(error, SocksRejected)
    assert (error.reply, error.code) == (reply, 502)


@pytest.mark.parametrize(
    ("chunks", "options"),
    [
        ([b"\x05\xff"], {}),
        ([b"\x05\xff"], {"user": "me"}),
        ([PASSWORD, b"\x01\x01"], {"user": "me"}),
        ([PASSWORD, b"\x01\xff"], {"user": "me"}),
    ],
)
def test_a_client_that_the_proxy_does_not_take(chunks: list[bytes], options: Any) -> None:
    """The error says so, without the password."""
    error = failure(*chunks, **options, password="secret")
    assert isinstance(error, SocksRejected)
    assert (error.reply, error.code) == (None, 407)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("chunks", "options"),
    [
        ([b"\x04\x00"], {}),  # SOCKS 4
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], {}),
        ([PASSWORD], {}),  # nobody has offered it
        ([b"\x05\x01"], {"user": "me"}),  # GSSAPI
        ([PASSWORD, b"\x05\x00"], {"user": "me"}),
        ([NO_AUTHENTICATION, b"\x04\x00"], {}),
        ([NO_AUTHENTICATION, b"\x05\x00\x00\x02\x00\x00"], {}),  # no such type of address
    ],
)
def test_garbage(chunks: list[bytes], options: Any) -> None:
    """What is no answer ends it at once."""
    error = failure(*chunks, **options)
    assert type(error) is RemoteProtocolError
    assert error.code == 502


@pytest.mark.parametrize(
    "chunks", [[], [b"\x05"], [NO_AUTHENTICATION], [NO_AUTHENTICATION, REPLY[:-1]]]
)
def test_a_proxy_that_hangs_up(chunks: list[bytes]) -> None:
    """There is no tunnel then."""
    assert isinstance(failure(*chunks, EOF), ConnectionLost)


def test_a_proxy_that_does_not_answer() -> None:
    """It is given up, however much it has said before."""
    machine = tunnel(response_time=5)
    machine.handle_timeout(0)
    machine.receive(NO_AUTHENTICATION, 4)
    assert machine.deadline == 5
    machine.handle_timeout(5)
    closed = machine.next_event()
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, PeerTimeout)


@pytest.mark.parametrize("chunks", [[], [NO_AUTHENTICATION, REPLY]])
def test_it_may_be_ended(chunks: list[bytes]) -> None:
    """At any time; and told nothing else."""
    machine = feed(tunnel(), chunks).machine
    with pytest.raises(LocalProtocolError):
        machine.send("hello", 0)  # type: ignore[arg-type]
    machine.send(End(), 0)
    assert machine.next_event() == Closed()
    assert machine.finished


@pytest.mark.parametrize(
    ("host", "port", "options"),
    [
        ("", 1, {}),
        ("x" * 256, 1, {}),
        ("\udc00", 1, {}),
        ("a", 0, {}),
        ("a", 65536, {}),
        ("a", 1, {"user": ""}),
        ("a", 1, {"user": "x" * 256}),
        ("a", 1, {"user": "x", "password": "é" * 128}),
        # of another type: four bytes, or a number, would be an address
        (b"host", 1, {}),
        (2130706433, 1, {}),
        ("a", "80", {}),
        ("a", 80.0, {}),
        ("a", 1, {"user": b"x"}),
        ("a", 1, {"user": "x", "password": None}),
    ],
)
def test_what_has_no_form_in_socks(host: Any, port: Any, options: Any) -> None:
    """Lengths are one byte."""
    with pytest.raises(LocalProtocolError):
        tunnel(host, port, **options)


@given(st.lists(st.binary() | st.sampled_from([NO_AUTHENTICATION, PASSWORD, WELCOME, REPLY, EOF])))
def test_nothing_raises(chunks: list[Any]) -> None:
    """Whatever a proxy sends."""
    assert len(feed(tunnel(user="me"), chunks).events) <= 1
