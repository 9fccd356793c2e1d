"""Close codes, and payloads of Close frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventproto import LocalProtocolError, PeerTimeout, RemoteProtocolError
from eventproto.strategies import websocket_closes
from eventproto.websocket import Close, CloseCode
from eventproto.websocket._close import decode_close, encode_close, last_words

VALID = [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999]  # Autobahn 7.7.*
INVALID = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]  # 7.9.*, 7.13.*


@given(websocket_closes())
def test_what_is_encoded_is_decoded(close: Close) -> None:
    """Code 1005 included, which stands for nothing."""
    assert decode_close(encode_close(close)) == close


@given(st.binary(min_size=2, max_size=125).map(lambda payload: b"\x03\xe8" + payload[2:]))
def test_what_is_decoded_is_encoded(payload: bytes) -> None:
    """Or it is not UTF-8."""
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        with pytest.raises(RemoteProtocolError):
            decode_close(payload)
    else:
        assert encode_close(decode_close(payload)) == payload


@pytest.mark.parametrize("code", VALID)
def test_code_of_a_peer_is_taken(code: int) -> None:
    """Those of the specification and registry, and those for applications (7.4)."""
    assert decode_close(code.to_bytes(2, "big")) == Close(code)


@pytest.mark.parametrize("code", INVALID)
def test_code_of_a_peer_is_refused(code: int) -> None:
    """Those that only stand for something, and those that nobody has defined (7.4)."""
    with pytest.raises(RemoteProtocolError, match=str(code)) as caught:
        decode_close(code.to_bytes(2, "big"))
    assert caught.value.code == 1002


def test_half_a_code_is_refused() -> None:
    """A payload begins with two bytes, or there is none (5.5.1)."""  # Autobahn 7.3.2
    with pytest.raises(RemoteProtocolError) as caught:
        decode_close(b"\x03")
    assert caught.value.code == 1002


def test_reason_of_a_peer_is_utf_8() -> None:
    """As 5.5.1 has it."""  # Autobahn 7.5.1
    with pytest.raises(RemoteProtocolError) as caught:
        decode_close(b"\x03\xe8\xce\xba\xff")
    assert caught.value.code == 1007


@pytest.mark.parametrize(
    "close",
    [
        *(Close(code) for code in INVALID if code != 1005),
        Close(-1),
        Close(1005, "why"),
        Close(1000, "\ud800"),
        Close(1000, "x" * 124),
        Close(1000, "\u20ac" * 42),
        Close(1000, b"why"),  # type: ignore[arg-type]
        Close(1000.0),  # type: ignore[arg-type]
        Close("1000"),  # type: ignore[arg-type]
    ],
)
def test_what_may_not_be_sent(close: Close) -> None:
    """What the peer would refuse, what does not fit, and what is no code and no reason."""
    with pytest.raises(LocalProtocolError):
        encode_close(close)


def test_last_words_have_the_code_of_the_error() -> None:
    """Or that of an unexpected condition."""
    assert last_words(RemoteProtocolError("no", code=1009)) == Close(1009, "no")
    assert last_words(PeerTimeout("late")) == Close(1011, "late")


@given(st.text(st.characters()))
def test_last_words_always_fit(text: str) -> None:
    """Whatever an error says."""
    assert len(encode_close(last_words(PeerTimeout(text)))) <= 125


def test_codes_are_those_of_the_registry() -> None:
    """The WebSocket Close Code Number Registry of IANA, as far as a name is registered."""
    assert [int(code) for code in CloseCode] == [
        *(1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011),
        *(1012, 1013, 1014, 1015, 3000, 3003, 3008),
    ]
