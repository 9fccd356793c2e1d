"""Headless Chromium as a peer: pages that a site serves, and what their scripts find."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from eventproto.http import Headers, Response
from eventproto.site import Resource
from tests.system_tools import require_tool

__all__ = ["PAGE", "Browser", "browser"]

# The last ones keep it from asking the network for things of its own.
_OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-quic", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-proxy-server"),
]


PAGE = Resource(
    lambda _: Response(
        200, Headers({"Content-Type": "text/html"}), b"<!doctype html><title>test</title>"
    )
)
"""A page that has nothing on it."""


class Browser:
    """One browser window; a script that it runs calls `done(result)` when it has one."""

    def __init__(self, chrome: Chrome) -> None:
        self._chrome = chrome

    async def run(self, url: str, script: str) -> Any:
        """Open a page, run a script in it, and wait for what it is done with."""
        await anyio.to_thread.run_sync(self._chrome.get, url)
        function = f"const done = arguments[arguments.length - 1]; {script}"
        return await anyio.to_thread.run_sync(self._chrome.execute_async_script, function)


@asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Browser]:
    """A browser, for the time of the block.

    Args:
        profile: An empty folder for what it keeps.
    """
    options = ChromeOptions()
    options.binary_location = require_tool("chromium")
    for option in [*_OPTIONS, f"--user-data-dir={profile}"]:
        options.add_argument(option)
    service = Service(require_tool("chromedriver"))
    chrome = await anyio.to_thread.run_sync(partial(Chrome, options=options, service=service))
    try:
        chrome.set_script_timeout(20)
        yield Browser(chrome)
    finally:
        await anyio.to_thread.run_sync(chrome.quit)
