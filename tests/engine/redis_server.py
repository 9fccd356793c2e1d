"""Real Redis servers, on free ports of the loopback interface, with directories of their own."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from tests.system_tools import require_tool

__all__ = ["RedisCluster", "RedisServer"]

SLOTS = 16384


class RedisServer:
    """A server that can be stopped, killed, and started again with what it kept.

    Args:
        folder: Where it keeps its files.
        options: What its configuration says beside that.
        program: The server; whichever is installed unless given.
    """

    def __init__(self, folder: Path, *options: str, program: str | None = None) -> None:
        self._program = program or require_tool("redis-server", "valkey-server")
        self._folder = folder
        self._options = options or ("--appendonly", "no")
        self.port = free_port()
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
        self.wait_for((b"+PONG", b"-NOAUTH"), "PING")

    def wait_for(self, answers: bytes | tuple[bytes, ...], *command: str) -> None:
        """Send a command until one of these is in the answer, as long as the server runs."""
        assert self._process is not None
        wanted = (answers,) if isinstance(answers, bytes) else answers
        give_up = time.monotonic() + 30
        while not any(each in self.ask(*command) for each in wanted):
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


class RedisCluster:
    """Servers that share the slots; those behind the first three each follow one of these.

    Args:
        folder: Where they keep their files.
        replicas: How many follow.
    """

    def __init__(self, folder: Path, replicas: int = 0) -> None:
        self.nodes: list[RedisServer] = []
        self._buses = [str(free_port()) for _ in range(3 + replicas)]
        for number, bus in enumerate(self._buses):
            (folder / f"{number}").mkdir()
            options = ["--cluster-enabled", "yes", "--cluster-port", bus]
            if replicas:  # without, a machine that is busy for a second would be taken for lost
                options += ["--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0"]
            self.nodes.append(RedisServer(folder / f"{number}", *options))
        self.url = self.nodes[0].url

    def start(self) -> None:
        """Start all of them, and wait until they know each other."""
        for node in self.nodes:
            node.start()
        first, *others = self.nodes
        for number, node in enumerate(self.nodes[:3]):
            span = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            node.wait_for(b"+OK", "CLUSTER", "ADDSLOTS", *map(str, range(span[0], span[1] + 1)))
            node.wait_for(b"+OK", "CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        for node, bus in zip(others, self._buses[1:], strict=True):
            first.wait_for(b"+OK", "CLUSTER", "MEET", "127.0.0.1", str(node.port), bus)
        for node in self.nodes:
            node.wait_for(f"cluster_known_nodes:{len(self.nodes)}".encode(), "CLUSTER", "INFO")
        for number, node in enumerate(self.nodes[3:]):
            node.wait_for(b"+OK", "CLUSTER", "REPLICATE", self.name_of(number))
            node.wait_for(b"master_link_status:up", "INFO", "replication")
        for node in self.nodes:
            node.wait_for(b"cluster_state:ok", "CLUSTER", "INFO")

    def name_of(self, number: int) -> str:
        """What the others call a node."""
        return self.nodes[number].ask("CLUSTER", "MYID").split(b"\r\n")[1].decode()

    def stop(self) -> None:
        """Have all of them end."""
        for node in self.nodes:
            node.kill()


def free_port() -> int:
    """One that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
