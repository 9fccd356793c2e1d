"""The echo server and Autobahn's counterpart, as other processes, on both runtimes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from eventproto.testing import autobahn
from eventproto.testing.echo import main

RUNTIMES = pytest.mark.parametrize("runtime", ["asyncio", "trio"])


@contextmanager
def echo(*arguments: str) -> Iterator[str]:
    """Run the server; gives its URL. It must have no complaints."""
    with subprocess.Popen(
        [sys.executable, "-m", "eventproto.testing.echo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            found = re.fullmatch(r"listening on (ws://127\.0\.0\.1:\d+/)\n", line)
            assert found is not None, (line, process.stderr.read())
            yield found[1]
            assert process.poll() is None
        finally:
            process.terminate()
        assert process.stderr.read() == ""


@RUNTIMES
@pytest.mark.parametrize("form", ["iterate", "callback"])
def test_messages_come_back(runtime: str, form: str) -> None:
    """Text, bytes and fragments, on any path, compressed where the client likes to."""
    with echo("--runtime", runtime, "--form", form) as url:
        for compression in ("deflate", None):
            with connect(f"{url}any/path", compression=compression, max_size=None) as client:
                assert bool(client.protocol.extensions) is (compression is not None)
                for message in ("text", b"\x00\xff", "", "x" * 1_000_000):
                    client.send(message)
                    assert client.recv() == message
                client.send(iter(["frag", "ments"]))
                assert client.recv() == "fragments"


def test_options() -> None:
    """No compression, a limit of messages, and another event loop."""
    with (
        echo("--no-compression", "--max-message", "1000", "--loop", "uvloop") as url,
        connect(url) as client,
    ):
        assert not client.protocol.extensions
        client.send(b"x" * 1000)
        assert client.recv() == b"x" * 1000
        client.send(b"x" * 1001)
        with pytest.raises(ConnectionClosedError) as caught:
            client.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


def test_options_that_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody measures another event loop than the one that was asked for."""
    with pytest.raises(SystemExit):
        main(["--runtime", "trio", "--loop", "uvloop"])
    assert "uvloop is a loop of asyncio" in capsys.readouterr().err


@RUNTIMES
def test_the_counterpart_of_the_fuzzing_server(runtime: str) -> None:
    """It plays all cases, however they end, and has the reports written."""
    asked: list[str] = []

    def fuzz(server: ServerConnection) -> None:
        assert server.request is not None
        asked.append(server.request.path)
        match server.request.path.partition("?")[0]:
            case "/getCaseCount":
                server.send("3")
            case "/runCase" if len(asked) == 2:
                server.send("sent back")
                asked.append(str(server.recv()))
                # The most fragments that a case of the suite has, and its empty end (9.3.1).
                server.socket.sendall(b"\x01\x01x" + b"\x00\x01x" * 65_535 + b"\x80\x00")
                asked.append(f"{len(server.recv())} characters sent back")
            case "/runCase" if len(asked) == 5:
                server.socket.sendall(b"\xff\xff")  # a violation
                with pytest.raises(ConnectionClosed) as caught:
                    server.recv()
                asked.append(str(caught.value.rcvd and caught.value.rcvd.code))
            case "/runCase":
                server.socket.close()  # a loss

    with serve(fuzz, "127.0.0.1", 0) as server:
        import threading

        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host, port = server.socket.getsockname()
        autobahn.main([f"ws://{host}:{port}", "--runtime", runtime, "--agent", "a b/c"])
        server.shutdown()
        thread.join()

    assert asked == [
        "/getCaseCount",
        *("/runCase?case=1&agent=a%20b%2Fc", "sent back", "65536 characters sent back"),
        *("/runCase?case=2&agent=a%20b%2Fc", "1002"),
        "/runCase?case=3&agent=a%20b%2Fc",
        "/updateReports?agent=a%20b%2Fc",
    ]
