"""The list of requirements names tests that exist, and each requirement is cited by a test."""

from __future__ import annotations

import pytest

from tests.conformance import Conformance

WEBHOOKS = Conformance("webhook", "Webhooks")
ALL = WEBHOOKS.cited("**/test_*.py")


def test_numbers_are_in_order() -> None:
    """And there is no gap."""
    assert WEBHOOKS.in_order() == WEBHOOKS.numbers
    assert "".join(dict.fromkeys(number[0] for number in WEBHOOKS.numbers)) == "ABCDE"


@pytest.mark.parametrize("row", WEBHOOKS.rows, ids=WEBHOOKS.numbers)
def test_a_requirement_is_cited(row: list[str]) -> None:
    """Unless it is for the application, or not there yet, which the decision then says."""
    number, *_, decision, tests = row
    assert (number in ALL) is (tests != "none")
    assert tests != "none" or decision.startswith(("for the application", "not there yet"))


@pytest.mark.parametrize(("file", "test"), WEBHOOKS.tests)
def test_what_it_names_exists(file: str, test: str) -> None:
    """Each of them a test, not only a file."""
    assert test
    assert WEBHOOKS.has(file, test)


def test_what_is_cited_is_on_it() -> None:
    """In every test there is."""
    assert set(WEBHOOKS.numbers) >= ALL
