"""Tokens, and the characters of URLs."""

from __future__ import annotations

import string

import pytest

from eventproto.http._grammar import is_token, is_url, joined

ASCII = [chr(code) for code in range(128)]
OTHERS = ["", "\x80", "\u00e9", "\u0660", "\u212a", "\udc80", "a b", "a\n"]


def test_tokens() -> None:
    """RFC 9110, 5.6.2: any visible character but the delimiters."""
    visible = set(string.digits + string.ascii_letters + string.punctuation)
    assert {each for each in ASCII if is_token(each)} == visible - set('"(),/:;<=>?@[\\]{}')
    assert not any(is_token(each) for each in OTHERS)


def test_urls() -> None:
    """RFC 3986, 2; and what browsers do not encode in a query."""
    # HTTP B17
    unreserved = string.ascii_letters + string.digits + "-._~"
    legal = set(unreserved + ":/?#[]@" + "!$&'()*+,;=" + "%" + "^`{|}")
    assert {each for each in ASCII if is_url(each)} == legal
    assert not any(is_url(each) for each in OTHERS)
    assert is_url("/a?b\\c?\\")
    assert not any(is_url(each) for each in ("a\\?b", "\\", '?"'))


def test_urls_take_linear_time() -> None:
    """With quadratic time, this would not end today."""
    assert not is_url("?" * 1_000_000 + " ")


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("g;", "http://a/b/c/g;"),
        ("/;", "http://a/;"),
        ("http://g/h;?y;", "http://g/h;?y;"),
        ("g;;", "http://a/b/c/g;;"),
        ("g;x", "http://a/b/c/g;x"),
        ("../g;#s;", "http://a/b/g;#s;"),
        ("//g", "http://g"),
        ("?y;", "http://a/b/c/d;p?y;"),
    ],
)
def test_references_keep_their_semicolons(reference: str, url: str) -> None:
    """RFC 3986, 5.4, and a semicolon at the end, which is a character like others (3.3)."""
    assert joined("http://a/b/c/d;p?q", reference) == url
