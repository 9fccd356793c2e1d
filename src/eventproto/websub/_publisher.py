"""The publisher: a topic with its content, and hubs that are told when it changes (3.1, 4, 6)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeAlias

from typing_extensions import override

from eventproto._call import Attempt, RetryingMachine, refusal
from eventproto._errors import LocalProtocolError, RemoteProtocolError
from eventproto._event import Message
from eventproto._machine import End
from eventproto._retry import Entropy, Schedule, Steps
from eventproto.http import Call, Headers, Request, Response
from eventproto.websub._callbacks import Content, hub_links
from eventproto.websub._events import Published, PublishFailed
from eventproto.websub._requests import publish_request
from eventproto.websub._urls import checked_url

__all__ = ["PING_SCHEDULE", "Publisher"]

_Command: TypeAlias = Message | End

PING_SCHEDULE: Final[Schedule] = Steps((1.0, 5.0, 30.0, 300.0), jitter=0.2)
"""How long a publisher waits before it notifies a hub again: five attempts in six minutes."""


class Publisher(RetryingMachine[_Command, str]):
    """Serves one topic, and notifies its hubs.

    A GET or HEAD for the topic is answered with the content of the latest `Message` and the links
    to the hubs and to the topic itself (204 before the first one, so that it can be subscribed to
    already). Sending a `Message` replaces the content and notifies every hub (`Published`,
    `PublishFailed`); of its attributes, HTTP has room for `content_type` alone.

    A publisher may run without anybody who takes its events: of those, it keeps the first 256.

    `End` gives up what hubs have not taken notice of, and closes.

    Args:
        topic_url: The topic, and where it is served: any path but this one is answered with 404.
        hubs: URLs of the hubs, at least one.
        schedule: How long to wait before a hub is notified again.
        entropy: For the jitter in the schedule.

    Raises:
        LocalProtocolError: There is no hub, or a URL is none.
    """

    def __init__(
        self,
        topic_url: str,
        hubs: Sequence[str],
        *,
        schedule: Schedule = PING_SCHEDULE,
        entropy: Entropy = os.urandom,
    ) -> None:
        super().__init__(schedule, entropy)
        if isinstance(hubs, str) or not hubs:
            msg = f"expected a sequence of at least one hub, got {hubs!r}"
            raise LocalProtocolError(msg)
        self._hubs = tuple(dict.fromkeys(checked_url(hub, "hub") for hub in hubs))
        self._topic = Request("GET", checked_url(topic_url, "topic_url"))
        self._links = Headers({"Link": hub_links(self._hubs, topic_url)})
        self._content = Response(204, self._links)

    @override
    def _on_send(self, command: _Command) -> None:
        match command:
            case Message():
                content = Content.of_message(command)
                self._content = Response(200, self._links + content.headers, content.body)
                for hub in self._hubs:
                    self._begin(hub, hub)
            case End():
                self._close()
            case _:
                msg = f"a publisher takes no {type(command).__name__}"
                raise LocalProtocolError(msg)

    @override
    def _on_call(self, call: Call) -> None:
        try:
            self._check_call(call.request)
        except RemoteProtocolError as error:
            self._answer(call.token, refusal(error, allow="GET, HEAD"))
        else:
            self._answer(call.token, self._content)

    def _check_call(self, request: Request) -> None:
        if request.target != self._topic.target:
            msg = "this is not the topic"
            raise RemoteProtocolError(msg, code=404)
        if request.method not in {"GET", "HEAD"}:
            msg = f"a topic takes GET and HEAD, got {request.method}"
            raise RemoteProtocolError(msg, code=405)

    @override
    def _request(self, task: str) -> Request:
        return publish_request(task, self._topic.url)

    @override
    def _finish(
        self, attempt: Attempt[str], outcome: Response | Exception
    ) -> Response | Exception | None:
        if isinstance(outcome, Exception) or not outcome.ok:
            return outcome
        self._note(Published(attempt.task))
        return None

    @override
    def _report(
        self, attempt: Attempt[str], failure: Response | Exception, retry_in: float | None
    ) -> None:
        self._note(PublishFailed(attempt.task, failure, retry_in))
