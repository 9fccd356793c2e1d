"""Which addresses may be called when somebody else chose the URL."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import LocalProtocolError
from eventproto._address import ANYWHERE, PUBLIC_ONLY, AddressPolicy


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are_permitted(address: str) -> None:
    """Globally reachable addresses may be called by default."""
    assert PUBLIC_ONLY.permits(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # cloud metadata
        "100.64.0.1",  # carrier-grade NAT
        "192.0.0.1",
        "0.0.0.0",  # refused, not bound to
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:127.0.0.1",  # IPv4 mapped
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b:1::7f00:1",  # NAT64 inside of a network, of 127.0.0.1
        "::7f00:1",  # IPv4 compatible
        "::ffff:0:7f00:1",  # IPv4 translated
        "fec0::1",  # site-local
        "5f00::1",  # segments of a provider's network
        "ff0e::1",  # multicast
        "224.0.0.1",  # multicast
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    """Webhooks P7: loopback, private and special addresses, however they are written."""
    # WebSub X2
    assert not PUBLIC_ONLY.permits(address)
    assert ANYWHERE.permits(address)


def test_an_allowed_network_is_an_exception() -> None:
    """A test or an intranet opens what it needs, and nothing else."""
    policy = AddressPolicy(allowed=("127.0.0.0/8",))

    assert policy.permits("127.0.0.1")
    assert policy.permits("::ffff:127.0.0.1")
    assert not policy.permits("10.0.0.1")


@pytest.mark.parametrize("allowed", [("localhost",), ("10.0.0.1/8",), "10.0.0.0/8"])
def test_what_is_allowed_is_networks(allowed: Any) -> None:
    """A mistake shows where it is made, not when the first call is refused."""
    with pytest.raises(LocalProtocolError, match=r"10\.0\.0\.0/8"):
        AddressPolicy(allowed=allowed)


def test_nat64_of_a_public_address_is_public() -> None:
    """The embedded address decides."""
    assert PUBLIC_ONLY.permits("64:ff9b::5db8:d822")


def test_choose_keeps_what_is_permitted_in_order() -> None:
    """The addresses of one name are tried in the order in which they were resolved."""
    found = ["10.0.0.1", "93.184.216.34", "93.184.216.34", "93.184.216.35"]

    assert PUBLIC_ONLY.choose(found) == ["93.184.216.34", "93.184.216.35"]


def test_choose_refuses_a_name_without_permitted_addresses() -> None:
    """The error names what was refused."""
    with pytest.raises(PermissionError, match=r"permits none of \['127\.0\.0\.1'\]"):
        PUBLIC_ONLY.choose(["127.0.0.1"])
