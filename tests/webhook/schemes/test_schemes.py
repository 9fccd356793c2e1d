"""Schemes by name."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import LocalProtocolError, Message
from eventproto.http import Request
from eventproto.webhook import Scheme, scheme

SECRETS = ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]


def test_a_scheme_has_a_name() -> None:
    """So that a configuration file can name it."""
    found: Scheme = scheme("standard-webhooks", secrets=SECRETS, source="https://sender.example/")
    headers = found.sign(Message(data=b"", id="1"), at=0)
    received = found.verify(Request("POST", "https://hooks.example/", headers), at=0)
    assert received.source == "https://sender.example/"


def test_an_unknown_name_is_refused() -> None:
    """With the names that are known."""
    with pytest.raises(LocalProtocolError, match="standard-webhooks"):
        scheme("carrier-pigeon", secrets=SECRETS)


@pytest.mark.parametrize(
    ("secrets", "got"), [([], "none"), ((), "none"), ("", "none"), ("x", "one")]
)
def test_secrets_are_a_list_of_some(secrets: Any, got: str) -> None:
    """Whatever the scheme; one string is not taken for a list of letters."""
    with pytest.raises(LocalProtocolError, match=f"list of secrets, got {got}"):
        scheme("standard-webhooks", secrets=secrets)
