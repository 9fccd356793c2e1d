"""Reading what a hub delivers (section 7)."""

from __future__ import annotations

from eventproto._errors import LimitExceeded, RemoteProtocolError, VerificationError
from eventproto.http import Call, Request
from eventproto.websub._events import ContentReceived
from eventproto.websub._limits import Limits
from eventproto.websub._signature import Method, verify_signature
from eventproto.websub._states import State
from eventproto.websub._subscription import Subscription

__all__ = ["read_content"]


def read_content(
    call: Call,
    subscription: Subscription,
    *,
    min_method: Method,
    mismatch_status: int,
    limits: Limits,
) -> ContentReceived:
    """The content in a call to the callback of a subscription.

    Which subscription it is about, the callback alone says; `Link` headers must not (7).

    Raises:
        VerificationError: It is not signed as it should be.
        RemoteProtocolError: It must not come, or is too large; `code` answers it.
    """
    request = call.request
    if subscription.state in {State.UNSUBSCRIBING, State.ENDED}:
        msg = "this subscription has ended"
        raise RemoteProtocolError(msg, code=410)
    if subscription.lease is None:
        msg = "this subscription was not verified"
        raise RemoteProtocolError(msg, code=404)
    if len(request.body) > limits.content_size:
        msg = f"content may have {limits.content_size} bytes, got {len(request.body)}"
        raise LimitExceeded(msg, code=413, limit="content_size")
    if subscription.secret is not None:
        _check_signature(request, subscription.secret, min_method, mismatch_status)
    content_type = request.headers.get("Content-Type")
    return ContentReceived(
        call.token,
        subscription.wanted.name,
        subscription.lease.topic,
        content_type if content_type and content_type.isascii() else None,
        request.body,
        request.headers,
    )


def _check_signature(
    request: Request, secret: str, min_method: Method, mismatch_status: int
) -> None:
    header = request.headers.get("X-Hub-Signature")
    if header is None:
        msg = "X-Hub-Signature is missing"
        raise VerificationError(msg, kind="missing-header", code=403)
    if not verify_signature(header, request.body, secret, min_method=min_method):
        msg = "X-Hub-Signature does not match the content"
        raise VerificationError(msg, kind="bad-signature", code=mismatch_status)
