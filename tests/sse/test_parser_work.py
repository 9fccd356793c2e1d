"""What streams cost a decoder: it reads all of them in linear time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Self

import pytest
from typing_extensions import override

from eventproto.sse import Decoder, ServerSentEvent, _parser
from tests.sse.streams import decoded, one_by_one


class Counted(bytearray):
    """A buffer that counts the bytes that are moved into and out of it."""

    moved = 0

    def __init__(self, source: bytes = b"") -> None:
        super().__init__(source)
        Counted.moved += len(source)

    @override
    def __iadd__(self, other: Any) -> Self:
        Counted.moved += len(other)
        return super().__iadd__(other)

    @override
    def clear(self) -> None:
        Counted.moved += len(self)  # they have been joined to something
        super().clear()


def work(chunks: Iterable[bytes], monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Count the lines of code that run in the decoder, and the bytes that its buffers move."""
    ran = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal ran
        ran += event == "line"
        return trace if frame.f_code.co_filename == _parser.__file__ else None

    Counted.moved = 0
    monkeypatch.setattr(_parser, "bytearray", Counted, raising=False)
    decoder = Decoder()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for chunk in chunks:
            decoder.receive(chunk)
    finally:
        sys.settrace(before)
    return ran, Counted.moved


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(lambda n: [b"data: ", *[b"x" * 1460] * n, b"\n\n"], id="long line"),
        pytest.param(lambda n: [*[b"x"] * n, b"\n"], id="line in single bytes"),
        pytest.param(lambda n: [*[b"data: x\n"] * n, b"\n"], id="lines in chunks"),
        pytest.param(lambda n: [b"data: x\n" * n + b"\n"], id="lines in one chunk"),
        pytest.param(lambda n: [*[b"data: x\nd"] * n, b"\n"], id="lines cut in two"),
        pytest.param(lambda n: [b"data: x\n\n" * n], id="plain blocks"),
        pytest.param(lambda n: [b"data: x\n\n" * n + b":\n\n"], id="nearly plain blocks"),
        pytest.param(lambda n: [b"data: x\n\n:\n\n"] * n, id="nearly plain chunks"),
        pytest.param(lambda n: [b"event: x\ndata: x\n\n" * n], id="typed blocks"),
        pytest.param(
            lambda n: [b"event: x\ndata: x\n\n" * n + b"event: x\n\n"], id="nearly typed blocks"
        ),
        pytest.param(
            lambda n: [b"event: x\ndata: x\n\ndata", b": x\n\n"] * n, id="typed blocks cut in two"
        ),
        pytest.param(lambda n: [b":\n" * n], id="comments"),
        pytest.param(lambda n: [*[b"\r"] * n], id="lone CRs"),
        pytest.param(lambda n: [*[b"\r", b"\n"] * n], id="CRLFs cut in two"),
        pytest.param(lambda n: [*[b""] * n, b"\xef"] * 2, id="empty chunks"),
        pytest.param(lambda n: [b"id: x\nevent: x\nretry: 0\n" * n], id="fields"),
        pytest.param(lambda n: one_by_one(b"data: x\r\nid\r\n\r\n" * (n // 20)), id="single bytes"),
    ],
)
def test_work_is_linear_in_every_shape(
    shape: Callable[[int], list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the stream is twice the work, and no byte is moved more than a few times."""
    chunks = shape(1000)
    ran, moved = work(chunks, monkeypatch)
    ran_twice, moved_twice = work(shape(2000), monkeypatch)
    assert ran_twice <= 2 * ran
    assert moved_twice <= 2 * moved + 10
    assert moved <= 3 * (len(chunks) + sum(map(len, chunks)))


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([b"data: ", *[b"x" * 1460] * 5746, b"\n\n"], id="a line of 8 MiB"),
        pytest.param([b"data: x\n" * 100_000, b"\n"], id="100,000 lines in one chunk"),
        pytest.param([*[b"data: x\n"] * 100_000, b"\n"], id="100,000 lines in chunks"),
        pytest.param([*[b"d", b"a", b"t", b"a"], *[b":"] * 100_000, b"\n\n"], id="single bytes"),
        pytest.param([b":\n" * 1_000_000, b"data\n\n"], id="a million comments"),
        pytest.param([b"\r" * 1_000_000, b"\ndata\n\n"], id="a million blank lines"),
        pytest.param([*[b"\r"] * 100_000, b"\ndata\n\n"], id="lone CRs"),
        pytest.param([*[b""] * 100_000, b"data\n\n"], id="empty chunks"),
        pytest.param([b"id: x\n" * 300_000, b"data\n\n"], id="ids"),
    ],
)
def test_large_streams_are_read(chunks: list[bytes]) -> None:
    """In the sizes of real life, where quadratic work would not come to an end."""
    events = decoded(chunks)
    assert isinstance(events[-1], ServerSentEvent)
    size = sum(map(len, chunks))
    assert sum(len(event.data) for event in events if isinstance(event, ServerSentEvent)) < size
