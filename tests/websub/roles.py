"""Talking to a role by hand: calling it, and answering the calls that it makes."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import parse_qsl

from eventproto import CallMachine, Event
from eventproto.http import Call, Headers, Request, Response, Result

HUB = "https://hub.example/"
TOPIC = "https://blog.example/feed"
CALLBACK = "https://reader.example/hook?id=1"
LINKS = f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"'


def entropy() -> Any:
    """A source of randomness that repeats itself."""
    return random.Random(1).randbytes


def made(role: CallMachine[Any]) -> list[Call]:
    """The calls that a role has made since it was last asked; it must have answered none."""
    calls: list[Call] = []
    while (output := role.next_output()) is not None:
        assert isinstance(output, Call), output
        calls.append(output)
    return calls


def events(role: CallMachine[Any]) -> list[Event]:
    """What a role has reported since it was last asked."""
    found: list[Event] = []
    while (event := role.next_event()) is not None:
        found.append(event)
    return found


def call(role: CallMachine[Any], request: Request, now: float = 0.0) -> Response:
    """What a role answers at once; the calls that it makes stay to be taken."""
    token = object()
    role.receive(Call(token, request), now)
    others: list[Any] = []
    answer: Response | None = None
    while (output := role.next_output()) is not None:
        if isinstance(output, Result) and output.token is token:
            assert isinstance(output.outcome, Response)
            assert answer is None, "answered twice"
            answer = output.outcome
        else:
            others.append(output)
    role._outputs.extend(others)
    assert answer is not None, "not answered"
    return answer


def respond(
    role: CallMachine[Any], call: Call, outcome: Response | Exception | int, now: float = 0.0
) -> None:
    """Bring a role the result of a call that it has made."""
    if isinstance(outcome, int):
        outcome = Response(outcome)
    role.receive(Result(call.token, outcome), now)


def form(body: bytes) -> dict[str, str]:
    """The fields of a form."""
    return dict(parse_qsl(body.decode("ascii"), strict_parsing=True, keep_blank_values=True))


def asked(mode: str, **fields: str) -> Request:
    """A request to the hub; fields are named without `hub.`."""
    from urllib.parse import urlencode

    pairs = {"hub.mode": mode, **{f"hub.{name}": text for name, text in fields.items()}}
    headers = Headers({"Content-Type": "application/x-www-form-urlencoded"})
    return Request("POST", HUB, headers, urlencode(pairs).encode())
