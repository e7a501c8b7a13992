"""One file's translation unit over its versions: parse, reparse, and stand-ins for what is missing.

The options are those that were measured: a preamble from the first parse on, bodies skipped in it,
going on after fatal errors. A reparse that fails leaves an empty tree behind, so its result is
checked and the unit is made anew.
"""

from __future__ import annotations

import ctypes
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from tlsight.clang import headers as stand_ins
from tlsight.clang.facts import Reader
from tlsight.clang.flags import Command
from tlsight.clang.index import HeaderIndex
from tlsight.clang.lib import (
    INCLUSION_VISITOR,
    Libclang,
    LibclangMissing,
    Option,
    UnsavedFile,
    load,
)
from tlsight.facts import Facts
from tlsight.rule import Header
from tlsight.text import Span

_OPTIONS = (
    Option.PREPROCESSING_RECORD
    | Option.PREAMBLE
    | Option.PREAMBLE_ON_FIRST_PARSE
    | Option.SKIP_BODIES
    | Option.SKIP_BODIES_OF_PREAMBLE
    | Option.KEEP_GOING
)
_ALWAYS = ("-ferror-limit=0", "-w", "-fno-spell-checking", "-fsyntax-only", "-Wno-error")
_ROUNDS = 8
_ATTRIBUTE = re.compile(rb"\b(?:class|struct|union)\s+([A-Z][A-Z0-9_]{2,})\s+(?=[A-Za-z_])")
_DEFINED = re.compile(rb"^\s*#\s*define\s+(\w+)", re.MULTILINE)


class ClangFailed(Exception):
    """libclang could not read a file at all."""


class Session:
    """Reads one file again and again. Not safe for two threads at once.

    `headers` are the pages' declarations; with `system_headers` off, they and the freestanding
    headers are all there is. Whatever is written goes into `cache`.
    """

    def __init__(
        self,
        path: Path,
        command: Command,
        *,
        headers: Sequence[Header],
        cache: Path,
        index: HeaderIndex | None = None,
        system_headers: bool = True,
    ) -> None:
        try:
            self._library: Libclang = load()
        except LibclangMissing as error:
            raise ClangFailed(str(error)) from error
        self._command = command
        self._cache = cache
        self._index = index
        self._pages = stand_ins.page_folder(headers, cache)
        self._page_names = frozenset(header.name for header in headers)
        self._system_headers = system_headers
        self._folders: list[str] = []
        self._missing: dict[str, None] = {}
        self._blank: set[str] = set()
        self._clang = self._library.createIndex(0, 0)
        self._unit = ctypes.c_void_p()
        self._path = path
        self._main = path
        self._settled: bytes | None = None
        """The include lines for which every missing header has a stand-in."""

    def update(self, data: bytes, wanted: Sequence[Span] | None = None) -> Facts:
        """Effect: reads this text. The facts of the bodies in `wanted` (None: of all).

        Raises `ClangFailed` if libclang cannot read it at all.
        """
        self._place(data)
        self._read(data)
        includes = _include_lines(data)
        if includes != self._settled:
            self._settle(data)
            self._settled = includes
        reader = Reader(self._library, self._unit, str(self._main), data)
        return reader.facts(wanted, tuple(self._missing))

    def close(self) -> None:
        """Effect: gives back what libclang holds."""
        self._dispose()
        if self._clang:
            self._library.disposeIndex(self._clang)
            self._clang = None

    def _place(self, data: bytes) -> None:
        """The preamble is only kept for a file on disk: an unsaved buffer gets one in the cache."""
        if self._path.is_file():
            self._main = self._path
            return
        digest = hashlib.sha256(str(self._path).encode()).hexdigest()[:24]
        suffix = self._path.suffix or (".c" if self._command.language == "c" else ".cpp")
        self._main = self._cache / "units" / digest / f"unit{suffix}"
        if not self._main.is_file():
            stand_ins.write(self._main, data)

    def _read(self, data: bytes) -> None:
        blank = _attribute_words(data) - self._blank
        if blank:
            self._blank |= blank
            self._dispose()
        if self._unit:
            files, count = self._unsaved(data)
            if self._library.reparseTranslationUnit(self._unit, count, files, 0) == 0:
                return
            self._dispose()
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        arguments = [argument.encode() for argument in self._arguments()]
        array = (ctypes.c_char_p * len(arguments))(*arguments)
        files, count = self._unsaved(data)
        unit = ctypes.c_void_p()
        outcome = self._library.parseTranslationUnit2(
            self._clang,
            str(self._main).encode(),
            array,
            len(arguments),
            files,
            count,
            _OPTIONS,
            ctypes.byref(unit),
        )
        if outcome != 0 or not unit:
            raise ClangFailed(f"libclang gave up on it (code {outcome})")
        self._unit = unit

    def _settle(self, data: bytes) -> None:
        """Effect: finds stand-ins until no include is missing, reading anew after each round."""
        self._missing = dict.fromkeys(
            name for name in self._missing if name.encode() in data or name in self._page_names
        )
        for _ in range(_ROUNDS):
            missing = Reader(self._library, self._unit, str(self._main), data).missing()
            if not self._stand_in(missing):
                break
            self._dispose()
            self._parse(data)
        for name in self._from_pages():
            self._missing.setdefault(name)

    def _stand_in(self, missing: Sequence[str]) -> bool:
        changed = False
        for name in missing:
            found = self._index.find(name) if self._index is not None else None
            if found is not None:
                folder = str(found).removesuffix(name).rstrip("/") or "/"
                argument = f"-I{folder}"
            else:
                empty = stand_ins.empty_header(name, self._cache)
                if empty is None:
                    continue
                self._missing.setdefault(name)
                argument = f"-idirafter{empty}"
            if argument not in self._folders:
                self._folders.append(argument)
                changed = True
            elif found is None:
                changed = True
        return changed

    def _from_pages(self) -> list[str]:
        """The headers that were read from the pages, since there are no real ones."""
        found: list[str] = []
        prefix = str(self._pages) + "/"

        def visit(file: int, _stack: object, _depth: int, _data: object) -> None:
            name = self._library.text(self._library.getFileName(file))
            if name.startswith(prefix):
                found.append(name.removeprefix(prefix))

        self._library.getInclusions(self._unit, INCLUSION_VISITOR(visit), None)
        return sorted(set(found))

    def _arguments(self) -> list[str]:
        builtins, _ = (
            stand_ins.builtin_folder() if self._system_headers else (stand_ins.own_builtins(), "")
        )
        system = [] if self._system_headers else ["-nostdinc", "-nostdinc++"]
        return [
            *self._command.arguments,
            *(f"-D{word}=" for word in sorted(self._blank)),
            f"-iquote{self._path.parent}",
            *self._folders,
            *system,
            f"-isystem{builtins}",
            f"-idirafter{self._pages}",
            *_ALWAYS,
        ]

    def _unsaved(self, data: bytes) -> tuple[ctypes.Array[UnsavedFile], int]:
        files = (UnsavedFile * 1)(UnsavedFile(str(self._main).encode(), data, len(data)))
        return files, 1

    def _dispose(self) -> None:
        if self._unit:
            self._library.disposeTranslationUnit(self._unit)
            self._unit = ctypes.c_void_p()


def _include_lines(data: bytes) -> bytes:
    return b"\n".join(
        line for line in data.splitlines() if line.lstrip().startswith(b"#") and b"include" in line
    )


def _attribute_words(data: bytes) -> set[str]:
    """Upper-case words in the place of a class's attribute that this text does not define."""
    defined = set(_DEFINED.findall(data))
    return {match[1].decode() for match in _ATTRIBUTE.finditer(data) if match[1] not in defined}
