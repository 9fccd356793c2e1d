"""The header fields of an HTTP message, as one immutable value (RFC 9110, section 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast, overload

from typing_extensions import override

from eventproto._errors import LocalProtocolError
from eventproto.http._grammar import is_token

__all__ = ["Headers"]

# No control character but tab, and of the surrogates only those that stand for a byte.
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udc7f\udd00-\udfff]*").fullmatch
# Up to a comma outside of quoted strings; one that nothing closes goes on to the end of the text.
_ELEMENT: Final = re.compile(r'(?:[^",]+|"(?:[^"\\]|\\.)*"?)+').findall


class Headers:
    """Header fields in order: names match in any case, duplicates are kept, nobody can change it.

    Text stands for bytes as UTF-8; a byte that is not UTF-8 becomes a surrogate escape (PEP 383)
    and goes back on the wire as the same byte, so that no received value is lost or refused.

    Args:
        fields: Pairs of name and value, or a mapping. White space around values is dropped.

    Raises:
        LocalProtocolError: A name that is no token; or a value that is no text, has a control
            character (it would let its author write further header lines) or half of a surrogate
            pair.
    """

    __slots__ = ("_pairs",)

    def __init__(self, fields: Iterable[tuple[str, str]] | Mapping[str, str] = ()) -> None:
        pairs = cast("Mapping[str, str]", fields).items() if isinstance(fields, Mapping) else fields
        self._pairs: Final = tuple(_checked(name, text) for name, text in pairs)

    @classmethod
    def decode(cls, raw: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Headers from a wire: names in ASCII, values in any bytes."""
        return cls(
            (name.decode("latin-1"), text.decode("utf-8", "surrogateescape")) for name, text in raw
        )

    def encode(self) -> list[tuple[bytes, bytes]]:
        """Headers for a wire."""
        return [
            (name.encode("ascii"), text.encode("utf-8", "surrogateescape"))
            for name, text in self._pairs
        ]

    @overload
    def get(self, name: str) -> str | None: ...

    @overload
    def get(self, name: str, default: str) -> str: ...

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value under this name, or `default`."""
        wanted = name.lower()
        for each, text in self._pairs:
            if each.lower() == wanted:
                return text
        return default

    def get_all(self, name: str) -> tuple[str, ...]:
        """All values under this name, in order."""
        wanted = name.lower()
        return tuple(text for each, text in self._pairs if each.lower() == wanted)

    def elements(self, name: str) -> Iterator[str]:
        """The members of a comma-separated list that may span several fields, white space off.

        Commas inside quoted strings do not separate; empty members are skipped (RFC 9110, 5.6.1).
        """
        for text in self.get_all(name):
            for element in _ELEMENT(text):
                if stripped := element.strip(" \t"):
                    yield stripped

    def replace(self, name: str, text: str) -> Headers:
        """A copy with exactly one field of this name, at the place of the first one or the end."""
        wanted = name.lower()
        pairs: list[tuple[str, str]] = []
        done = False
        for pair in self._pairs:
            if pair[0].lower() != wanted:
                pairs.append(pair)
            elif not done:
                pairs.append((name, text))
                done = True
        return Headers(pairs if done else [*pairs, (name, text)])

    def without(self, name: str) -> Headers:
        """A copy with no field of this name."""
        wanted = name.lower()
        return Headers(pair for pair in self._pairs if pair[0].lower() != wanted)

    def __add__(self, other: Headers | Iterable[tuple[str, str]] | Mapping[str, str]) -> Headers:
        added = other if isinstance(other, Headers) else Headers(other)
        return Headers((*self._pairs, *added._pairs))

    def __getitem__(self, name: str) -> str:
        text = self.get(name)
        if text is None:
            raise KeyError(name)
        return text

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    @override
    def __eq__(self, other: object) -> bool:
        """Equal if the same values stand under the same names, in any case, in the same order."""
        return isinstance(other, Headers) and self._folded() == other._folded()

    @override
    def __hash__(self) -> int:
        return hash(self._folded())

    @override
    def __repr__(self) -> str:
        return f"Headers({list(self._pairs)!r})"

    def _folded(self) -> tuple[tuple[str, str], ...]:
        return tuple((name.lower(), text) for name, text in self._pairs)


def _checked(name: object, text: object) -> tuple[str, str]:
    if not (isinstance(name, str) and isinstance(text, str)):
        msg = f"a header is a pair of texts, got {name!r} and {text!r}"
        raise LocalProtocolError(msg)
    if is_token(name) is None:
        msg = f"a header name is a token (RFC 9110, 5.6.2), got {name!r}"
        raise LocalProtocolError(msg)
    stripped = text.strip(" \t")
    if _VALUE(stripped) is None:
        msg = f"header {name!r} has a character in its value that none may have: {text!r}"
        raise LocalProtocolError(msg)
    return name, stripped
