"""A list of requirements in docs/conformance, as it stands beside the tests that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["Conformance"]

_ROOT: Final = Path(__file__).parents[1]


class Conformance:
    """The list of one protocol.

    Args:
        package: What the page and the folder of its tests are called.
        name: What tests cite it by: `# NAME B5`.

    Attributes:
        rows: The cells of each requirement, from its number to its tests.
        numbers: Those of all requirements.
        tests: Which tests it names: a file, and a function or nothing.
    """

    def __init__(self, package: str, name: str) -> None:
        page = (_ROOT / f"docs/conformance/{package}.md").read_text("utf-8")
        self.rows = [
            [cell.strip() for cell in line.strip("|").split(" | ")]
            for line in page.splitlines()
            if re.match(r"\| [A-Z]\d+ \|", line)
        ]
        self.numbers = [row[0] for row in self.rows]
        last = " ".join(row[-1] for row in self.rows)
        self.tests = sorted(set(re.findall(r"`([\w/]+)(?:::(\w+))?`", last)))
        self._package = package
        self._citation = re.compile(rf"# {name} ([^#\n]*)")

    def in_order(self) -> list[str]:
        """The numbers as they would be without a gap, group by group."""
        letters = [number[0] for number in self.numbers]
        return [
            f"{letter}{at + 1}"
            for letter in dict.fromkeys(letters)
            for at in range(letters.count(letter))
        ]

    def cited(self, *patterns: str) -> set[str]:
        """The numbers that these files below `tests` cite."""
        return {
            number
            for pattern in patterns
            for file in (_ROOT / "tests").glob(pattern)
            for citation in self._citation.findall(file.read_text("utf-8"))
            for number in re.findall(r"\b[A-Z]\d+\b", citation)
        }

    def has(self, file: str, test: str = "") -> bool:
        """Whether a test, or at least its file, is in the folder, or from the root of all."""
        paths = [_ROOT / f"tests/{self._package}/{file}.py", _ROOT / f"tests/{file}.py"]
        texts = [path.read_text("utf-8") for path in paths if path.is_file()]
        defined = re.compile(rf"^(async )?def {test}\(" if test else "", re.MULTILINE)
        return any(defined.search(text) for text in texts)
