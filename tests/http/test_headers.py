"""Headers: ordered, case-insensitive, duplicates kept, validated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError
from eventproto.http import Headers
from eventproto.strategies._http import headers

FIELDS = [("Set-Cookie", "a=1"), ("Content-Type", "text/html"), ("set-cookie", "b=2")]


def test_names_match_in_any_case() -> None:
    """A name finds its fields however it is written."""
    # HTTP C1
    fields = Headers(FIELDS)
    assert fields["content-type"] == fields.get("CONTENT-TYPE") == "text/html"
    assert "cOnTeNt-TyPe" in fields
    assert "Accept" not in fields
    assert 1 not in fields


def test_duplicates_are_kept_in_order() -> None:
    """All values of a name can be had, and the first one is the one that counts alone."""
    # HTTP C1
    fields = Headers(FIELDS)
    assert fields.get("Set-Cookie") == "a=1"
    assert fields.get_all("SET-COOKIE") == ("a=1", "b=2")
    assert fields.get_all("Accept") == ()
    assert (list(fields), len(fields)) == (FIELDS, 3)


def test_missing() -> None:
    """A name that is not there is None, the default, or a KeyError."""
    assert Headers().get("Accept") is None
    assert Headers().get("Accept", "*/*") == "*/*"
    with pytest.raises(KeyError, match="Accept"):
        Headers()["Accept"]


def test_equality_ignores_the_case_of_names_only() -> None:
    """Equal headers hash alike; values and order count."""
    assert Headers({"A": "x"}) == Headers([("a", "x")])
    assert hash(Headers({"A": "x"})) == hash(Headers([("a", "x")]))
    assert Headers({"A": "x"}) != Headers({"A": "X"})
    assert Headers([("A", "1"), ("B", "2")]) != Headers([("B", "2"), ("A", "1")])
    assert Headers() != ()


def test_repr_can_be_evaluated() -> None:
    """What is printed makes the same headers again."""
    assert eval(repr(Headers(FIELDS))) == Headers(FIELDS)


def test_replace() -> None:
    """The one field that is left stands where the first one was, or at the end."""
    assert list(Headers(FIELDS).replace("SET-COOKIE", "c=3")) == [
        ("SET-COOKIE", "c=3"),
        ("Content-Type", "text/html"),
    ]
    assert list(Headers(FIELDS).replace("A", "b")) == [*FIELDS, ("A", "b")]


def test_without() -> None:
    """All fields of a name go."""
    assert list(Headers(FIELDS).without("set-COOKIE")) == [("Content-Type", "text/html")]


@pytest.mark.parametrize("added", [Headers({"A": "b"}), {"A": "b"}, [("A", "b")]])
def test_add(added: Headers) -> None:
    """Headers grow by headers, mappings and pairs."""
    assert list(Headers(FIELDS) + added) == [*FIELDS, ("A", "b")]


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "é", "a\x00", "(a)"])
def test_a_name_is_a_token(name: str) -> None:
    """RFC 9110, 5.6.2."""
    with pytest.raises(LocalProtocolError, match="token"):
        Headers({name: "x"})
    with pytest.raises(LocalProtocolError, match="token"):
        Headers.decode([(name.encode(), b"x")])


@pytest.mark.parametrize(
    "value", ["a\r\nB: c", "a\nb", "a\rb", "\0", "\x0b", "\x1f", "\x7f", "\ud800"]
)
def test_a_value_cannot_write_further_lines(value: str) -> None:
    """Control characters are refused, and what no encoding can carry."""
    # HTTP A4, C5, C6
    with pytest.raises(LocalProtocolError, match="'A'"):
        Headers({"A": value})


def test_white_space_around_a_value_is_dropped() -> None:
    """RFC 9110, 5.5: it is no part of the value; inside it is."""
    # HTTP C7
    assert Headers({"A": " \tb \t c\t "})["a"] == "b \t c"


def test_any_byte_of_a_value_comes_back() -> None:
    """Text is UTF-8, and what is not UTF-8 survives all the same."""
    # HTTP A1
    raw = [(b"A", "grüße".encode()), (b"B", b"\xff\x80\xc3")]
    assert Headers.decode(raw)["A"] == "grüße"
    assert Headers.decode(raw).encode() == raw


@given(headers())
def test_decode_undoes_encode(fields: Headers) -> None:
    """What goes over a wire is the same on the other side."""
    decoded = Headers.decode(fields.encode())
    assert list(decoded) == list(fields)


@given(st.lists(st.tuples(st.binary(), st.binary())))
def test_no_bytes_make_an_untyped_exception(raw: list[tuple[bytes, bytes]]) -> None:
    """Headers or LocalProtocolError, nothing else."""
    try:
        fields = Headers.decode(raw)
    except LocalProtocolError:
        return
    assert fields.encode() == [(name, value.strip(b" \t")) for name, value in raw]


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("", []),
        (",, ,\t,", []),
        ("a", ["a"]),
        (" a ,b,, c d\t,", ["a", "b", "c d"]),
        ('"a,b",c', ['"a,b"', "c"]),
        (r'x="a\",b", c', [r'x="a\",b"', "c"]),
        ('"a,b', ['"a,b']),
        ('"a\\', ['"a\\']),
        ('a"b,c"d"e,f",g', ['a"b,c"d"e,f"', "g"]),
    ],
)
def test_elements(text: str, elements: list[str]) -> None:
    """Lists may have empty members, and commas in quoted strings (RFC 9110, 5.6.1)."""
    # HTTP C10
    assert list(Headers({"A": text}).elements("a")) == elements


def test_elements_span_fields() -> None:
    """Several fields of one name are one list."""
    fields = Headers([("A", "1, 2"), ("B", "x"), ("a", "3")])
    assert list(fields.elements("A")) == ["1", "2", "3"]
