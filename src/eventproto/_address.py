"""Which addresses may be called when somebody else chose the URL."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from eventproto._errors import LocalProtocolError
from eventproto._value import value

__all__ = ["ANYWHERE", "PUBLIC_ONLY", "AddressPolicy"]


@value()
class AddressPolicy:
    """Decides about an address after its name was resolved, before anything is sent to it.

    A URL that came from outside (a webhook endpoint, a WebSub callback, a hub that a page named)
    may resolve to the machine itself or to its private network. A driver resolves once, asks the
    policy, and connects to the very address that was allowed.

    Attributes:
        public_only: Whether addresses that are not globally reachable are refused, also inside of
            IPv6 forms that embed an IPv4 address.
        allowed: Networks that are allowed all the same, such as `("127.0.0.0/8",)`.

    Raises:
        LocalProtocolError: What is to be allowed is no network.
    """

    public_only: bool = True
    allowed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for each in self.allowed:
            try:
                ip_network(each)
            except ValueError as error:
                msg = f"allowed must be networks such as 10.0.0.0/8, got {self.allowed!r}: {error}"
                raise LocalProtocolError(msg) from error

    def permits(self, address: str) -> bool:
        """Whether this address may be connected to.

        Raises:
            ValueError: It is none, neither of IPv4 nor of IPv6.
        """
        found = _unwrapped(ip_address(address.partition("%")[0]))
        return _is_public(found) or not self.public_only or _within(found, self.allowed)

    def choose(self, addresses: Iterable[str]) -> list[str]:
        """Those of the addresses of one name that may be connected to, each once.

        Raises:
            PermissionError: None of them may.
        """
        found = list(dict.fromkeys(addresses))
        permitted = [each for each in found if self.permits(each)]
        if not permitted:
            msg = f"the address policy permits none of {found}"
            raise PermissionError(msg)
        return permitted


PUBLIC_ONLY: Final = AddressPolicy()
"""The default for addresses that others chose."""

ANYWHERE: Final = AddressPolicy(public_only=False)
"""The default for addresses that the application chose itself."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
# All that was ever assigned for use on the Internet. Outside of it are, besides what Python knows,
# further forms that embed IPv4 addresses (RFC 4291 2.5.5.1, RFC 8215) and site-local ones.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one leads to in the end, if it does."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _within(address: IPv4Address | IPv6Address, networks: Iterable[str]) -> bool:
    return any(address in ip_network(network) for network in networks)
