"""What a subscriber can be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from eventproto import LocalProtocolError
from eventproto.websub import Subscribe
from tests.websub.roles import TOPIC


def test_a_subscription_is_called_after_its_url() -> None:
    """Unless it has a name of its own."""
    assert Subscribe(TOPIC).name == TOPIC
    assert Subscribe(TOPIC, "mine").name == "mine"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "/feed"},
        {"url": "https://blog.example/#top"},
        {"url": "https://user:password@blog.example/"},
        {"url": 5},
        {"lease_seconds": 0},
        {"lease_seconds": 10**5000},
        {"lease_seconds": 60.0},
        {"secret": 5},
        {"secret": "s" * 200},
        {"secret": ""},
        {"secret": "s", "signed": False},
    ],
)
def test_what_the_specification_does_not_allow(wrong: dict[str, Any]) -> None:
    """Is refused where it is said."""
    # WebSub S15, S16
    with pytest.raises(LocalProtocolError):
        Subscribe(**{"url": TOPIC, **wrong})
