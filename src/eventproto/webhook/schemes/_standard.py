"""Standard Webhooks: HMAC-SHA256 over id, time and body (standardwebhooks.com)."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Final

from eventproto._errors import LocalProtocolError, VerificationError
from eventproto._event import Message
from eventproto.http import Headers, Request
from eventproto.webhook._events import Received, payload_type
from eventproto.webhook._limits import Limits

__all__ = ["StandardWebhooks"]

_PREFIX: Final = "whsec_"
# "Between 24 bytes (192 bits) and 64 bytes (512 bits)"; more are no worse, HMAC hashes them.
_MIN_SECRET: Final = 24
# Visible ASCII. A full stop would let one signature stand for two readings of `id.timestamp.body`.
_ID: Final = re.compile(r"[!-\-/-~]+")
# Eleven digits last until the year 5138, and stay clear of what a datetime cannot hold.
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}")
# A `v1` signature is a MAC of 32 bytes; what those of other versions look like is their business.
_SIGNATURE: Final = r"(?:v1,[A-Za-z0-9+/]{43}=|(?!v1,)[!-+\--~]+,[!-+\--~]+)"
_SIGNATURES: Final = re.compile(f"{_SIGNATURE}(?: {_SIGNATURE})*")


class StandardWebhooks:
    """The scheme of the Standard Webhooks specification, with symmetric keys (`v1`).

    Signatures are computed and compared over bytes as they are on the wire, so a body in any
    encoding verifies, and nothing but the exact text of a signature does.

    Args:
        secret: 24 bytes or more in base64, padded or not, with or without the prefix `whsec_`.
        older: Further secrets, for as long as a rotation takes. `sign` writes one signature for
            each secret; `verify` takes a signature by any of them.
        tolerance: How far the timestamp may be from `at`, either way, in seconds; a request that
            is exactly this far is taken. 300, as the official libraries.
        source: What `Message.source` says of verified messages; nothing on the wire does.
        limits: `signatures` is the one that concerns a scheme.

    Raises:
        LocalProtocolError: A secret is no string of base64 or too short, the tolerance is negative,
            or the source is none that a `Message` can have.
    """

    def __init__(
        self,
        secret: str,
        *older: str,
        tolerance: float = 300.0,
        source: str | None = None,
        limits: Limits = Limits(),
    ) -> None:
        if not tolerance >= 0:
            msg = f"tolerance is a number of seconds from 0, got {tolerance}"
            raise LocalProtocolError(msg)
        Message(data=b"", source=source)  # or reading what was verified would fail
        self._keys: Final = tuple(_key(each) for each in (secret, *older))
        self._tolerance: Final = tolerance
        self._source: Final = source
        self._limits: Final = limits

    def sign(self, message: Message, *, at: float) -> Headers:
        """The `webhook-id`, `webhook-timestamp` and `webhook-signature` of a message.

        Args:
            message: Its `id` goes into `webhook-id`, and its `data` is the body.
            at: When it is sent, in Unix seconds; each attempt is signed with its own time.

        Raises:
            LocalProtocolError: The message has no id, or one that is not visible ASCII without a
                full stop; or `at` is before 1970 or after 5138.
        """
        if message.id is None or _ID.fullmatch(message.id) is None:
            msg = f"a webhook needs an id of visible ASCII, without a full stop; got {message.id!r}"
            raise LocalProtocolError(msg)
        if not 0 <= at < 10**11:
            msg = f"a webhook is signed at a Unix time from 0 to 99999999999, got {at}"
            raise LocalProtocolError(msg)
        timestamp = str(int(at))
        signatures = self._signatures(message.id, timestamp, message.data)
        return Headers(
            {
                "webhook-id": message.id,
                "webhook-timestamp": timestamp,
                "webhook-signature": " ".join(signatures),
            }
        )

    def verify(self, request: Request, *, at: float) -> Received:
        """What a request brings, once its signature and its time have been found good.

        The signature comes first: `"stale"` and `"future"` are said of authentic requests only.

        Args:
            request: As it was received.
            at: When it was received, in Unix seconds.

        Raises:
            VerificationError: With the kind `"missing-header"` or `"malformed-header"` and the
                code 400; or `"bad-signature"`, `"stale"` or `"future"` and the code 401.
        """
        message_id = _field(request.headers, "webhook-id", _ID)
        timestamp = _field(request.headers, "webhook-timestamp", _TIMESTAMP)
        candidates = _field(request.headers, "webhook-signature", _SIGNATURES).split(" ")
        if len(candidates) > self._limits.signatures:
            msg = f"{len(candidates)} signatures came; {self._limits.signatures} are allowed"
            raise VerificationError(msg, kind="malformed-header", code=400)
        expected = self._signatures(message_id, timestamp, request.body)
        if not _any_equal(candidates, expected):
            msg = "none of the signatures in webhook-signature is by a known secret"
            raise VerificationError(msg, kind="bad-signature")
        self._check_time(int(timestamp), at)
        return Received(
            id=message_id,
            type=payload_type(request.body),
            time=datetime.fromtimestamp(int(timestamp), UTC),
            source=self._source,
            headers=request.headers,
            body=request.body,
        )

    def _signatures(self, message_id: str, timestamp: str, body: bytes) -> list[str]:
        signed = f"{message_id}.{timestamp}.".encode() + body
        digests = (hmac.digest(key, signed, hashlib.sha256) for key in self._keys)
        return [f"v1,{b64encode(each).decode()}" for each in digests]

    def _check_time(self, timestamp: int, at: float) -> None:
        # Written so that a NaN, which compares to nothing, is not taken for the present.
        if not at - timestamp <= self._tolerance:
            msg = f"signed {at - timestamp:.0f} seconds ago; {self._tolerance} are tolerated"
            raise VerificationError(msg, kind="stale")
        if not timestamp - at <= self._tolerance:
            msg = f"signed {timestamp - at:.0f} seconds ahead; {self._tolerance} are tolerated"
            raise VerificationError(msg, kind="future")


def _key(secret: object) -> bytes:
    if not isinstance(secret, str):
        msg = f"a secret is a string of base64, not {type(secret).__name__}"
        raise LocalProtocolError(msg)
    text = secret.removeprefix(_PREFIX).rstrip("=")  # people copy secrets without the padding
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        msg = f"a secret is base64, with or without the prefix {_PREFIX}: {error}"
        raise LocalProtocolError(msg) from error
    if len(key) < _MIN_SECRET:
        msg = f"a secret has at least {_MIN_SECRET} bytes, got {len(key)}"
        raise LocalProtocolError(msg)
    return key


def _field(headers: Headers, name: str, grammar: re.Pattern[str]) -> str:
    found = headers.get_all(name)
    if len(found) != 1:
        msg = f"a Standard Webhook has one header {name}, got {len(found)}"
        kind = "malformed-header" if found else "missing-header"
        raise VerificationError(msg, kind=kind, code=400)
    if grammar.fullmatch(found[0]) is None:
        msg = f"{name} must match {grammar.pattern}, got {found[0][:80]!r}"
        raise VerificationError(msg, kind="malformed-header", code=400)
    return found[0]


def _any_equal(candidates: list[str], expected: list[str]) -> bool:
    # Text is compared, not what it decodes to, because base64 can spell some bytes in many ways;
    # and all of it is, so that the time tells nothing.
    equal = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in candidates]
    return any(equal)
