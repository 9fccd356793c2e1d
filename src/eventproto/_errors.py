"""What went wrong, sorted by whose fault it is.

`LocalProtocolError` and `ClosedError` are raised to the caller. All the others describe the peer
or the wire: a machine never raises them, it reports them as the `error` of its last event. The
codecs, which have no events to report with, do raise them.
"""

from __future__ import annotations

from typing_extensions import override

__all__ = [
    "ClosedError",
    "ConnectionLost",
    "EventprotoError",
    "LimitExceeded",
    "LocalProtocolError",
    "PeerTimeout",
    "RemoteProtocolError",
    "VerificationError",
]


class EventprotoError(Exception):
    """The root of all errors that this library raises or reports."""

    @override
    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are copied, and sent to other processes, by calling their class with `args`;
        # but here a class may want more, or something else.
        return _without_init, (type(self), self.args), vars(self)


class LocalProtocolError(EventprotoError):
    """The caller asked for what the protocol forbids. Nothing has changed; fix the call."""


class ClosedError(EventprotoError):
    """The caller was too late: the machine had closed. A race that any correct program can lose.

    Attributes:
        reason: Why it had closed, or None after a clean end.
    """

    def __init__(self, message: str, *, reason: Exception | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class RemoteProtocolError(EventprotoError):
    """The peer broke the protocol.

    Attributes:
        code: What answers it: a WebSocket close code or an HTTP status.
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class LimitExceeded(RemoteProtocolError):
    """The peer sent more than a limit of this side allows.

    Attributes:
        limit: The name of the field in the limits of the protocol.
        code: What answers it: 1009 or 1008 on WebSocket, 413 or 431 on HTTP.
    """

    def __init__(self, message: str, *, code: int, limit: str) -> None:
        super().__init__(message, code=code)
        self.limit = limit


class VerificationError(RemoteProtocolError):
    """A request could not be shown to come from who it claims to come from.

    Attributes:
        kind: `"missing-header"`, `"malformed-header"`, `"bad-signature"`, `"stale"`, `"future"` or
            `"bad-key"`.
        code: The HTTP status that answers it, 401 unless said.
    """

    def __init__(self, message: str, *, kind: str, code: int = 401) -> None:
        super().__init__(message, code=code)
        self.kind = kind


class PeerTimeout(EventprotoError, TimeoutError):
    """The peer did not do in time what it had to do."""


class ConnectionLost(EventprotoError, ConnectionError):
    """The wire ended without a goodbye; `__cause__` is the operating system's error, if any."""


def _without_init(kind: type[EventprotoError], args: tuple[object, ...]) -> EventprotoError:
    error = kind.__new__(kind)
    error.args = args
    return error
