"""Paths, and what is found there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from eventproto._call import CallMachine
from eventproto._errors import LocalProtocolError
from eventproto.http import Limits
from eventproto.site._endpoints import EventStream, WebSocket
from eventproto.site._logs import LogSocket, LogStream

__all__ = ["Endpoint", "Site"]

Endpoint: TypeAlias = EventStream | LogStream | WebSocket | LogSocket | CallMachine[Any]
"""What may be at a path: something that opens a session with each peer, or a role."""


class Site:
    """Paths and the endpoints that are found there.

    Args:
        endpoints: By path. A path that ends with `/` also takes everything below it.
        limits: The bounds of each HTTP connection.
    """

    def __init__(
        self, endpoints: Mapping[str, Endpoint] | None = None, *, limits: Limits = Limits()
    ) -> None:
        self.limits = limits
        self._endpoints: dict[str, Endpoint] = {}
        for path, endpoint in (endpoints or {}).items():
            self.add(path, endpoint)

    def add(self, path: str, endpoint: Endpoint) -> None:
        """Put an endpoint at a path.

        Sessions may be added at any time. Roles must be there before the site is served, which
        starts them; one that comes later is answered for with 503.

        Raises:
            LocalProtocolError: The path does not start with `/`, or is taken.
        """
        if not path.startswith("/") or path in self._endpoints:
            msg = f"a path starts with / and is given once, got {path!r}"
            raise LocalProtocolError(msg)
        self._endpoints[path] = endpoint

    def find(self, path: str) -> Endpoint | None:
        """The endpoint at this path: the path itself, or the longest one that it lies below."""
        if path in self._endpoints:
            return self._endpoints[path]
        above = [each for each in self._endpoints if each.endswith("/") and path.startswith(each)]
        return self._endpoints[max(above, key=len)] if above else None

    @property
    def roles(self) -> tuple[CallMachine[Any], ...]:
        """The roles among the endpoints, each once."""
        roles = [each for each in self._endpoints.values() if isinstance(each, CallMachine)]
        return tuple(dict.fromkeys(roles))
