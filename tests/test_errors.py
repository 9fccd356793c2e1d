"""The errors: whose fault it is, and what answers it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pickle import dumps, loads

import pytest

import eventproto
from eventproto import (
    ClosedError,
    ConnectionLost,
    EventprotoError,
    HandshakeRejected,
    LimitExceeded,
    LocalProtocolError,
    PeerTimeout,
    RemoteProtocolError,
    VerificationError,
)
from eventproto.http import Headers, Response
from eventproto.proxy import SocksRejected, SocksReply
from eventproto.websocket import AbnormalClosure, Close


def test_one_root() -> None:
    """Whoever wants none of it catches one class."""
    errors = [each for each in vars(eventproto).values() if _is_error(each)]
    assert len(errors) == 9
    assert all(issubclass(each, EventprotoError) for each in errors)


def _is_error(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Exception)


@pytest.mark.parametrize(
    "error",
    [
        LimitExceeded("x", code=413, limit="body_size"),
        HandshakeRejected("x", response=Response(403)),
        VerificationError("x", kind="stale"),
    ],
)
def test_faults_of_the_peer(error: RemoteProtocolError) -> None:
    """They are RemoteProtocolErrors, with a text and a code."""
    assert isinstance(error, RemoteProtocolError)
    assert (str(error), error.code) == ("x", {413: 413, 403: 403}.get(error.code, 401))


def test_what_they_tell() -> None:
    """Each says what its reader needs to know."""
    response = Response(403)
    assert LimitExceeded("x", code=1009, limit="message_size").limit == "message_size"
    assert HandshakeRejected("x", response=response).response is response
    assert VerificationError("x", kind="stale").kind == "stale"
    assert VerificationError("x", kind="bad-key", code=500).code == 500
    assert RemoteProtocolError("x", code=1002).code == 1002


def test_closed_error_has_a_reason() -> None:
    """None after a clean end."""
    reason = ConnectionLost("gone")
    assert ClosedError("x").reason is None
    assert ClosedError("x", reason=reason).reason is reason


@pytest.mark.parametrize(
    "error",
    [
        ClosedError("x", reason=LocalProtocolError("y")),
        RemoteProtocolError("x", code=1002),
        LimitExceeded("x", code=413, limit="body_size"),
        HandshakeRejected("x", response=Response(403, Headers({"A": "b"}), b"c")),
        VerificationError("x", kind="stale"),
        PeerTimeout("x"),
        AbnormalClosure(Close(1000)),
        SocksRejected("x", code=403, reply=SocksReply.NOT_ALLOWED),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: loads(dumps(x))])
def test_errors_can_be_copied_and_sent_to_other_processes(
    error: EventprotoError, copied: Callable[[EventprotoError], EventprotoError]
) -> None:
    """Whole, whatever their classes are made with."""
    other = copied(error)
    assert other is not error
    assert (type(other), str(other), other.args) == (type(error), str(error), error.args)
    assert vars(other).keys() == vars(error).keys()
    assert {key: str(each) for key, each in vars(other).items()} == {
        key: str(each) for key, each in vars(error).items()
    }


def test_the_language_knows_some_of_them() -> None:
    """`except TimeoutError` and `except ConnectionError` do what they say."""
    assert issubclass(PeerTimeout, TimeoutError)
    assert issubclass(ConnectionLost, ConnectionError)
    assert not issubclass(LocalProtocolError, ValueError | OSError)
