"""The opening handshake, from headers, whoever parses the HTTP (RFC 6455, section 4)."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha1
from typing import Final

from eventproto._errors import LocalProtocolError
from eventproto._overflow import Overflow
from eventproto._retry import Entropy
from eventproto._value import value
from eventproto.http import Admit, HandshakeRejected, Headers, Request, Response
from eventproto.http._grammar import is_token
from eventproto.websocket._closing import Role
from eventproto.websocket._connection import Connection
from eventproto.websocket._deflate import Deflate
from eventproto.websocket._encoded import Missing
from eventproto.websocket._extensions import agree, offer, parse_extensions, settle
from eventproto.websocket._limits import Limits

__all__ = ["ClientHandshake", "accept", "connect"]


def connect(
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    origin: str | None = None,
    headers: Headers = Headers(),
    compression: Deflate | None = None,
    fragments: bool = False,
    limits: Limits = Limits(),
    entropy: Entropy = os.urandom,
) -> tuple[Request, ClientHandshake]:
    """Begin the opening handshake of a client.

    Args:
        url: Where to connect to, `ws` or `wss`.
        subprotocols: Those that this side speaks, best first.
        origin: The origin to speak for, as a browser would say it; None for none.
        headers: Further ones, such as `Authorization` or `Cookie`.
        compression: How messages may be compressed, if the server agrees; None for not at all.
        fragments: Whether the connection reports messages as they come, as `Fragment`.
        limits: The bounds of the connection.
        entropy: Where the key of the handshake and masking keys come from.

    Returns:
        The request to send, and what to give the response to.

    Raises:
        LocalProtocolError: The URL has another scheme, user information or a fragment; a
            subprotocol is no token or is there twice; `compression` is none; a header belongs to
            the handshake.
    """
    if not _URL(url):
        msg = f"a WebSocket is found at ws or wss, with no user and no fragment, got {url!r}"
        raise LocalProtocolError(msg)
    _check_subprotocols(subprotocols)
    _check_compression(compression)
    for name in _HANDSHAKE:
        if name in headers:
            msg = f"header {name} is for the handshake to write"
            raise LocalProtocolError(msg)
    key = b64encode(entropy(16)).decode()
    headers += {**_UPGRADE, "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": _VERSION}
    if subprotocols:
        headers += {"Sec-WebSocket-Protocol": ", ".join(subprotocols)}
    if compression is not None:
        headers += {"Sec-WebSocket-Extensions": offer(compression)}
    if origin is not None:
        headers += {"Origin": origin}
    handshake = ClientHandshake(
        key, tuple(subprotocols), limits, entropy, compression=compression, fragments=fragments
    )
    return Request("GET", url, headers), handshake


@value()
class ClientHandshake:
    """What a client has asked for, and waits to be answered; made by `connect`.

    Attributes:
        key: The `Sec-WebSocket-Key` of the request.
        subprotocols: Those that were offered.
        limits: The bounds of the connection.
        entropy: Where its masking keys come from.
        compression: What was offered, or None.
        fragments: Whether it reports messages as they come.
    """

    key: str
    subprotocols: tuple[str, ...]
    limits: Limits
    entropy: Entropy
    compression: Deflate | None = None
    fragments: bool = False

    def finish(self, response: Response) -> Connection:
        """Take the answer, and return the connection, which begins behind its head.

        Raises:
            HandshakeRejected: The answer is another one than 101, or one that RFC 6455, 4.1, has
                a client fail on.
        """
        if (reason := self._objection(response)) is not None:
            raise HandshakeRejected(reason, response=response)
        try:
            compression = settle(self.compression, parse_extensions(response.headers))
        except ValueError as error:
            raise HandshakeRejected(str(error), response=response) from error
        return Connection(
            Role.CLIENT,
            subprotocol=response.headers.get("Sec-WebSocket-Protocol"),
            compression=compression,
            fragments=self.fragments,
            limits=self.limits,
            entropy=self.entropy,
        )

    def _objection(self, response: Response) -> str | None:
        headers = response.headers
        upgrade = headers.get_all("Upgrade")
        accept = headers.get_all("Sec-WebSocket-Accept")
        subprotocols = headers.get_all("Sec-WebSocket-Protocol")
        if response.status != 101:
            return f"expected status 101, got {response.status}"
        if [each.lower() for each in upgrade] != ["websocket"]:
            return f"expected Upgrade: websocket, got {upgrade}"
        if "upgrade" not in _lower(headers.elements("Connection")):
            return f"expected Connection: Upgrade, got {headers.get_all('Connection')}"
        if accept != (_accept_for(self.key),):
            return f"Sec-WebSocket-Accept does not answer the key of the request, got {accept}"
        if len(subprotocols) > 1 or not set(subprotocols) <= set(self.subprotocols):
            return f"expected one subprotocol of {self.subprotocols}, got {subprotocols}"
        return None


def accept(
    request: Request,
    *,
    subprotocols: Sequence[str] = (),
    origins: Sequence[str] | None = None,
    admit: Admit | None = None,
    compression: Deflate | None = None,
    fragments: bool = False,
    overflow: Overflow = Overflow.DISCONNECT,
    missing: Missing | None = None,
    limits: Limits = Limits(),
    entropy: Entropy = os.urandom,
) -> tuple[Response, Connection | None]:
    """Answer the opening handshake of a client.

    Whether the path is one of a WebSocket is for the caller to decide first. More can be told to
    the client by adding headers to the response.

    Args:
        request: What the client asks.
        subprotocols: Those that this side speaks, best first.
        origins: Which origins pages may come from whose scripts connect; None for all. A request
            without `Origin` does not come from a browser and is let in.
        admit: What decides about the request, after all this; None to let everybody in. Its answer
            is the refusal, whatever its status, headers and body.
        compression: How messages may be compressed, if the client offers it; None for not at all.
        fragments: Whether the connection reports messages as they come, as `Fragment`.
        overflow: What happens when more that is `Encoded` waits for the client than limits allow.
        missing: Under `Overflow.DROP_OLDEST`, makes what the client is told where something gave
            way; None to tell it nothing.
        limits: The bounds of the connection.
        entropy: Where the payload of Pings comes from.

    Returns:
        A response of status 101 and the connection that begins behind it. Or a refusal for people
        to read, and None: 405 for another method than GET, 426 for a request that asks for no
        upgrade or another version, 400 for one that is malformed, 403 for the origin.

    Raises:
        LocalProtocolError: A subprotocol is no token, or is there twice; `origins` is one string;
            `compression` is none; `admit` has answered with 101.
    """
    _check_subprotocols(subprotocols)
    _check_compression(compression)
    if isinstance(origins, str):
        msg = f"origins are a sequence of them, or None for all, got {origins!r}"
        raise LocalProtocolError(msg)
    headers = request.headers
    extensions = parse_extensions(headers)
    refusal = _refusal(request, origins)
    if refusal is not None:
        return refusal, None
    if extensions is None:
        return _refused(400, "Sec-WebSocket-Extensions is malformed"), None
    if admit is not None and (refusal := admit(request)) is not None:
        if refusal.status == 101:
            msg = "a request is refused with any other status than 101"
            raise LocalProtocolError(msg)
        return refusal, None
    offered = set(headers.elements("Sec-WebSocket-Protocol"))
    subprotocol = next((each for each in subprotocols if each in offered), None)
    answer = Headers(
        {**_UPGRADE, "Sec-WebSocket-Accept": _accept_for(headers["Sec-WebSocket-Key"])}
    )
    if subprotocol is not None:
        answer += {"Sec-WebSocket-Protocol": subprotocol}
    agreed = None
    if compression is not None and (answered := agree(compression, extensions)) is not None:
        extension, agreed = answered
        answer += {"Sec-WebSocket-Extensions": extension}
    connection = Connection(
        Role.SERVER,
        subprotocol=subprotocol,
        compression=agreed,
        fragments=fragments,
        overflow=overflow,
        missing=missing,
        limits=limits,
        entropy=entropy,
    )
    return Response(101, answer), connection


_VERSION: Final = "13"
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_UPGRADE: Final = {"Upgrade": "websocket", "Connection": "Upgrade"}
_HANDSHAKE: Final = (
    "Connection",
    "Origin",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Upgrade",
)
_URL: Final = re.compile(r"wss?://[^/?#@]*(?:[/?][^#]*)?", re.IGNORECASE).fullmatch
_KEY: Final = re.compile(r"[+/0-9A-Za-z]{22}==").fullmatch  # 16 bytes in base64


def _refusal(request: Request, origins: Sequence[str] | None) -> Response | None:
    headers = request.headers
    keys = headers.get_all("Sec-WebSocket-Key")
    versions = headers.get_all("Sec-WebSocket-Version")
    offered = list(headers.elements("Sec-WebSocket-Protocol"))
    if request.method != "GET":
        return _refused(405, f"the method must be GET, got {request.method}", {"Allow": "GET"})
    if "websocket" not in _lower(headers.elements("Upgrade")):
        return _refused(426, "this is a WebSocket: Upgrade must be websocket", _WANTED)
    if "upgrade" not in _lower(headers.elements("Connection")):
        return _refused(400, "Connection must have the option Upgrade")
    if len(versions) != 1:
        return _refused(400, "there must be one Sec-WebSocket-Version")
    if versions[0] != _VERSION:
        return _refused(426, f"Sec-WebSocket-Version must be {_VERSION}", _WANTED)
    if len(keys) != 1 or not _KEY(keys[0]):
        return _refused(400, "there must be one Sec-WebSocket-Key, of 16 bytes in base64")
    if len(set(offered)) < len(offered) or not all(map(is_token, offered)):
        return _refused(400, "Sec-WebSocket-Protocol must have tokens, each of them once")
    if origins is not None and not _lower(headers.get_all("Origin")) <= _lower(origins):
        return _refused(403, "this Origin may not connect")
    return None


_WANTED: Final = {**_UPGRADE, "Sec-WebSocket-Version": _VERSION}


def _refused(status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    response = Response.of_text(status, reason + "\n")
    return Response(status, response.headers + (headers or {}), response.body)


def _check_subprotocols(subprotocols: Sequence[object]) -> None:
    if isinstance(subprotocols, str) or len(set(subprotocols)) < len(subprotocols):
        msg = f"subprotocols are a sequence of names, each of them once, got {subprotocols!r}"
        raise LocalProtocolError(msg)
    for each in subprotocols:
        if not isinstance(each, str) or not is_token(each):
            msg = f"a subprotocol is a token (RFC 9110, 5.6.2), got {each!r}"
            raise LocalProtocolError(msg)


def _check_compression(compression: object) -> None:
    if compression is not None and not isinstance(compression, Deflate):
        msg = f"compression is a Deflate, or None for none, got {compression!r}"
        raise LocalProtocolError(msg)


def _accept_for(key: str) -> str:
    digest = sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    return b64encode(digest).decode()


def _lower(elements: Iterable[str]) -> set[str]:
    return {each.lower() for each in elements}
