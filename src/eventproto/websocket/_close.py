"""Close codes, and what stands in a Close frame (RFC 6455, 5.5.1 and 7.4)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from eventproto._errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from eventproto.websocket._events import Close

__all__ = ["AbnormalClosure", "CloseCode", "decode_close", "encode_close", "last_words"]


class CloseCode(IntEnum):
    """The codes of the IANA registry. A peer may use any other one from 3000 to 4999 as well."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RECEIVED = 1005
    """Stands for a Close without a code; never on the wire."""
    ABNORMAL_CLOSURE = 1006
    """Stands for the end of the stream without a Close; never on the wire."""
    INVALID_FRAME_PAYLOAD_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015
    """Stands for a TLS handshake that failed; never on the wire."""
    UNAUTHORIZED = 3000
    FORBIDDEN = 3003
    TIMEOUT = 3008


class AbnormalClosure(ConnectionLost):
    """The connection ended, and the peer had not said Close; RFC 6455 calls that 1006.

    Attributes:
        code: 1006, which is never on the wire.
        sent: The Close of this side that the peer has not answered, or None.
    """

    def __init__(self, sent: Close | None = None) -> None:
        behind = "" if sent is None else f", after this side had sent one with code {sent.code}"
        super().__init__(f"the peer ended the connection without a Close (1006){behind}")
        self.code = CloseCode.ABNORMAL_CLOSURE
        self.sent = sent


_SENDABLE: Final = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})
_LONGEST_REASON: Final = 123


def encode_close(close: Close) -> bytes:
    """The payload of a Close frame; code 1005 stands for an empty one.

    Raises:
        LocalProtocolError: The code is not one that may be sent, or the reason does not fit.
    """
    if close.code == CloseCode.NO_STATUS_RECEIVED and not close.reason:
        return b""
    code: object = close.code  # what a caller has written, whatever that is
    if not isinstance(code, int) or code not in _SENDABLE:
        msg = f"a Close frame cannot have the code {code!r} (RFC 6455, 7.4)"
        raise LocalProtocolError(msg)
    if not isinstance(close.reason, str):
        msg = f"the reason of a Close is a string, not {type(close.reason).__name__}"
        raise LocalProtocolError(msg)
    try:
        reason = close.reason.encode()
    except UnicodeEncodeError as error:
        msg = f"the reason has half of a surrogate pair at index {error.start}"
        raise LocalProtocolError(msg) from error
    if len(reason) > _LONGEST_REASON:
        msg = f"a reason has at most {_LONGEST_REASON} bytes of UTF-8, got {len(reason)}"
        raise LocalProtocolError(msg)
    return code.to_bytes(2, "big") + reason


def decode_close(payload: bytes) -> Close:
    """What the payload of a Close frame says.

    Raises:
        RemoteProtocolError: It is malformed (1002), or the reason is not UTF-8 (1007).
    """
    if not payload:
        return Close(CloseCode.NO_STATUS_RECEIVED)
    if len(payload) == 1:
        msg = "a Close frame with one byte, which is half of a code"
        raise RemoteProtocolError(msg, code=CloseCode.PROTOCOL_ERROR)
    code = int.from_bytes(payload[:2], "big")
    if code not in _SENDABLE:
        msg = f"a Close frame with the code {code}, which no peer may send"
        raise RemoteProtocolError(msg, code=CloseCode.PROTOCOL_ERROR)
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError as error:
        msg = f"a Close frame with a reason that is not UTF-8 at byte {error.start}"
        raise RemoteProtocolError(msg, code=CloseCode.INVALID_FRAME_PAYLOAD_DATA) from error


def last_words(error: Exception) -> Close:
    """What tells the peer why this side fails the connection, as far as it fits."""
    code = error.code if isinstance(error, RemoteProtocolError) else CloseCode.INTERNAL_ERROR
    reason = str(error).encode(errors="replace")[:_LONGEST_REASON]
    return Close(code, reason.decode(errors="ignore"))
