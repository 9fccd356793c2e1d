"""Dates as HTTP writes them."""

from __future__ import annotations

from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from eventproto._retry import retry_after
from eventproto.http._date import http_date


def test_the_example_of_the_rfc() -> None:
    """RFC 9110, 5.6.7."""
    # HTTP C12
    assert http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"


@given(st.integers(0, 253402300799))
def test_any_second(second: int) -> None:
    """As the standard library writes it, and as it is read here."""
    # HTTP C12
    assert http_date(second) == formatdate(second, usegmt=True)
    assert retry_after(http_date(second), at=second - 7) == 7
