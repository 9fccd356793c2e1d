"""Web links in header fields (RFC 8288)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Final, cast

from eventproto._errors import LocalProtocolError
from eventproto._value import EMPTY, FrozenMapping, value
from eventproto.http._grammar import is_url, joined
from eventproto.http._headers import Headers
from eventproto.http._parameters import parse_parameters

__all__ = ["Link", "format_link", "parse_links", "related_links"]

_BETWEEN: Final = re.compile(r"[ \t,]*")
# To the comma behind this member of the list; quoted strings may hold some that do not count.
_REST: Final = re.compile(r'(?:[^",]+|"(?:[^"\\]|\\.)*"?)*')
_RELATIONS: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*").fullmatch


@value()
class Link:
    """A link from one resource to another.

    Attributes:
        url: The target, absolute.
        rel: The relation types, lower-case; empty if none was given.
        parameters: The other parameters by lower-case name, the first value where one is repeated.
        anchor: The absolute URL of the resource that the link leads from, or None if it is the
            one that the header came with.
    """

    url: str
    rel: tuple[str, ...]
    parameters: Mapping[str, str] = EMPTY
    anchor: str | None = None


def parse_links(headers: Headers, base_url: str) -> tuple[Link, ...]:
    """Read all `Link` fields, in order (RFC 8288, appendix B.2).

    Members that are no link, or lead to no URL, are skipped: this raises nothing, for any input.
    It takes linear time for the headers, and as much again for each relative target as the base
    URL is long.

    Args:
        headers: Those of a response.
        base_url: Where the response came from, after redirects; relative targets start here.
    """
    return tuple(link for text in headers.get_all("Link") for link in _links(text, base_url))


def related_links(headers: Headers, base_url: str, relations: Collection[str]) -> Iterator[Link]:
    """Those of the links that have one of some relation types, resolved one by one as asked for.

    Whoever looks for a few need not pay for all that a hostile server names next to a long URL.
    """
    for text in headers.get_all("Link"):
        yield from _links(text, base_url, relations)


def format_link(url: str, rel: str) -> str:
    """A value for a `Link` field.

    Args:
        url: The target, percent-encoded.
        rel: The relation types, with a space between two.

    Raises:
        LocalProtocolError: A character that would end the target or the relation types early.
    """
    if is_url(url) is None or _RELATIONS(rel) is None:
        msg = f"a link needs a percent-encoded URL and relation types, got {url!r} and {rel!r}"
        raise LocalProtocolError(msg)
    return f'<{url}>; rel="{rel}"'


def _links(text: str, base_url: str, relations: Collection[str] | None = None) -> Iterator[Link]:
    at = 0
    while (at := _after(_BETWEEN, text, at)) < len(text):
        if text[at] == "<":
            end = text.find(">", at)
            if end < 0:
                return
            parameters, after = parse_parameters(text, end + 1)
            rel = tuple(parameters.get("rel", "").lower().split())
            if relations is None or any(each in relations for each in rel):
                with suppress(ValueError):  # there is no URL in it
                    yield _resolved(text[at + 1 : end], rel, dict(parameters), base_url)
            at = after
        at = _after(_REST, text, at)


def _resolved(target: str, rel: tuple[str, ...], parameters: dict[str, str], base_url: str) -> Link:
    parameters.pop("rel", None)
    anchor = parameters.pop("anchor", None)
    return Link(
        joined(base_url, target),
        rel,
        FrozenMapping(parameters),
        None if anchor is None else joined(base_url, anchor),
    )


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where the match of a pattern that always matches ends."""
    return cast("re.Match[str]", pattern.match(text, at)).end()
