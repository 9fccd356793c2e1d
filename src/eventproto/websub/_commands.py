"""What an application asks a subscriber for."""

from __future__ import annotations

from dataclasses import field

from eventproto._errors import LocalProtocolError
from eventproto._value import value
from eventproto.websub._requests import check_lease, check_secret
from eventproto.websub._urls import checked_url

__all__ = ["Subscribe", "Unsubscribe"]


@value()
class Subscribe:
    """The command to follow a resource.

    Attributes:
        url: Where the resource is; its hubs and its topic are found from there.
        name: What the events call this subscription; empty for the URL.
        lease_seconds: The lease to ask for, 1 to 10**16 - 1; None to leave it to the hub.
        signed: Whether the hub is given a secret, and contents without a signature are refused.
        secret: The secret, 1 to 199 bytes of UTF-8; drawn from the entropy if None.

    Raises:
        LocalProtocolError: A value that the specification does not allow.
    """

    url: str
    name: str = ""
    lease_seconds: int | None = None
    signed: bool = True
    secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        checked_url(self.url, "url")
        if self.lease_seconds is not None:
            check_lease(self.lease_seconds)
        if self.secret is not None:
            check_secret(self.secret)
            if not self.signed:
                msg = "a secret is for a subscription that is signed"
                raise LocalProtocolError(msg)
        if not self.name:
            object.__setattr__(self, "name", self.url)


@value()
class Unsubscribe:
    """The command to follow a resource no longer; nothing more is reported of its content.

    Attributes:
        name: Of the subscription.
    """

    name: str
