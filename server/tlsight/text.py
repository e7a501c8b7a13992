"""Text as an editor holds it: bytes, lines by the rules of LSP, positions, edits.

Everything else in tlsight counts in byte offsets of the UTF-8 text, since both readers do.
This module alone knows what a line and a character are to a client.
It refuses to use `str.splitlines`, which also splits at form feeds and U+2028.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import NamedTuple


class Span(NamedTuple):
    """A half-open range of byte offsets, `start <= end`."""

    start: int
    end: int

    def contains(self, other: Span) -> bool:
        """Whether `other` lies wholly inside this span."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        """Whether the two spans share at least one byte."""
        return self.start < other.end and other.start < self.end


class Position(NamedTuple):
    """A zero-based line and a zero-based character in the units of an `Encoding`."""

    line: int
    character: int


class Encoding(str, Enum):
    """The unit in which a client counts characters (LSP 3.17, PositionEncodingKind)."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


class Edit(NamedTuple):
    """Replace the bytes of `span` by `text`."""

    span: Span
    text: str


class OverlappingEdits(ValueError):
    """Two edits of one set touch the same bytes, so their outcome is undefined."""


def encoded(text: str) -> bytes:
    """The bytes of a client's string; a lone surrogate, which UTF-8 cannot hold, is replaced.

    One surrogate becomes one character, so that positions after it still count right.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def apply_edits(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Apply non-overlapping edits, all given in offsets of `data`.

    Raises `OverlappingEdits` if two of them share a byte.
    Insertions at one place keep the order in which they are given.
    """
    ordered = sorted(edits, key=lambda edit: (edit.span.start, edit.span.end))
    pieces: list[bytes] = []
    done = 0
    for edit in ordered:
        if edit.span.start < done:
            raise OverlappingEdits(f"edit at byte {edit.span.start} overlaps the one before it")
        pieces += (data[done : edit.span.start], edit.text.encode())
        done = edit.span.end
    pieces.append(data[done:])
    return b"".join(pieces)


_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True)
class Lines:
    """Where the lines of a text start, and how offsets and positions map to each other."""

    data: bytes
    starts: Sequence[int] = field(repr=False)

    @classmethod
    def of(cls, data: bytes) -> Lines:
        """Index `data` by the three line ends of LSP: CRLF, LF and CR."""
        return cls(data, (0, *(match.end() for match in _LINE_END.finditer(data))))

    def position(self, offset: int, encoding: Encoding = Encoding.UTF8) -> Position:
        """The position of a byte offset; offsets out of the text are clamped to it."""
        offset = max(0, min(offset, len(self.data)))
        line = bisect.bisect_right(self.starts, offset) - 1
        prefix = self.data[self.starts[line] : offset]
        return Position(line, _units(prefix, encoding))

    def offset(self, position: Position, encoding: Encoding = Encoding.UTF8) -> int:
        """The byte offset of a position.

        A character beyond the end of its line means the end of the line (LSP 3.17, Position),
        a line beyond the last means the end of the text.
        """
        if position.line >= len(self.starts):
            return len(self.data)
        line = self.line(max(0, position.line))
        start = self.starts[max(0, position.line)]
        return start + _bytes(line, max(0, position.character), encoding)

    def line(self, number: int) -> bytes:
        """The bytes of one zero-based line without its line end."""
        start = self.starts[number]
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.data)
        return self.data[start:end].rstrip(b"\r\n")


def _units(data: bytes, encoding: Encoding) -> int:
    if encoding is Encoding.UTF8:
        return len(data)
    text = data.decode(errors="replace")
    return len(text) if encoding is Encoding.UTF32 else len(text.encode("utf-16-le")) // 2


def _bytes(line: bytes, units: int, encoding: Encoding) -> int:
    if encoding is Encoding.UTF8:
        end = min(units, len(line))
        while end < len(line) and line[end] & 0xC0 == 0x80:  # never split a character
            end += 1
        return end
    count = 0
    for index, char in enumerate(text := line.decode(errors="surrogateescape")):
        if count >= units:
            return len(text[:index].encode(errors="surrogateescape"))
        count += 2 if encoding is Encoding.UTF16 and ord(char) > 0xFFFF else 1
    return len(line)


class Change(NamedTuple):
    """One content change of `textDocument/didChange`; no range means the whole text."""

    start: Position | None
    end: Position | None
    text: str


@dataclass(frozen=True)
class Document:
    """One version of an open buffer."""

    uri: str
    version: int
    data: bytes

    @cached_property
    def lines(self) -> Lines:
        """The line index of this version."""
        return Lines.of(self.data)

    def changed(self, version: int, changes: Iterable[Change], encoding: Encoding) -> Document:
        """The next version: each change applies to the outcome of the one before it."""
        data = self.data
        for change in changes:
            if change.start is None or change.end is None:
                data = encoded(change.text)
                continue
            lines = Lines.of(data)
            start = lines.offset(change.start, encoding)
            end = max(start, lines.offset(change.end, encoding))
            data = data[:start] + encoded(change.text) + data[end:]
        return Document(self.uri, version, data)
