"""The demonstration tells the truth: it says so when a hop hears something else."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from eventproto import Message, __main__
from eventproto._demo import _compare, demonstrate


async def test_every_hop_hears_the_same(runtime: ModuleType) -> None:
    """All four protocols are shown, and all are equal."""
    lines: list[str] = []

    assert await demonstrate(runtime, lines.append)

    said = "\n".join(lines)
    for shown in ("webhook-signature: v1,", "X-Hub-Signature: sha256=", "event: ", "WebSocket"):
        assert shown in said
    assert "DIFFERS" not in said


def test_a_difference_is_told() -> None:
    """In the table, and by the result."""
    lines: list[str] = []
    said = Message.of_text("this", id="1")

    assert not _compare(said, {"SSE": Message.of_text("that", id="1")}, lines.append)
    assert [line.split()[-1] for line in lines if line.startswith(("data", "id"))] == [
        "DIFFERS",
        "same",
    ]
    assert not _compare(said, {}, lines.append)


@pytest.mark.parametrize("runtime", ["eventproto.asyncio", "eventproto.trio"])
def test_a_difference_on_one_runtime_is_enough(
    runtime: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status says so to whoever does not read."""

    async def pretend(module: ModuleType, say: Any) -> bool:
        return module.__name__ != runtime

    monkeypatch.setattr(__main__, "demonstrate", pretend)

    assert __main__.main(["demo"]) == 1
    assert capsys.readouterr().out.endswith("a hop heard something else\n")


def test_the_command() -> None:
    """It ends by itself, and its status says how it went."""
    command = [sys.executable, "-m", "eventproto"]
    done = subprocess.run([*command, "demo"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "== on trio ==" in done.stdout
    assert done.stdout.endswith("every hop heard the same message\n")

    usage = subprocess.run(command, capture_output=True, text=True, check=False)
    assert usage.returncode == 2
    assert "usage: " in usage.stderr
