"""What an application may say to a peer that waits."""

from __future__ import annotations

import pytest

from eventproto import Accept, LocalProtocolError, Refuse


def test_an_answer_names_whom_it_is_for() -> None:
    """Answers are values."""
    assert Accept(7) == Accept(7) != Accept(8)
    assert Refuse(7) == Refuse(7, 503, "")


@pytest.mark.parametrize("status", [200, 399, 600, 0])
def test_a_refusal_is_no_success(status: int) -> None:
    """A status that says otherwise would be taken for acceptance, or for nothing at all."""
    with pytest.raises(LocalProtocolError, match="from 400 to 599"):
        Refuse(7, status)
