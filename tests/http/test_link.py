"""Link fields (RFC 8288)."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError
from eventproto.http import Headers, Link, format_link, parse_links
from eventproto.http._link import related_links

BASE = "http://a.example/b/c?d"


def links(*values: str) -> list[tuple[str, tuple[str, ...]]]:
    found = parse_links(Headers([("Link", each) for each in values]), BASE)
    return [(link.url, link.rel) for link in found]


@pytest.mark.parametrize(  # WebSub S5
    ("value", "expected"),
    [
        ("<http://h/>; rel=hub", [("http://h/", ("hub",))]),
        ('<http://h/>;rel="hub"', [("http://h/", ("hub",))]),
        ("<http://h/>;REL=HUB", [("http://h/", ("hub",))]),
        ("<http://h/> ; rel = hub ", [("http://h/", ("hub",))]),
        ('<http://h/>; rel="self  hub"', [("http://h/", ("self", "hub"))]),
        ("<http://h/>; rel=hub; rel=self", [("http://h/", ("hub",))]),
        ("<http://h/>; rel; rel=self", [("http://h/", ())]),
        ("<http://h/>", [("http://h/", ())]),
        ("<http://h/>; x=y; rel=hub", [("http://h/", ("hub",))]),
        ("<http://h/>;; rel=hub;", [("http://h/", ("hub",))]),
        # commas and semicolons inside of <>, of quoted strings
        (
            "<http://h/,;=>; rel=hub, <http://s/>; rel=self",
            [("http://h/,;=", ("hub",)), ("http://s/", ("self",))],
        ),
        ('<http://h/>; title="a, <b>; rel=c"; rel=hub', [("http://h/", ("hub",))]),
        (r'<http://h/>; title="\", <b>; rel=c"; rel=hub', [("http://h/", ("hub",))]),
        (r'<http://h/>; rel="h\ub"', [("http://h/", ("hub",))]),
        # empty list members
        (", ,<http://h/>; rel=hub,,\t,", [("http://h/", ("hub",))]),
        # relative references
        ("<>; rel=self", [(BASE, ("self",))]),
        ("</x>; rel=self", [("http://a.example/x", ("self",))]),
        ("<x>; rel=self", [("http://a.example/b/x", ("self",))]),
        ("<?x>; rel=self", [("http://a.example/b/c?x", ("self",))]),
        ("<//x>; rel=self", [("http://x", ("self",))]),
        # what is no link is skipped, to the next member
        ("http://h/; rel=hub", []),
        ("<http://h/; rel=hub", []),
        ('x; y="<http://h/>, ", <http://s/>; rel=self', [("http://s/", ("self",))]),
        (
            "<http://h/>; rel=hub junk <x>, <http://s/>; rel=self",
            [("http://h/", ("hub", "junk", "<x>")), ("http://s/", ("self",))],
        ),
        (
            '<http://h/>; rel="hub" junk, <http://s/>; rel=self',
            [("http://h/", ("hub",)), ("http://s/", ("self",))],
        ),
        ("<http://[>; rel=hub, <http://s/>; rel=self", [("http://s/", ("self",))]),
        ('<http://h/>; rel="hub', [("http://h/", ("hub",))]),
        ("", []),
    ],
)
def test_grammar(value: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    """To the letter of RFC 8288, appendix B, and forgiving behind it."""
    assert links(value) == expected


def test_several_fields() -> None:
    """Several fields are one list."""
    assert links("<x:>;rel=a", "<y:>;rel=b, <z:>;rel=c") == [
        ("x:", ("a",)),
        ("y:", ("b",)),
        ("z:", ("c",)),
    ]


def test_parameters_and_anchor() -> None:
    """The rest of the parameters by name; the anchor is resolved, too."""
    value = '<x:>; rel=a; Title="T"; title="U"; anchor="#b"; rev=c'
    (link,) = parse_links(Headers({"Link": value}), BASE)
    assert link == Link("x:", ("a",), {"title": "T", "rev": "c"}, BASE + "#b")
    (plain,) = parse_links(Headers({"Link": "<x:>"}), BASE)
    assert plain == Link("x:", ())


def test_other_headers_are_none_of_its_business() -> None:
    """Only `Link`."""
    assert parse_links(Headers({"Linked": "<x:>"}), BASE) == ()


@given(st.text(st.sampled_from('<>,;="\\ \tabrel:/[]'), max_size=40), st.text(max_size=10))
def test_nothing_raises(value: str, base: str) -> None:
    """Any field and any base URL give links."""
    for link in parse_links(Headers({"Link": value}), base):
        assert all(each == each.lower() for each in link.rel)


@given(
    st.lists(
        st.tuples(st.sampled_from(["http://h/", "http://h/,;x"]), st.sampled_from(["hub", "self"]))
    )
)
def test_httpx_reads_what_is_written(pairs: list[tuple[str, str]]) -> None:
    """A peer finds what is formatted here, and so does the parser."""
    value = ", ".join(format_link(url, rel) for url, rel in pairs)
    assert links(value) == [(url, (rel,)) for url, rel in pairs]
    response = httpx.Response(200, headers={"Link": value})
    if not any("," in url for url, _ in pairs):  # which it would split
        assert response.links == {rel: {"url": url, "rel": rel} for url, rel in pairs}


def test_format_several_types() -> None:
    """With a space between two, as in the field."""
    assert format_link("http://h/", "hub self") == '<http://h/>; rel="hub self"'


@pytest.mark.parametrize(
    ("url", "rel"),
    [
        ("a>b", "hub"),
        ("a b", "hub"),
        ("", "hub"),
        ("é", "hub"),
        ("a", ""),
        ("a", 'h"'),
        ("a", "h\\"),
        ("a", " h"),
    ],
)
def test_what_would_be_read_otherwise_is_refused(url: str, rel: str) -> None:
    """A link that is formatted cannot say more than was meant."""
    with pytest.raises(LocalProtocolError):
        format_link(url, rel)


@pytest.mark.parametrize(
    "piece", ["<", "<>", ",", " ", '"', '\\"', ";", "<>;", '<>;a="', "a,", "<,"]
)
def test_time_is_linear(piece: str) -> None:
    """Half a megabyte of anything is read at once; quadratic time would be minutes."""
    parse_links(Headers({"Link": piece * 200_000}), BASE)


def test_related_links_are_those_of_some_types_in_order() -> None:
    """Of all fields; they are the same that are read otherwise."""
    headers = Headers(
        [
            ("Link", "</a>; rel=hub, </b>; rel=next, </c>"),
            ("Link", '<http://[>; rel=hub, </d>; rel="x SELF"; anchor="/e"'),
        ]
    )
    found = tuple(related_links(headers, BASE, {"hub", "self"}))
    assert [link.url for link in found] == ["http://a.example/a", "http://a.example/d"]
    assert set(found) < set(parse_links(headers, BASE))
