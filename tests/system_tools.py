"""What some tests need of the system: a program as a peer, or an extension that was compiled."""

from __future__ import annotations

import os
import shutil
from importlib import import_module
from types import ModuleType
from typing import NoReturn

import pytest

__all__ = ["require_module", "require_tool"]


def require_tool(*names: str) -> str:
    """Find a program under the first of its names that is there; without it there is no test.

    Continuous integration sets `EVENTPROTO_REQUIRE_SYSTEM=1`: what would be a skip on a
    developer's machine is a failure there, so that no test goes missing unseen.
    """
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    return _go_without(f"needs {' or '.join(names)}, which is not installed")


def require_module(name: str) -> ModuleType:
    """Import a module that may not have been built; without it there is no test, as above."""
    try:
        return import_module(name)
    except ImportError as error:
        return _go_without(f"needs {name}: {error}")


def _go_without(reason: str) -> NoReturn:
    if os.environ.get("EVENTPROTO_REQUIRE_SYSTEM") == "1":
        pytest.fail(f"{reason} (EVENTPROTO_REQUIRE_SYSTEM=1)", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
