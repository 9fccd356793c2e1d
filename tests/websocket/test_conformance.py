"""The list of requirements names tests that exist, and tests cite numbers that are on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/conformance/websocket.md").read_text("utf-8")
ROWS = [line.split(" | ") for line in PAGE.splitlines() if re.match(r"\| [A-Z]\d+ \|", line)]
NUMBERS = [row[0].removeprefix("| ") for row in ROWS]
TESTS = re.findall(r"`([\w/]+)(?:::(\w+))?`", " ".join(row[-1] for row in ROWS))


def path_of(name: str) -> Path:
    for folder in ("tests/websocket", "tests"):
        path = ROOT / folder / f"{name}.py"
        if path.is_file():
            return path
    pytest.fail(f"there is no {name}.py")


def test_numbers_are_in_order() -> None:
    """And there is no gap."""
    groups = dict.fromkeys(number[0] for number in NUMBERS)
    counts = {group: sum(number[0] == group for number in NUMBERS) for group in groups}
    expected = [f"{group}{at + 1}" for group, count in counts.items() for at in range(count)]
    assert expected == NUMBERS


@pytest.mark.parametrize(("file", "test"), sorted(set(TESTS)))
def test_what_it_names_exists(file: str, test: str) -> None:
    """Or at least its file."""
    text = path_of(file).read_text("utf-8")
    assert not test or re.search(rf"^(async )?def {test}\(", text, re.MULTILINE)


def test_nothing_is_left_out() -> None:
    """Each requirement has a test, or that of another one, or it is said why there is none."""
    for row in ROWS:
        test = row[-1].removesuffix(" |")
        assert "`" in test or test in NUMBERS or test.startswith(("not ", "for the application"))


def test_what_is_cited_is_on_it() -> None:
    """In every test of the package."""
    cited = {
        number
        for file in (ROOT / "tests/websocket").glob("*.py")
        for citation in re.findall(r"# WebSocket ([^#\n]*)", file.read_text("utf-8"))
        for number in re.findall(r"[A-Z]\d+", citation)
    }
    assert cited <= set(NUMBERS)
    assert len(cited) > 30
