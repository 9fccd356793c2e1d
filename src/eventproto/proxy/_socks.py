"""A tunnel through a SOCKS proxy, version 5 (RFC 1928), with user name and password (RFC 1929)."""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum, IntEnum, auto
from ipaddress import ip_address
from typing import Final

from typing_extensions import override

from eventproto._errors import (
    ConnectionLost,
    LocalProtocolError,
    PeerTimeout,
    RemoteProtocolError,
)
from eventproto._machine import EOF, Chunk, End
from eventproto.proxy._tunnel import Opened, Tunnel

__all__ = ["SocksRejected", "SocksReply", "SocksTunnel"]


class SocksReply(IntEnum):
    """Why a proxy opens no connection (RFC 1928, section 6)."""

    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    CONNECTION_REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


class SocksRejected(RemoteProtocolError):
    """The proxy does not open the connection.

    Attributes:
        reply: Why, or None if it has not come to that: the proxy does not take this client.
        code: The HTTP status that would say the same: 407 if the proxy does not take this client,
            403 if its rules forbid the target, 504 if it waited in vain, 501 for what it cannot
            do, and 502 for anything else.
    """

    def __init__(self, message: str, *, code: int, reply: int | None = None) -> None:
        super().__init__(message, code=code)
        self.reply = reply


class _Phase(Enum):
    METHOD = auto()  # the proxy chooses how this client says who it is
    STATUS = auto()  # it says whether it believes that
    REPLY = auto()  # it says what came of the request
    OPEN = auto()


class SocksTunnel(Tunnel):
    """A `Tunnel` that a SOCKS proxy opens, which resolves the target's name.

    A refusal closes it with `SocksRejected`, an answer that is none with `RemoteProtocolError`.

    Args:
        host: The target, a name or an address.
        port: Its port.
        user: Whom to say this is, if the proxy asks.
        password: How to prove it.
        response_time: Seconds in which the tunnel must be open.

    Raises:
        LocalProtocolError: The target, the user or the password has no form in SOCKS: at most 255
            bytes, the first two not empty.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        user: str | None = None,
        password: str = "",
        response_time: float = 30.0,
    ) -> None:
        super().__init__()
        self._target = f"{host}:{port}"
        self._request = _request(host, port)
        self._credentials = None if user is None else _credentials(user, password)
        self._response_time = response_time
        self._phase = _Phase.METHOD
        self._waiting = bytearray()
        self._ended = False

    @property
    @override
    def arrived(self) -> list[Chunk]:
        chunks: list[Chunk] = [bytes(self._waiting)] if self._waiting else []
        return [*chunks, EOF] if self._ended else chunks

    @override
    def _on_start(self) -> None:
        self._timers.set("patience", self._now + self._response_time)
        methods = [_NO_AUTHENTICATION]
        if self._credentials is not None:
            methods.append(_USER_AND_PASSWORD)
        self._outputs.append(bytes([_VERSION, len(methods), *methods]))

    @override
    def _on_send(self, command: End) -> None:
        if not isinstance(command, End):
            msg = f"a tunnel is told End and nothing else, got {command!r}"
            raise LocalProtocolError(msg)
        self._close()

    @override
    def _on_receive(self, data: Chunk) -> None:
        if data is EOF:
            self._ended = True
        else:
            self._waiting += data

    @override
    def _on_timeout(self, timer: Hashable) -> None:
        msg = f"the proxy opened no tunnel in {self._response_time} seconds"
        self._fail(PeerTimeout(msg))

    @override
    def _parse(self) -> bool:
        match self._phase:
            case _Phase.METHOD:
                moved = self._parse_method()
            case _Phase.STATUS:
                moved = self._parse_status()
            case _Phase.REPLY:
                moved = self._parse_reply()
            case _:
                return False
        if not moved and self._ended:
            self._fail(ConnectionLost("the proxy ended the connection instead of an answer"))
        return moved

    def _parse_method(self) -> bool:
        if not self._has(2, _VERSION):
            return False
        method = self._take(2)[1]
        if method == _USER_AND_PASSWORD and self._credentials is not None:
            self._outputs.append(self._credentials)
            self._phase = _Phase.STATUS
        elif method == _NO_AUTHENTICATION:
            self._ask()
        elif method == _NO_METHOD:
            offered = "no user" if self._credentials is None else "a user"
            msg = f"the proxy does not take a client that has {offered} to authenticate as"
            raise SocksRejected(msg, code=407)
        else:
            msg = f"the proxy wants the method of authentication {method}, which was not offered"
            raise RemoteProtocolError(msg, code=502)
        return True

    def _parse_status(self) -> bool:
        if not self._has(2, _SUBVERSION):
            return False
        status = self._take(2)[1]
        if status:
            msg = f"the proxy does not take this user and password (status {status})"
            raise SocksRejected(msg, code=407)
        self._ask()
        return True

    def _ask(self) -> None:
        self._outputs.append(self._request)
        self._phase = _Phase.REPLY

    def _parse_reply(self) -> bool:
        if not self._has(2, _VERSION):
            return False
        reply = self._waiting[1]
        if reply:  # some proxies leave the rest out then
            raise _refusal(reply, self._target)
        if len(self._waiting) < 5:
            return False
        kind = self._waiting[3]
        size = self._waiting[4] + 1 if kind == _NAME else _SIZES.get(kind)
        if size is None:
            msg = f"the proxy has an address of type {kind}, where 1, 3 and 4 are known"
            raise RemoteProtocolError(msg, code=502)
        whole = 4 + size + 2
        if len(self._waiting) < whole:
            return False
        self._take(whole)
        self._phase = _Phase.OPEN
        self._timers.clear()
        self._events.append(Opened())
        return True

    def _has(self, size: int, version: int) -> bool:
        """Whether so much has come, under the version that it must have."""
        if self._waiting and self._waiting[0] != version:
            msg = f"a SOCKS proxy answers with version {version}, got {self._waiting[0]}"
            raise RemoteProtocolError(msg, code=502)
        return len(self._waiting) >= size

    def _take(self, size: int) -> bytes:
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken


_VERSION: Final = 5
_SUBVERSION: Final = 1
_NO_AUTHENTICATION: Final = 0
_USER_AND_PASSWORD: Final = 2
_NO_METHOD: Final = 255
_CONNECT: Final = 1
_NAME: Final = 3
_SIZES: Final = {1: 4, 4: 16}  # IPv4 and IPv6
_LONGEST: Final = 255

_CODES: Final = {
    SocksReply.NOT_ALLOWED: 403,
    SocksReply.TTL_EXPIRED: 504,
    SocksReply.COMMAND_NOT_SUPPORTED: 501,
    SocksReply.ADDRESS_TYPE_NOT_SUPPORTED: 501,
}


def _request(host: str, port: int) -> bytes:
    if not _is_port(port):
        msg = f"a port is a number from 1 to 65535, got {port!r}"
        raise LocalProtocolError(msg)
    named = _sized("a target", host)
    try:
        address = ip_address(host).packed
        kind = 1 if len(address) == 4 else 4
    except ValueError:
        address, kind = named, _NAME
    return bytes([_VERSION, _CONNECT, 0, kind]) + address + port.to_bytes(2, "big")


def _is_port(port: object) -> bool:
    return isinstance(port, int) and 0 < port < 65536


def _credentials(user: str, password: str) -> bytes:
    # RFC 1929 knows no empty password, but there are users without one.
    return bytes([_SUBVERSION]) + _sized("a user", user) + _sized("a password", password, least=0)


def _sized(what: str, text: object, *, least: int = 1) -> bytes:
    if not isinstance(text, str):
        msg = f"{what} is text, not {type(text).__name__}"
        raise LocalProtocolError(msg)
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        msg = f"{what} has half of a surrogate pair at index {error.start}"
        raise LocalProtocolError(msg) from error
    if not least <= len(encoded) <= _LONGEST:
        msg = f"{what} has {least} to {_LONGEST} bytes, got {len(encoded)}"
        raise LocalProtocolError(msg)
    return bytes([len(encoded)]) + encoded


def _refusal(reply: int, target: str) -> SocksRejected:
    try:
        known = SocksReply(reply)
    except ValueError:
        msg = f"the proxy opens no connection to {target}: reply {reply}, which is not assigned"
        return SocksRejected(msg, code=502, reply=reply)
    msg = f"the proxy opens no connection to {target}: {known.name.lower().replace('_', ' ')}"
    return SocksRejected(msg, code=_CODES.get(known, 502), reply=known)
