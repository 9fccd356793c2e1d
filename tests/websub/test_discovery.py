"""What a resource says about its hubs: in headers, in HTML, in feeds; and hostile ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto.http import Headers, Response
from eventproto.strategies._websub import discoverable_responses
from eventproto.websub import Discovery, discover

URL = "https://blog.example/posts/1?page=2"
ATOM = 'xmlns="http://www.w3.org/2005/Atom"'
ANY = 'xmlns:any="http://www.w3.org/2005/Atom"'
FOUND = Discovery(("https://hub.example/",), "https://blog.example/feed")


def page(body: str | bytes, kind: str = "text/html", *links: str) -> Response:
    fields = [("Content-Type", kind), *(("Link", link) for link in links)]
    return Response(200, Headers(fields), body.encode() if isinstance(body, str) else body)


def found(body: str | bytes, kind: str = "text/html", *links: str) -> Discovery:
    return discover(page(body, kind, *links), url=URL)


@given(discoverable_responses())
def test_what_is_said_is_found(drawn: tuple[Response, Discovery]) -> None:
    """In each place, next to links that must not count."""
    # WebSub S1, S3, S4, S5, S6, S7, S8
    response, expected = drawn
    assert discover(response, url=URL) == expected


def test_links_in_headers_come_first() -> None:
    """And stop the search."""
    # WebSub S1, S3
    embedded = "<link rel=hub href=https://other.example/><link rel=self href=/other>"
    links = ("<https://hub.example/>; rel=hub", "</feed>; rel=self")
    assert found(embedded, "text/html", *links) == FOUND


def test_each_value_is_taken_from_the_first_place_that_has_it() -> None:
    """A hub in the headers and the topic in the page make one discovery."""
    # WebSub S4
    assert found("<link rel=self href=/feed>", "text/html", "<//hub.example/>; rel=hub") == FOUND
    assert found("<link rel=hub href=//hub.example>", "text/html", "</feed>; rel=self") == (
        Discovery(("https://hub.example",), FOUND.topic)
    )


def test_unrelated_link_headers_are_not_in_the_way() -> None:
    """They are no reason not to look into the page."""
    # WebSub S4
    page = "<link rel=hub href=https://hub.example/><link rel=self href=/feed>"
    assert found(page, "text/html", "</style.css>; rel=preload") == FOUND


def test_references_are_relative_to_where_the_response_came_from() -> None:
    """With their fragments removed, and percent-encoded as browsers do it."""
    # WebSub S5, S10
    links = ("<../hub#top>; rel=hub", "<?page=3>; rel=self", '<//h.example/\u00e9 x>; rel="hub"')
    assert found("", "text/plain", *links) == Discovery(
        ("https://blog.example/hub", "https://h.example/%C3%A9%20x"),
        "https://blog.example/posts/1?page=3",
    )


@pytest.mark.parametrize("url", ["", "#top", "ftp://a/", "javascript:x", "http://", "http://[/"])
def test_what_cannot_be_called_is_not_found(url: str) -> None:
    """A link to the resource itself by an empty reference is one, though, in a header."""
    html = f'<link rel="hub" href="{url}"><link rel="self" href="{url}">'
    expected = Discovery((URL,), URL) if url == "#top" else Discovery()
    assert found(html) == expected


def test_a_link_about_something_else_does_not_count() -> None:
    """Its anchor says so; an anchor that says the resource itself is as good as none."""
    # WebSub S5
    other = '<https://no.example/>; rel="hub self"; anchor="https://other.example/"'
    same = f'<https://hub.example/>; rel=hub; anchor="{URL}", </feed>; rel=self; anchor=""'
    assert found("", "text/plain", other, same) == FOUND


HUB = "<link rel=hub href=//hub.example/>"
SELF = "<link rel=self href=/feed>"
NO = "<link rel='hub self' href=//no.example/>"


@pytest.mark.parametrize(
    "html",
    [
        f'{SELF}<link rel="alternate HUB" href="https://hub.example/">',
        f"<!DOCTYPE html><LINK HREF='https://hub.example/' REL=Hub>{SELF}",
        f"\ufeff<html lang=en><head><meta charset=x>{HUB}<link rel=self href=&#x2f;feed></head>",
        f"<link/rel=hub rel=self href=//hub.example/ href=//no.example/>{SELF}",
        f"<base href='https://blog.example/a/'><base href=//no/>{HUB}<link rel=self href=../feed>",
        f"<base target=_blank>{HUB}<link rel=self href=feed><base href=https://blog.example/>",
        f"<link rel = hub href\n=\n'\n//hub.example/ '><noscript>{SELF}</noscript>",
        f"<template><template></template><p>text{NO}</template></template>{HUB}{SELF}",
        f"<title></titles>{NO}</TITLE ><style>{NO}</style>{HUB}{SELF}",
        f"<!-->{HUB}<!-- --!>{SELF}<!-- <body> -->",
        f"<? php ?></ x>{HUB}</head>{SELF}",
    ],
)
def test_html_is_read_as_browsers_read_it(html: str) -> None:
    """The head of it: attributes in any spelling, base, comments, raw text, templates."""
    # WebSub S6
    assert found(html) == FOUND


@pytest.mark.parametrize(
    "opening",
    [
        "<body>",
        "</body>",
        "</html>",
        "</br>",
        "<p>",
        "text",
        "<custom-element>",
        "&nbsp;",
        "< ",
        "<svg>",
        "<textarea></textarea>",
    ],
)
def test_nothing_counts_behind_the_head(opening: str) -> None:
    """Whatever opens the body: there, strangers may have written."""
    # WebSub S7, P4
    assert found(f"<head>{opening}<link rel=hub href=/hub>") == Discovery()


@pytest.mark.parametrize(
    "html",
    [
        "<!-- <link rel=hub href=/hub>",
        "<title><link rel=hub href=/hub>",
        "<script><link rel=hub href=/hub></scripty>",
        "<template><link rel=hub href=/hub>",
        "<template> text",
        "<template></p ",
        "<link rel=hub href=/hub",
        "<link rel=hub href='/hub",
        "<link rel=hub>",
        "<link href=/hub>",
        "<!doctype <link rel=hub href=/hub",
        "</link rel=hub href=/hub>",
    ],
)
def test_html_without_a_link(html: str) -> None:
    """What is not closed goes on to the end."""
    assert found(html) == Discovery()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("?a=1&copy=2&lt=3&section=4", "?a=1&copy=2&lt=3&section=4"),
        ("?a=1&amp;copy=2", "?a=1&copy=2"),
        ("?a=1&amp=2&amp", "?a=1&amp=2&"),
        ("?a=&lt;&notit;", "?a=%3C&notit;"),
        ("?a=&#x26;b&#61c&#38", "?a=&b=c&"),
        ("?&nosuchthing;&&;&#;&#x;", "?&nosuchthing;&&;&"),
    ],
)
def test_parameters_of_a_query_keep_their_names(written: str, meant: str) -> None:
    """Though some are called as characters are, and nobody writes `&amp;` for them."""
    # WebSub S6
    assert (
        found(f'<link rel=self href="/feed{written}">').topic == f"https://blog.example/feed{meant}"
    )


def test_a_character_reference_of_absurd_length_is_left_alone() -> None:
    """Python's own reader raises on it."""
    assert found(f"<link rel=hub href='&#{'1' * 5000};'>") == Discovery()


@pytest.mark.parametrize("kind", ["application/atom+xml", "text/xml", "application/xml; charset=x"])
def test_atom_is_read_by_namespace(kind: str) -> None:
    """Under each media type that feeds are served as."""
    # WebSub S8
    feed = f"""<?xml version="1.0"?><feed {ATOM}><title>x</title>
        <link rel="self" href="/feed"/><link href="https://hub.example/" rel="hub"/>
        <entry><link rel="hub" href="https://no.example/"/></entry></feed>"""
    assert found(feed, kind) == FOUND


@pytest.mark.parametrize(
    "channel",
    [
        f"<rss {ANY}><channel>",
        f"<rss xmlns='http://backend.userland.com/rss2'><channel {ANY}>",
        f"<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#' {ANY}><channel>",
    ],
)
def test_rss_of_each_kind_is_read(channel: str) -> None:
    """Under any prefix, in the channel alone; it may end early."""
    # WebSub S8
    feed = f"""{channel}<any:link rel="self" href="/feed"/><item>
        <any:link rel="hub" href="https://no.example/"/></item><link rel="hub" href="/no"/>
        <any:link rel="hub" href="https://hub.example/"/>"""
    assert found(feed, "application/rss+xml") == FOUND


def test_xml_base_is_followed_down_to_the_link() -> None:
    """Each relative to the one above it; one that is no URL changes nothing."""
    # WebSub S8
    feed = f"""<feed {ATOM} xml:base="https://hub.example/a/">
        <link rel="hub" xml:base="b/" href="../../"/>
        <link rel="self" xml:base="mailto:x" href="https://blog.example/feed"/></feed>"""
    assert found(feed, "text/xml") == FOUND


def test_xhtml_is_read_as_xml() -> None:
    """With the base of its head."""
    xhtml = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "xhtml1-strict.dtd">
        <html xmlns="http://www.w3.org/1999/xhtml"><head><script/><base href="https://hub.example/x"/>
        <link rel="hub" href="/"/><link rel="self" href="https://blog.example/feed"/></head>
        <body>&nbsp;<link rel="hub" href="/no"/></body></html>"""
    assert found(xhtml, "application/xhtml+xml") == FOUND


@pytest.mark.parametrize(
    "document",
    [
        f"""<!DOCTYPE feed [<!ENTITY a "{"a" * 1000}"><!ENTITY b "&a;&a;">]>
            <feed {ATOM}><link rel="hub" href="/hub"/></feed>""",
        f"""<!DOCTYPE feed [<!ATTLIST x a CDATA "default">]>
            <feed {ATOM}><link rel="hub" href="/hub"/></feed>""",
        f"""<feed {ATOM} xmlns:x="{"x" * 1000}"><link rel="hub" href="/hub"/></feed>""",
        f"<?xml version='1.0' encoding='no-such'?><feed {ATOM}><link rel='hub' href='/'/></feed>",
        f"<?xml version='1.0' encoding='utf-7'?><feed {ATOM}><link rel='hub' href='/'/></feed>",
        f"<?xml version='1.0' encoding='hex'?><feed {ATOM}><link rel='hub' href='/'/></feed>",
        f"<feed {ATOM}>&undefined;<link rel='hub' href='/hub'/></feed>",
        "",
    ],
)
def test_xml_that_is_refused(document: str) -> None:
    """What makes a document larger than it looks, and what expat cannot read."""
    # WebSub S8, X4
    assert found(document, "text/xml") == Discovery()


def test_a_namespace_may_be_undone() -> None:
    """That declares one without a name."""
    feed = f'<any:feed {ANY} xmlns=""><any:link rel="hub" href="/"/></any:feed>'
    assert found(feed, "text/xml").hubs == ("https://blog.example/",)


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json", "nonsense"])
def test_other_documents_are_not_looked_into(kind: str) -> None:
    """Their links are in headers, or nowhere."""
    assert found("<link rel=hub href=/hub>", kind) == Discovery()
    assert discover(Response(200, body=b"<link rel=hub href=/hub>"), url=URL) == Discovery()


def test_hubs_are_named_once_and_not_endlessly() -> None:
    """32 links are looked at."""
    hubs = [f"/{number % 30}" for number in range(100)]
    html = "".join(f"<link rel=hub href={hub}>" for hub in hubs)
    assert found(html).hubs == tuple(f"https://blog.example/{number}" for number in range(30))


HOSTILE = [
    "<!", "<!--", "<a ", "<a a='", "<![", "<?", "</", "&#", "<", "<template>", "<title>", "< ",
    "<link a=\"'", "<link rel=hub href=a ", "<link rel=hub href=a>", "<template>< ", "<a/", "<x:y ",
    "<link a='&", "<link a='&a&#x", "<link a=&copy=&lt",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("kind", ["text/html", "text/xml"])
def test_hostile_documents_take_linear_time(piece: str, kind: str) -> None:
    """A megabyte of beginnings; with quadratic time, this would not end today."""
    for opening in ("", "<template>", f"<feed {ATOM}>"):
        found(opening + piece * (1_000_000 // len(piece)), kind)


@pytest.mark.parametrize(
    "document",
    [
        f"<base href='http://a/{'x' * 500_000}'>" + "<link rel=hub href=a>" * 20_000,
        f"<a{' ' * 500_000}={' ' * 500_000}",
        f"<rss xmlns:a='{'x' * 500_000}'>" + "<a:b/>" * 80_000,
        f"<rss xmlns:a='{'x' * 250}'>" + "<a:b/>" * 80_000,
        "<rss>" + "<b>" * 300_000,
    ],
)
def test_hostile_bases_and_namespaces_take_linear_memory(document: str) -> None:
    """What is long is not repeated."""
    found(document)
    found(document, "text/xml")


@pytest.mark.parametrize("link", ["<a>;rel=x", "<a>;rel=hub;anchor=b", "<a>;rel=hub"])
def test_many_links_next_to_a_long_url_take_linear_time(link: str) -> None:
    """The URL is what a redirect made of it; each relative reference would repeat it."""
    # WebSub S5
    response = Response(200, Headers({"Link": ",".join([link] * (30_000 // len(link)))}))
    url = "https://blog.example/" + "x/" * 15_000
    assert discover(response, url=url) == Discovery()


@given(st.text(alphabet="<>/!-='\" \n&#;xlinkrehubsf?[]:", max_size=60), st.booleans())
def test_nothing_raises(soup: str, xml: bool) -> None:
    """Not for any soup of tags."""
    found(soup, "text/xml" if xml else "text/html", soup.replace("\n", " "))


@given(st.binary(max_size=60), st.booleans())
def test_nothing_raises_for_bytes(soup: bytes, xml: bool) -> None:
    """Not for any bytes."""
    found(soup, "text/xml" if xml else "text/html")
