"""The list of requirements names tests that exist, and each of the codec's is cited by a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/conformance/sse.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if re.match(r"\| [A-J]\d+ \|", line)
]
NUMBERS = [row[0] for row in ROWS]
TESTS = re.findall(r"`([\w/]+)::(\w+)`", " ".join(row[-1] for row in ROWS))


def cited_in(*patterns: str) -> set[str]:
    return {
        number
        for pattern in patterns
        for file in ROOT.glob(pattern)
        for citation in re.findall(r"# SSE ([^#\n]*)", file.read_text("utf-8"))
        for number in re.findall(r"\b[A-Z]\d+\b", citation)
    }


def test_numbers_are_in_order() -> None:
    """And there is no gap."""
    groups = dict.fromkeys(number[0] for number in NUMBERS)
    counts = {group: sum(number[0] == group for number in NUMBERS) for group in groups}
    expected = [f"{group}{at + 1}" for group, count in counts.items() for at in range(count)]
    assert expected == NUMBERS
    assert "".join(groups) == "ABCDEFGHIJ"


@pytest.mark.parametrize("row", ROWS, ids=NUMBERS)
def test_a_requirement_of_the_codec_is_cited(row: list[str]) -> None:
    """By a test of the parser or the writer; one of another role by any test."""
    number, who, *_, tests = row
    if {"P", "W"} & set(who.split()):
        assert number in cited_in("tests/sse/test_parser.py", "tests/sse/test_writer.py")
    elif tests != "none":
        assert number in cited_in("tests/**/test_*.py")


@pytest.mark.parametrize(("file", "test"), sorted(set(TESTS)))
def test_what_it_names_exists(file: str, test: str) -> None:
    """In the folder of these tests, or from the root of all."""
    paths = [ROOT / f"tests/sse/{file}.py", ROOT / f"tests/{file}.py"]
    [text] = [path.read_text("utf-8") for path in paths if path.is_file()]
    assert re.search(rf"^(async )?def {test}\(", text, re.MULTILINE)


def test_what_is_cited_is_on_it() -> None:
    """In every test there is."""
    assert cited_in("tests/**/test_*.py") <= set(NUMBERS)
