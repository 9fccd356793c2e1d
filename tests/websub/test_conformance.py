"""The list of requirements names tests that exist, and each of them is cited by a test."""

from __future__ import annotations

import pytest

from tests.conformance import Conformance

WEBSUB = Conformance("websub", "WebSub")
CITED = WEBSUB.cited("**/test_*.py")


def test_numbers_are_in_order() -> None:
    """And there is no gap."""
    assert WEBSUB.in_order() == WEBSUB.numbers
    assert "".join(dict.fromkeys(number[0] for number in WEBSUB.numbers)) == "PSHXC"


@pytest.mark.parametrize("row", WEBSUB.rows, ids=WEBSUB.numbers)
def test_a_requirement_is_cited(row: list[str]) -> None:
    """By a test; or it is said why there is none, which never goes for a MUST."""
    number, _, force, *_, tests = row
    if number in CITED:
        assert "`" in tests
    else:
        assert tests.startswith(("for the application", "not there"))
        assert "MUST" not in force


@pytest.mark.parametrize(("file", "test"), WEBSUB.tests)
def test_what_it_names_exists(file: str, test: str) -> None:
    """Each of them a test, not only a file."""
    assert test
    assert WEBSUB.has(file, test)


def test_what_is_cited_is_on_it() -> None:
    """In every test there is."""
    assert set(WEBSUB.numbers) >= CITED
