"""Imports go down only: the contracts of pyproject.toml hold, and would notice if they did not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import api  # noqa: F401  # importing it configures the linter
from importlinter.application import use_cases

ROOT = Path(__file__).parents[1]


def test_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    held = use_cases.lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None, no_logo=True)
    assert held, capsys.readouterr().out


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("_event", "import eventproto._machine", "eventproto._event is not allowed to import"),
        ("_timers", "from time import monotonic", "_timers is not allowed to import time"),
        ("_timers", "def f():\n    import asyncio", "is not allowed to import asyncio"),
        ("_machine", "import h11", "eventproto._machine is not allowed to import h11"),
        ("_unheard_of", "", "not listed as layers"),
        ("sse/_x", "from eventproto.websocket import _x", "is not allowed to import"),
        ("sse/_x", "import random", "eventproto.sse._x is not allowed to import random"),
        ("http/_headers", "import eventproto._call", "is not allowed to import eventproto._call"),
        ("http/_headers", "import eventproto.http._call", "http._headers is not allowed"),
    ],
)
def test_a_violation_is_noticed(tmp_path: Path, module: str, line: str, complaint: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src")
    for package in ("sse", "websocket"):
        folder = tmp_path / "src/eventproto" / package
        folder.mkdir(exist_ok=True)
        for name in ("__init__.py", "_x.py"):
            (folder / name).touch()
    with (tmp_path / f"src/eventproto/{module}.py").open("a") as file:
        file.write(f"\n{line}\n")
    # A process of its own: this one has the real package imported.
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports as f; exit(f())"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert complaint in " ".join(done.stdout.split())
