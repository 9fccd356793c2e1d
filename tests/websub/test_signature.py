"""Signatures: right ones, wrong ones, and headers that are none."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError
from eventproto.strategies._websub import (
    SignedContent,
    refused_signatures,
    signed_contents,
    websub_secrets,
)
from eventproto.websub import METHODS, Method, sign, verify_signature


@given(signed_contents())
def test_what_was_signed_verifies(content: SignedContent) -> None:
    """With each algorithm, in any case."""
    # WebSub S40, H30
    assert verify_signature(content.header, content.body, content.secret)


@given(refused_signatures())
def test_what_is_no_signature_does_not(content: SignedContent) -> None:
    """And nothing raises, whatever the header."""
    # WebSub S41, S44
    assert not verify_signature(content.header, content.body, content.secret)


@given(st.none() | st.text(), st.binary(max_size=20), websub_secrets())
def test_nothing_raises(header: str | None, body: bytes, secret: str) -> None:
    """No header that somebody makes up is right."""
    # WebSub S42, S44
    assert not verify_signature(header, body, secret)


@given(st.binary(max_size=100), websub_secrets(), st.sampled_from(METHODS))
def test_the_signature_is_an_hmac_of_the_body(body: bytes, secret: str, method: Method) -> None:
    """The standard library's, in hexadecimal digits, with the algorithm in front."""
    # WebSub H30
    expected = hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()
    assert sign(body, secret, method) == f"{method}={expected}"


def test_a_known_signature() -> None:
    """RFC 4231, test case 2."""
    # WebSub H30
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert sign(b"what do ya want for nothing?", "Jefe") == f"sha256={digest}"


@pytest.mark.parametrize("weakest", METHODS)
@pytest.mark.parametrize("method", METHODS)
def test_weaker_algorithms_can_be_refused(method: Method, weakest: Method) -> None:
    """Those before the weakest that is wanted, and no others."""
    # WebSub S43
    accepted = METHODS.index(method) >= METHODS.index(weakest)
    assert verify_signature(sign(b"x", "s", method), b"x", "s", min_method=weakest) is accepted


def test_another_algorithm_is_the_callers_mistake() -> None:
    """There are four."""
    method: Any = "md5"
    with pytest.raises(LocalProtocolError, match="expected one of sha1"):
        sign(b"", "s", method)
    with pytest.raises(LocalProtocolError, match="expected one of sha1"):
        verify_signature(None, b"", "s", min_method=method)


@pytest.mark.parametrize("secret", ["", "\ud800", b"s", None])
def test_what_is_no_secret_is_the_callers_mistake(secret: Any) -> None:
    """With an empty one, anybody could sign."""
    # WebSub X6
    with pytest.raises(LocalProtocolError, match="a secret must be"):
        sign(b"", secret)
    with pytest.raises(LocalProtocolError, match="a secret must be"):
        verify_signature("sha256=" + "0" * 64, b"", secret)
