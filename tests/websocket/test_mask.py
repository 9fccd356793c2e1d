"""Masking, against its definition: in C and in Python, by the same tests."""

from __future__ import annotations

import importlib.util
import sys
from array import array
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import Buffer

from eventproto import LocalProtocolError
from eventproto.websocket import _mask, apply_mask
from tests.system_tools import require_module

KEYS = st.binary(min_size=4, max_size=4)


class Masking(NamedTuple):
    """One of the two, which do the same."""

    mask: Callable[[Buffer, Buffer], bytes]
    unmask: Callable[[Buffer, int, int], bytes]


@pytest.fixture(scope="module", params=["in C", "in Python"])
def masking(request: pytest.FixtureRequest) -> Masking:
    if request.param == "in Python":
        return Masking(_mask._mask, _mask._unmask)
    accelerator = require_module("eventproto.websocket._mask_accelerator")
    return Masking(accelerator.mask, accelerator.unmask)


def defined(data: bytes, key: bytes) -> bytes:
    """Octet i of the one is octet i of the other XOR octet i modulo 4 of the key (5.3)."""
    return bytes(byte ^ key[i % 4] for i, byte in enumerate(data))


@given(st.binary(), KEYS)
def test_mask_is_that_of_the_rfc(masking: Masking, data: bytes, key: bytes) -> None:
    assert masking.mask(data, key) == apply_mask(data, key) == defined(data, key)


@given(st.binary(), KEYS)
def test_mask_undoes_itself(masking: Masking, data: bytes, key: bytes) -> None:
    """The same algorithm both ways (5.3)."""
    assert masking.mask(masking.mask(data, key), key) == data


@given(st.binary(), KEYS, st.binary(), st.binary())
def test_a_payload_is_unmasked_where_it_stands(
    masking: Masking, data: bytes, key: bytes, before: bytes, after: bytes
) -> None:
    """At any alignment, and nothing else of the chunk is looked at."""
    start = len(before) + 4
    chunk = before + key + data + after
    assert masking.unmask(chunk, start, start + len(data)) == defined(data, key)


@pytest.mark.parametrize("size", [*range(40), 4095, 4096, 4097, 65537, 1 << 20])
def test_sizes_and_alignments(masking: Masking, size: int) -> None:
    """Whatever is done several bytes at a time has edges; the bytes are compared as numbers."""
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    key = b"\x81\x42\x24\x18"
    expected = int.from_bytes(data) ^ int.from_bytes((key * (size // 4 + 1))[:size])
    for shift in range(9):
        view = memoryview(bytes(shift) + key + data)[shift:]
        for result in (masking.mask(view[4:], key), masking.unmask(view, 4, 4 + size)):
            assert (int.from_bytes(result), len(result)) == (expected, size)


@pytest.mark.parametrize(
    "kind",
    [bytes, bytearray, memoryview, partial(array, "H")],
    ids=["bytes", "bytearray", "memoryview", "array"],
)
def test_any_buffer_is_taken(masking: Masking, kind: Callable[[bytes], Buffer]) -> None:
    key, payload = b"\x37\xfa\x21\x3d", b"Hello!"
    assert masking.mask(kind(payload), kind(key)) == b"\x7f\x9f\x4d\x51\x58\xdb"
    assert masking.unmask(kind(key + payload), 4, 10) == b"\x7f\x9f\x4d\x51\x58\xdb"


@pytest.mark.parametrize("key", [b"", b"abc", b"abcde", bytes(1 << 16)])
def test_a_key_has_four_bytes(masking: Masking, key: bytes) -> None:
    with pytest.raises(ValueError, match=f"4 bytes, got {len(key)}"):
        masking.mask(b"data", key)
    with pytest.raises(LocalProtocolError, match=f"4 bytes, got {len(key)}"):
        apply_mask(b"data", key)


HUGE = sys.maxsize


@pytest.mark.parametrize(
    ("start", "stop"),
    [(3, 6), (0, 0), (-1, 4), (4, 9), (7, 6), (9, 9), (4, -1), (HUGE, HUGE), (-HUGE - 1, 4)],
)
def test_nothing_outside_of_the_chunk_is_read(masking: Masking, start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="of 8 bytes"):
        masking.unmask(b"12345678", start, stop)


@pytest.mark.parametrize("wrong", ["text", 4, None, [1, 2, 3, 4]])
def test_what_is_no_buffer_is_refused(masking: Masking, wrong: Buffer) -> None:
    with pytest.raises(TypeError):
        masking.mask(wrong, b"1234")
    with pytest.raises(TypeError):
        masking.mask(b"data", wrong)
    with pytest.raises(TypeError):
        masking.unmask(wrong, 4, 4)


def test_a_buffer_with_gaps_is_refused(masking: Masking) -> None:
    with pytest.raises((TypeError, BufferError)):
        masking.mask(memoryview(b"123456")[::2], b"1234")


@pytest.mark.parametrize("wrong", [(), (4,), ("4", 4), (4, "4")])
def test_arguments_are_counted_and_are_numbers(masking: Masking, wrong: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        masking.unmask(b"12345678", *wrong)
    with pytest.raises(TypeError):
        masking.mask(b"data", *wrong[1:])


def test_it_is_done_in_python_where_nothing_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """An install without a compiler is slower, and does the same."""
    monkeypatch.setitem(sys.modules, "eventproto.websocket._mask_accelerator", None)
    spec = importlib.util.spec_from_file_location("without_compiler", _mask.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.mask is module._mask
    assert module.unmask is module._unmask
    assert module.apply_mask(b"Hello", b"\x37\xfa\x21\x3d") == b"\x7f\x9f\x4d\x51\x58"
