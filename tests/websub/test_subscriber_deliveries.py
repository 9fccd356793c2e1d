"""The subscriber: what hubs deliver, and what they are answered."""

from __future__ import annotations

import pytest
from hypothesis import given

from eventproto import Closed, ClosedError, End, Message, VerificationError
from eventproto.http import Call, Headers, Request
from eventproto.strategies._websub import SignedContent, refused_signatures, signed_contents
from eventproto.websub import (
    METHODS,
    Accept,
    ContentReceived,
    ContentRejected,
    Limits,
    Method,
    Refuse,
    Subscribe,
    Unsubscribe,
)
from tests.websub.roles import TOPIC, call, events, made, respond
from tests.websub.subscriptions import (
    RESOURCE,
    SECRET,
    active,
    answers,
    callback_of,
    delivery,
    pending,
    verify,
)

UNSIGNED = Subscribe(RESOURCE, "blog", signed=False)


def posted(callback: str, content: SignedContent) -> Request:
    """A delivery with a signature that was made elsewhere."""
    return Request("POST", callback, Headers({"X-Hub-Signature": content.header}), content.body)


def test_content_waits_for_the_application() -> None:
    """It says what arrived, and under which subscription; an `Accept` is a 204."""
    # WebSub S36
    role, callback = active()
    request = delivery(callback)
    role.receive(Call("t", request), 1.0)
    (event,) = events(role)
    assert event == ContentReceived("t", "blog", TOPIC, "text/plain", b"news", request.headers)
    assert event.message() == Message(data=b"news", source=TOPIC, content_type="text/plain")
    assert answers(role) == {}
    role.send(Accept("t"), 2.0)
    assert answers(role) == {"t": 204}
    assert role.deadline == 500.0


def test_content_can_be_refused() -> None:
    """With a status and a text of the application's choice."""
    # WebSub S36, S37
    role, callback = active()
    for number, status in enumerate([400, 410, 599]):
        role.receive(Call(number, delivery(callback)), 1.0)
        role.send(Refuse(number, status, "no"), 1.0)
        assert answers(role) == {number: status}
    assert len(events(role)) == 3


def test_an_answer_that_does_not_come_is_given_in_time() -> None:
    """The hub is told to try again, and the application that it is too late."""
    # WebSub S36
    role, callback = active(limits=Limits(answer_time=5))
    role.receive(Call("t", delivery(callback)), 1.0)
    role.handle_timeout(5.9)
    assert answers(role) == {}
    role.handle_timeout(6.0)
    assert answers(role) == {"t": 503}
    for late in (Accept("t"), Refuse("t"), Accept("never")):
        with pytest.raises(ClosedError, match="nobody waits"):
            role.send(late, 7.0)
    assert answers(role) == {}


def test_contents_are_answered_in_any_order_and_once() -> None:
    """Each under its own token."""
    role, callback = active()
    for token in "ab":
        role.receive(Call(token, delivery(callback)), 1.0)
    role.send(Accept("b"), 2.0)
    role.send(Refuse("a"), 2.0)
    assert answers(role) == {"b": 204, "a": 503}
    with pytest.raises(ClosedError):
        role.send(Accept("b"), 3.0)


def test_contents_that_wait_are_limited() -> None:
    """The hub is told to try the others again; when one is answered, there is room."""
    # WebSub S45
    role, callback = active(limits=Limits(unanswered=2))
    for token in "ab":
        role.receive(Call(token, delivery(callback)), 1.0)
    assert call(role, delivery(callback), 1.0).status == 503
    assert len(events(role)) == 2
    role.send(Accept("a"), 2.0)
    role.receive(Call("d", delivery(callback)), 2.0)
    assert answers(role) == {"a": 204}
    assert len(events(role)) == 1


def test_contents_that_nobody_takes_are_limited() -> None:
    """Also when the hub was told to try again: no number of attempts fills the memory."""
    # WebSub S45
    role, callback = active(limits=Limits(unanswered=2, answer_time=5.0))
    for now in range(1, 101):
        role.handle_timeout(float(now))
        role.receive(Call(now, delivery(callback)), float(now))
    assert set(answers(role).values()) == {503}
    assert len(events(role)) == 2
    role.receive(Call("new", delivery(callback)), 200.0)
    assert len(events(role)) == 1


def test_content_has_a_size() -> None:
    """The limit is the last size that is taken; what is larger is not looked at."""
    # WebSub S45
    role, callback = active(limits=Limits(content_size=4))
    role.receive(Call("t", delivery(callback, body=b"1234")), 1.0)
    assert len(events(role)) == 1
    assert call(role, delivery(callback, body=b"12345"), 1.0).status == 413
    assert call(role, delivery(callback, secret=None, body=b"12345"), 1.0).status == 413
    assert not events(role)


@given(signed_contents())
def test_content_with_a_right_signature_arrives(content: SignedContent) -> None:
    """With each of the four methods, in any case."""
    # WebSub S40
    role, callback = active(Subscribe(RESOURCE, "blog", secret=content.secret))
    role.receive(Call("t", posted(callback, content)), 1.0)
    (event,) = events(role)
    assert isinstance(event, ContentReceived)
    assert (event.body, event.content_type) == (content.body, None)


@given(refused_signatures())
def test_content_with_a_wrong_signature_is_rejected(content: SignedContent) -> None:
    """The application hears of it, but not what it says."""
    # WebSub S40, S41, S44
    content_header = content.header.encode(errors="replace").decode()
    forged = SignedContent(content.body, content.secret, content_header)
    role, callback = active(Subscribe(RESOURCE, "blog", secret=content.secret))
    assert call(role, posted(callback, forged), 1.0).status == 403
    (event,) = events(role)
    assert isinstance(event, ContentRejected)
    assert (event.name, event.error.kind, event.error.code) == ("blog", "bad-signature", 403)


def test_content_without_a_signature_is_rejected() -> None:
    """Where there is a secret; an answer of success would be a lie."""
    # WebSub S42, C1
    role, callback = active(mismatch_status=202)
    answer = call(role, delivery(callback, secret=None), 1.0)
    assert answer.status == 403
    (event,) = events(role)
    assert isinstance(event, ContentRejected)
    assert isinstance(event.error, VerificationError)
    assert event.error.kind == "missing-header"


@pytest.mark.parametrize("status", [200, 202, 299, 400, 403, 599])
def test_the_answer_to_a_wrong_signature_can_be_chosen(status: int) -> None:
    """Either way the content is ignored."""
    # WebSub S37, S41, C1
    role, callback = active(mismatch_status=status)
    assert call(role, delivery(callback, secret=SECRET + "x"), 1.0).status == status
    assert [type(event) for event in events(role)] == [ContentRejected]


@pytest.mark.parametrize("method", METHODS)
def test_weak_signatures_can_be_rejected(method: Method) -> None:
    """Where the weakest method that is accepted says so."""
    # WebSub S43
    role, callback = active(min_method="sha256")
    role.receive(Call("t", delivery(callback, method=method)), 1.0)
    (event,) = events(role)
    assert isinstance(event, ContentRejected if method == "sha1" else ContentReceived)


def test_a_subscription_without_a_secret_takes_content_as_it_comes() -> None:
    """Also with a signature, which cannot be verified."""
    # WebSub S40
    role, callback = active(UNSIGNED)
    for secret in (None, "any"):
        role.receive(Call("t", delivery(callback, secret=secret)), 1.0)
        assert [type(event) for event in events(role)] == [ContentReceived]


def test_the_callback_alone_says_which_subscription_it_is() -> None:
    """Not the links, which may name another topic, or be missing."""
    # WebSub S39, C6
    role, callback = active(UNSIGNED)
    links = Headers({"Link": "<https://other.example/>; rel=self"})
    for headers in (links, Headers()):
        role.receive(Call("t", Request("POST", callback, headers, b"x")), 1.0)
        (event,) = events(role)
        assert isinstance(event, ContentReceived)
        assert (event.name, event.topic) == ("blog", TOPIC)


@pytest.mark.parametrize("wrong", ["text/\u00e9", "\udcff"])
def test_a_content_type_that_is_none_is_not_told(wrong: str) -> None:
    """Or the message would not be one; the headers have it."""
    role, callback = active(UNSIGNED)
    headers = Headers({"Content-Type": wrong})
    role.receive(Call("t", Request("POST", callback, headers, b"x")), 1.0)
    (event,) = events(role)
    assert isinstance(event, ContentReceived)
    assert event.content_type is None
    message = event.message()
    assert message is not None
    assert message.content_type is None
    assert event.headers == headers


def test_content_does_not_come_before_the_verification() -> None:
    """Nobody has confirmed that it should."""
    # WebSub S45
    role, asked = pending()
    respond(role, asked, 202)
    assert call(role, delivery(callback_of(asked)), 1.0).status == 404
    assert not events(role)


def test_content_of_a_subscription_that_has_ended_is_gone() -> None:
    """From the moment that it is not wanted, until its lease ends; then nobody knows it."""
    # WebSub S38, S45
    role, callback = active()
    role.send(Unsubscribe("blog"), 1.0)
    made(role)
    assert call(role, delivery(callback), 2.0).status == 410
    assert verify(role, callback, 3.0, mode="unsubscribe").ok
    assert call(role, delivery(callback), 4.0).status == 410
    role.handle_timeout(1000.0)
    assert call(role, delivery(callback), 1001.0).status == 404
    assert not any(isinstance(event, ContentReceived) for event in events(role))


def test_content_that_waits_can_be_answered_after_its_subscription() -> None:
    """It has arrived before."""
    role, callback = active()
    role.receive(Call("t", delivery(callback)), 1.0)
    role.send(Unsubscribe("blog"), 2.0)
    made(role)
    role.send(Accept("t"), 3.0)
    assert answers(role) == {"t": 204}


def test_the_end_tells_hubs_that_wait_to_try_again() -> None:
    """Then nothing is taken any more."""
    # WebSub S36
    role, callback = active()
    for token in "ab":
        role.receive(Call(token, delivery(callback)), 1.0)
    events(role)
    role.send(End(), 2.0)
    assert answers(role) == {"a": 503, "b": 503}
    assert events(role) == [Closed(None)]
    role.receive(Call("c", delivery(callback)), 3.0)
    assert (answers(role), events(role)) == ({}, [])
