"""Programs of the system that some tests need as a peer: curl, a browser, a server."""

from __future__ import annotations

import os
import shutil

import pytest

__all__ = ["require_tool"]


def require_tool(*names: str) -> str:
    """Find a program under the first of its names that is there; without it there is no test.

    Continuous integration sets `EVENTPROTO_REQUIRE_SYSTEM=1`: what would be a skip on a
    developer's machine is a failure there, so that no test goes missing unseen.
    """
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    reason = f"needs {' or '.join(names)}, which is not installed"
    if os.environ.get("EVENTPROTO_REQUIRE_SYSTEM") == "1":
        pytest.fail(f"{reason} (EVENTPROTO_REQUIRE_SYSTEM=1)", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
