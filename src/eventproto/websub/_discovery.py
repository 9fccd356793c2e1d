"""Finding the hubs and the topic of a resource (section 4)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from eventproto._value import value
from eventproto.http import Headers, MediaType, Request, Response
from eventproto.http._link import related_links
from eventproto.websub._embedded import Reference, html_links, xml_links
from eventproto.websub._urls import resolved

__all__ = ["Discovery", "discover", "resource_request"]

_MOST_LINKS: Final = 32
_TELLING: Final = frozenset({"hub", "self"})


@value()
class Discovery:
    """What a resource says about subscribing to it.

    Attributes:
        hubs: URLs of its hubs, in order and each once; empty if it has none.
        topic: The URL that stands for it (`rel=self`), or None if it does not say.
    """

    hubs: tuple[str, ...] = ()
    topic: str | None = None


def discover(response: Response, *, url: str) -> Discovery:
    """Find the hubs and the topic of a resource: in `Link` headers, else in the document.

    Each of the two is taken from the first place that has it. Documents are looked into if their
    `Content-Type` says HTML or XML: in the head of HTML, at the level of the feed in Atom and RSS.
    URLs come out absolute and without a fragment. What lies behind 32 links is not looked at.

    Raises nothing, for any input, and takes linear time.

    Args:
        response: To a GET or HEAD for the resource.
        url: Where it came from, after redirects.
    """
    links = islice(related_links(response.headers, url, _TELLING), _MOST_LINKS)
    here = (Reference(link.rel, link.url) for link in links if link.anchor in {None, url})
    headers = _found(here, url)
    if headers.hubs and headers.topic:
        return headers
    embedded = _found(_embedded(response), url)
    return Discovery(headers.hubs or embedded.hubs, headers.topic or embedded.topic)


def resource_request(url: str) -> Request:
    """The request for a resource as its publisher wrote it, and not in some coding.

    Documents are looked into, and what a hub signs and delivers is what subscribers are to read.
    """
    return Request("GET", url, Headers({"Accept-Encoding": "identity"}))


def _embedded(response: Response) -> tuple[Reference, ...]:
    kind = MediaType.parse(response.headers.get("Content-Type"))
    if kind is None:
        return ()
    if kind.essence == "text/html":
        return html_links(response.body.decode(errors="replace").removeprefix("\ufeff"))
    if kind.essence.endswith(("/xml", "+xml")):
        return xml_links(response.body)
    return ()


def _found(links: Iterable[Reference], url: str) -> Discovery:
    hubs: dict[str, None] = {}
    topic = None
    telling = (link for link in links if link.href and not _TELLING.isdisjoint(link.rel))
    for link in islice(telling, _MOST_LINKS):
        base = url
        for each in link.bases:
            base = resolved(base, each) or base
        target = resolved(base, link.href)
        if target is None:
            continue
        if "hub" in link.rel:
            hubs[target] = None
        if "self" in link.rel and topic is None:
            topic = target
    return Discovery(tuple(hubs), topic)
