"""One parse as a place to look things up: its files, its errors, and where they are."""

from __future__ import annotations

import bisect
import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tlsight.clang.lib import Cursor, Kind, Libclang, Pointer
from tlsight.facts import ErrorFact
from tlsight.text import Span

_ERROR = 3
_NOT_FOUND = re.compile(r"'(?P<name>[^']+)' file not found")


class Diagnostic(NamedTuple):
    """An error of clang's anywhere: its file ('' for none), offset and message."""

    file: str
    offset: int
    message: str

    @property
    def missing(self) -> str:
        """The header that could not be found, if that is what the error says."""
        match = _NOT_FOUND.search(self.message)
        return match["name"] if match else ""


def diagnostics(lib: Libclang, unit: Pointer) -> tuple[Diagnostic, ...]:
    """All errors of a parse, in the order in which clang met them."""
    found = []
    file, offset = Pointer(), ctypes.c_uint()
    for index in range(lib.getNumDiagnostics(unit)):
        diagnostic = lib.getDiagnostic(unit, index)
        if lib.getDiagnosticSeverity(diagnostic) >= _ERROR:
            location = lib.getDiagnosticLocation(diagnostic)
            lib.getFileLocation(location, ctypes.byref(file), None, None, ctypes.byref(offset))
            name = lib.text(lib.getFileName(file)) if file.value else ""
            message = lib.text(lib.getDiagnosticSpelling(diagnostic))
            found.append(Diagnostic(name, offset.value, message))
        lib.disposeDiagnostic(diagnostic)
    return tuple(found)


Texts = dict[tuple[str, int, Span], bytes]
"""What was read of headers, by file, its time and the place: clang reads a header anew for it."""


@dataclass(frozen=True)
class Parse:
    """What libclang made of a main file at `path` whose text is `data`."""

    lib: Libclang
    unit: Pointer
    path: str
    data: bytes
    errors: Sequence[Diagnostic]
    stand_ins: str
    """The folder of the headers that stand in for missing ones: their records are right but not
    whole."""
    texts: Texts


class Unit:
    """A parse as a place to look things up. Effect: what is read of headers is added to `texts`."""

    def __init__(self, parse: Parse) -> None:
        lib, unit, path, errors = parse.lib, parse.unit, parse.path, parse.errors
        self.lib = lib
        self.texts = parse.texts
        self.unit = unit
        self.data = parse.data
        self.stand_ins = parse.stand_ins
        self.main: int | None = lib.getFile(unit, path.encode())
        here = [error for error in errors if error.file == path and not error.missing]
        self.messages = tuple(ErrorFact(error.offset, error.message) for error in here)
        self.main_errors = sorted(error.offset for error in here)
        self.header_errors: dict[str, list[int]] = {}
        for error in errors:
            if error.file not in ("", path) and not error.missing:
                self.header_errors.setdefault(error.file, []).append(error.offset)
        self.suspect = bool(self.main_errors or self.header_errors)
        """Whether an answer of clang's may be wrong without its saying so."""
        self._files: dict[int, str] = {}
        self._file = Pointer()
        self._offset = ctypes.c_uint()
        self._file_reference = ctypes.byref(self._file)
        self._offset_reference = ctypes.byref(self._offset)

    def place(self, location: Any) -> tuple[int, int]:
        """The file and offset of a location; an argument of a macro stands where it is spelled."""
        self.lib.getFileLocation(location, self._file_reference, None, None, self._offset_reference)
        return self._file.value or 0, self._offset.value

    def extent(self, cursor: Cursor) -> tuple[int, Span]:
        """The file and the span of a cursor."""
        extent = self.lib.getCursorExtent(cursor)
        file, start = self.place(self.lib.getRangeStart(extent))
        _, end = self.place(self.lib.getRangeEnd(extent))
        return file, Span(start, max(start, end))

    def name_of_file(self, file: int) -> str:
        """The name of a file by its handle."""
        if file not in self._files:
            self._files[file] = self.lib.text(self.lib.getFileName(file)) if file else ""
        return self._files[file]

    def written(self, file: int, span: Span) -> bytes:
        """A part of the text of a header."""
        place = (self.name_of_file(file), self.lib.getFileTime(file), span)
        if place not in self.texts:
            size = ctypes.c_size_t()
            start = self.lib.getFileContents(self.unit, file, ctypes.byref(size))
            first, last = min(span.start, size.value), min(span.end, size.value)
            self.texts[place] = ctypes.string_at(start + first, last - first) if start else b""
        return self.texts[place]

    def erroneous(self, file: int, span: Span) -> bool:
        """Whether an error stands in a span, its last byte included."""
        if file == self.main:
            return _any_within(self.main_errors, span)
        if not self.header_errors:
            return False
        return _any_within(sorted(self.header_errors.get(self.name_of_file(file), ())), span)


def valid(cursor: Cursor) -> bool:
    """Whether libclang had an answer at all."""
    kind: int = cursor.kind
    return not Kind.FIRST_INVALID <= kind <= Kind.LAST_INVALID


def _any_within(offsets: Sequence[int], span: Span) -> bool:
    position = bisect.bisect_left(offsets, span.start)
    return position < len(offsets) and offsets[position] <= span.end
