"""The list of requirements names tests that exist, and each of the codec's is cited by a test."""

from __future__ import annotations

import pytest

from tests.conformance import Conformance

SSE = Conformance("sse", "SSE")
CODEC = SSE.cited("sse/streams.py", "sse/test_parser*.py", "sse/test_writer.py")
ALL = SSE.cited("**/test_*.py", "sse/streams.py")


def test_numbers_are_in_order() -> None:
    """And there is no gap."""
    assert SSE.in_order() == SSE.numbers
    assert "".join(dict.fromkeys(number[0] for number in SSE.numbers)) == "ABCDEFGHIJ"


@pytest.mark.parametrize("row", SSE.rows, ids=SSE.numbers)
def test_a_requirement_of_the_codec_is_cited(row: list[str]) -> None:
    """By a test of the parser or the writer; one of another role by any test."""
    number, who, *_, tests = row
    if {"P", "W"} & set(who.split()):
        assert number in CODEC
    elif tests != "none":
        assert number in ALL


@pytest.mark.parametrize(("file", "test"), SSE.tests)
def test_what_it_names_exists(file: str, test: str) -> None:
    """Each of them a test, not only a file."""
    assert test
    assert SSE.has(file, test)


def test_what_is_cited_is_on_it() -> None:
    """In every test there is."""
    assert set(SSE.numbers) >= ALL
