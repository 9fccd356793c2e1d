"""The WebSocket of a browser against our server, over real sockets."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from eventproto import Message
from eventproto.http import Request
from eventproto.site import Site, WebSocket
from eventproto.websocket import Close, Deflate
from tests.interop.browser import PAGE, browser

# Calls done() with all that happened once the socket has closed.
WATCH = """
    const found = [];
    const socket = new WebSocket("ws://" + location.host + path, subprotocols);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
        found.push(["open", socket.protocol, socket.extensions]);
        for (const each of messages) socket.send(each);
        if (code) socket.close(code, "thank you");
    };
    socket.onmessage = event => found.push(
        typeof event.data === "string"
        ? ["text", event.data] : ["binary", Array.from(new Uint8Array(event.data))]);
    socket.onclose = event => {
        found.push(["close", event.code, event.reason, event.wasClean]);
        done(found);
    };
"""


def watch(path: str, *, subprotocols: str = "[]", messages: str = "[]", code: int = 0) -> str:
    """A script; its arguments are in JavaScript."""
    arguments = f"path = '{path}', subprotocols = {subprotocols}, messages = {messages}"
    return f"const {arguments}, code = {code}; {WATCH}"


async def test_what_a_browser_is_sent(runtime: ModuleType, tmp_path: Path) -> None:
    """Text, bytes, messages in fragments, compressed or not; a code and a reason."""

    async def talk(session: Any, request: Request) -> None:
        assert request.headers["Origin"] == f"http://127.0.0.1:{server.port}"
        await session.send("Zoë \N{SNOWMAN}")
        await session.send(b"\x00\xff")
        await session.send(["one", "", "\N{SNOWMAN}", "three"])
        await session.send(bytes([each]) for each in range(4))
        await session.send(Message.of_json({"a": "x" * 1000}))
        assert await session.ping() > 0
        await session.send(Close(4001, "done \N{SNOWMAN}"))

    options: dict[str, Any] = {"subprotocols": ["chat"]}
    site = Site(
        {
            "/plain": WebSocket(talk, **options),
            "/compressed": WebSocket(talk, compression=Deflate(), **options),
            "/": PAGE,
        }
    )
    async with runtime.serve(site) as server, browser(tmp_path) as page:
        url = f"http://127.0.0.1:{server.port}/"
        script = watch("/plain", subprotocols="['other', 'chat']")
        (opened, *plain) = await page.run(url, script)
        (compressed_opened, *compressed) = await page.run(
            url, script.replace("plain", "compressed")
        )

    assert opened == ["open", "chat", ""]
    assert compressed_opened[:2] == ["open", "chat"]
    assert compressed_opened[2].startswith("permessage-deflate")
    assert plain == compressed
    assert plain == [
        ["text", "Zoë \N{SNOWMAN}"],
        ["binary", [0, 255]],
        ["text", "one\N{SNOWMAN}three"],
        ["binary", [0, 1, 2, 3]],
        ["text", '{"a":"' + "x" * 1000 + '"}'],
        ["close", 4001, "done \N{SNOWMAN}", True],
    ]


async def test_what_a_browser_sends(runtime: ModuleType, tmp_path: Path) -> None:
    """Text, bytes, something long; and its own code, which comes back."""
    heard: list[object] = []

    async def listen(session: Any, request: Request) -> None:
        heard.extend(
            [
                message.text if "text" in message.content_type else message.data
                async for message in session
            ]
        )
        heard.append(session.close_received)

    messages = "['Zoë \N{SNOWMAN}', new Uint8Array([0, 255]), 'x'.repeat(200000), '']"
    site = Site({"/socket": WebSocket(listen, compression=Deflate()), "/": PAGE})
    async with runtime.serve(site) as server, browser(tmp_path) as page:
        script = watch("/socket", messages=messages, code=4002)
        found = await page.run(f"http://127.0.0.1:{server.port}/", script)

    assert found[-1] == ["close", 4002, "", True]
    assert heard == [
        *("Zoë \N{SNOWMAN}", b"\x00\xff", "x" * 200_000, ""),
        Close(4002, "thank you"),
    ]


async def test_windows_that_a_browser_keeps_to(runtime: ModuleType, tmp_path: Path) -> None:
    """It may be asked for the smallest of them, or to forget each message."""
    # WebSocket N10, N15, N19, N22
    texts = ["".join(f"{word}: {number} " for number in range(500)) for word in ("one", "two")]

    async def echo(session: Any, request: Request) -> None:
        for _ in texts:
            await session.send(await anext(session))
        await session.close(4003, "done")

    deflates = {
        "/small": Deflate(window_bits=8, peer_window_bits=8),
        "/forgetting": Deflate(context_takeover=False, peer_context_takeover=False),
    }
    endpoints = {path: WebSocket(echo, compression=deflates[path]) for path in deflates}
    found: list[Any] = []
    async with runtime.serve(Site({**endpoints, "/": PAGE})) as server, browser(tmp_path) as page:
        for path in deflates:
            script = watch(path, messages=str(texts))
            found.append(await page.run(f"http://127.0.0.1:{server.port}/", script))

    (small, *heard), (forgetting, *heard_again) = found
    assert small[2].endswith("server_max_window_bits=8; client_max_window_bits=8")
    assert "server_no_context_takeover; client_no_context_takeover" in forgetting[2]
    assert heard == heard_again
    assert heard == [*(["text", each] for each in texts), ["close", 4003, "done", True]]


async def test_ends_that_a_browser_sees(runtime: ModuleType, tmp_path: Path) -> None:
    """1000 when a handler returns, 1006 when it is cut off, or was never let in."""

    async def leave(session: Any, request: Request) -> None:
        """Say nothing."""

    async def cut(session: Any, request: Request) -> None:
        session.abort()

    site = Site(
        {
            "/leave": WebSocket(leave),
            "/cut": WebSocket(cut),
            "/forbidden": WebSocket(leave, origins=["https://example.com"]),
            "/": PAGE,
        }
    )
    ends: dict[str, Any] = {}
    async with runtime.serve(site) as server, browser(tmp_path) as page:
        for path in ("/leave", "/cut", "/forbidden"):
            url = f"http://127.0.0.1:{server.port}/"
            ends[path] = (await page.run(url, watch(path)))[-1]

    assert ends == {
        "/leave": ["close", 1000, "", True],
        "/cut": ["close", 1006, "", False],
        "/forbidden": ["close", 1006, "", False],
    }
