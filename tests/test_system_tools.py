from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.system_tools import require_module, require_tool


@pytest.fixture(autouse=True)
def only_python_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))


def test_finds_the_first_name_that_is_there() -> None:
    name = Path(sys.executable).name
    assert require_tool("no-such-tool", name) == sys.executable


def test_skips_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENTPROTO_REQUIRE_SYSTEM", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs no-such-tool, which is not installed"):
        require_tool("no-such-tool")


def test_fails_where_everything_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTPROTO_REQUIRE_SYSTEM", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-tool or nor-this"):
        require_tool("no-such-tool", "nor-this")


def test_modules_are_imported() -> None:
    assert require_module("tests.system_tools").__name__ == "tests.system_tools"


def test_a_module_that_was_not_built_is_like_a_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENTPROTO_REQUIRE_SYSTEM", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs no_such_module"):
        require_module("no_such_module")
    monkeypatch.setenv("EVENTPROTO_REQUIRE_SYSTEM", "1")
    with pytest.raises(pytest.fail.Exception, match="needs no_such_module"):
        require_module("no_such_module")
