"""Where a client is: which topics it asked for, and its place in each of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from eventproto._value import value
from eventproto.http import Request, Response
from eventproto.site._logs import LogSocket, LogStream, check_topics
from eventproto.sse import last_event_id

__all__ = ["Start", "read_places", "start_of", "write_places"]

_UNKNOWN: Final = "-"
"""A place that no log knows, so that reading from it shows a gap."""

_WRITTEN: Final = "x" * 25
"""Something as long as the cursors of all engines of this library."""

_CURSOR: Final = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch


@value()
class Start:
    """What one client of a log is to get.

    Attributes:
        topics: The topics, each once; of channels in order.
        after: Where the client was in each of them, as far as it is to be believed: a cursor, an
            id, or anything. None if it does not say.
        channels: Whether the topics are channels, so that it is told which one a record is of.
    """

    topics: tuple[str, ...]
    after: tuple[str | None, ...]
    channels: bool


def start_of(endpoint: LogStream | LogSocket, request: Request) -> Start | Response:
    """What a request is for, or the answer that refuses it.

    Raises:
        LocalProtocolError: The function that says so has named a topic that no log has.
    """
    topics = endpoint.topics
    if callable(topics):
        chosen = topics(request)
        if isinstance(chosen, Response):
            return chosen
        check_topics(chosen)
        topics = chosen
    place = last_event_id(request)
    if isinstance(topics, str):
        return Start((topics,), (place or None,), channels=False)
    channels = _chosen(request, topics, endpoint)
    if isinstance(channels, Response):
        return channels
    return Start(channels, _places_in(place, channels), channels=True)


def _chosen(
    request: Request, allowed: Collection[str], endpoint: LogStream | LogSocket
) -> tuple[str, ...] | Response:
    asked = {text for name, text in request.query if name == "channel"}
    most, size = endpoint.channel_count, endpoint.id_size
    if len(asked or allowed) > most:
        return Response.of_text(400, f"more than {most} channels")
    if not allowed or not asked <= set(allowed):
        return Response.of_text(404, "no such channel")
    chosen = tuple(sorted(asked or allowed))
    if len(write_places((each, _WRITTEN) for each in chosen)) > size:
        return Response.of_text(400, f"a place in so many channels has more than {size} bytes")
    return chosen


def _places_in(text: str, channels: Sequence[str]) -> tuple[str | None, ...]:
    """The place in each channel; None where the client has just begun with a channel."""
    if not text:
        return (None,) * len(channels)
    places = read_places(text)
    if places is None:
        return (_UNKNOWN,) * len(channels)
    return tuple(places.get(each) for each in channels)


def write_places(places: Iterable[tuple[str, str]]) -> str:
    """The event id that says where a client is in several channels.

    `channel=cursor` for each, joined by `&`, the channel percent-encoded. It is short, the same
    for the same places, and has no character that a header or CORS minds.
    """
    return "&".join([f"{_quoted(channel)}={cursor}" for channel, cursor in places])


def read_places(text: str) -> dict[str, str] | None:
    """The cursors by channel, or None for what `write_places` has not written.

    A cursor is only known to look like one.
    """
    places: dict[str, str] = {}
    for each in text.split("&"):
        channel, separator, cursor = each.partition("=")
        name = unquote(channel, errors="replace")
        if not separator or _CURSOR(cursor) is None or name in places:
            return None
        places[name] = cursor
    return places


@lru_cache(maxsize=1024)  # each event of several channels has them all in its id
def _quoted(channel: str) -> str:
    return quote(channel, safe="")
