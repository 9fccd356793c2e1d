"""Every file in `examples/` runs, ends by itself, and prints what its docstring says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.system_tools import require_tool

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


def runs() -> Iterator[object]:
    """Each example, with each runtime if it takes one."""
    for path in EXAMPLES:
        runtimes = ["asyncio", "trio"] if "sys.argv" in path.read_text("utf-8") else [None]
        for runtime in runtimes:
            yield pytest.param(path, runtime, id="-".join(filter(None, (path.stem, runtime))))


def promised(path: Path) -> list[str]:
    """The lines below `It prints::` in the docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    _, _, shown = docstring.partition("It prints::\n\n")
    return dedent(shown).splitlines()


@pytest.mark.parametrize(("path", "runtime"), list(runs()))
def test_example_runs_and_prints_what_it_says(
    path: Path, runtime: str | None, tmp_path: Path
) -> None:
    arguments = [] if runtime is None else [runtime]
    for tool in re.findall(r"It needs (\w+)\.", path.read_text("utf-8")):
        require_tool(tool)
    ran = subprocess.run(
        [sys.executable, "-X", "utf8", path, *arguments],
        capture_output=True,
        check=False,
        cwd=tmp_path,  # hypothesis leaves its examples where it runs
        encoding="utf-8",
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # In any order: some of them have two ends that print.
    assert sorted(ran.stdout.splitlines()) == sorted(promised(path))
    assert ran.stderr == ""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_docstring_of_example_says_what_it_prints(path: Path) -> None:
    assert promised(path), f"{path.name} needs a docstring that ends with `It prints::` and lines"
