"""What happened (`Event`) and what was said (`Message`)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Final, Self, cast

from eventproto._errors import LocalProtocolError
from eventproto._value import EMPTY, FrozenMapping, constructor, value

__all__ = ["PLAIN_TEXT", "Closed", "Event", "Message", "new_message"]


class Event:
    """What a machine reports. Each protocol has a small closed vocabulary of subclasses."""

    __slots__ = ()

    def message(self) -> Message | None:
        """What the peer's application said in this event, or None if it said nothing."""
        return None


@value()
class Closed(Event):
    """The last event of every machine.

    Attributes:
        error: Why it ended, or None after a clean end.
    """

    error: Exception | None = None


# What most messages have: known, so that it need not be checked each time.
_TYPE: Final = "message"
PLAIN_TEXT: Final = "text/plain;charset=utf-8"
"""The content type of text that says nothing else."""


@value(kw_only=True)
class Message:
    """What an application says or hears: the same over all four protocols.

    The names are those of CloudEvents 1.0. Only `data` is required, and nothing is invented: an
    attribute is None where the wire was silent.

    Attributes:
        data: The content, opaque bytes.
        type: What kind of occurrence this is; not empty.
        id: Identifies the message within its source; not empty.
        source: Where it comes from, a URI reference; not empty.
        subject: What in the source it is about; not empty.
        time: When it happened; must be aware of its time zone, of which its offset is kept.
        content_type: The media type of `data` (`datacontenttype` in CloudEvents).
        extensions: Further CloudEvents attributes by name (lower-case ASCII letters and digits).

    Raises:
        LocalProtocolError: A value no wire could carry: the wrong type, an empty string, half of
            a surrogate pair, a naive time, an extension named like an attribute.
    """

    data: bytes
    type: str = _TYPE
    id: str | None = None
    source: str | None = None
    subject: str | None = None
    time: datetime | None = None
    content_type: str | None = None
    extensions: Mapping[str, str] = EMPTY

    def __post_init__(self) -> None:
        if self.data.__class__ is not bytes:
            msg = f"data must be bytes, not {type(self.data).__name__}; see Message.of_text()"
            raise LocalProtocolError(msg)
        # One by one, because most are what they are by default, and a loop costs more than all.
        if self.type is not _TYPE:
            _check_text("type", self.type)
        if self.id is not None:
            _check_text("id", self.id)
        if self.source is not None:
            _check_text("source", self.source)
        if self.subject is not None:
            _check_text("subject", self.subject)
        if self.content_type is not None and self.content_type is not PLAIN_TEXT:
            _check_text("content_type", self.content_type)
        if self.time is not None:
            object.__setattr__(self, "time", _with_offset(self.time))
        if self.extensions is not EMPTY:
            _check_extensions(self.extensions)
            object.__setattr__(self, "extensions", FrozenMapping(self.extensions))

    @classmethod
    def of_text(cls, text: str, **attributes: Any) -> Self:  # noqa: ANN401  # the fields above
        """A message of UTF-8 text; `content_type` is `text/plain;charset=utf-8` unless given.

        Raises:
            LocalProtocolError: `text` is no string, or has half of a surrogate pair.
        """
        if not isinstance(text, str):
            msg = f"text must be a string, not {type(text).__name__}; see Message(data=...)"
            raise LocalProtocolError(msg)
        _check_scalars("text", text)
        if not attributes:
            return cls(data=text.encode(), content_type=PLAIN_TEXT)
        attributes.setdefault("content_type", PLAIN_TEXT)
        return cls(data=text.encode(), **attributes)

    @classmethod
    def of_json(cls, content: object, **attributes: Any) -> Self:  # noqa: ANN401  # as above
        """A message of compact JSON; `content_type` is `application/json` unless given.

        Raises:
            LocalProtocolError: JSON has no form for `content`.
        """
        try:
            text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            data = text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            msg = f"cannot write this as JSON: {error}"
            raise LocalProtocolError(msg) from error
        attributes.setdefault("content_type", "application/json")
        return cls(data=data, **attributes)

    @property
    def text(self) -> str:
        """`data` read as UTF-8; raises UnicodeDecodeError where it is not."""
        return self.data.decode()

    def json(self) -> Any:  # noqa: ANN401  # whatever the sender wrote
        """`data` read as JSON; raises ValueError where it is not, or is nested too deep to read."""
        try:
            return json.loads(self.data)
        except RecursionError as error:
            msg = f"JSON of {len(self.data)} bytes is nested too deep to be read"
            raise ValueError(msg) from error


new_message: Final = constructor(Message, check=False)
"""What `Message(...)` comes down to if all is known to be right, in a quarter of the time."""

_RESERVED: Final = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"}
)


def _with_offset(time: object) -> datetime:
    offset = time.utcoffset() if isinstance(time, datetime) else None
    if not isinstance(time, datetime) or offset is None:
        msg = f"time must be a datetime that is aware of its time zone, got {time!r:.80}"
        raise LocalProtocolError(msg)
    if isinstance(time.tzinfo, timezone):
        return time
    # In an hour that comes twice, a time of a zone with rules is equal to none of another zone.
    return time.replace(tzinfo=timezone(offset), fold=0)


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str) or not text:
        msg = f"{name} must be a string that is not empty, got {text!r:.80}"
        raise LocalProtocolError(msg)
    _check_scalars(name, text)


def _check_scalars(name: str, text: str) -> None:
    # isascii() is stored with the string, so the common case costs next to nothing.
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            msg = f"{name} has half of a surrogate pair at index {error.start}"
            raise LocalProtocolError(msg) from error


def _check_extensions(extensions: object) -> None:
    if not isinstance(extensions, Mapping):
        msg = f"extensions must be a mapping of strings, not {type(extensions).__name__}"
        raise LocalProtocolError(msg)
    for name, text in cast("Mapping[object, object]", extensions).items():
        if not isinstance(name, str) or _is_name(name) is None or name in _RESERVED:
            msg = f"an extension is named in lower-case letters and digits, got {name!r:.80}"
            raise LocalProtocolError(msg)
        if not isinstance(text, str):
            msg = f"extension {name!r:.80} must be a string, got {type(text).__name__}"
            raise LocalProtocolError(msg)
        _check_scalars(f"extension {name!r:.80}", text)


_is_name: Final = re.compile("[a-z0-9]+").fullmatch
