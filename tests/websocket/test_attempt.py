"""What a client asks next, when a server has refused it."""

from __future__ import annotations

import pytest

from eventproto import HandshakeRejected, LimitExceeded
from eventproto.http import Headers, Response
from eventproto.websocket._attempt import Attempt

SECRETS = Headers({"Authorization": "Bearer x", "Cookie": "a=b", "X-Key": "y"})


def redirect(location: str, status: int = 307) -> Response:
    return Response(status, Headers({"Location": location}))


def followed(url: str, location: str) -> Attempt:
    attempt = Attempt(url, SECRETS).redirected(redirect(location), limit=1)
    assert attempt is not None
    return attempt


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status: int) -> None:
    """The handshake is a GET, so they all mean the same."""  # WebSocket H19
    attempt = Attempt("ws://a/").redirected(redirect("/b", status), limit=1)
    assert attempt == Attempt("ws://a/b", redirects=1)


@pytest.mark.parametrize("response", [redirect("/b", 304), Response(301), Response(401)])
def test_other_answers_are_no_redirects(response: Response) -> None:
    """They stand."""
    assert Attempt("ws://a/").redirected(response, limit=1) is None


def test_a_redirect_leads_to_a_websocket() -> None:
    """Also if the server calls it by the names of the Web."""
    assert followed("ws://a/b", "https://c/d#fragment").url == "wss://c/d"


@pytest.mark.parametrize("location", ["http://a/b", "ws://a/b", "ws://c"])
def test_never_from_wss_down_to_ws(location: str) -> None:
    """Whoever reads along would be told what was meant for nobody else."""
    with pytest.raises(HandshakeRejected, match="not secure") as raised:
        followed("wss://a/b", location)
    assert raised.value.response == redirect(location)


@pytest.mark.parametrize("location", ["ftp://a/", "ws://u:p@a/", "ws://["])
def test_a_redirect_may_lead_nowhere(location: str) -> None:
    """Then it is a refusal."""
    with pytest.raises(HandshakeRejected) as raised:
        followed("ws://a/b", location)
    assert raised.value.response == redirect(location)


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("/c", True),
        ("http://a:80/c", True),
        ("http://A/c", True),
        ("http://a:81/c", False),
        ("https://a/c", False),
        ("http://a.b/c", False),
    ],
)
def test_no_secret_is_told_to_another_origin(location: str, told: bool) -> None:
    """A header may be anything, so all of them are."""
    attempt = followed("ws://a/b", location)
    assert attempt.headers == (SECRETS if told else Headers())
    assert attempt.trusted == told


def test_the_way_back_is_not_trusted() -> None:
    """Another origin has chosen it."""
    attempt = followed("ws://a/", "ws://b/").redirected(redirect("ws://a/"), limit=2)
    assert attempt is not None
    assert attempt == Attempt("ws://a/", redirects=2, trusted=False)
    assert not attempt.may_authenticate(Response(401))


def test_redirects_are_few() -> None:
    """They may go round."""
    attempt: Attempt | None = Attempt("ws://a/")
    for _ in range(3):
        assert attempt is not None
        attempt = attempt.redirected(redirect("/"), limit=3)
    assert attempt is not None
    with pytest.raises(LimitExceeded) as raised:
        attempt.redirected(redirect("/"), limit=3)
    assert (raised.value.limit, raised.value.code) == ("redirects", 307)


def test_credentials_are_asked_for_once() -> None:
    """And again only where that is the same server."""  # WebSocket H19
    attempt = Attempt("ws://a/", SECRETS)
    assert attempt.may_authenticate(Response(401))
    assert not attempt.may_authenticate(Response(403))
    again = attempt.with_credentials(Headers([("authorization", "Digest"), ("B", "c")]))
    assert dict(again.headers) == {
        "authorization": "Digest",
        "B": "c",
        "Cookie": "a=b",
        "X-Key": "y",
    }
    assert again.url == attempt.url
    assert not again.may_authenticate(Response(401))
    there = again.redirected(redirect("/there"), limit=1)
    assert there is not None
    assert not there.may_authenticate(Response(401))
