"""Accepting and refusing what a peer waits with."""

from __future__ import annotations

import pytest

from eventproto import Accept, LocalProtocolError, Refuse


def test_an_answer_names_the_token() -> None:
    """A refusal asks to try again later unless it says more."""
    assert Accept("a").token == "a"
    assert Refuse("a") == Refuse("a", 503, "")


@pytest.mark.parametrize("status", [200, 302, 399, 600])
def test_a_refusal_has_a_status_of_failure(status: int) -> None:
    """A redirect is none: neither hubs nor webhook senders follow them."""
    # WebSub S37
    with pytest.raises(LocalProtocolError, match="from 400 to 599"):
        Refuse("a", status)
