"""Headers that are not there, and what stands in for them.

A library page's declarations are written to a folder in the cache that is searched last, so a real
header always wins. A header that no page declares may be the project's own, under a root that the
compile command does not name; the index of the folder finds it. What is missing still is left out:
clang goes on after it, and the report says so.
This module refuses to know any header by name.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tlsight.clang.index import HeaderIndex
from tlsight.clang.lib import INCLUSION_VISITOR, Libclang, Pointer
from tlsight.clang.unit import Diagnostic
from tlsight.rule import Header

_ATTRIBUTE = re.compile(
    rb"\b(?:class|struct|union|enum)\s+(?P<word>[A-Z][A-Z0-9_]*[A-Z0-9])\s+"
    rb"[A-Za-z_]\w*(?:::\w+)*\s*(?:final\s*)?(?:[:{;]|$)"
)
_PREFIX = re.compile(
    rb"^\s*(?:extern\s+|static\s+|virtual\s+)*(?P<word>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\s+"
    rb"(?![A-Z_0-9]+\b)[A-Za-z_][\w:<>, ]*[\s*&]+[A-Za-z_]"
)
_LARGEST_HEADER = 4 << 20
_BODIES = ".declarations"


@dataclass(frozen=True)
class Found:
    """What a session learnt about its surroundings: more folders, and words without a meaning."""

    roots: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    sought: frozenset[str] = frozenset()


NOTHING = Found()


def stand_ins(headers: Sequence[Header], cache: Path) -> Path:
    """Effect: write these headers to a folder of their own in the cache, once; return it."""
    texts: dict[str, list[str]] = {}
    for header in headers:
        if _harmless(header.name):
            texts.setdefault(header.name, []).append(header.text)
    digest = hashlib.sha256()
    for name, parts in texts.items():
        digest.update("\0".join((name, *parts, "")).encode())
    folder = (cache / "headers" / digest.hexdigest()[:24]).absolute()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
        _write(unfinished, texts)
        try:
            unfinished.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def search(
    found: Found,
    errors: Sequence[Diagnostic],
    index: HeaderIndex | None,
    file: Path,
    data: bytes,
) -> Found:
    """Effect: look in the index for headers that clang did not find, and for attribute words."""
    roots, words = list(found.roots), list(found.words)
    sought = set(found.sought)
    for error in errors:
        name = error.missing
        if name and name not in sought and index is not None:
            sought.add(name)
            root = index.root_of(name, near=Path(error.file or file))
            if root is not None and str(root) not in roots:
                roots.append(str(root))
        elif not name and (word := _attribute(error, file, data)) and word not in words:
            words.append(word)
    if (roots, words) == (list(found.roots), list(found.words)):
        return found
    return Found(tuple(roots), tuple(words), frozenset(sought))


def missing(
    lib: Libclang, unit: Pointer, errors: Iterable[Diagnostic], folder: Path
) -> tuple[str, ...]:
    """The headers that were not there, those included that a page's declarations replace."""
    names = {error.missing for error in errors if error.missing}
    prefix = f"{folder}{os.sep}"

    def visitor(file: int, _: Any, __: int, ___: object) -> None:
        name = lib.text(lib.getFileName(file))
        if name.startswith(prefix):
            inside = Path(name).relative_to(folder)
            if _BODIES not in inside.parts:
                names.add(inside.as_posix())

    lib.getInclusions(unit, INCLUSION_VISITOR(visitor), None)
    return tuple(sorted(names))


def _harmless(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        bool(path.parts)
        and not path.is_absolute()
        and not {"..", _BODIES} & set(path.parts)
        and not set(name) & set('\\:"<>\0\n\r')
    )


def _write(folder: Path, texts: dict[str, list[str]]) -> None:
    """Effect: one file for each text, and one for each name that includes its texts.

    So a text that has several names is read once.
    """
    bodies = folder / _BODIES
    bodies.mkdir()
    for name, parts in texts.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * (len(PurePosixPath(name).parts) - 1)
        lines = ["#pragma once"]
        for part in parts:
            body = bodies / f"{hashlib.sha256(part.encode()).hexdigest()[:24]}.h"
            body.write_bytes(b"#pragma once\n" + part.encode())
            lines.append(f'#include "{up}{_BODIES}/{body.name}"')
        place.write_text("\n".join((*lines, "")))


def _attribute(error: Diagnostic, file: Path, data: bytes) -> str:
    """The upper-case word at an error that stands where only an attribute makes sense."""
    text = data if error.file == str(file) else _text(error.file)
    start = text.rfind(b"\n", 0, error.offset) + 1
    end = text.find(b"\n", error.offset)
    line = text[start : end if end >= 0 else len(text)]
    for match in _ATTRIBUTE.finditer(line):
        if start + match.start() <= error.offset <= start + match.end():
            return match["word"].decode()
    prefix = _PREFIX.match(line)
    if prefix and f"'{prefix['word'].decode()}'" in error.message:
        return prefix["word"].decode()
    return ""


def _text(name: str) -> bytes:
    """Effect: read a header."""
    try:
        with Path(name).open("rb") as stream:
            return stream.read(_LARGEST_HEADER)
    except (OSError, ValueError):
        return b""
