"""Which proxy to go through, as a value."""

from __future__ import annotations

import re
from base64 import b64encode
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from typing_extensions import override

from eventproto._address import AddressPolicy
from eventproto._errors import LocalProtocolError
from eventproto._value import value
from eventproto.http import Headers, Limits
from eventproto.http._grammar import is_url
from eventproto.proxy._http import HttpTunnel
from eventproto.proxy._socks import SocksTunnel
from eventproto.proxy._tunnel import Tunnel

__all__ = ["Proxy"]


@value()
class Proxy:
    """A proxy that connections go through.

    Attributes:
        url: `http` or `https` for a proxy that takes `CONNECT`, `https` over TLS; `socks5` or
            `socks5h` for SOCKS, which are the same here: the proxy resolves names. User and
            password stand in front of the host, percent-encoded. The ports are 80, 443 and 1080
            unless said. Error messages and `repr` do not show the user and the password.
        headers: What an HTTP proxy is told besides, such as a `Proxy-Authorization` of its own.

    Raises:
        LocalProtocolError: The URL is of another kind; or there are headers for a SOCKS proxy.
    """

    url: str
    headers: Headers = Headers()

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            fine = parts.scheme in _PORTS and parts.hostname and parts.port != 0
            bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
        except ValueError:
            fine = bare = False
        # urlsplit() drops some of what is not legal unseen.
        if not (fine and bare and is_url(self.url)):
            msg = f"a proxy is a scheme of {', '.join(_PORTS)}, a host and a port, got {self!r}"
            raise LocalProtocolError(msg)
        if self.headers and not self.scheme.startswith("http"):
            msg = "a SOCKS proxy is told no headers"
            raise LocalProtocolError(msg)
        self.tunnel("target.invalid", 1)  # refuses what cannot be said to a proxy

    @property
    def scheme(self) -> str:
        """`http`, `https`, `socks5` or `socks5h`."""
        return self._parts.scheme

    @property
    def secure(self) -> bool:
        """Whether the proxy itself is spoken to over TLS."""
        return self.scheme == "https"

    @property
    def host(self) -> str:
        """The proxy's host name or address, without brackets."""
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        """The proxy's port."""
        return self._parts.port or _PORTS[self.scheme]

    def tunnel(self, host: str, port: int, *, limits: Limits = Limits()) -> Tunnel:
        """What asks this proxy for a connection to a target.

        Args:
            host: The target, a name or an address.
            port: Its port.
            limits: How much, and how slowly, the proxy may answer.

        Raises:
            LocalProtocolError: There cannot be such a target.
        """
        user, password = self._credentials
        if not self.scheme.startswith("http"):
            time = limits.response_time
            return SocksTunnel(host, port, user=user, password=password, response_time=time)
        headers = self.headers
        if user is not None and "Proxy-Authorization" not in headers:
            headers += {"Proxy-Authorization": _basic(user, password)}
        return HttpTunnel(host, port, headers=headers, limits=limits)

    def check_target(self, host: str, policy: AddressPolicy) -> None:
        """Have a policy look at a target, as far as that can be done from here.

        The proxy resolves names, so that a policy sees only what is an address already, or
        certainly leads to one: `localhost`, and numbers that resolvers take for addresses. It is
        for the proxy to look at all others.

        Args:
            host: The target, a name or an address.
            policy: Which addresses may be connected to.

        Raises:
            PermissionError: The policy does not permit it.
        """
        if not policy.public_only:
            return
        try:
            ip_address(host)
        except ValueError:
            if _leads_inside(host):
                msg = f"the address policy permits no target named {host!r}"
                raise PermissionError(msg) from None
        else:
            policy.choose([host])

    @property
    def _credentials(self) -> tuple[str | None, str]:
        """The user, or None if there is none, and the password."""
        try:
            user, password = (
                None if each is None else unquote_to_bytes(each).decode()
                for each in (self._parts.username, self._parts.password)
            )
        except UnicodeDecodeError as error:
            msg = "the user and the password of a proxy must be UTF-8 in percent-encoding"
            raise LocalProtocolError(msg) from error
        return (user, "") if password is None else (user or "", password)

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)  # which caches

    @override
    def __repr__(self) -> str:
        shown = _USER(r"\1***@", self.url)
        return f"Proxy({shown!r})"


_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_USER: Final = re.compile(r"^([^/]*//)?.*@", re.DOTALL).sub
# The last label of a name that resolvers may read as an IPv4 address, as browsers do.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE).fullmatch


def _leads_inside(name: str) -> bool:
    """Whether a name is certain to be none of a public address, or may be an address itself."""
    last = name.removesuffix(".").rpartition(".")[2]
    return last.lower() == "localhost" or _NUMBER(last) is not None


def _basic(user: str, password: str) -> str:
    if ":" in user:
        msg = "a user of Basic authentication has no colon (RFC 7617, 2)"
        raise LocalProtocolError(msg)
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
