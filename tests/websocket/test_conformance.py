"""The list of requirements names tests that exist, and tests cite numbers that are on it."""

from __future__ import annotations

import pytest

from tests.conformance import Conformance

WEBSOCKET = Conformance("websocket", "WebSocket")


def test_numbers_are_in_order() -> None:
    """And there is no gap."""
    assert WEBSOCKET.in_order() == WEBSOCKET.numbers


@pytest.mark.parametrize(("file", "test"), WEBSOCKET.tests)
def test_what_it_names_exists(file: str, test: str) -> None:
    """Or at least its file."""
    assert WEBSOCKET.has(file, test)


def test_nothing_is_left_out() -> None:
    """Each requirement has a test, or that of another one, or it is said why there is none."""
    for row in WEBSOCKET.rows:
        test = row[-1]
        assert (
            "`" in test
            or test in WEBSOCKET.numbers
            or test.startswith(("not ", "for the application"))
        )


def test_what_is_cited_is_on_it() -> None:
    """In every test there is."""
    cited = WEBSOCKET.cited("**/test_*.py")
    assert cited <= set(WEBSOCKET.numbers)
    assert len(cited) > 30
