"""Where the official library for Standard Webhooks differs, and how."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Literal, Self

import pytest
import standardwebhooks.webhooks
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from typing_extensions import override

from eventproto import LocalProtocolError, Message, VerificationError
from eventproto.http import Headers, Request
from eventproto.strategies import SignedDelivery, signed_deliveries
from eventproto.webhook import StandardWebhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = 1_700_000_000
NAMES = ["webhook-id", "webhook-timestamp", "webhook-signature"]
GOOD = StandardWebhooks(SECRET).sign(Message(data=b"{}", id="msg_1"), at=AT)
MAC = GOOD["webhook-signature"].removeprefix("v1,")

Verdict = Literal["accepted", "refused", "failed"]


class Now(datetime):
    """The clock that the official library looks at."""

    unix: float = AT

    @classmethod
    @override
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(cls.unix, tz)


@pytest.fixture(autouse=True, scope="module")
def clock() -> Iterator[None]:
    """Have it stand where it is put."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standardwebhooks.webhooks, "datetime", Now)
        yield


def theirs(secret: str, headers: Headers, body: bytes, at: float) -> Verdict:
    """`"failed"`: with an error that is not the documented one."""
    Now.unix = at
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except WebhookVerificationError:
        return "refused"
    except Exception:  # noqa: BLE001  # any at all
        return "failed"
    return "accepted"


def ours(secret: str, headers: Headers, body: bytes, at: float) -> str:
    """`"accepted"`, or the kind of the error."""
    try:
        StandardWebhooks(secret).verify(Request("POST", "https://a/", headers, body), at=at)
    except VerificationError as error:
        return error.kind
    return "accepted"


def in_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(signed_deliveries())
def test_what_verifies_here_verifies_there(delivery: SignedDelivery) -> None:
    """To the last second that is tolerated, if the body is UTF-8; else it fails there."""
    verdict = theirs(delivery.secret, delivery.request.headers, delivery.message.data, delivery.at)
    assert verdict == ("accepted" if in_utf_8(delivery.message.data) else "failed")


@given(
    st.sampled_from(NAMES),
    st.integers(0, 50),
    st.integers(0, 3),
    st.text(st.sampled_from("0123456789.,-+ =/vAaZz_!\u00e9\udcff"), max_size=3),
)
def test_what_is_accepted_here_is_accepted_there(
    name: str, at: int, removed: int, added: str
) -> None:
    """However a header was changed; and what only they accept is another spelling of the same."""
    text = GOOD[name]
    headers = GOOD.replace(name, text[:at] + added + text[at + removed :])
    here, there = ours(SECRET, headers, b"{}", AT), theirs(SECRET, headers, b"{}", AT)
    if here == "accepted":
        assert there == "accepted"
    elif there == "accepted":
        assert name != "webhook-id"
        assert here in {"malformed-header", "bad-signature"}


@pytest.mark.parametrize(
    ("name", "text", "here", "there"),
    [
        # Other spellings of a signature, which whoever keeps those that it has seen takes for new.
        ("webhook-signature", f"v1,{MAC}AAAA", "malformed-header", "accepted"),
        ("webhook-signature", f"v1,!{MAC}", "malformed-header", "accepted"),
        ("webhook-signature", f"v1,{MAC[:-2]}x=", "bad-signature", "refused"),
        ("webhook-signature", f"v1,{MAC[:20]}\t{MAC[20:]}", "malformed-header", "accepted"),
        # What comes after a good signature is not looked at.
        ("webhook-signature", f"v1,{MAC} v1", "malformed-header", "accepted"),
        ("webhook-signature", f"v1,{MAC}  v1,{MAC}", "malformed-header", "accepted"),
        # Other spellings of a time.
        ("webhook-timestamp", f"{AT}.9", "malformed-header", "accepted"),
        ("webhook-timestamp", f"0{AT}", "bad-signature", "accepted"),
        ("webhook-timestamp", f"+{AT}", "malformed-header", "accepted"),
        ("webhook-timestamp", f"{AT:_}", "malformed-header", "accepted"),
        ("webhook-timestamp", "1.7e9", "malformed-header", "accepted"),
        ("webhook-timestamp", "NaN", "malformed-header", "refused"),
        # What makes them fail with an error of another kind, before anything was verified.
        ("webhook-signature", f"v1 v1,{MAC}", "malformed-header", "failed"),
        ("webhook-signature", f"v1,{MAC},", "malformed-header", "failed"),
        ("webhook-signature", "v1,é", "malformed-header", "failed"),
        ("webhook-signature", "v1,A", "malformed-header", "failed"),
        ("webhook-id", "\udcff", "malformed-header", "failed"),
        # The same verdict.
        (
            "webhook-signature",
            f"v1a,{MAC} v2,x {GOOD['webhook-signature']}",
            "accepted",
            "accepted",
        ),
        ("webhook-signature", f"v1a,{MAC}", "bad-signature", "refused"),
        ("webhook-signature", f"V1,{MAC}", "bad-signature", "refused"),
        ("webhook-timestamp", "", "malformed-header", "refused"),
        ("webhook-id", "msg_2", "bad-signature", "refused"),
    ],
)
def test_spellings(name: str, text: str, here: str, there: Verdict) -> None:
    """This side takes one, and says of all others what is wrong with them."""
    # Webhooks C3, C4, D4
    headers = GOOD.replace(name, text)
    assert ours(SECRET, headers, b"{}", AT) == here
    assert theirs(SECRET, headers, b"{}", AT) == there


@pytest.mark.parametrize("id", ["msg.1", "msg 1", "é"])
def test_ids(id: str) -> None:
    """They sign and verify any id, also one that has a second reading: the time may end it."""
    # Webhooks B2
    signature = Webhook(SECRET).sign(id, datetime.fromtimestamp(AT, UTC), "{}")
    headers = Headers(
        {"webhook-id": id, "webhook-timestamp": str(AT), "webhook-signature": signature}
    )
    assert theirs(SECRET, headers, b"{}", AT) == "accepted"
    assert ours(SECRET, headers, b"{}", AT) == "malformed-header"


def test_the_second_reading_of_an_id() -> None:
    """Whoever may choose an id has signed a body that nobody has sent."""
    # Webhooks B2
    signature = Webhook(SECRET).sign(f"msg.{AT}", datetime.fromtimestamp(AT + 1, UTC), "{}")
    headers = Headers(
        {"webhook-id": "msg", "webhook-timestamp": str(AT), "webhook-signature": signature}
    )
    body = f"{AT + 1}.{{}}".encode()
    # Neither side can tell; so this one never signs such an id.
    assert ours(SECRET, headers, body, AT) == theirs(SECRET, headers, body, AT) == "accepted"
    with pytest.raises(LocalProtocolError):
        StandardWebhooks(SECRET).sign(Message(data=b"{}", id=f"msg.{AT}"), at=AT + 1)


@pytest.mark.parametrize("name", NAMES)
def test_repeated_headers(name: str) -> None:
    """Their headers are a dictionary, so they never see the second one."""
    # Webhooks C1
    headers = GOOD + {name: GOOD[name]}
    assert ours(SECRET, headers, b"{}", AT) == "malformed-header"
    assert theirs(SECRET, headers, b"{}", AT) == "accepted"


@pytest.mark.parametrize("secret", ["whsec_AAAA", "AAA", "whsec_" + "A" * 31, "A" * 31 + "!A"])
def test_secrets(secret: str) -> None:
    """They take short ones, and drop what is not base64 from them."""
    # Webhooks B5, B6
    Webhook(secret)
    with pytest.raises(LocalProtocolError):
        StandardWebhooks(secret)


def test_names_of_svix() -> None:
    """The headers from before there was a standard are read by neither."""
    # Webhooks C6
    headers = Headers((name.replace("webhook-", "svix-"), text) for name, text in GOOD)
    assert ours(SECRET, headers, b"{}", AT) == "missing-header"
    assert theirs(SECRET, headers, b"{}", AT) == "refused"
