"""Which extensions are in use, by the letter of RFC 6455, 9.1, and RFC 7692, 7.1."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import HandshakeRejected
from eventproto.http import Headers, Response
from eventproto.strategies import (
    rejected_websocket_extensions,
    websocket_compressions,
    websocket_offers,
)
from eventproto.websocket import Binary, Connection, Deflate, accept, connect
from eventproto.websocket._extensions import offer, parse_extensions

URL = "ws://example.com/"
NAME = "permessage-deflate"
WIDE = Deflate(window_bits=15)


def asked(*offers: str, compression: Deflate | None = WIDE) -> tuple[str | None, Connection]:
    """What a server answers to these headers, and its connection."""
    request, _ = connect(URL)
    headers = request.headers + [("Sec-WebSocket-Extensions", each) for each in offers]
    response, connection = accept(type(request)("GET", URL, headers), compression=compression)
    assert connection is not None
    return response.headers.get("Sec-WebSocket-Extensions"), connection


def answered(*answers: str, compression: Deflate | None = WIDE) -> Deflate | None:
    """How a client compresses after these headers."""
    request, handshake = connect(URL, compression=compression)
    response, _ = accept(request)
    headers = response.headers + [("Sec-WebSocket-Extensions", each) for each in answers]
    return handshake.finish(Response(101, headers)).compression


# The header.


@pytest.mark.parametrize(
    ("texts", "extensions"),
    [
        ([], []),
        (["foo"], [("foo", ())]),
        (["foo, bar; baz=2"], [("foo", ()), ("bar", (("baz", "2"),))]),
        (["foo", "bar; baz=2"], [("foo", ()), ("bar", (("baz", "2"),))]),
        (['Foo;A;b = 1 ;c=\t"2"'], [("foo", (("a", None), ("b", "1"), ("c", "2")))]),
        (['foo; a="b\\c"'], [("foo", (("a", "bc"),))]),
        ([", foo,,"], [("foo", ())]),
    ],
)
def test_extensions_are_parsed(texts: list[str], extensions: object) -> None:
    """In one header or several, with white space where it may be."""  # WebSocket X4
    headers = Headers([("Sec-WebSocket-Extensions", text) for text in texts])
    assert parse_extensions(headers) == extensions


MALFORMED = [
    *("foo bar", "foo;", "foo; ;a", "foo; a=", "foo; =a", "foo; a=b c", "foo; a=b=c", "(foo)"),
    *('foo; a="', 'foo; a="b', 'foo; a="b c"', 'foo; a=""', 'foo; a="b"c', "caf\u00e9", ";a"),
]


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_extensions(text: str) -> None:
    """Fail the handshake, in both roles, and also if none are spoken."""  # WebSocket X3
    request, handshake = connect(URL, compression=WIDE)
    response, _ = accept(request)
    malformed = {"Sec-WebSocket-Extensions": text}
    refusal, connection = accept(type(request)("GET", URL, connect(URL)[0].headers + malformed))
    assert (refusal.status, connection) == (400, None)
    with pytest.raises(HandshakeRejected, match="malformed"):
        handshake.finish(Response(101, response.headers + malformed))


@given(st.text(st.sampled_from('ab;="\\, \t'), max_size=30))
def test_whatever_the_header_says_nothing_is_raised(text: str) -> None:
    """But it is refused, or nothing of it is understood."""
    request, _ = connect(URL)
    headers = request.headers + {"Sec-WebSocket-Extensions": text}
    response, _ = accept(type(request)("GET", URL, headers), compression=WIDE)
    assert response.status in {101, 400}
    assert "Sec-WebSocket-Extensions" not in response.headers


# What a client offers.


@pytest.mark.parametrize(
    ("deflate", "text"),
    [
        (WIDE, "client_max_window_bits"),
        (Deflate(), "client_max_window_bits=12"),
        (Deflate(context_takeover=False), "client_no_context_takeover; client_max_window_bits=12"),
        (
            Deflate(peer_context_takeover=False, peer_window_bits=9),
            "server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=12",
        ),
    ],
)
def test_offers(deflate: Deflate, text: str) -> None:
    """All four parameters; a client can always be told how large its window may be."""
    # WebSocket P1, P4, P5, N7, N12, N16, N21
    request, _ = connect(URL, compression=deflate)
    assert request.headers["Sec-WebSocket-Extensions"] == f"{NAME}; {text}"


def test_nothing_is_offered_unless_asked_for() -> None:
    """And so nothing may be answered."""  # WebSocket X1
    request, _ = connect(URL)
    assert "Sec-WebSocket-Extensions" not in request.headers
    with pytest.raises(HandshakeRejected, match="not offered"):
        answered(NAME, compression=None)


# What a server answers.


@pytest.mark.parametrize(
    ("offered", "answer", "agreed"),
    [
        ("", "", WIDE),
        # WebSocket P6, N9, N10
        (
            "; server_no_context_takeover",
            "; server_no_context_takeover",
            Deflate(window_bits=15, context_takeover=False),
        ),
        # WebSocket N13
        (
            "; client_no_context_takeover",
            "; client_no_context_takeover",
            Deflate(window_bits=15, peer_context_takeover=False),
        ),
        # WebSocket N17, N19
        ("; server_max_window_bits=8", "; server_max_window_bits=8", Deflate(window_bits=8)),
        ("; server_max_window_bits=15", "; server_max_window_bits=15", WIDE),
        ('; server_max_window_bits="10"', "; server_max_window_bits=10", Deflate(window_bits=10)),
        # WebSocket N22
        ("; client_max_window_bits", "", WIDE),
        ("; client_max_window_bits=15", "", WIDE),
        (
            "; client_max_window_bits=9",
            "; client_max_window_bits=9",
            Deflate(window_bits=15, peer_window_bits=9),
        ),
    ],
)
def test_servers_accept(offered: str, answer: str, agreed: Deflate) -> None:
    """Each parameter, and take its hints."""
    header, connection = asked(NAME + offered)
    assert header == NAME + answer
    assert connection.compression == agreed


@pytest.mark.parametrize(
    ("deflate", "offered", "answer"),
    [
        (Deflate(), "", "; server_max_window_bits=12"),  # WebSocket N20
        (Deflate(), "; server_max_window_bits=15", "; server_max_window_bits=12"),
        (
            Deflate(window_bits=15, context_takeover=False, peer_context_takeover=False),
            "",
            "; server_no_context_takeover; client_no_context_takeover",  # WebSocket N11, N13
        ),
        (Deflate(window_bits=15, peer_window_bits=10), "", ""),  # WebSocket N24
        (
            Deflate(window_bits=15, peer_window_bits=10),
            "; client_max_window_bits",
            "; client_max_window_bits=10",
        ),
        (
            Deflate(window_bits=15, peer_window_bits=10),
            "; client_max_window_bits=9",
            "; client_max_window_bits=9",
        ),
        (
            Deflate(window_bits=15, peer_window_bits=10),
            "; client_max_window_bits=11",
            "; client_max_window_bits=10",
        ),
    ],
)
def test_servers_ask(deflate: Deflate, offered: str, answer: str) -> None:
    """For what they want, where they may."""
    header, connection = asked(NAME + offered, compression=deflate)
    assert header == NAME + answer
    agreed = connection.compression
    assert agreed is not None
    assert agreed.peer_window_bits == (
        15 if "client_max" not in answer else int(answer[-2:].strip("="))
    )


@pytest.mark.parametrize("bits", range(8, 16))
def test_servers_accept_each_window(bits: int) -> None:
    """Of both sides, by saying so, with as many bits or fewer."""  # WebSocket N4, N17, N19, N22
    for wanted in range(8, 16):
        both = Deflate(window_bits=wanted, peer_window_bits=wanted)
        offered = f"{NAME}; server_max_window_bits={bits}; client_max_window_bits={bits}"
        header, connection = asked(offered, compression=both)
        agreed = min(bits, wanted)
        answer = f"{NAME}; server_max_window_bits={agreed}"
        assert header == answer + (f"; client_max_window_bits={agreed}" if agreed < 15 else "")
        assert connection.compression == Deflate(window_bits=agreed, peer_window_bits=agreed)


BAD_IN_BOTH = [
    "; unknown",
    "; unknown=1",
    "; server_no_context_takeover=1",
    "; client_no_context_takeover=true",
    "; server_no_context_takeover; server_no_context_takeover",
    "; client_max_window_bits=9; client_max_window_bits=9",
    "; server_max_window_bits",
    *(f"; {side}_max_window_bits={bits}" for side in ("server", "client") for bits in (0, 7, 16)),
    *("; server_max_window_bits=09", "; server_max_window_bits=1e1", "; client_max_window_bits=x"),
]


@pytest.mark.parametrize("parameters", BAD_IN_BOTH)
def test_servers_decline_an_offer(parameters: str) -> None:
    """And try the next one; if there is none, there is no compression, and no failure."""
    # WebSocket P11, N1, N2, N3
    header, connection = asked(NAME + parameters)
    assert (header, connection.compression) == (None, None)
    for offers in ([f"{NAME}{parameters}, {NAME}"], [NAME + parameters, "foo", NAME]):
        header, connection = asked(*offers)
        assert (header, connection.compression) == (NAME, WIDE)


def test_servers_take_the_first_offer_that_they_understand() -> None:
    """The client says first what it likes best."""  # WebSocket X7, P3, P9
    header, _ = asked(f"x-webkit-deflate-frame, {NAME}; server_max_window_bits=9, {NAME}")
    assert header == f"{NAME}; server_max_window_bits=9"


def test_servers_need_not_compress() -> None:
    """An extension that nobody wants is not agreed on."""  # WebSocket X1, P11
    assert asked(NAME, compression=None)[0] is None


# What a client takes.


@pytest.mark.parametrize(
    ("deflate", "answer", "agreed"),
    [
        (WIDE, "", WIDE),
        # WebSocket N11, N15, N20, N23
        (
            WIDE,
            "; server_no_context_takeover; client_no_context_takeover",
            Deflate(window_bits=15, context_takeover=False, peer_context_takeover=False),
        ),
        (
            WIDE,
            "; server_max_window_bits=8; client_max_window_bits=8",
            Deflate(window_bits=8, peer_window_bits=8),
        ),
        (Deflate(), "; client_max_window_bits=15", Deflate()),
        (Deflate(context_takeover=False), "", Deflate(context_takeover=False)),
        (
            Deflate(peer_window_bits=10),
            "; server_max_window_bits=9",
            Deflate(peer_window_bits=9),
        ),
        (
            Deflate(peer_context_takeover=False),
            "; server_no_context_takeover",
            Deflate(peer_context_takeover=False),
        ),
    ],
)
def test_clients_take_an_answer(deflate: Deflate, answer: str, agreed: Deflate) -> None:
    """Also one that says more than was offered, where that is the server's right."""
    assert answered(NAME + answer, compression=deflate) == agreed


def test_clients_take_no_answer() -> None:
    """The server need not compress."""
    assert answered() is None


@pytest.mark.parametrize("parameters", [*BAD_IN_BOTH, "; client_max_window_bits"])
def test_clients_reject_parameters(parameters: str) -> None:
    """That are unknown, twice there, or out of range."""  # WebSocket N5
    with pytest.raises(HandshakeRejected, match="parameters that mean nothing"):
        answered(NAME + parameters)


@pytest.mark.parametrize(
    ("deflate", "answer"),
    [
        (Deflate(peer_context_takeover=False), ""),  # WebSocket N6, N9
        (Deflate(peer_window_bits=10), ""),  # WebSocket N19
        (Deflate(peer_window_bits=10), "; server_max_window_bits=11"),
    ],
)
def test_clients_reject_other_terms(deflate: Deflate, answer: str) -> None:
    """Than those that they have offered."""
    with pytest.raises(HandshakeRejected, match="other terms"):
        answered(NAME + answer, compression=deflate)


@pytest.mark.parametrize("answers", [["foo"], [NAME, "foo"], [NAME, NAME], [f"{NAME}, {NAME}"]])
def test_clients_reject_other_extensions(answers: list[str]) -> None:
    """Than the one that they have offered, once."""  # WebSocket H23, P10
    with pytest.raises(HandshakeRejected, match="not offered"):
        answered(*answers)


@given(websocket_offers())
def test_servers_agree_on_the_first_offer_that_they_must_not_decline(
    offers: tuple[Headers, str | None],
) -> None:
    """As if the others had not been made."""  # WebSocket N1, X7
    headers, understood = offers
    if understood is None:
        assert asked(*headers.get_all("Sec-WebSocket-Extensions"))[0] is None
    else:
        alone, connection = asked(understood)
        header, other = asked(*headers.get_all("Sec-WebSocket-Extensions"))
        assert alone is not None
        assert (header, other.compression) == (alone, connection.compression)


@given(rejected_websocket_extensions(), st.none() | websocket_compressions())
def test_clients_reject_what_is_no_answer(text: str, compression: Deflate | None) -> None:
    """Whatever they have offered."""  # WebSocket P12
    with pytest.raises(HandshakeRejected):
        answered(text, compression=compression)


@given(websocket_compressions(), websocket_compressions())
def test_both_sides_agree(client: Deflate, server: Deflate) -> None:
    """On the same, which is no more than either of them allows."""  # WebSocket P7, P8
    request, handshake = connect(URL, compression=client)
    response, connection = accept(request, compression=server)
    assert connection is not None
    ours, theirs = handshake.finish(response).compression, connection.compression
    assert ours is not None
    assert theirs is not None
    assert ours.context_takeover <= theirs.peer_context_takeover
    assert theirs.context_takeover <= ours.peer_context_takeover
    assert ours.window_bits <= theirs.peer_window_bits
    assert theirs.window_bits <= ours.peer_window_bits <= client.peer_window_bits
    assert offer(client) == request.headers["Sec-WebSocket-Extensions"]


@pytest.mark.parametrize("server", [Deflate(window_bits=15), Deflate(window_bits=9)])
@given(websocket_compressions(), st.booleans(), st.booleans(), st.lists(st.binary(), min_size=1))
def test_both_sides_keep_to_it(
    server: Deflate, client: Deflate, asks: bool, forgets: bool, said: list[bytes]
) -> None:
    """Whatever is said then is read with no larger window, and no longer memory, than agreed."""
    # WebSocket P7, P13, N15, M11, M13
    server = replace(
        server,
        threshold=0,
        context_takeover=not forgets,
        peer_window_bits=9 if asks else 15,
        peer_context_takeover=not asks,
    )
    request, handshake = connect(URL, compression=replace(client, threshold=0))
    response, right = accept(request, compression=server)
    left = handshake.finish(response)
    assert right is not None
    for sender, receiver in ((left, right), (right, left)):
        for each in said * 2:
            sender.send(each * 20, 0)
        while (chunk := sender.next_output()) is not None:
            receiver.receive(chunk, 0)
        assert list(iter(receiver.next_event, None)) == [Binary(each * 20) for each in said * 2]
