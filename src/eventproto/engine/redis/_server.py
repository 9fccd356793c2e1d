"""A Redis or Valkey server: its connections, its scripts, its errors, and its news."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

import anyio
import anyio.lowlevel
from coredis import Redis, RedisCluster
from coredis.commands.script import Script
from coredis.connection import TCPLocation
from coredis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004  # its own, not Python's
    NoScriptError,
    ReadOnlyError,
    RedisClusterError,
    RedisError,
    WrongTypeError,
)
from coredis.patterns.pubsub import ClusterPubSub, PubSub
from coredis.retry import NoRetryPolicy

from eventproto._errors import LocalProtocolError
from eventproto.engine._errors import EngineError, StoreCorrupted, StoreFull, StoreUnavailable
from eventproto.engine._hints import Hints
from eventproto.engine.redis._pipeline import Argument, Pipeline

__all__ = ["Server", "Time", "exact", "key_of"]

Time: TypeAlias = Callable[[], str]
"""What a script takes for the time; empty for that of the server."""

_UNAVAILABLE: Final = (
    BusyLoadingError,
    ConnectionError,
    OSError,
    ReadOnlyError,
    RedisClusterError,  # while slots move, or a node is being replaced
    TimeoutError,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
)

# What an error begins with. Up to Redis 6.2, that of a script stands behind where it came up.
_CODES: Final[dict[str, tuple[type[EngineError], str]]] = {
    "MASTERDOWN": (StoreUnavailable, "the server has lost the one that it follows"),
    "MISCONF": (StoreUnavailable, "the server cannot write to its disk"),
    "NOREPLICAS": (StoreUnavailable, "the server misses those that follow it"),
    "OOM": (StoreFull, "the server has no memory left"),
    "READONLY": (StoreUnavailable, "the server follows another one"),
    "WRONGTYPE": (StoreCorrupted, "somebody else has written to a key of this engine"),
}

_CODE: Final = re.compile(rf"(?:^|: -?)({'|'.join(_CODES)})\b")

_PAUSE: Final = 0.5  # seconds between attempts to listen again


_Client: TypeAlias = Redis[bytes] | RedisCluster[bytes]


def key_of(prefix: str, kind: str, name: str) -> str:
    """What the keys of one topic, or of one queue, begin with; it puts them into one slot."""
    # Braces say what is hashed; a name must not have any of its own.
    tag = name.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
    return f"{prefix}:{kind}:{{{tag}}}"


def exact(number: float) -> str:
    """A number as a script reads it to the last bit."""
    return f"{number:.17g}"


class Server:
    """A server, while it is open.

    Args:
        url: Where it is: `redis://`, `rediss://` or `unix://`.
        cluster: Whether it is one of a cluster.
        patience: For how many seconds to wait for an answer.

    Raises:
        LocalProtocolError: There is no such URL of a server.
    """

    def __init__(self, url: str, *, cluster: bool, patience: float) -> None:
        _check_url(url, cluster=cluster)
        self._url = url
        self._cluster = cluster
        self._patience = patience
        self._options: Any = {
            "connect_timeout": patience,
            "stream_timeout": patience,
            "retry_policy": NoRetryPolicy(),  # what was sent may have been carried out
        }
        self._client: _Client | None = None
        self._pipeline: Pipeline | None = None
        self._alone = 0  # calls that are under way without a pipeline
        self._scripts: dict[str, Script[bytes]] = {}
        self._stack = AsyncExitStack()
        self._watched: list[tuple[Hints, Callable[[str], str]]] = []
        self._changed: anyio.Event | None = None
        self._told: dict[str, Callable[[], None]] = {}

    def hints(self, channel_of: Callable[[str], str]) -> Hints:
        """Hints that come over channels, of this process and of others."""
        hints = Hints(self._on_change)
        self._watched.append((hints, channel_of))
        return hints

    async def open(self) -> None:
        """Connect.

        Raises:
            LocalProtocolError: It is open already.
            EngineError: There is no server that answers.
        """
        if self._client is not None:
            msg = "the engine is open already: make another one"
            raise LocalProtocolError(msg)
        client = self._make_client()
        stack = AsyncExitStack()
        try:
            await stack.enter_async_context(client)
            await _check_eviction(client)
            listeners = await stack.enter_async_context(anyio.create_task_group())
        except BaseException as error:
            # The task groups of the client are to know of none of it, or they would wrap it.
            await stack.aclose()
            if isinstance(error, (RedisError, *_UNAVAILABLE)):
                await anyio.lowlevel.checkpoint_if_cancelled()  # then that is what it comes from
                raise _explained(error) from error
            raise
        listeners.start_soon(self._listen, client)
        if isinstance(client, Redis):  # the nodes of a cluster would wait for each other
            self._pipeline = Pipeline(client, self._patience)
            listeners.start_soon(self._pipeline.serve)
        stack.callback(listeners.cancel_scope.cancel)
        self._client = client
        self._stack = stack

    async def close(self) -> None:
        """Disconnect."""
        self._client = None
        self._pipeline = None
        self._scripts.clear()
        # What ended the block is none of theirs.
        await self._stack.aclose()

    async def run(self, script: str, keys: Sequence[str], *args: Argument) -> Any:  # noqa: ANN401  # a reply
        """Run a script."""
        if self._client is None:
            msg = "the engine is not open: enter it with `async with`"
            raise LocalProtocolError(msg)
        known = self._scripts.get(script)
        if known is None:
            known = self._scripts[script] = self._client.register_script(script)
        try:
            if self._pipeline is not None and (self._alone or self._pipeline.busy):
                with suppress(NoScriptError):
                    return await self._pipeline.run(known.sha, keys, args)
            return await self._run_alone(known, keys, args)
        except (RedisError, *_UNAVAILABLE) as error:
            if isinstance(self._client, RedisCluster) and isinstance(error, ConnectionError):
                # Or it would not ask who has taken over from a node that it cannot reach.
                self._client.connection_pool.cluster_layout.report_errors(None, error)
            await anyio.lowlevel.checkpoint_if_cancelled()  # as above
            raise _explained(error) from error
        except RuntimeError as error:  # what its connections say that are no more
            if self._client is not None:
                raise
            msg = "the engine was closed meanwhile"
            raise StoreUnavailable(msg) from error

    async def _run_alone(
        self, script: Script[bytes], keys: Sequence[str], args: Sequence[Argument]
    ) -> Any:  # noqa: ANN401  # as above
        # With nobody to share it with, a pipeline would only be in the way. This also brings the
        # script to a server that does not know it.
        self._alone += 1
        try:
            return await script.execute(keys, args)
        finally:
            self._alone -= 1

    def _make_client(self) -> _Client:
        if not self._cluster:
            return Redis.from_url(self._url, decode_responses=False, **self._options)
        url = urlsplit(self._url)
        return RedisCluster(
            startup_nodes=[TCPLocation(url.hostname or "localhost", url.port or 6379)],
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            ssl=url.scheme == "rediss",
            decode_responses=False,
            **self._options,
        )

    # News

    async def _listen(self, client: _Client) -> None:
        while True:
            if not self._channels():
                await self._change()
            try:
                await self._follow(client)
            except* (RedisError, *_UNAVAILABLE):  # the server will come back
                pass
            await anyio.sleep(_PAUSE)

    async def _follow(self, client: _Client) -> None:
        pubsub = client.pubsub(
            retry_policy=NoRetryPolicy(),
            subscription_timeout=self._patience,
            max_idle_seconds=_PAUSE,  # so soon is a lost connection noticed
        )
        async with pubsub, anyio.create_task_group() as group:
            group.start_soon(self._subscribe, pubsub)
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True)
                if message is not None:
                    self._tell(_text(message["channel"]))

    async def _subscribe(self, pubsub: PubSub[bytes] | ClusterPubSub[bytes]) -> None:
        """Follow what is watched, for as long as the connection holds."""
        followed: set[str] = set()
        while True:
            wanted = self._channels()
            self._told = wanted
            if new := wanted.keys() - followed:
                await pubsub.subscribe(*new)
                for channel in new:  # of what came meanwhile
                    self._tell(channel)
            if gone := followed - wanted.keys():
                await pubsub.unsubscribe(*gone)
            followed = set(wanted)
            if wanted.keys() == self._channels().keys():
                await self._change()

    def _tell(self, channel: str) -> None:
        if (tell := self._told.get(channel)) is not None:
            tell()

    def _channels(self) -> dict[str, Callable[[], None]]:
        """What is followed for those who watch, and how they are told."""
        return {
            channel_of(name): partial(hints.tell, name)
            for hints, channel_of in self._watched
            for name in hints.names()
        }

    async def _change(self) -> None:
        """Wait until something else is watched."""
        self._changed = anyio.Event()
        await self._changed.wait()

    def _on_change(self) -> None:
        if self._changed is not None:
            self._changed.set()


def _check_url(url: str, *, cluster: bool) -> None:
    schemes = ("redis", "rediss") if cluster else ("redis", "rediss", "unix")
    try:
        parts = urlsplit(url)
        wrong = parts.port == 0 or parts.scheme not in schemes
    except ValueError:  # it has a port that is none, or half of an address
        wrong = True
    # Not the URL itself: there may be a password in it.
    if wrong:
        msg = f"a server is at a URL that begins with one of {', '.join(schemes)}"
        raise LocalProtocolError(msg)


async def _check_eviction(client: _Client) -> None:
    """Refuse a server that drops what it likes when its memory is full."""
    info = await client.info("memory")
    policy = str(info.get("maxmemory_policy", ""))
    if info.get("maxmemory") and policy.startswith("allkeys"):
        msg = f"the server may evict any key: its maxmemory-policy is {policy}, not noeviction"
        raise EngineError(msg)


def _text(channel: str | bytes) -> str:
    return channel if isinstance(channel, str) else channel.decode()


def _explained(error: BaseException) -> EngineError:
    if isinstance(error, _UNAVAILABLE):
        return StoreUnavailable(f"the server does not answer: {error}")
    if isinstance(error, WrongTypeError):
        kind, what = _CODES["WRONGTYPE"]
    elif (code := _CODE.search(str(error))) is not None:
        kind, what = _CODES[code[1]]
    else:
        kind, what = EngineError, "the server refused"
    return kind(f"{what}: {error}")
