"""Calls that wait share a round trip: most of what one costs is spent by the client for each."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from copy import copy
from typing import Any, Final, TypeAlias

import anyio
from coredis import Redis

__all__ = ["Argument", "Pipeline"]

Argument: TypeAlias = str | bytes | int
"""What a script takes."""

_BATCH: Final = 256  # calls in one round trip; many more would keep the first ones waiting


class _Call:
    """A script to run, and what came of it."""

    __slots__ = ("arguments", "done", "keys", "reply", "sha")

    def __init__(self, sha: bytes, keys: Sequence[str], arguments: Sequence[Argument]) -> None:
        self.sha = sha
        self.keys = keys
        self.arguments = arguments
        self.done = anyio.Event()
        self.reply: Any = None


class Pipeline:
    """Runs scripts, all that wait in one round trip, then all that came meanwhile in the next.

    Args:
        client: The connections.
        patience: For how many seconds to wait for an answer.
    """

    def __init__(self, client: Redis[bytes], patience: float) -> None:
        self._client = client
        self._patience = patience
        self._waiting: deque[_Call] = deque()
        self._wake = anyio.Event()
        self._sending: list[_Call] = []

    @property
    def busy(self) -> bool:
        """Whether a call would have company."""
        return bool(self._waiting or self._sending)

    async def run(self, sha: bytes, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:  # noqa: ANN401  # a reply
        """Run a script that the server may know.

        Raises:
            NoScriptError: It does not know it.
            RedisError: It refused, or did not answer.
        """
        call = _Call(sha, keys, arguments)
        self._waiting.append(call)
        self._wake.set()
        await call.done.wait()
        if isinstance(call.reply, Exception):
            raise call.reply
        return call.reply

    async def serve(self) -> None:
        """Send what waits, until cancelled."""
        try:
            while True:
                if not self._waiting:
                    self._wake = anyio.Event()
                    await self._wake.wait()
                count = min(len(self._waiting), _BATCH)
                self._sending = [self._waiting.popleft() for _ in range(count)]
                await self._send(self._sending)
                self._sending = []
        finally:
            # Nobody is left waiting for what will not come.
            _answer([*self._sending, *self._waiting], ConnectionError("the engine was closed"))

    async def _send(self, calls: list[_Call]) -> None:
        pipeline = self._client.pipeline(
            transaction=False, raise_on_error=False, timeout=self._patience
        )
        try:
            async with pipeline:
                for call in calls:
                    pipeline.evalsha(call.sha, call.keys, call.arguments)
        except Exception as error:  # noqa: BLE001  # told to who asked; those who come may fare better
            _answer(calls, error)
        else:
            for call, reply in zip(calls, pipeline.results or (), strict=True):
                call.reply = reply
                call.done.set()


def _answer(calls: list[_Call], error: Exception) -> None:
    for call in calls:
        call.reply = copy(error)
        call.done.set()
