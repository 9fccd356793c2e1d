"""Paths, and what is found there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from eventproto._call import CallMachine
from eventproto._errors import LocalProtocolError
from eventproto.http import Limits
from eventproto.site._endpoints import EventStream, Resource, WebSocket
from eventproto.site._logs import LogSocket, LogStream

__all__ = ["Endpoint", "Site"]

Endpoint: TypeAlias = EventStream | LogStream | WebSocket | LogSocket | Resource | CallMachine[Any]
"""What may be at a path: what opens a session with each peer, what answers at once, or a role."""


class Site:
    """Paths and the endpoints that are found there.

    A path is found however it is spelled (RFC 3986, 6.2.2): `/caf%C3%A9` is `/café`, `/%61` is
    `/a`, and `/a/../b` is `/b`. So whoever guards a path in front of this server guards this one.
    Case and a slash at the end make another path.

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

        Roles must be there before the site is served, which starts them; one that comes later is
        answered for with 503. All others may be added at any time.

        Raises:
            LocalProtocolError: The path does not start with `/`, or is taken; the endpoint is none.
        """
        if not path.startswith("/") or _normal(path) in self._endpoints:
            msg = f"a path starts with / and is given once, got {path!r}"
            raise LocalProtocolError(msg)
        if not isinstance(
            endpoint, EventStream | LogStream | WebSocket | LogSocket | Resource | CallMachine
        ):
            msg = f"{path} leads to an endpoint, such as EventStream(handler), got {endpoint!r}"
            raise LocalProtocolError(msg)
        self._endpoints[_normal(path)] = endpoint

    def find(self, path: str) -> Endpoint | None:
        """The endpoint at this path: the path itself, or the longest one that it lies below."""
        if path in self._endpoints:  # as most are, for only what is normal is there
            return self._endpoints[path]
        path = _normal(path)
        if path in self._endpoints:
            return self._endpoints[path]
        above = [each for each in self._endpoints if each.endswith("/") and path.startswith(each)]
        return self._endpoints[max(above, key=len)] if above else None

    @property
    def roles(self) -> tuple[CallMachine[Any], ...]:
        """The roles among the endpoints, each once."""
        roles = [each for each in self._endpoints.values() if isinstance(each, CallMachine)]
        return tuple(dict.fromkeys(roles))


def _normal(path: str) -> str:
    """The one spelling of all that mean the same path."""
    try:
        path = _PERCENT(_decoded, quote(path, _LEGAL))
    except UnicodeEncodeError as error:
        msg = f"a path has no half of a surrogate pair, got {path!r}"
        raise LocalProtocolError(msg) from error
    if "/." not in path:
        return path
    segments: list[str] = []
    for each in path.split("/")[1:]:
        if each == "..":
            del segments[-1:]
        elif each != ".":
            segments.append(each)
    if path.endswith(("/.", "/..")):
        segments.append("")
    return "/" + "/".join(segments)


def _decoded(match: re.Match[str]) -> str:
    """What needs no encoding, or the encoding in capitals; a % that is none is encoded, too."""
    if match[1] is None:
        return "%25"
    character = chr(int(match[1], 16))
    return character if _UNRESERVED(character) else match[0].upper()


_PERCENT: Final = re.compile("%([0-9A-Fa-f]{2})?").sub
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9\-._~]").fullmatch
_LEGAL: Final = "%/!$&'()*+,;=:@"
"""What else stands in a path as it is (RFC 3986, 3.3)."""
