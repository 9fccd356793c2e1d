"""Signed webhook deliveries: good ones, and what goes wrong with them."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from operator import neg

from hypothesis import strategies as st

from eventproto import Message
from eventproto._value import value
from eventproto.http import Request
from eventproto.strategies._messages import messages
from eventproto.webhook import StandardWebhooks

__all__ = [
    "SignedDelivery",
    "refused_deliveries",
    "signed_deliveries",
    "webhook_messages",
    "webhook_secrets",
]

_IDS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != ".")
_URL = "https://hooks.example/in"


@value(kw_only=True)
class SignedDelivery:
    """A webhook as a receiver gets it.

    Attributes:
        secret: What it should be verified with.
        message: What was sent.
        request: What arrived.
        at: When it arrived, in Unix seconds.
    """

    secret: str
    message: Message
    request: Request
    at: float


def webhook_secrets() -> st.SearchStrategy[str]:
    """Symmetric secrets of Standard Webhooks, in all their spellings."""
    encoded = st.binary(min_size=24, max_size=64).map(lambda key: b64encode(key).decode())
    spelled = encoded | encoded.map(lambda text: text.rstrip("="))
    return spelled | spelled.map("whsec_".__add__)


def webhook_messages() -> st.SearchStrategy[Message]:
    """Messages with an id that webhooks can carry."""
    ids = st.text(_IDS, min_size=1, max_size=50)
    return st.builds(_with_id, messages(), ids)


@st.composite
def signed_deliveries(draw: st.DrawFn, *, tolerance: int = 300) -> SignedDelivery:
    """Deliveries by Standard Webhooks that verify, up to `tolerance` seconds early or late."""
    secret = draw(webhook_secrets())
    message = draw(webhook_messages())
    signed_at = draw(st.integers(tolerance, 4_000_000_000))
    headers = StandardWebhooks(secret).sign(message, at=signed_at)
    if message.content_type is not None:
        headers = headers.replace("Content-Type", message.content_type)
    return SignedDelivery(
        secret=secret,
        message=message,
        request=Request("POST", _URL, headers, message.data),
        at=signed_at + draw(st.integers(-tolerance, tolerance)),
    )


def refused_deliveries(*, tolerance: int = 300) -> st.SearchStrategy[tuple[SignedDelivery, str]]:
    """Deliveries by Standard Webhooks that must not verify, each with the kind of its error.

    Args:
        tolerance: What is tolerated, in seconds.
    """
    good = signed_deliveries(tolerance=tolerance)
    offsets = st.floats(tolerance + 0.001, 1e9)
    return st.one_of(
        st.builds(_spoil_header, good, st.sampled_from(_SPOILED_HEADERS)),
        st.builds(_spoil_body, good, st.binary(min_size=1)),
        good.map(_mistake_secret),
        st.builds(_misdate, signed_deliveries(tolerance=0), offsets | offsets.map(neg)),
    )


_HEADERS = _ID, _TIMESTAMP, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"

# The kind of error, the header, and what its fields are changed to: `{text}` is what it said, and
# `{mac}` the signature without its version.
_SPOILED_HEADERS: list[tuple[str, str, tuple[str, ...]]] = [
    *(("missing-header", name, ()) for name in _HEADERS),
    *(("malformed-header", name, ("{text}", "{text}")) for name in _HEADERS),
    *(("malformed-header", name, ("",)) for name in _HEADERS),
    *(("malformed-header", name, ("{text}\udcff",)) for name in _HEADERS),
    ("malformed-header", _ID, ("{text}.1",)),
    ("malformed-header", _ID, ("{text} 1",)),
    ("malformed-header", _ID, ("{text}\u00e9",)),
    ("malformed-header", _TIMESTAMP, ("{text}.9",)),
    ("malformed-header", _TIMESTAMP, ("{text}junk",)),
    ("malformed-header", _TIMESTAMP, ("+{text}",)),
    ("malformed-header", _TIMESTAMP, ("-{text}",)),
    ("malformed-header", _TIMESTAMP, ("{text:0>5000}",)),
    ("malformed-header", _TIMESTAMP, ("NaN",)),
    ("malformed-header", _TIMESTAMP, ("\u0661\u0662\u0663",)),
    ("malformed-header", _SIGNATURE, ("{mac}",)),
    ("malformed-header", _SIGNATURE, ("v1",)),
    ("malformed-header", _SIGNATURE, ("v1,",)),
    ("malformed-header", _SIGNATURE, ("v1,!{mac}",)),
    ("malformed-header", _SIGNATURE, ("v1,{mac:.43}",)),
    ("malformed-header", _SIGNATURE, ("{text}AAAA",)),
    ("malformed-header", _SIGNATURE, ("{text},",)),
    ("malformed-header", _SIGNATURE, ("{text}  {text}",)),
    ("malformed-header", _SIGNATURE, ("{text}, {text}",)),
    ("malformed-header", _SIGNATURE, ("{text}" + " {text}" * 16,)),
    ("bad-signature", _ID, ("{text}x",)),
    ("bad-signature", _TIMESTAMP, ("0{text}",)),
    ("bad-signature", _TIMESTAMP, ("1{text}",)),
    ("bad-signature", _SIGNATURE, ("v1," + "A" * 43 + "=",)),
    ("bad-signature", _SIGNATURE, ("v1a,{mac}",)),
    ("bad-signature", _SIGNATURE, ("V1,{mac}",)),
    ("bad-signature", _SIGNATURE, ("v1,{respelled}",)),
]
_Refused = tuple[SignedDelivery, str]


def _with_id(message: Message, id: str) -> Message:
    return replace(message, id=id)


def _spoil_header(delivery: SignedDelivery, spoiled: tuple[str, str, tuple[str, ...]]) -> _Refused:
    kind, name, fields = spoiled
    headers = delivery.request.headers
    mac = headers[_SIGNATURE].removeprefix("v1,")
    changed = (
        each.format(text=headers[name], mac=mac, respelled=_respelled(mac)) for each in fields
    )
    headers = headers.without(name) + ((name, text) for text in changed)
    return replace(delivery, request=replace(delivery.request, headers=headers)), kind


def _spoil_body(delivery: SignedDelivery, junk: bytes) -> _Refused:
    request = replace(delivery.request, body=delivery.request.body + junk)
    return replace(delivery, request=request), "bad-signature"


def _mistake_secret(delivery: SignedDelivery) -> _Refused:
    secret = b64encode(b"a secret of somebody else's").decode()
    return replace(delivery, secret=secret), "bad-signature"


def _misdate(delivery: SignedDelivery, by: float) -> _Refused:
    return replace(delivery, at=delivery.at + by), "stale" if by > 0 else "future"


def _respelled(mac: str) -> str:
    """Other base64 of the same bytes: the last character before the padding has bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return f"{mac[:-2]}{alphabet[alphabet.index(mac[-2]) + 1]}="
