"""One open file in libclang: parse, reparse, and the facts of either.

The first parse precompiles the includes at the top, so a reparse costs a twentieth of it. That
preamble is used only if the main file exists on disk; a buffer that has no file gets one in the
cache.
A session knows nothing of editors: it is given a text and says what clang knows about it.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tlsight.clang.builtin import OWN, resource_folder
from tlsight.clang.facts import gather
from tlsight.clang.flags import Command
from tlsight.clang.headers import NOTHING, missing, search, stand_ins
from tlsight.clang.index import HeaderIndex
from tlsight.clang.lib import LibclangMissing, Option, Pointer, UnsavedFile, load
from tlsight.clang.unit import Diagnostic, Parse, Texts, diagnostics
from tlsight.facts import Facts
from tlsight.rule import Header
from tlsight.text import Span

_OPTIONS = (
    Option.PREPROCESSING_RECORD
    | Option.PREAMBLE
    | Option.SKIP_BODIES
    | Option.PREAMBLE_ON_FIRST_PARSE
    | Option.KEEP_GOING
    | Option.SKIP_BODIES_OF_PREAMBLE
)
_ALWAYS = (
    "-ferror-limit=0",
    "-w",
    "-fno-spell-checking",  # a guess at what was meant is no fact
    "-fno-caret-diagnostics",
    "--no-default-config",
)
_ESSENTIAL = ("-D", "-U", "-I", "-F", "-isystem", "-iquote", "-idirafter", "-include", "-std=")
_PAIRED = ("-isystem", "-iquote", "-idirafter", "-include")
_MOST_ROUNDS = 8


class ClangFailed(Exception):
    """libclang could not parse a file at all."""


class Session:
    """One file that is parsed again and again."""

    def __init__(
        self,
        path: Path,
        command: Command,
        *,
        headers: Sequence[Header] = (),
        cache: Path,
        index: HeaderIndex | None = None,
        system_headers: bool = True,
    ) -> None:
        """Effect: write the declarations that stand in for missing headers to the cache.

        Without `system_headers`, these and the freestanding headers are all there is.
        """
        self.path = path
        self.command = command
        self._index = index
        self._found = NOTHING
        self._texts: Texts = {}
        self._missed: tuple[object, tuple[str, ...]] | None = None
        self._bare = False
        self._system = () if system_headers else ("-nostdlibinc", "-nostdinc++")
        self._unit: Pointer | None = None
        self._data = b""
        self._errors: tuple[Diagnostic, ...] = ()
        try:
            self._lib = load()
            self._stand_ins = stand_ins(headers, cache)
            self._file = _file_on_disk(path, cache)
            self._resources = resource_folder() if system_headers else OWN
        except (LibclangMissing, OSError) as error:
            raise ClangFailed(str(error)) from error
        self._clang_index: Pointer | None = self._lib.createIndex(1, 0)

    def update(self, data: bytes, wanted: Sequence[Span] | None = None) -> Facts:
        """Effect: parse this text, and say what clang knows about it; see `parse` and `facts`."""
        self.parse(data)
        return self.facts(wanted)

    def parse(self, data: bytes) -> None:
        """Effect: parse this text, or parse it again.

        Most of a reading's time, and no other thread waits for it.
        Raises `ClangFailed` if libclang cannot parse the file at all.
        """
        errors = self._parsed(data)
        for _ in range(_MOST_ROUNDS):
            found = search(self._found, errors, self._index, self._file, data)
            if found == self._found:
                break
            self._found = found
            self._discard()
            errors = self._parsed(data)
        self._data, self._errors = data, errors

    def facts(self, wanted: Sequence[Span] | None = None) -> Facts:
        """What clang knows about the text that was parsed last.

        `wanted` are the function bodies to look into; None means all of them.
        """
        unit, data, errors = self._unit or Pointer(), self._data, self._errors
        parse = Parse(
            self._lib, unit, str(self._file), data, errors, str(self._stand_ins), self._texts
        )
        result = gather(parse, wanted)
        return replace(result, missing_headers=self._missing(unit, data, errors))

    def close(self) -> None:
        """Effect: free what libclang holds for this file."""
        self._discard()
        if self._clang_index is not None:
            self._lib.disposeIndex(self._clang_index)
            self._clang_index = None

    def _missing(self, unit: Pointer, data: bytes, errors: Sequence[Diagnostic]) -> tuple[str, ...]:
        """The headers that are not there; only another directive of the text can change them."""
        directives = [line for line in data.split(b"\n") if line.lstrip().startswith(b"#")]
        state = (self._found, directives, [error.missing for error in errors if error.missing])
        if self._missed is None or self._missed[0] != state:
            self._missed = (state, missing(self._lib, unit, errors, self._stand_ins))
        return self._missed[1]

    def _parsed(self, data: bytes) -> tuple[Diagnostic, ...]:
        """Effect: make the unit that of `data`, by a reparse where one succeeds."""
        if self._clang_index is None:
            raise ClangFailed(f"{self.path}: the session is closed")
        unsaved = (UnsavedFile * 1)(UnsavedFile(str(self._file).encode(), data, len(data)))
        if self._unit is not None and self._lib.reparseTranslationUnit(
            self._unit, 1, unsaved, _OPTIONS
        ):
            self._discard()
        if self._unit is None:
            self._unit = self._parse(unsaved)
        return diagnostics(self._lib, self._unit)

    def _parse(self, unsaved: ctypes.Array[UnsavedFile]) -> Pointer:
        """Effect: parse from the start; if clang refuses a flag, with the essential ones only."""
        code = 0
        for bare in (False, True) if not self._bare else (True,):
            self._bare = bare
            arguments = [argument.encode() for argument in self._arguments()]
            unit = Pointer()
            code = self._lib.parseTranslationUnit2(
                self._clang_index,
                str(self._file).encode(),
                (ctypes.c_char_p * len(arguments))(*arguments),
                len(arguments),
                unsaved,
                len(unsaved),
                _OPTIONS,
                ctypes.byref(unit),
            )
            if code == 0 and unit.value:
                return unit
        raise ClangFailed(f"{self.path}: libclang could not parse it (error {code})")

    def _arguments(self) -> list[str]:
        arguments = list(self.command.arguments)
        if self._bare:
            arguments = _essential(arguments)
        if self._file != self.path:
            arguments += ["-iquote", str(self.path.parent)]
        return [
            *_ALWAYS,
            *self._system,
            "-resource-dir",
            str(self._resources),
            "-x",
            "c" if self.command.language == "c" else "c++",
            *arguments,
            *(f"-D{word}=" for word in self._found.words),
            *(part for root in self._found.roots for part in ("-idirafter", root)),
            "-idirafter",
            str(self._stand_ins),
        ]

    def _discard(self) -> None:
        """Effect: free the translation unit."""
        if self._unit is not None:
            self._lib.disposeTranslationUnit(self._unit)
            self._unit = None


def _file_on_disk(path: Path, cache: Path) -> Path:
    """Effect: the file itself, or an empty one in the cache for a buffer that has none."""
    path = path.absolute()
    if path.is_file():
        return path
    key = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    name = path.name if path.name.isprintable() and path.name else "buffer"
    place = cache / "buffers" / key / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    return place.absolute()


def _essential(arguments: Sequence[str]) -> list[str]:
    kept: list[str] = []
    values = iter(arguments)
    for argument in values:
        if argument in _PAIRED:
            kept += (argument, next(values, ""))
        elif argument.startswith(_ESSENTIAL):
            kept.append(argument)
    return kept
