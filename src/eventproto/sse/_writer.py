"""Events to bytes that every decoder reads back equal."""

from __future__ import annotations

from binascii import b2a_base64

from eventproto._errors import LocalProtocolError
from eventproto._event import Message
from eventproto.sse._events import Comment, RetryChanged, Sendable, ServerSentEvent

__all__ = ["encode"]


def encode(event: Sendable) -> bytes:
    """Write something for an event stream.

    What is written is read back equal, bytes exactly and text up to its line ends: the format has
    only lines, so CR, CRLF and LF each end one, and all of them are read as LF. Send bytes where
    that matters. (How large it may be is for each reader to say, see `Limits`.)

    A `Message` is exact. It is written as the `ServerSentEvent` of its type and id; its data as
    text if it is UTF-8 without carriage returns, else as bytes. Its other attributes have no
    place in a stream.

    A comment or a reconnection time ends with its line, not with a blank one. So it stands in
    front of the next event, and no reader can take it for an empty event of its own.

    Raises:
        LocalProtocolError: A decoder would not read it back: it has a line end in the event type,
            id or comment, which could begin a field of its own; NUL in the id, an empty event
            type, half of a surrogate pair, or a reconnection time that does not fit 64 bits.
    """
    match event:
        case ServerSentEvent():
            text = _block(event.data, event.event, event.id)
        case Message():
            text = _block(_readable(event.data), event.type, event.id)
        case Comment():
            text = f": {_in_one_line('a comment', event.text)}\n"
        case RetryChanged():
            text = f"retry: {_in_64_bits(event.milliseconds)}\n"
        case _:
            msg = f"an event stream has no form for {event!r}"
            raise LocalProtocolError(msg)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        half = text[error.start]
        msg = f"an event stream is UTF-8, which has no form for half a surrogate pair; got {half!r}"
        raise LocalProtocolError(msg) from error


def _block(data: object, event_type: object, event_id: object) -> str:
    head = ""
    if event_type != "message":
        if event_type == "":
            msg = "an event type must not be empty, for it would be read as 'message'"
            raise LocalProtocolError(msg)
        head += f"event: {_in_one_line('an event type', event_type)}\n"
    if event_id is not None:
        text = _in_one_line("an id", event_id)
        if "\0" in text:
            msg = f"an id must not have NUL, for which readers ignore it; got {text!r}"
            raise LocalProtocolError(msg)
        head += f"id: {text}\n"
    if isinstance(data, bytes):
        head += "data-encoding: base64\n"
        data = b2a_base64(data, newline=False).decode()
    if not isinstance(data, str):
        msg = f"data must be text or bytes, got {type(data).__name__}"
        raise LocalProtocolError(msg)
    if "\r" in data:
        data = data.replace("\r\n", "\n").replace("\r", "\n")
    # The space after the colon is what a reader drops, so one that a line begins with stays.
    lines = data.replace("\n", "\ndata: ")
    return f"{head}data: {lines}\n\n"


def _in_one_line(what: str, text: object) -> str:
    if not isinstance(text, str) or "\n" in text or "\r" in text:
        msg = f"{what} must be a string without line ends, got {text!r}"
        raise LocalProtocolError(msg)
    return text


def _in_64_bits(milliseconds: object) -> int:
    # A bool is an int, too.
    if type(milliseconds) is not int or not 0 <= milliseconds < 2**64:
        msg = f"a reconnection time is a whole number below 2**64, got {milliseconds!r}"
        raise LocalProtocolError(msg)
    return milliseconds


def _readable(data: bytes) -> str | bytes:
    try:
        return data if b"\r" in data else data.decode()
    except UnicodeDecodeError:
        return data
