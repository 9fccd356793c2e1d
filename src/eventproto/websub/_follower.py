"""A subscriber for a loop over messages, which would wait for ever where none can come."""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from eventproto._answer import LATER
from eventproto._errors import PeerTimeout, RemoteProtocolError
from eventproto.websub._events import (
    SubscriptionDenied,
    SubscriptionExpired,
    SubscriptionFailed,
)
from eventproto.websub._subscriber import Subscriber
from eventproto.websub._subscription import Step

__all__ = ["Follower"]

_FORBIDDEN: Final = 403


class Follower(Subscriber):
    """Closes when its last subscription has ended, with the error that says why, if any does."""

    @override
    def _take(self, key: str, step: Step) -> None:
        super()._take(key, step)
        if not self._keys:
            for token in tuple(self._unanswered):
                self._settle(token, LATER)
            _, outputs = step
            self._close(_why(outputs))


def _why(outputs: tuple[object, ...]) -> Exception | None:
    """What has ended a subscription; None if the application did not want it any more."""
    for output in outputs:
        match output:
            case SubscriptionFailed(_, error):
                return error
            case SubscriptionExpired(name, error):
                return error or PeerTimeout(f"the lease of {name} was over before it was renewed")
            case SubscriptionDenied(name, reason):
                msg = f"a hub denies {name}: {reason or 'no reason given'}"
                return RemoteProtocolError(msg, code=_FORBIDDEN)
            case _:
                pass
    return None
