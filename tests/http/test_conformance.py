"""The list of requirements names tests that exist, and each row a test or why there is none."""

from __future__ import annotations

import pytest

from tests.conformance import Conformance

HTTP = Conformance("http", "HTTP")


def test_numbers_are_in_order() -> None:
    """And there is no gap."""
    assert HTTP.in_order() == HTTP.numbers
    assert "".join(dict.fromkeys(number[0] for number in HTTP.numbers)) == "ABCDEFGHIJ"


@pytest.mark.parametrize("row", HTTP.rows, ids=HTTP.numbers)
def test_nothing_is_left_out(row: list[str]) -> None:
    """Each requirement has its cells, and a test or a reason."""
    assert len(row) == 6
    assert row[1] in {"B", "C", "S"}
    assert "`" in row[-1] or row[-1].startswith(("not needed", "for the application"))


@pytest.mark.parametrize(("file", "test"), HTTP.tests)
def test_what_it_names_exists(file: str, test: str) -> None:
    """Each of them a test, not only a file."""
    assert test
    assert HTTP.has(file, test)


def test_what_is_cited_is_on_it() -> None:
    """In every test there is."""
    cited = HTTP.cited("**/test_*.py")
    assert cited <= set(HTTP.numbers)
    assert len(cited) > 30
