"""Links inside of documents: HTML (appendix A of RFC 8288) and XML feeds (appendix B).

Both readers are given whatever some server sent. They take linear time, raise nothing and end
where the document stops making sense.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from html.entities import html5
from typing import Final, cast
from xml.parsers import expat

from eventproto._value import value

__all__ = ["Reference", "html_links", "xml_links"]


@value()
class Reference:
    """A link as it stands in a document.

    Attributes:
        rel: The relation types, lower-case.
        href: The reference, as written.
        bases: What it is relative to, outermost first; each may be relative to the one before, and
            the first one to the URL of the document.
    """

    rel: tuple[str, ...]
    href: str
    bases: tuple[str, ...] = ()


# The standard library's HTMLParser takes quadratic time for unfinished tags and raises on some
# declarations, in versions of Python that are in use. What is needed of the grammar is this much:
# the tokens of section 13.2.5 of the HTML standard, up to where the body begins.
_SKIPPED: Final = re.compile(
    r"""(?:[ \t\n\f\r]+
        | <!--(?:-?>|.*?(?:--!?>|\Z))
        | <(?:[!?]|/(?![A-Za-z]))[^>]*>?
        )*+""",
    re.VERBOSE | re.DOTALL,
).match
_TAG: Final = re.compile(r"<(/?)([A-Za-z][^ \t\n\f\r/>]*)").match
_ATTRIBUTE: Final = re.compile(
    r"""[ \t\n\f\r/]*+
        (?: (?P<end>>)
        | (?P<name>[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+) [ \t\n\f\r]*+
          (?:= [ \t\n\f\r]*+
             (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>[^ \t\n\f\r>"'][^ \t\n\f\r>]*+))
          )?
        )""",
    re.VERBOSE,
).match
_HEAD: Final = frozenset(
    {"html", "head", "base", "basefont", "bgsound", "link", "meta"}
    | {"noframes", "noscript", "script", "style", "template", "title"}
)
_CLOSING_HEAD: Final = frozenset({"body", "br", "html"})
_RAW_TEXT_END: Final = {
    name: re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE).search
    for name in ("iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp")
}


def html_links(text: str) -> tuple[Reference, ...]:
    """The links in the head of an HTML document; a body may hold what strangers wrote (8.1)."""
    links: list[Reference] = []
    bases: tuple[str, ...] = ()
    for name, attributes in _head_tags(text):
        if name == "link":
            links.append(_reference(attributes))
        elif "href" in attributes and not bases:
            bases = (attributes["href"],)
    return tuple(replace(each, bases=bases) for each in links)


def _head_tags(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The start tags `link` and `base` in the head, with their attributes."""
    at = templates = 0
    while at >= 0:
        at = cast("re.Match[str]", _SKIPPED(text, at)).end()
        tag = _TAG(text, at)
        if tag is None:
            if not templates:
                return  # text opens the body
            at = text.find("<", at + 1)
            continue
        name = tag[2].lower()
        wanted = not templates and name in {"link", "base"}
        attributes, at = _attributes(text, tag.end(), keep=wanted)
        if tag[1]:
            if not templates and name in _CLOSING_HEAD:
                return  # as if what they end had begun
            templates -= name == "template" and templates > 0
        elif not templates and name not in _HEAD:
            return  # so does any other tag
        elif name == "template":
            templates += 1
        elif name in _RAW_TEXT_END:
            end = _RAW_TEXT_END[name](text, at)
            at = end.start() if end else -1
        elif wanted and at >= 0:
            yield name, attributes


def _attributes(text: str, at: int, *, keep: bool) -> tuple[dict[str, str], int]:
    """The attributes of a tag, and where it ends; -1 if it does not."""
    found: dict[str, str] = {}
    while (attribute := _ATTRIBUTE(text, at)) is not None:
        at = attribute.end()
        if attribute["end"]:
            return found, at
        if keep:
            written = attribute["double"] or attribute["single"] or attribute["plain"] or ""
            found.setdefault(attribute["name"].lower(), _unescaped(written))
    return found, -1


def _reference(attributes: dict[str, str], bases: tuple[str, ...] = ()) -> Reference:
    rel = attributes.get("rel", "").lower().split()
    return Reference(tuple(rel), attributes.get("href", ""), bases)


# As in attributes (13.2.5.73): a name without its semicolon is none if it goes on, so that the
# parameters of a query keep their names.
_CHARACTER: Final = re.compile(
    r"&(?:#(?:[0-9]+|[xX][0-9A-Fa-f]+);?|[A-Za-z][A-Za-z0-9]*+(?:;|(?!=)))"
).sub


def _unescaped(text: str) -> str:
    return _CHARACTER(_character, text)


def _character(reference: re.Match[str]) -> str:
    text = reference[0]
    if text[1] != "#" and text[1:] not in html5:
        return text
    try:
        return html.unescape(text)
    except ValueError:  # the number of a character in thousands of digits
        return text


_ATOM: Final = "http://www.w3.org/2005/Atom"
_XHTML: Final = "http://www.w3.org/1999/xhtml"
_XML_BASE: Final = "http://www.w3.org/XML/1998/namespace base"
_LINK_OF: Final[Mapping[tuple[str, ...], str]] = {
    ("feed",): f"{_ATOM} link",
    ("rss", "channel"): f"{_ATOM} link",
    ("RDF", "channel"): f"{_ATOM} link",
    ("html", "head"): f"{_XHTML} link",
}
_DEEPEST: Final = 3
_LONGEST_NAMESPACE: Final = 256


def xml_links(document: bytes) -> tuple[Reference, ...]:
    """The links of a feed (not of its entries), or in the head of an XHTML document."""
    reader = _XmlReader()
    with suppress(expat.ExpatError, LookupError, ValueError):  # of XML, of its encoding, or ours
        reader.parser.Parse(document, True)  # noqa: FBT003  # expat takes no keywords
    return tuple(reader.links)


class _XmlReader:
    """Reads with expat what stands high enough in the tree.

    A document with an internal DTD subset is refused: entities and default attributes make it
    larger than it looks. So is a long namespace, which expat repeats in every name.
    """

    def __init__(self) -> None:
        self.links: list[Reference] = []
        self._depth = 0
        self._path: list[str] = []
        self._bases: list[str | None] = []
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def _doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        if internal:
            msg = "an internal DTD subset is refused"
            raise ValueError(msg)

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if uri is not None and len(uri) > _LONGEST_NAMESPACE:
            msg = f"a namespace of more than {_LONGEST_NAMESPACE} characters is refused"
            raise ValueError(msg)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            return
        base = attributes.get(_XML_BASE)
        if _LINK_OF.get(tuple(self._path)) == name:
            bases = tuple(each for each in (*self._bases, base) if each is not None)
            self.links.append(_reference(attributes, bases))
        elif name == f"{_XHTML} base" and self._path == ["html", "head"]:
            self._bases[-1] = attributes.get("href")
        self._path.append(name.rpartition(" ")[2])
        self._bases.append(base)

    def _end(self, name: str) -> None:
        self._depth -= 1
        del self._path[self._depth :], self._bases[self._depth :]
