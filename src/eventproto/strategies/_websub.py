"""What goes between subscribers, hubs and publishers: good, and wrong in a known way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from urllib.parse import urlencode

from hypothesis import strategies as st

from eventproto._value import value
from eventproto.http import Headers, Request, Response
from eventproto.websub import METHODS, Discovery, Method, SubscriptionRequest, sign

__all__ = [
    "SignedContent",
    "discoverable_responses",
    "refused_hub_requests",
    "refused_signatures",
    "signed_contents",
    "subscription_requests",
    "web_urls",
    "websub_secrets",
]

_HUB = "https://hub.example/"
_FORM = "application/x-www-form-urlencoded"
_UNRESERVED = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"


@value()
class SignedContent:
    """A body, and what a hub and its subscriber know of it.

    Attributes:
        body: What is delivered.
        secret: What it should be verified with.
        header: The value of `X-Hub-Signature`.
    """

    body: bytes
    secret: str
    header: str


def web_urls() -> st.SearchStrategy[str]:
    """URLs as WebSub takes them: http or https, without a fragment, with or without a query."""
    scheme = st.sampled_from(["http", "https"])
    host = st.sampled_from(["a.example", "b.example:8080", "127.0.0.1", "[::1]:80", "localhost"])
    piece = st.text(_UNRESERVED + "!$'()*+,;:@", max_size=8) | st.sampled_from(["%2F", "%C3%A9"])
    path = st.lists(piece, max_size=3).map(lambda pieces: "/" + "/".join(pieces))
    pair = st.tuples(piece, piece).map("=".join)
    query = st.just("") | st.lists(pair, min_size=1, max_size=3).map(lambda p: "?" + "&".join(p))
    return st.builds("{}://{}{}{}".format, scheme, host, path, query)


def websub_secrets() -> st.SearchStrategy[str]:
    """Secrets that a hub must take: 1 to 199 bytes of UTF-8."""
    characters = st.characters(exclude_categories=["Cs"])
    fitting = st.text(characters, min_size=1, max_size=199)
    return fitting.filter(lambda secret: len(secret.encode()) < 200)


def subscription_requests() -> st.SearchStrategy[SubscriptionRequest]:
    """What subscribers may ask hubs for; with `unsubscribe` neither lease nor secret."""
    subscribe = st.builds(
        SubscriptionRequest,
        mode=st.just("subscribe"),
        topic=web_urls(),
        callback=web_urls(),
        lease_seconds=st.none() | st.integers(1, 10**9),
        secret=st.none() | websub_secrets(),
    )
    unsubscribe = st.builds(
        SubscriptionRequest, mode=st.just("unsubscribe"), topic=web_urls(), callback=web_urls()
    )
    return subscribe | unsubscribe


def refused_hub_requests(url: str = _HUB) -> st.SearchStrategy[tuple[Request, int]]:
    """Requests that a hub must refuse, each with the status that answers it.

    Args:
        url: Of the hub.
    """
    return st.builds(_spoiled, st.just(url), subscription_requests(), st.sampled_from(_SPOILED))


def signed_contents() -> st.SearchStrategy[SignedContent]:
    """Contents with signatures that are right, in each of the four algorithms and in any case."""
    body, method = st.binary(max_size=100), st.sampled_from(METHODS)
    return st.builds(_signed, body, websub_secrets(), method, st.sampled_from([str, str.upper]))


def refused_signatures() -> st.SearchStrategy[SignedContent]:
    """Contents with signatures that are not right, most of them no signatures at all."""
    return st.builds(_missigned, signed_contents(), st.sampled_from(_SPOILED_SIGNATURES))


@st.composite
def discoverable_responses(draw: st.DrawFn) -> tuple[Response, Discovery]:
    """Answers to a GET for a resource, each with what must be discovered there.

    The links are in `Link` headers, in the head of an HTML page, or in a feed, next to links that
    must not count. They are absolute, so the URL of the resource does not matter.
    """
    hubs = draw(st.lists(web_urls(), min_size=1, max_size=3, unique=True))
    topic = draw(web_urls())
    write = draw(st.sampled_from([_as_headers, _as_html, _as_atom, _as_rss]))
    return write(hubs, topic), Discovery(tuple(hubs), topic)


_Fields = list[tuple[str, str]]

# The status, what the fields become, and the rest of the request where it is not as usual.
_SPOILED: list[tuple[int, Callable[[_Fields], _Fields], dict[str, str]]] = [
    (405, lambda fields: fields, {"method": "GET"}),
    (405, lambda fields: fields, {"method": "PUT"}),
    (415, lambda fields: fields, {"content_type": "application/json"}),
    (415, lambda fields: fields, {"content_type": ""}),
    (413, lambda fields: [*fields, ("x", "y" * 20_000)], {}),
    (400, lambda fields: [*fields, *[("x", "y")] * 100], {}),
    (400, lambda fields: _without(fields, "hub.mode"), {}),
    (400, lambda fields: _without(fields, "hub.topic"), {}),
    (400, lambda fields: _without(fields, "hub.callback"), {}),
    (400, lambda fields: _with(fields, "hub.mode", "SUBSCRIBE"), {}),
    (400, lambda fields: _with(fields, "hub.mode", "denied"), {}),
    (400, lambda fields: _with(fields, "hub.mode", ""), {}),
    (400, lambda fields: [*fields, ("hub.topic", "https://other.example/")], {}),
    (400, lambda fields: [*fields, ("hub.callback", "https://other.example/")], {}),
    (400, lambda fields: _with(fields, "hub.topic", "/feed"), {}),
    (400, lambda fields: _with(fields, "hub.topic", "ftp://a.example/feed"), {}),
    (400, lambda fields: _with(fields, "hub.topic", "https://a.example/feed#latest"), {}),
    (400, lambda fields: _with(fields, "hub.callback", "https://a.example/a b"), {}),
    (400, lambda fields: _with(fields, "hub.callback", "https://a.example/\r\nX: y"), {}),
    (400, lambda fields: _with(fields, "hub.callback", "https://a.example/\u00e9"), {}),
    (400, lambda fields: _with(fields, "hub.callback", "https://[a.example/"), {}),
    (400, lambda fields: _with(fields, "hub.callback", "https://a.example@127.0.0.1/"), {}),
    (400, lambda fields: _with(fields, "hub.callback", "javascript:alert(1)"), {}),
    (400, lambda fields: _subscribing(fields, "hub.lease_seconds", "0"), {}),
    (400, lambda fields: _subscribing(fields, "hub.lease_seconds", "-1"), {}),
    (400, lambda fields: _subscribing(fields, "hub.lease_seconds", "1.5"), {}),
    (400, lambda fields: _subscribing(fields, "hub.lease_seconds", "\u0661"), {}),
    (400, lambda fields: _subscribing(fields, "hub.lease_seconds", "9" * 5000), {}),
    (400, lambda fields: _subscribing(fields, "hub.secret", "s" * 200), {}),
    (400, lambda fields: _subscribing(fields, "hub.secret", "\u00e9" * 100), {}),
    (400, lambda _: [("hub.mode", "publish")], {}),
    (400, lambda _: [("hub.mode", "publish"), ("hub.url", "feed")], {}),
    (400, lambda fields: fields, {"tail": "&hub.secret=%ff"}),
    (400, lambda fields: fields, {"tail": "&x=\udcff"}),
]


def _spoiled(
    url: str,
    asked: SubscriptionRequest,
    spoiled: tuple[int, Callable[[_Fields], _Fields], dict[str, str]],
) -> tuple[Request, int]:
    status, change, rest = spoiled
    fields = change(
        [("hub.mode", asked.mode), ("hub.topic", asked.topic), ("hub.callback", asked.callback)]
    )
    body = urlencode(fields) + rest.get("tail", "")
    kind = rest.get("content_type", _FORM)
    return Request(
        rest.get("method", "POST"),
        url,
        Headers({"Content-Type": kind} if kind else {}),
        body.encode(errors="surrogateescape"),
    ), status


def _without(fields: _Fields, name: str) -> _Fields:
    return [pair for pair in fields if pair[0] != name]


def _with(fields: _Fields, name: str, text: str) -> _Fields:
    return [*_without(fields, name), (name, text)]


def _subscribing(fields: _Fields, name: str, text: str) -> _Fields:
    return _with(_with(fields, "hub.mode", "subscribe"), name, text)


def _signed(body: bytes, secret: str, method: Method, spell: Callable[[str], str]) -> SignedContent:
    return SignedContent(body, secret, spell(sign(body, secret, method)))


def _missigned(content: SignedContent, spoil: Callable[[str], str]) -> SignedContent:
    return SignedContent(content.body, content.secret, spoil(content.header))


_SPOILED_SIGNATURES: list[Callable[[str], str]] = [
    lambda header: "",
    lambda header: "=",
    lambda header: header.partition("=")[0],
    lambda header: header.partition("=")[2],
    lambda header: header + "0",
    lambda header: header[:-1],
    lambda header: header[:-1] + ("0" if header[-1] != "0" else "1"),
    lambda header: "md5=" + header.partition("=")[2],
    lambda header: "sha256=" + "0" * 64,
    lambda header: header + ", " + header,
    lambda header: header + "\u00e9",
    lambda header: header + "\udcff",
    lambda header: "\ud800" + header,
]


def _as_headers(hubs: Sequence[str], topic: str) -> Response:
    links = [
        *(("Link", f"<{hub}>; REL=hub") for hub in hubs),
        ("Link", f'<https://no.example/>; rel="next", <{topic}>; title="a, b"; rel="x self"'),
        ("Link", '<https://no.example/>; rel="hub self"; anchor="https://other.example/"'),
        ("Content-Type", "text/html"),
    ]
    return Response(200, Headers(links), b"<link rel='hub self' href='https://no.example/'>")


def _as_html(hubs: Sequence[str], topic: str) -> Response:
    links = "\n".join(f"<link href='{escape(hub)}' rel=hub>" for hub in hubs)
    body = f"""<!doctype html><!-- <link rel="hub self" href="https://no.example/"> -->
        <html><head><title><link rel="hub self" href="https://no.example/"></title>
        <script>"<link rel='hub self' href='https://no.example/'>"</script>
        <template><link rel="hub self" href="https://no.example/"></template>
        {links}<LINK REL="x SELF" HREF="{escape(topic)}"/></head>
        <body><link rel="hub self" href="https://no.example/">"""
    return Response(200, Headers({"Content-Type": "Text/HTML; charset=utf-8"}), body.encode())


def _as_atom(hubs: Sequence[str], topic: str) -> Response:
    links = "".join(f"<a:link href='{escape(hub)}' rel='hub'/>" for hub in hubs)
    body = f"""<?xml version="1.0"?><a:feed xmlns:a="http://www.w3.org/2005/Atom">
        <link rel="self hub" href="https://no.example/"/>
        <a:entry><a:link rel="self hub" href="https://no.example/"/></a:entry>
        {links}<a:link rel="self" href="{escape(topic)}"/></a:feed>"""
    return Response(200, Headers({"Content-Type": "application/atom+xml"}), body.encode())


def _as_rss(hubs: Sequence[str], topic: str) -> Response:
    links = "".join(f"<x:link rel='hub' href='{escape(hub)}'/>" for hub in hubs)
    body = f"""<rss version="2.0" xmlns:x="http://www.w3.org/2005/Atom"><channel>
        <link>https://no.example/</link><item><x:link rel="hub" href="https://no.example/"/></item>
        {links}<x:link rel="self" href="{escape(topic)}" type="application/rss+xml"/>
        </channel></rss>"""
    return Response(200, Headers({"Content-Type": "text/xml"}), body.encode())
