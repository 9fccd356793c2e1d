"""Our HTTP server asked by curl, in all the ways that it has, over real sockets."""

from __future__ import annotations

import re
import subprocess
from types import ModuleType

import anyio
import anyio.to_thread
import pytest
from typing_extensions import override

from eventproto import CallMachine, End
from eventproto.http import Call, Headers, Limits, Response
from eventproto.site import Site
from tests.system_tools import require_tool


class Echo(CallMachine[End]):
    """Answers with what it was asked."""

    @override
    def _on_send(self, command: End) -> None:
        self._close()

    @override
    def _on_call(self, call: Call) -> None:
        request = call.request
        asked = f"{request.method} {request.url} {len(request.body)}"
        self._answer(call.token, Response(200, Headers({"Asked": asked}), request.body[-3:]))

    @override
    def _on_result(self, about: object, outcome: object) -> None:
        raise AssertionError(about, outcome)


BODY = b"x" * 100_000 + b"end"


async def ask(*arguments: str) -> bytes:
    """What curl prints, if it is given the body."""
    command = [require_tool("curl"), "-s", *arguments]
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(command, input=BODY, capture_output=True, check=True, timeout=20)
    )
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "asked", "body"),
    [
        ([], "GET {} 0", b""),
        (["-I"], "HEAD {} 0", b""),
        (["-0"], "GET {} 0", b""),
        (["-X", "OPTIONS", "--request-target", "*"], "OPTIONS {origin} 0", b""),
        (["--request-target", "{}?absolute"], "GET {}?absolute 0", b""),
        (["--data-binary", "@-"], "POST {} 100003", b"end"),
        (["-T", "-"], "PUT {} 100003", b"end"),
        (["--data-binary", "@-", "-H", "Expect: 100-continue"], "POST {} 100003", b"end"),
        (["-T", "-", "-H", "Expect: 100-continue"], "PUT {} 100003", b"end"),
        (["-H", "Connection: close"], "GET {} 0", b""),
        (["-H", "Upgrade: x", "-H", "Connection: upgrade"], "GET {} 0", b""),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
async def test_curl(runtime: ModuleType, arguments: list[str], asked: str, body: bytes) -> None:
    """However it asks."""
    async with runtime.serve(Site({"/": Echo(), "/echo": Echo()})) as server:
        origin = f"http://127.0.0.1:{server.port}"
        url = f"{origin}/echo"
        answer = await ask("-i", *(each.format(url) for each in arguments), url)

    head, _, found = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    (line,) = re.findall(r"Asked: (.*)\r\n", head.decode())
    assert line == asked.format(url, origin=origin)
    assert found == body


@pytest.mark.parametrize(
    "arguments", [["--data-binary", "@-"], ["-T", "-"], ["-T", "-", "-H", "Expect:"]], ids=" ".join
)
async def test_curl_hears_why_it_was_refused(runtime: ModuleType, arguments: list[str]) -> None:
    """A body that is too large, whether it asks before it sends that or not."""
    async with runtime.serve(Site({"/": Echo()}, limits=Limits(body_size=1000))) as server:
        url = f"http://127.0.0.1:{server.port}/"
        answer = await ask("-w", "%{http_code}", *arguments, url)

    assert answer == b"a body of more than 1000 bytes\n413"
