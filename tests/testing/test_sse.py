"""The command that prints what it sees on an event stream, as another process, on both runtimes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.drivers.threads import Behaviour, server_in_threads

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
STOP = b"HTTP/1.1 204 No Content\r\n\r\n"

pytestmark = pytest.mark.parametrize("runtime", ["asyncio", "trio"])


class Command:
    """The command while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> dict[str, Any]:
        """The next line, as soon as it is there."""
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


@contextmanager
def command(url: str, runtime: str, *arguments: str) -> Iterator[Command]:
    """Run it; it must end in order, and have no complaints."""
    line = [sys.executable, "-m", "eventproto.testing.sse", url, "--runtime", runtime, *arguments]
    with subprocess.Popen(
        line,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            yield Command(process)
            status = process.wait(timeout=20)
            assert process.stderr is not None
            complaints = process.stderr.read()
        finally:
            process.kill()
    assert (status, complaints) == (0, "")


def run(url: str, runtime: str, *arguments: str) -> list[dict[str, Any]]:
    """All that it prints until it ends by itself, or finds standard input at its end."""
    with command(url, runtime, *arguments) as running:
        lines: list[dict[str, Any]] = []
        while not lines or lines[-1]["ev"] != "closed":
            lines.append(running.line())
        return lines


def then_stop(*answers: bytes) -> tuple[Behaviour, list[bytes]]:
    """Give one answer after the other and end each, then say that this was all."""
    requests: list[bytes] = []

    def behave(connection: socket.socket, request: bytes) -> None:
        requests.append(request)
        connection.sendall([*answers, STOP][min(len(requests), len(answers) + 1) - 1])

    return behave, requests


def test_everything_that_happens(runtime: str) -> None:
    stream = (
        b"\xef\xbb\xbfretry: 1\n: ping\nid: 1\ndata: a\r\rdata: \xff\xe2\x82\xac\nevent: t\n\n"
        b"data: AQI=\ndata-encoding: base64\n\ndata: lost"
    )
    behave, requests = then_stop(HEAD + stream, HEAD + b"id\ndata: b\n\n")
    with server_in_threads(behave) as url:
        lines = run(url, runtime)
    waits = [line.pop("seconds") for line in lines if line["ev"] == "waiting"]
    assert lines == [
        {"ev": "open", "url": url},
        {"ev": "retry", "milliseconds": 1},
        {"ev": "comment", "text": "ping"},
        {"ev": "message", "type": "message", "data": "a", "id": "1"},
        {"ev": "message", "type": "t", "data": "\ufffd\u20ac", "id": "1"},
        {"ev": "message", "type": "message", "data": "AQI=", "id": "1", "encoding": "base64"},
        {"ev": "disconnected", "error": None},
        {"ev": "waiting"},
        {"ev": "open", "url": url},
        {"ev": "message", "type": "message", "data": "b", "id": ""},
        {"ev": "disconnected", "error": None},
        {"ev": "waiting"},
        {"ev": "closed", "error": None},
    ]
    assert [b"Last-Event-ID: 1" in request for request in requests] == [False, True, False]
    assert all(0 < seconds < 1 for seconds in waits)


def test_what_it_asks_for(runtime: str) -> None:
    behave, requests = then_stop()
    with server_in_threads(behave) as url:
        lines = run(
            *(url + "a?b", runtime, "--method", "REPORT", "--body", "h\u00e9"),
            *("--header", "X-A: 1", "--header", "x-b:2:3", "--last-event-id", "h\u00e9"),
        )
    assert lines == [{"ev": "closed", "error": None}]
    head, _, body = requests[0].partition(b"\r\n\r\n")
    fields = head.split(b"\r\n")
    assert fields[0] == b"REPORT /a?b HTTP/1.1"
    assert {b"X-A: 1", b"x-b: 2:3", b"Last-Event-ID: h\xc3\xa9"} <= set(fields)
    assert {b"Accept: text/event-stream", b"Cache-Control: no-cache"} <= set(fields)
    assert body == b"h\xc3\xa9"


def test_a_post_is_not_repeated(runtime: str) -> None:
    broken = HEAD[:-2] + b"Content-Length: 100\r\n\r\ndata: a\n\n"
    behave, requests = then_stop(broken)
    with server_in_threads(behave) as url:
        lines = run(url, runtime, "--method", "POST", "--body", "x")
    assert [line["ev"] for line in lines] == ["open", "message", "closed"]
    assert lines[-1]["error"].startswith("NotRepeated: ")
    assert len(requests) == 1


def test_a_post_is_repeated_if_that_is_said_to_be_harmless(runtime: str) -> None:
    behave, requests = then_stop(HEAD)
    with server_in_threads(behave) as url:
        run(url, runtime, "--method", "POST", "--body", "x", "--idempotent", "--retry", "1")
    assert [request[-5:] for request in requests] == [b"\r\n\r\nx"] * 2


def test_a_rejection(runtime: str) -> None:
    behave, _ = then_stop(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    with server_in_threads(behave) as url:
        [line] = run(url, runtime)
    assert line["ev"] == "closed"
    assert line["error"].startswith("HandshakeRejected: expected 200 and text/event-stream")


def test_silence(runtime: str) -> None:
    asked = 0

    def behave(connection: socket.socket, request: bytes) -> None:
        nonlocal asked
        asked += 1
        connection.sendall(HEAD if asked == 1 else STOP)
        if asked == 1:
            connection.recv(1)

    with server_in_threads(behave) as url:
        lines = run(url, runtime, "--read-timeout", "0.1", "--retry", "1")
    assert [line["ev"] for line in lines] == ["open", "disconnected", "waiting", "closed"]
    assert lines[1]["error"].startswith("PeerTimeout: ")


def test_lines_come_at_once_and_end_with_standard_input(runtime: str) -> None:
    """Nothing waits for a buffer to be full, and the connection is dropped."""
    dropped: list[bytes] = []

    def behave(connection: socket.socket, request: bytes) -> None:
        connection.sendall(HEAD + b"data: a\n\n")
        dropped.append(connection.recv(1))

    with server_in_threads(behave) as url, command(url, runtime) as running:
        assert running.line()["ev"] == "open"
        assert running.line()["data"] == "a"
        running.close_stdin()
        assert running.line() == {"ev": "closed", "error": None}
        assert running.process.wait(timeout=20) == 0
    assert dropped == [b""]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Who runs the tests in the background has interrupts ignored, and programs inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_it_is_interrupted(runtime: str) -> None:
    """By who has typed it: the end is as that of standard input."""

    def behave(connection: socket.socket, request: bytes) -> None:
        connection.sendall(HEAD)
        connection.recv(1)

    with server_in_threads(behave) as url, command(url, runtime) as running:
        assert running.line()["ev"] == "open"
        running.process.send_signal(signal.SIGINT)
        assert running.line() == {"ev": "closed", "error": None}


def test_standard_input_ends_while_it_waits(runtime: str) -> None:
    """There may be nobody to connect to."""
    with command("http://127.0.0.1:1/", runtime, "--retry", "3600000") as running:
        assert running.line()["ev"] == "disconnected"
        assert running.line()["seconds"] >= 3600
        running.close_stdin()
        assert running.line() == {"ev": "closed", "error": None}


def test_nobody_reads_what_it_prints(runtime: str) -> None:
    """As in `... | head -1`."""

    def behave(connection: socket.socket, request: bytes) -> None:
        connection.sendall(HEAD)
        while True:
            connection.sendall(b"data: a\n\n" * 100)

    with server_in_threads(behave) as url, command(url, runtime) as running:
        running.line()
        assert running.process.stdout is not None
        running.process.stdout.close()
        assert running.process.wait(timeout=20) == 0


@pytest.mark.parametrize("arguments", [["ftp://a/"], ["http://a/", "--header", "a"], []])
def test_what_it_cannot_do(runtime: str, arguments: list[str]) -> None:
    """Like any command."""
    done = subprocess.run(
        [sys.executable, "-m", "eventproto.testing.sse", "--runtime", runtime, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 2
    assert b"usage: " in done.stderr
    assert done.stdout == b""
