"""The options of a client, for whoever hands them on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from eventproto._event import Message
from eventproto._retry import Entropy, Schedule
from eventproto.http import Headers
from eventproto.sse._limits import Limits
from eventproto.sse._rejection import RejectionPolicy

__all__ = ["ClientOptions"]


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of `Client`; each may be left out."""

    method: str
    headers: Headers | Mapping[str, str]
    body: bytes | Message
    idempotent: bool | None
    last_event_id: str
    retry: int
    backoff: Schedule | None
    healthy_after: float
    read_timeout: float | None
    on_rejection: RejectionPolicy
    limits: Limits
    entropy: Entropy
