"""Which proxy, and what it makes of a target."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError
from eventproto._address import ANYWHERE, PUBLIC_ONLY, AddressPolicy
from eventproto.http import Headers, Limits
from eventproto.proxy import HttpTunnel, Proxy, SocksTunnel
from eventproto.testing import feed


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "secure"),
    [
        ("http://proxy.test", "http", "proxy.test", 80, False),
        ("https://proxy.test/", "https", "proxy.test", 443, True),
        ("socks5://127.0.0.1", "socks5", "127.0.0.1", 1080, False),
        ("socks5h://u:p@[::1]:9050", "socks5h", "::1", 9050, False),
        ("HTTP://Proxy.Test:3128", "http", "proxy.test", 3128, False),
    ],
)
def test_a_url_of_a_proxy(url: str, scheme: str, host: str, port: int, secure: bool) -> None:
    """What stands in it."""
    proxy = Proxy(url)
    assert (proxy.scheme, proxy.host, proxy.port, proxy.secure) == (scheme, host, port, secure)
    assert isinstance(
        proxy.tunnel("a", 1), HttpTunnel if scheme in {"http", "https"} else SocksTunnel
    )


@pytest.mark.parametrize(
    "url",
    [
        *("", "proxy.test", "proxy.test:80", "//proxy.test", "ws://proxy.test", "socks4://a"),
        *("http://", "http://a:0", "http://a:65536", "http://a:x", "http://[::1", "http://a b"),
        *("http://a/path", "http://a?query", "http://a#fragment", "http://a\n", "http://é"),
        *("http://%ff@a", "http://u:%ff@a", "http://a%3ab:c@d", "socks5://:p@a"),
        *(f"socks5://{'x' * 256}@a", f"socks5://x:{'x' * 256}@a"),
    ],
)
def test_what_is_no_proxy(url: str) -> None:
    """Said at once, not when it is used."""
    with pytest.raises(LocalProtocolError):
        Proxy(url)


@given(st.text())
def test_no_url_makes_an_untyped_exception(url: str) -> None:
    """A proxy that can be asked, or LocalProtocolError."""
    try:
        proxy = Proxy(url)
    except LocalProtocolError:
        return
    assert proxy.port


def test_a_secret_is_not_shown() -> None:
    """Neither what it is, nor in an error."""
    proxy = Proxy("http://user:sec%40ret@proxy.test", Headers({"X": "secret"}))
    assert repr(proxy) == "Proxy('http://***@proxy.test')"
    assert repr(Proxy("http://proxy.test")) == "Proxy('http://proxy.test')"
    for url in ("gopher://user:secret@a", "user:secret@a", "http://user:secret@a:0"):
        with pytest.raises(LocalProtocolError) as raised:
            Proxy(url)
        assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "headers", "line"),
    [
        ("http://a", {}, None),
        ("http://Aladdin:open%20sesame@a", {}, b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("http://Aladdin@a", {}, b"Basic QWxhZGRpbjo="),
        ("http://:x@a", {}, b"Basic Ong="),
        ("http://%C3%A9:x@a", {}, b"Basic w6k6eA=="),
        ("http://u:p@a", {"proxy-authorization": "Bearer x"}, b"Bearer x"),
    ],
)
def test_http_authentication(url: str, headers: dict[str, str], line: bytes | None) -> None:
    """Basic, from the URL (RFC 7617), unless the headers have another one."""
    output = feed(Proxy(url, Headers(headers)).tunnel("b", 1), []).output
    found = [
        each.split(b": ")[1]
        for each in output.split(b"\r\n")
        if each.lower().startswith(b"proxy-authorization: ")
    ]
    assert found == ([] if line is None else [line])


def test_socks_authentication() -> None:
    """User and password, if there are any; there is no place for headers."""
    assert feed(Proxy("socks5://a").tunnel("b", 1), []).output == b"\x05\x01\x00"
    machine = Proxy("socks5://u:p%3A@a").tunnel("b", 1)
    assert feed(machine, [b"\x05\x02"]).output == b"\x05\x02\x00\x02\x01\x01u\x02p:"
    with pytest.raises(LocalProtocolError, match="headers"):
        Proxy("socks5://a", Headers({"a": "b"}))


@pytest.mark.parametrize("url", ["http://a", "socks5://a"])
def test_limits(url: str) -> None:
    """Each kind waits for as long as it may."""
    machine = Proxy(url).tunnel("b", 1, limits=Limits(response_time=7))
    machine.handle_timeout(0)
    assert machine.deadline == 7


@pytest.mark.parametrize(
    ("host", "permitted"),
    [
        ("example.com", True),
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("::ffff:10.0.0.1", False),
        ("10.1.2.3", True),  # allowed by name
        ("localhost", False),
        ("a.LOCALHOST.", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("a.0x7f", False),
        ("127.0.0.1.", False),
        ("localhost.example.com", True),
    ],
)
def test_targets_under_a_policy(host: str, permitted: bool) -> None:
    """Names are the proxy's business, unless it is certain where they lead."""
    policy = AddressPolicy(allowed=("10.1.2.3/32",))
    proxy = Proxy("http://proxy.test")
    proxy.check_target(host, ANYWHERE)
    if permitted:
        proxy.check_target(host, policy)
    else:
        with pytest.raises(PermissionError, match="policy permits no"):
            proxy.check_target(host, PUBLIC_ONLY)
