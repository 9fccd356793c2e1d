"""llhttp and this package on HTTP that is right, nearly right, and made to be read in two ways.

What both of them take they read alike. Where only one takes something, the RFC decides; each kind
of that is written down below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import Closed
from eventproto.http import Call, ClientConnection, Limits, Request, Response, Result
from eventproto.http import ServerConnection as Server
from eventproto.strategies._http import MALFORMED, request_bytes
from tests.http.asking import CHUNKED, GET, OK, take
from tests.http.oracles import Message, Reading, read_requests, read_responses

HOST = "GET / HTTP/1.1\r\nHost: a\r\n"
POST = "POST / HTTP/1.1\r\nHost: a\r\n"
LENGTH = f"{POST}Content-Length: 3\r\n\r\nabc"
CHUNKS = f"{POST}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n"
ORIGIN: Final = re.compile(r"https?://[^/?]*(?=/)").sub


def our_requests(data: bytes) -> Reading:
    machine, messages, refused = Server(limits=Limits(head_size=2000)), list[Message](), False
    machine.receive(data, 0)
    while (event := machine.next_event()) is not None:
        if isinstance(event, Call):
            request = event.request
            messages.append(message((request.method, request.url), request))
            machine.send(Result(event.token, Response(204)), 0)
        elif isinstance(event, Closed):
            refused = event.error is not None
    written = b"".join(each for each in iter(machine.next_output, None) if isinstance(each, bytes))
    return Reading(messages, refused or re.search(rb"HTTP/1.1 [45]", written) is not None)


def our_responses(data: bytes) -> Reading:
    machine = ClientConnection()
    machine.send(Call("t", GET), 0)
    machine.receive(data, 0)
    events = take(machine)
    first = events[0] if events else None
    if not isinstance(first, Result):
        return Reading([], refused=False)
    if not isinstance(first.outcome, Response):
        return Reading([], refused=True)
    found = message((first.outcome.status,), first.outcome)
    return Reading([found], refused=len(events) > 1)


def message(start: tuple[object, ...], said: Request | Response) -> Message:
    raw = said.headers.encode()
    fields = [(name.decode().lower(), text.decode("latin-1")) for name, text in raw]
    return Message(start, tuple(fields), said.body)


def comparable(each: Message) -> Message:
    """Without what one of the two does not tell."""
    start = tuple(ORIGIN("", part) if isinstance(part, str) else part for part in each.start)
    headers = tuple(field for field in each.headers if field[0] != "transfer-encoding")
    return Message(start, headers, each.body)


def check_that_nobody_reads_something_else(ours: Reading, theirs: Reading) -> None:
    shared = list(zip(ours.messages, theirs.messages, strict=False))
    for one, other in shared:
        assert comparable(one) == comparable(other)
    if len(ours.messages) > len(shared):
        assert theirs.refused
    if len(theirs.messages) > len(shared):
        assert ours.refused


SALT = st.sampled_from([*"\r\n\t\0:,;05ax \x0b\xff", "\r\n", "chunked", "Transfer-Encoding: "])


@st.composite
def nearly_right(draw: st.DrawFn, right: Sequence[bytes]) -> bytes:
    """Messages behind each other, with some characters changed, lost or added."""
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(right), min_size=1, max_size=3))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 1))] = draw(SALT).encode("latin-1")
    return bytes(data)


REQUESTS = [
    *(each.encode() for each in (f"{HOST}\r\n", LENGTH, CHUNKS, CHUNKS.replace("1.1", "1.0"))),
    *(wire for wire, _ in MALFORMED if len(wire) < 200 and b"PRI" not in wire),
]
RESPONSES = [OK, CHUNKED, b"HTTP/1.1 304 \r\nContent-Length: 5\r\nX: y\r\n z\r\n\r\n"]


@given(nearly_right(REQUESTS))
def test_requests(data: bytes) -> None:
    """Neither is smuggled past the other."""
    check_that_nobody_reads_something_else(our_requests(data), read_requests(data))


@given(nearly_right(RESPONSES))
def test_responses(data: bytes) -> None:
    """Nor is an answer that belongs to another request."""
    theirs = read_responses(data)
    first = Reading(theirs.messages[:1], theirs.refused)
    check_that_nobody_reads_something_else(our_responses(data), first)


@given(request_bytes())
def test_requests_that_are_right(drawn: tuple[bytes, Request]) -> None:
    """Both take them, if the method is one that llhttp knows, and lines end as it wants."""
    wire, request = drawn
    theirs = read_requests(wire)
    assert len(our_requests(wire).messages) == 1
    if not theirs.refused:
        (found,) = theirs.messages
        assert found.body == request.body
    elif request.method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}:
        assert b"\n" in wire.replace(b"\r\n", b"") or b"  \r\n" in wire


def both(text: str) -> tuple[int | None, int | None]:
    """How many requests each of the two takes; None is a refusal behind the last one."""
    data = text.encode("latin-1")
    ours, theirs = our_requests(data), read_requests(data)
    check_that_nobody_reads_something_else(ours, theirs)
    one = None if ours.refused else len(ours.messages)
    return one, None if theirs.refused else len(theirs.messages)


@pytest.mark.parametrize(
    "text",
    [
        LENGTH + CHUNKS + f"{HOST}\r\n",
        f"\r\n{HOST}\r\n\r\n",
        f"{HOST}X:\t y \t\r\n\r\n",
        f"{HOST}X: \xff\x80\r\n\r\n",
        f"{POST}Content-Length: 03\r\n\r\nabc",
        f"{POST}Transfer-Encoding: \tChunked \r\n\r\n0A\r\n0123456789\r\n00\r\n\r\n",
        f'{POST}Transfer-Encoding: chunked\r\n\r\n1;a;b="c;d"\r\nx\r\n0\r\n\r\n',
    ],
)
def test_what_both_take(text: str) -> None:
    """All of it."""
    ours, theirs = both(text)
    assert ours == theirs
    assert ours


@pytest.mark.parametrize(
    "text",
    [
        f"{POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        f"{POST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        f"{POST}Content-Length: 3, 4\r\n\r\nabc",
        *(f"{POST}Content-Length: {each}\r\n\r\nabc" for each in ("+3", "-3", "3 3", "0x3", "3,")),
        f"{POST}Content-Length: 99999999999999999999999\r\n\r\nabc",
        f"{POST}Content-Length : 3\r\n\r\nabc",
        f"{POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        f"{POST}X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"{POST}X: y\0\r\n\r\n",
        f"{POST}no colon\r\n\r\n",
        f"{POST}: no name\r\n\r\n",
        f"{POST}X y: z\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n1;a\rb\r\nx\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n -1\r\nx\r\n0\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n0\r\n\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        f"{HOST}\r\ngarbage\r\n\r\n",
    ],
)
def test_what_neither_takes(text: str) -> None:
    """These are what requests are smuggled with."""
    # HTTP A7, B1, D8
    assert both(text) == (None, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"X{HOST}\r\n", "RFC 9110, 9.1: a method is any token; llhttp knows some forty"),
        (f"{HOST}\r\n".replace("1.1", "1.9"), "RFC 9110, 2.5: any minor version is understood"),
        (f"{HOST}\r\n".replace("\r\n", "\n"), "RFC 9112, 2.2: LF may end a line, if all do so"),
        (f"{POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "RFC 9110, 8.6: may be one"),
        (f"{POST}Content-Length: 3, 3\r\n\r\nabc", "likewise"),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n", "some send it, see h11"),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n1 ;a\r\nx\r\n0\r\n\r\n", "RFC 9112, 7.1.1: BWS"),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n1;/\r\nx\r\n0\r\n\r\n", "it means nothing"),
    ],
)
def test_what_only_this_package_takes(text: str, reason: str) -> None:
    """Nothing of that says where a message ends, unless it is certain."""
    # HTTP D9, E2
    ours, theirs = both(text)
    assert ours == 1, reason
    assert theirs is None, reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("GET / HTTP/1.1\r\n\r\n", "RFC 9112, 3.2: 400 without Host"),
        (f"{HOST}Host: a\r\n\r\n", "RFC 9112, 3.2: 400 with two"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "RFC 9112, 3.2: 400 if it is not valid"),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "no resource of this server"),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "RFC 9110, 4.2.4: a user is an error"),
        ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "RFC 9110, 7.4: not without TLS"),
        ('GET /" HTTP/1.1\r\nHost: a\r\n\r\n', "RFC 9112, 3.2: not in a URI"),
        ("GET /\r\n\r\n", "HTTP/0.9, which nobody speaks"),
        (f"\r{HOST}\r\n", "RFC 9112, 2.2: a lone CR ends no line"),
        (CHUNKS.replace("1.1", "1.0"), "RFC 9112, 6.1: framing is faulty"),
        (f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "RFC 9112, 6.1: 501"),
        (f"{POST}Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", "nobody sends it in good faith"),
    ],
)
def test_what_only_llhttp_takes(text: str, reason: str) -> None:
    """It leaves to its users what is beyond syntax."""
    # HTTP C10
    ours, theirs = both(text)
    assert ours is None, reason
    assert theirs is not None, reason


def test_a_head_whose_lines_end_in_two_ways() -> None:
    """A proxy may have taken the LF for a part of X, and not have seen the length at all."""
    # HTTP A2
    assert both(f"{POST}X: y\nContent-Length: 3\r\n\r\nabc") == (None, None)


def test_an_old_client_that_wants_to_go_on() -> None:
    """RFC 9112, 9.3: a server may close a connection of HTTP/1.0 all the same."""
    # HTTP F2
    old = f"{HOST}Connection: keep-alive\r\n\r\n".replace("1.1", "1.0")
    assert both(old) == (1, 1)
    (ours, theirs) = our_requests((old * 2).encode()), read_requests((old * 2).encode())
    assert (len(ours.messages), len(theirs.messages)) == (1, 2)


def test_a_folded_line() -> None:
    """RFC 9112, 5.2: a server may refuse it, as both do; a client must not, as llhttp does."""
    # HTTP C3, C4
    assert both(f"{HOST}X: y\r\n z\r\n\r\n") == (None, None)
    answer = b"HTTP/1.1 204 No Content\r\nX: y\r\n z\r\n\r\n"
    (ours,) = our_responses(answer).messages
    assert ours.headers == (("x", "y z"),)
    assert read_responses(answer).refused
