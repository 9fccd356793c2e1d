"""Another parser of HTTP/1.1 as it is compared with this one: llhttp, which Node.js has."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import httptools

__all__ = ["Message", "Reading", "read_requests", "read_responses"]


class Message(NamedTuple):
    """What is in a request or a response."""

    start: tuple[Any, ...]  # method and target, or status
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Reading(NamedTuple):
    """What somebody makes of some bytes."""

    messages: list[Message]
    refused: bool


def read_requests(data: bytes) -> Reading:
    """What llhttp takes for requests, one behind the other."""
    return _Reader(httptools.HttpRequestParser).read(data)


def read_responses(data: bytes) -> Reading:
    """What llhttp takes for responses."""
    return _Reader(httptools.HttpResponseParser).read(data)


_TEXT: Final = "latin-1"


class _Reader:
    """The callbacks of httptools."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser(self)
        self._messages: list[Message] = []

    def read(self, data: bytes) -> Reading:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return Reading(self._messages, refused=False)
        except httptools.HttpParserError:
            return Reading(self._messages, refused=True)
        return Reading(self._messages, refused=False)

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._in_head = True
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # or else it is a trailer
            self._headers.append((name.decode(_TEXT).lower(), value.decode(_TEXT).strip(" \t")))

    def on_headers_complete(self) -> None:
        self._in_head = False

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        start: tuple[Any, ...]
        if isinstance(self._parser, httptools.HttpRequestParser):
            start = (self._parser.get_method().decode(), self._target.decode(_TEXT))
        else:
            start = (self._parser.get_status_code(),)
        self._messages.append(Message(start, tuple(self._headers), self._body))
