"""A real Redis server, on a free port of the loopback interface, with a directory of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from tests.system_tools import require_tool

__all__ = ["RedisServer"]


class RedisServer:
    """A server that can be stopped, killed, and started again with what it kept.

    Args:
        folder: Where it keeps its files.
        options: What its configuration says beside that.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._program = require_tool("redis-server", "valkey-server")
        self._folder = folder
        self._options = options or ("--appendonly", "no")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    *("--bind", "127.0.0.1"),
                    *("--port", str(self.port)),
                    *("--dir", str(self._folder)),
                    *("--save", ""),
                    *self._options,
                ],
                stdout=log,
                stderr=log,
            )
        give_up = time.monotonic() + 30
        while not self.ask("PING").startswith((b"+PONG", b"-NOAUTH")):
            if time.monotonic() > give_up or self._process.poll() is not None:
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.02)

    def ask(self, *command: str) -> bytes:
        """Send one command; the first bytes of the answer, or none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                words = [f"${len(each.encode())}\r\n{each}\r\n" for each in command]
                connection.sendall(f"*{len(words)}\r\n{''.join(words)}".encode())
                return connection.recv(65536)
        except OSError:
            return b""

    def stop(self) -> None:
        """Have it end in good order."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)
