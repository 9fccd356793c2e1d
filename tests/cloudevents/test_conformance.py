"""The list of requirements names tests that exist, and each requirement is cited by a test."""

from __future__ import annotations

import pytest

from tests.conformance import Conformance

CE = Conformance("cloudevents", "CE")
ALL = CE.cited("**/test_*.py")


def test_numbers_are_in_order() -> None:
    """And there is no gap."""
    assert CE.in_order() == CE.numbers
    assert "".join(dict.fromkeys(number[0] for number in CE.numbers)) == "ABCDE"


@pytest.mark.parametrize("row", CE.rows, ids=CE.numbers)
def test_a_requirement_is_cited(row: list[str]) -> None:
    """Unless it is for others, and the decision says for whom."""
    number, *_, decision, tests = row
    assert (number in ALL) is (tests != "none")
    assert decision or tests != "none"


@pytest.mark.parametrize(("file", "test"), CE.tests)
def test_what_it_names_exists(file: str, test: str) -> None:
    """Each of them a test, not only a file."""
    assert test
    assert CE.has(file, test)


def test_what_is_cited_is_on_it() -> None:
    """In every test there is."""
    assert set(CE.numbers) >= ALL
