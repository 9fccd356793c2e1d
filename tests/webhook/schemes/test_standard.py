"""Standard Webhooks: what verifies, what does not, and what the official library says of it."""

from __future__ import annotations

import base64
import hmac
import math
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from eventproto import LocalProtocolError, Message, VerificationError
from eventproto.http import Headers, Request
from eventproto.strategies import (
    SignedDelivery,
    refused_deliveries,
    signed_deliveries,
    webhook_messages,
    webhook_secrets,
)
from eventproto.webhook import Limits, StandardWebhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
AT = 1614265330
MESSAGE = Message(data=b'{"test": 2432232314}', id="msg_p5jXN8AQM9LWM0D4loKWxJek")
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def request(headers: Headers, body: bytes = MESSAGE.data) -> Request:
    return Request("POST", "https://hooks.example/", headers, body)


def kind_of_refusal(scheme: StandardWebhooks, arrived: Request, at: float) -> str:
    with pytest.raises(VerificationError) as caught:
        scheme.verify(arrived, at=at)
    return caught.value.kind


def test_signs_the_known_vector() -> None:
    """The vector that all official libraries test themselves with."""
    # Webhooks B1, B4, B7, C1, C3
    assert StandardWebhooks(SECRET).sign(MESSAGE, at=AT) == Headers(
        {
            "webhook-id": MESSAGE.id or "",
            "webhook-timestamp": "1614265330",
            "webhook-signature": SIGNATURE,
        }
    )


def test_verifies_the_known_vector() -> None:
    """What was verified is reported natively, whole."""
    # Webhooks A1, A3, D3
    scheme = StandardWebhooks(SECRET, source="https://sender.example/")
    headers = scheme.sign(MESSAGE, at=AT) + {"Content-Type": "application/json"}
    received = scheme.verify(request(headers), at=AT)
    assert received.headers == headers
    assert received.token is None
    assert received.message() == Message(
        data=MESSAGE.data,
        id=MESSAGE.id,
        source="https://sender.example/",
        time=datetime.fromtimestamp(AT, UTC),
        content_type="application/json",
    )


def test_a_fraction_of_a_second_is_left_off() -> None:
    """The timestamp is whole seconds, never in the future of `at`."""
    headers = StandardWebhooks(SECRET).sign(MESSAGE, at=AT + 0.999)
    assert headers["webhook-timestamp"] == str(AT)


@given(signed_deliveries())
def test_what_is_signed_verifies(delivery: SignedDelivery) -> None:
    """Any bytes, up to the tolerance early or late, the limit itself included."""
    # Webhooks B1, B3, D2
    received = StandardWebhooks(delivery.secret).verify(delivery.request, at=delivery.at)
    message = received.message()
    assert (message.id, message.data) == (delivery.message.id, delivery.message.data)
    assert message.content_type == delivery.message.content_type


@given(refused_deliveries())
def test_what_is_spoiled_is_refused(refused: tuple[SignedDelivery, str]) -> None:
    """With the kind that says what is wrong."""
    # Webhooks B2, B3, C3, C4, D2, D4
    delivery, kind = refused
    scheme = StandardWebhooks(delivery.secret)
    assert kind_of_refusal(scheme, delivery.request, delivery.at) == kind


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
            st.binary().filter(lambda text: not set(text) & {*range(9), *range(10, 32), 127}),
        )
    ),
    st.binary(),
    st.floats(),
)
def test_nothing_makes_another_exception(
    fields: list[tuple[str, bytes]], body: bytes, at: float
) -> None:
    """Whatever the headers, the body and the clock hold."""
    # Webhooks D4
    headers = Headers.decode((name.encode(), text) for name, text in fields)
    with pytest.raises(VerificationError):
        StandardWebhooks(SECRET).verify(request(headers, body), at=at)


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b'\xef\xbb\xbf{"type":"x"}', b"[" * 100_000, b'{"type":7}', b'{"type":""}',
     b'{"type":"\\ud800"}', b"[1]", b"9" * 10_000, b'{"type":null}', b"", b"{}"],
)  # fmt: skip
def test_a_body_without_a_type_is_a_message(body: bytes) -> None:
    """Bytes that are not UTF-8, or begin with a byte order mark, verify like all others."""
    # Webhooks A1, B3
    scheme = StandardWebhooks(SECRET)
    headers = scheme.sign(Message(data=body, id="1"), at=AT)
    message = scheme.verify(request(headers, body), at=AT).message()
    assert (message.type, message.data) == ("message", body)


def test_the_payload_says_the_type() -> None:
    """As the specification advises senders to do."""
    # Webhooks A2
    scheme = StandardWebhooks(SECRET)
    body = b'{"type":"contact.created","data":{}}'
    headers = scheme.sign(Message(data=body, id="1"), at=AT)
    assert scheme.verify(request(headers, body), at=AT).type == "contact.created"


@pytest.mark.parametrize("content_type", ["", "text/\udcff"])
def test_a_content_type_that_is_no_text_is_none(content_type: str) -> None:
    """It is not signed, and must not keep a message from being read."""
    scheme = StandardWebhooks(SECRET)
    headers = scheme.sign(MESSAGE, at=AT) + {"Content-Type": content_type}
    assert scheme.verify(request(headers), at=AT).message().content_type is None


# Secrets


@pytest.mark.parametrize("secret", ["", "whsec_", "AAAA", base64.b64encode(bytes(23)).decode()])
def test_a_short_secret_is_refused(secret: str) -> None:
    """Less than 192 bits are no secret."""
    # Webhooks B5
    with pytest.raises(LocalProtocolError, match="at least 24 bytes"):
        StandardWebhooks(secret)


@pytest.mark.parametrize(
    "secret", ["whsk_" + "A" * 32, "A" * 33, "é" * 32, "_-" * 16, "A" * 16 + " " * 16]
)
def test_a_secret_that_is_not_base64_is_refused(secret: str) -> None:
    """Which includes the keys of the asymmetric variant."""
    # Webhooks B6, B8
    with pytest.raises(LocalProtocolError, match="a secret is base64"):
        StandardWebhooks(secret)


@pytest.mark.parametrize("secret", [None, b"A" * 32, 5])
def test_a_secret_that_is_no_string_is_refused(secret: Any) -> None:
    """Bytes might be the key, or what spells it."""
    # Webhooks B6
    with pytest.raises(LocalProtocolError, match="a secret is a string"):
        StandardWebhooks(secret)


@pytest.mark.parametrize("size", [24, 32, 64, 65, 1000])
def test_a_long_secret_is_as_good(size: int) -> None:
    """Beyond the 64 bytes that the specification foresees, too, as the official library has it."""
    # Webhooks B5
    secret = "whsec_" + base64.b64encode(bytes(range(256)) * 4).decode()[: size * 4 // 3 // 4 * 4]
    signature = Webhook(secret).sign("1", datetime.fromtimestamp(AT, UTC), "x")
    headers = StandardWebhooks(secret).sign(Message(data=b"x", id="1"), at=AT)
    assert headers["webhook-signature"] == signature


def test_comparing_takes_the_same_time_wherever_the_difference_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each signature is compared with each expected one, by the function that is made for it."""
    # Webhooks D1
    compared: list[tuple[str, str]] = []

    def compare(mine: str, theirs: str) -> bool:
        compared.append((mine, theirs))
        return mine == theirs

    monkeypatch.setattr(hmac, "compare_digest", compare)
    headers = StandardWebhooks(SECRET, OTHER).sign(MESSAGE, at=AT)
    mine = headers["webhook-signature"].split(" ")
    StandardWebhooks(SECRET, OTHER).verify(request(headers), at=AT)
    assert sorted(compared) == sorted((a, b) for a in mine for b in mine)


def test_one_bad_secret_among_many_is_refused() -> None:
    """However many come before it."""
    with pytest.raises(LocalProtocolError):
        StandardWebhooks(SECRET, OTHER, "")


def test_each_secret_signs() -> None:
    """So that a receiver which knows only one of them can verify."""
    # Webhooks C5
    headers = StandardWebhooks(SECRET, OTHER).sign(MESSAGE, at=AT)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (SECRET, OTHER):
        assert StandardWebhooks(secret).verify(request(headers), at=AT).id == MESSAGE.id


def test_a_signature_by_any_secret_is_enough() -> None:
    """So that a receiver can learn the new secret before the sender uses it."""
    # Webhooks C5
    headers = StandardWebhooks(OTHER).sign(MESSAGE, at=AT)
    assert StandardWebhooks(SECRET, OTHER).verify(request(headers), at=AT).id == MESSAGE.id


def test_signatures_of_other_versions_are_passed_over() -> None:
    """As in the example of the specification."""
    # Webhooks B8
    scheme = StandardWebhooks(SECRET)
    headers = scheme.sign(MESSAGE, at=AT)
    asymmetric = "v1a," + base64.b64encode(bytes(64)).decode()
    both = headers.replace("webhook-signature", f"{asymmetric} {SIGNATURE}")
    assert scheme.verify(request(both), at=AT).id == MESSAGE.id


@pytest.mark.parametrize(("count", "refused"), [(3, False), (4, True)])
def test_the_number_of_signatures_is_limited(count: int, refused: bool) -> None:
    """Each costs a comparison."""
    # Webhooks C4
    scheme = StandardWebhooks(SECRET, limits=Limits(signatures=3))
    headers = scheme.sign(MESSAGE, at=AT)
    many = headers.replace("webhook-signature", " ".join([SIGNATURE] * count))
    if refused:
        assert kind_of_refusal(scheme, request(many), AT) == "malformed-header"
    else:
        assert scheme.verify(request(many), at=AT).id == MESSAGE.id


# Time


@pytest.mark.parametrize("tolerance", [-1, math.nan])
def test_a_tolerance_is_not_negative(tolerance: float) -> None:
    """Nor is it no number."""
    with pytest.raises(LocalProtocolError, match="tolerance"):
        StandardWebhooks(SECRET, tolerance=tolerance)


@pytest.mark.parametrize("source", ["", "\ud800"])
def test_a_source_is_one_that_a_message_can_have(source: str) -> None:
    """Said at once, not when the first delivery is read."""
    with pytest.raises(LocalProtocolError, match="source"):
        StandardWebhooks(SECRET, source=source)


def test_the_tolerance_is_configurable() -> None:
    """Down to nothing, and up to any time at all."""
    # Webhooks D2
    headers = StandardWebhooks(SECRET).sign(MESSAGE, at=AT)
    exact = StandardWebhooks(SECRET, tolerance=0)
    assert exact.verify(request(headers), at=AT).id == MESSAGE.id
    assert kind_of_refusal(exact, request(headers), AT + 1) == "stale"
    assert kind_of_refusal(exact, request(headers), AT - 1) == "future"
    lenient = StandardWebhooks(SECRET, tolerance=math.inf)
    assert lenient.verify(request(headers), at=0).id == MESSAGE.id


def test_a_clock_that_is_no_number_verifies_nothing() -> None:
    """It compares to nothing, so it must not pass for the present."""
    headers = StandardWebhooks(SECRET).sign(MESSAGE, at=AT)
    assert kind_of_refusal(StandardWebhooks(SECRET), request(headers), math.nan) == "stale"


@pytest.mark.parametrize("at", [-1, 1e11, math.nan, math.inf])
def test_a_time_that_no_timestamp_can_say_is_refused(at: float) -> None:
    """Before anything is signed."""
    with pytest.raises(LocalProtocolError, match="Unix time"):
        StandardWebhooks(SECRET).sign(MESSAGE, at=at)


@pytest.mark.parametrize("id", [None, "a.b", "a b", "é", "a\n"])
def test_an_id_that_no_webhook_can_carry_is_refused(id: str | None) -> None:
    """A full stop would let a signature stand for another time and body."""
    # Webhooks B2
    with pytest.raises(LocalProtocolError, match="needs an id"):
        StandardWebhooks(SECRET).sign(Message(data=b"", id=id), at=AT)


# The official library


@given(webhook_secrets(), webhook_messages(), st.integers(0, 4_000_000_000))
def test_the_official_library_signs_the_same(secret: str, message: Message, at: int) -> None:
    """For all bodies that it can sign, which are those in UTF-8."""
    theirs = Webhook(secret)
    try:
        body = message.text
    except UnicodeDecodeError:
        return
    signature = theirs.sign(message.id or "", datetime.fromtimestamp(at, UTC), body)
    assert StandardWebhooks(secret).sign(message, at=at)["webhook-signature"] == signature


@given(webhook_secrets(), webhook_messages().filter(lambda message: message.data.isascii()))
def test_the_official_library_verifies_what_is_signed(secret: str, message: Message) -> None:
    """It looks at the clock itself, so both work in the present."""
    headers = StandardWebhooks(secret).sign(message, at=time.time())
    Webhook(secret).verify(message.data, dict(headers), json_parse=False)


@given(webhook_secrets(), webhook_messages().filter(lambda message: message.data.isascii()))
def test_what_the_official_library_signs_verifies(secret: str, message: Message) -> None:
    """The other way round, with names of headers in another case."""
    # Webhooks C1
    signed_at = datetime.fromtimestamp(AT, UTC)
    signature = Webhook(secret).sign(message.id or "", signed_at, message.text)
    headers = Headers(
        {
            "Webhook-Id": message.id or "",
            "Webhook-Timestamp": str(AT),
            "Webhook-Signature": signature,
        }
    )
    received = StandardWebhooks(secret).verify(request(headers, message.data), at=AT)
    assert received.body == message.data
