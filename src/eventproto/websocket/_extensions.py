"""Which extensions are in use: what one side offers and the other agrees to (RFC 6455, 9.1).

There is one extension, permessage-deflate; what its parameters mean is in RFC 7692, 7.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from eventproto.http import Headers
from eventproto.http._grammar import TOKEN, is_token
from eventproto.websocket._deflate import WIDEST, Deflate

__all__ = ["Extension", "agree", "offer", "parse_extensions", "settle"]

Extension: TypeAlias = tuple[str, tuple[tuple[str, str | None], ...]]
"""The name of an extension, and names and values of its parameters; names in lower case."""


def parse_extensions(headers: Headers) -> list[Extension] | None:
    """What `Sec-WebSocket-Extensions` says, in order; None if it is malformed."""
    extensions: list[Extension] = []
    for element in headers.elements("Sec-WebSocket-Extensions"):
        name = _NAME(element)
        if name is None:
            return None
        parameters: list[tuple[str, str | None]] = []
        at = name.end()
        while at < len(element):
            parameter = _PARAMETER(element, at)
            if parameter is None:
                return None
            value = parameter["plain"]
            if value is None and (quoted := parameter["quoted"]) is not None:
                value = _ESCAPE(r"\1", quoted)
                if not is_token(value):
                    return None
            parameters.append((parameter["name"].lower(), value))
            at = parameter.end()
        extensions.append((name[0].lower(), tuple(parameters)))
    return extensions


def offer(deflate: Deflate) -> str:
    """What a client offers."""
    parameters = [_DEFLATE]
    if not deflate.peer_context_takeover:
        parameters.append(_SERVER_NO_TAKEOVER)
    if not deflate.context_takeover:
        parameters.append(_CLIENT_NO_TAKEOVER)
    if deflate.peer_window_bits < WIDEST:
        parameters.append(f"{_SERVER_BITS}={deflate.peer_window_bits}")
    if deflate.window_bits < WIDEST:
        parameters.append(f"{_CLIENT_BITS}={deflate.window_bits}")
    else:
        parameters.append(_CLIENT_BITS)
    return "; ".join(parameters)


def agree(deflate: Deflate, offers: Iterable[Extension]) -> tuple[str, Deflate] | None:
    """What a server answers to the first offer that it understands, and how it compresses then.

    An offer with parameters that are unknown, there twice or out of range is declined, as if it
    had not been made.
    """
    for name, parameters in offers:
        offered = _read(parameters) if name == _DEFLATE else None
        if offered is not None:
            return _agree(deflate, offered)
    return None


def settle(deflate: Deflate | None, answered: list[Extension] | None) -> Deflate | None:
    """How a client compresses after this answer to its offer; None for not at all.

    Raises:
        ValueError: That is no answer to what was offered.
    """
    if answered is None:
        msg = "Sec-WebSocket-Extensions is malformed"
        raise ValueError(msg)
    if not answered:
        return None
    if deflate is None or [name for name, _ in answered] != [_DEFLATE]:
        msg = f"extensions that were not offered: {[name for name, _ in answered]}"
        raise ValueError(msg)
    agreed = _read(answered[0][1])
    if agreed is None or agreed.get(_CLIENT_BITS, WIDEST) is None:
        msg = f"{_DEFLATE} with parameters that mean nothing in an answer: {answered[0][1]}"
        raise ValueError(msg)
    peer_window_bits = agreed.get(_SERVER_BITS) or WIDEST
    peer_context_takeover = _SERVER_NO_TAKEOVER not in agreed
    if peer_window_bits > deflate.peer_window_bits or (
        peer_context_takeover and not deflate.peer_context_takeover
    ):
        msg = f"{_DEFLATE} on other terms than those that were offered: {answered[0][1]}"
        raise ValueError(msg)
    return replace(
        deflate,
        window_bits=min(deflate.window_bits, agreed.get(_CLIENT_BITS) or WIDEST),
        context_takeover=deflate.context_takeover and _CLIENT_NO_TAKEOVER not in agreed,
        peer_window_bits=peer_window_bits,
        peer_context_takeover=peer_context_takeover,
    )


_DEFLATE: Final = "permessage-deflate"
_SERVER_NO_TAKEOVER: Final = "server_no_context_takeover"
_CLIENT_NO_TAKEOVER: Final = "client_no_context_takeover"
_SERVER_BITS: Final = "server_max_window_bits"
_CLIENT_BITS: Final = "client_max_window_bits"

_NAME: Final = re.compile(TOKEN).match
# Parts follow each other without overlap, so that a match never looks back.
_PARAMETER: Final = re.compile(
    rf"[ \t]*;[ \t]*(?P<name>{TOKEN})"
    r"(?:[ \t]*=[ \t]*"
    r'(?:"(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"'
    rf"|(?P<plain>{TOKEN})))?"
).match
_ESCAPE: Final = re.compile(r"\\(.)").sub
_BITS: Final = re.compile(r"[89]|1[0-5]").fullmatch


def _read(parameters: Iterable[tuple[str, str | None]]) -> dict[str, int | None] | None:
    """The parameters of an offer or an answer; None if one is unknown, twice, or out of range."""
    found: dict[str, int | None] = {}
    for name, value in parameters:
        if name in found:
            return None
        if name in {_SERVER_NO_TAKEOVER, _CLIENT_NO_TAKEOVER}:
            if value is not None:
                return None
            found[name] = None
        elif name in {_SERVER_BITS, _CLIENT_BITS} and value is not None and _BITS(value):
            found[name] = int(value)
        elif name == _CLIENT_BITS and value is None:
            found[name] = None
        else:
            return None
    return found


def _agree(deflate: Deflate, offered: Mapping[str, int | None]) -> tuple[str, Deflate]:
    # A client that does not offer to be told how large its window may be cannot be told (7.1.2.2).
    may_ask = _CLIENT_BITS in offered
    agreed = replace(
        deflate,
        window_bits=min(deflate.window_bits, offered.get(_SERVER_BITS) or WIDEST),
        context_takeover=deflate.context_takeover and _SERVER_NO_TAKEOVER not in offered,
        peer_window_bits=min(
            deflate.peer_window_bits if may_ask else WIDEST, offered.get(_CLIENT_BITS) or WIDEST
        ),
        peer_context_takeover=deflate.peer_context_takeover and _CLIENT_NO_TAKEOVER not in offered,
    )
    parameters = [_DEFLATE]
    if not agreed.context_takeover:
        parameters.append(_SERVER_NO_TAKEOVER)
    if not agreed.peer_context_takeover:
        parameters.append(_CLIENT_NO_TAKEOVER)
    if agreed.window_bits < WIDEST or _SERVER_BITS in offered:
        parameters.append(f"{_SERVER_BITS}={agreed.window_bits}")
    if agreed.peer_window_bits < WIDEST:
        parameters.append(f"{_CLIENT_BITS}={agreed.peer_window_bits}")
    return "; ".join(parameters), agreed
