"""What the guides and the README show is true: their programs run, and their files are there.

A block marked `python` is a complete program and is run as it stands, in a directory of its own.
Anything else of Python is marked `py`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [ROOT / "README.md", *GUIDES]

# The fence, the language behind it, and everything up to an equal fence.
BLOCK = re.compile(
    r"^(?P<fence>`{3,})(?P<language>\S*)[^\n]*\n(?P<code>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)


def programs() -> Iterator[object]:
    """Each block that is a complete program, named by its page and line."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for block in BLOCK.finditer(text):
            if block["language"] == "python":
                line = text.count("\n", 0, block.start("code")) + 1
                # Blank lines in front, so that a traceback has the line numbers of the page.
                program = "\n" * (line - 1) + block["code"]
                yield pytest.param(program, id=f"{page.stem}:{line}")


@pytest.mark.parametrize("program", list(programs()))
def test_program_on_page_runs(program: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(program, "utf-8")
    ran = subprocess.run(
        [sys.executable, "-X", "utf8", file],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        encoding="utf-8",
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_on_page_says_what_it_is(page: Path) -> None:
    text = page.read_text("utf-8")
    languages = [block["language"] for block in BLOCK.finditer(text)]
    fences = re.findall(r"^```", text, re.MULTILINE)
    assert len(fences) == 2 * len(languages), "a block is not closed"
    assert "" not in languages


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_guide_shows_a_program_that_is_run(page: Path) -> None:
    blocks = list(BLOCK.finditer(page.read_text("utf-8")))
    shown = [block for block in blocks if block["language"] in {"python", "{literalinclude}"}]
    assert shown
