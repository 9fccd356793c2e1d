"""Signing the content that a hub distributes (section 7.1)."""

from __future__ import annotations

import hmac
from typing import Final, Literal, TypeAlias

from eventproto._errors import LocalProtocolError

__all__ = ["METHODS", "Method", "sign", "signing_key", "verify_signature"]

Method: TypeAlias = Literal["sha1", "sha256", "sha384", "sha512"]
"""A signature algorithm that WebSub recognizes."""

METHODS: Final[tuple[Method, ...]] = ("sha1", "sha256", "sha384", "sha512")
"""All of them, weakest first."""


def sign(body: bytes, secret: str, method: Method = "sha256") -> str:
    """The value of `X-Hub-Signature` for a body.

    Args:
        body: The content, exactly as it is sent.
        secret: The subscription's `hub.secret`.
        method: The algorithm; subscribers from before WebSub know only `"sha1"`.

    Raises:
        LocalProtocolError: An algorithm that the specification does not have, or a secret that
            cannot be one.
    """
    _check_method(method)
    return f"{method}={hmac.digest(signing_key(secret), body, method).hex()}"


def verify_signature(
    header: str | None, body: bytes, secret: str, *, min_method: Method = "sha1"
) -> bool:
    """Whether an `X-Hub-Signature` was made from this body with this secret.

    Takes the same time wherever a signature differs. No header raises anything.

    Args:
        header: What the request says; None, a missing signature, is never right.
        body: The content, exactly as it arrived.
        secret: The subscription's `hub.secret`.
        min_method: The weakest algorithm to accept. The specification advises `"sha256"` where
            the transport is not secure (8.3); large hubs still sign with `"sha1"`, the default.

    Raises:
        LocalProtocolError: As for `sign`.
    """
    _check_method(min_method)
    key = signing_key(secret)
    name, _, digest = (header or "").partition("=")
    accepted = METHODS[METHODS.index(min_method) :]
    method = next((each for each in accepted if each == name.strip().lower()), None)
    if method is None:
        return False
    expected = hmac.digest(key, body, method).hex()
    given = digest.strip().lower().encode(errors="replace")
    return hmac.compare_digest(given, expected.encode())


def signing_key(secret: str) -> bytes:
    """The key that a secret stands for; raises LocalProtocolError if it stands for none.

    An empty one is none: with it, anybody could sign.
    """
    try:
        key = secret.encode()
    except (AttributeError, UnicodeEncodeError):
        key = b""
    if not key:
        msg = "a secret must be text of whole characters, and not empty"
        raise LocalProtocolError(msg)
    return key


def _check_method(method: str) -> None:
    if method not in METHODS:
        msg = f"expected one of {', '.join(METHODS)}, got {method!r}"
        raise LocalProtocolError(msg)
