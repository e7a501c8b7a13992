"""How a file is compiled, as far as its meaning depends on it, found where clangd finds it.

A compile database is written by whoever wrote the folder, so it is data and never a command: only
flags that are known to shape the meaning of the text are kept, everything else is left out, with a
reason where somebody should know. Nothing named in it is run or loaded, no response file outside
the folder is read, and no flag that writes a file survives.
This module knows no library; the usual include folders are given to it.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlsight.clang.database import FLAGS, Database, Entry, find, load, words
from tlsight.clang.keep import Flags, compiler_of, expanded, from_cl

_LARGEST_FLAGS = 1 << 20
_LARGEST_SOURCE = 2 << 20
_MOST_SOURCES = 400

_C_SUFFIXES = frozenset((".c",))
_HEADER_SUFFIXES = frozenset(
    (".h", ".hh", ".hpp", ".hxx", ".h++", ".inc", ".inl", ".ipp", ".tcc", "")
)
_CPP_TEXT = re.compile(
    rb"^[ \t]*(?:class\s+\w|template\s*<|namespace\b|using\s+\w|(?:public|private|protected)\s*:"
    rb"|#\s*include\s*<[a-z_]+>|#\s*include\s*<[A-Z]\w*(?:/\w+)?>)"
    rb"|\b(?:constexpr|nullptr|virtual|decltype|static_cast|noexcept)\b|\w::\w|\w&&?\s+\w+[,)]",
    re.MULTILINE,
)
_CPP20_TEXT = re.compile(
    rb"\b(?:co_(?:await|return|yield)|consteval|constinit|concept|requires)\b|<=>"
    rb"|#\s*include\s*<(?:bit|compare|concepts|coroutine|format|numbers|ranges|source_location|span"
    rb"|stop_token|barrier|latch|semaphore)>|\bstd::span\b"
)


@dataclass(frozen=True)
class Command:
    """The flags for one file. `arguments` name neither a compiler nor the file itself."""

    arguments: tuple[str, ...]
    directory: str
    origin: str
    """database, flags, borrowed or default."""
    language: str
    """c or cpp."""
    problems: tuple[str, ...] = ()
    """What is wrong with the place the flags come from, and what was refused and why."""
    dropped: tuple[str, ...] = ()
    """Flags without a bearing on the meaning of the text: warnings, code generation, outputs."""
    source: str = ""
    """The file that the flags come from; '' for the default."""


def find_command(
    path: Path,
    *,
    build: Path | None,
    root: Path | None,
    data: bytes,
    include_folders: Sequence[str] = (),
) -> Command:
    """Effect: find how `path` is compiled, in the manner of clangd; it never fails.

    A database is looked for in `build`, else in each folder upwards (to `root`) and its `build*`
    children; then `compile_flags.txt`. A file that a database does not list borrows the flags of
    the nearest entry, a header those of a source that includes it. `include_folders` (globs) are
    searched last, where they exist.
    """
    path = path.absolute()
    problems: list[str] = []
    found = find(path, build, root, problems)
    if found is None:
        return _default(path, data, include_folders, problems)
    if found.name == FLAGS:
        return _from_flags(found, path, root, data, include_folders, problems)
    database = load(found, problems)
    entry = database.entry(path)
    origin = "database"
    if entry is None:
        entry, origin = _nearest(database, path, data), "borrowed"
    if entry is None:
        return _default(path, data, include_folders, problems)
    arguments = words(entry, problems)
    if not arguments:
        return _default(path, data, include_folders, problems)
    trusted = tuple(folder for folder in (root or found.parent, build) if folder is not None)
    language = language_of(path, data) if origin == "database" else None
    return _command(
        arguments,
        directory=entry.directory,
        origin=origin,
        language=language or _borrowed_language(entry, path, data),
        inside=trusted,
        include_folders=include_folders,
        problems=problems,
        source=str(found),
    )


def language_of(path: Path, data: bytes = b"") -> str:
    """`c` or `cpp`, by the file's suffix; a header's text tells."""
    suffix = path.suffix.lower() if path.suffix != ".C" else ".cpp"
    if suffix in _C_SUFFIXES:
        return "c"
    if suffix == ".h":
        return "cpp" if _CPP_TEXT.search(_without_comments(data)) else "c"
    return "cpp"


def _without_comments(data: bytes) -> bytes:
    return re.sub(rb"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", b" ", data, flags=re.DOTALL)


# Borrowing


def _nearest(database: Database, path: Path, data: bytes) -> Entry | None:
    """Effect: the entry whose flags fit a file best that is not in the database."""
    if not database.entries:
        return None
    ranked = sorted(database.entries, key=lambda entry: _distance(entry, path, data))
    if path.suffix.lower() in _HEADER_SUFFIXES and path.suffix != ".C":
        for entry in ranked[:_MOST_SOURCES]:
            if _includes(entry.path, path.name):
                return entry
    return ranked[0]


def _distance(entry: Entry, path: Path, data: bytes) -> tuple[int, int, int, str]:
    """How far the source of an entry is from a file: another stem, language, folder."""
    theirs = re.split(r"[\\/]", entry.path)
    ours = list(path.parts)
    if os.sep == "/":
        ours[0] = ""
    common = sum(1 for _ in itertools.takewhile(_same, zip(theirs[:-1], ours[:-1], strict=False)))
    apart = len(theirs) + len(ours) - 2 - 2 * common
    same_stem = theirs[-1].partition(".")[0].lower() == path.name.partition(".")[0].lower()
    other_language = path.suffix.lower() not in _HEADER_SUFFIXES and (
        language_of(Path(theirs[-1])) != language_of(path, data)
    )
    return (int(other_language), int(not same_stem), apart, entry.path)


def _same(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]


def _includes(source: str, name: str) -> bool:
    """Effect: whether a source has an `#include` of a header with this name."""
    try:
        with Path(source).open("rb") as stream:
            text = stream.read(_LARGEST_SOURCE)
    except (OSError, ValueError):
        return False
    pattern = (
        rb'^[ \t]*#[ \t]*include[ \t]*[<"](?:[^>"\n]*/)?' + re.escape(name.encode()) + rb'[">]'
    )
    return re.search(pattern, text, re.MULTILINE) is not None


def _borrowed_language(entry: Entry, path: Path, data: bytes) -> str:
    if path.suffix.lower() in _HEADER_SUFFIXES:
        theirs = language_of(Path(entry.name))
        return "cpp" if theirs == "cpp" or path.suffix != ".h" else language_of(path, data)
    return language_of(path, data)


# From flags to a command


def _default(
    path: Path, data: bytes, include_folders: Sequence[str], problems: list[str]
) -> Command:
    language = language_of(path, data)
    standard = "-std=gnu17" if language == "c" else "-std=gnu++17"
    if language == "cpp" and _CPP20_TEXT.search(_without_comments(data)):
        standard = "-std=gnu++20"  # not always: it takes half as long again to read
    return Command(
        (standard, "-fPIC", *_last_folders(include_folders)),
        str(path.parent),
        "default",
        language,
        tuple(problems),
    )


def _from_flags(
    found: Path,
    path: Path,
    root: Path | None,
    data: bytes,
    include_folders: Sequence[str],
    problems: list[str],
) -> Command:
    """Effect: read a `compile_flags.txt`: one flag a line."""
    try:
        text = found.read_bytes()[:_LARGEST_FLAGS].decode(errors="replace")
    except OSError as error:
        problems.append(f"{found}: cannot be read: {error.strerror}")
        return _default(path, data, include_folders, problems)
    arguments = [line.strip() for line in text.splitlines() if line.strip()]
    return _command(
        ["clang", *arguments],
        directory=str(found.parent),
        origin="flags",
        language=language_of(path, data),
        inside=(root or found.parent,),
        include_folders=include_folders,
        problems=problems,
        source=str(found),
    )


def _last_folders(patterns: Iterable[str]) -> tuple[str, ...]:
    """Effect: the flags for those of these folders that exist."""
    folders = dict.fromkeys(
        name
        for pattern in patterns
        for name in sorted(glob.glob(pattern))  # noqa: PTH207 - patterns are absolute
        if os.path.isdir(name)  # noqa: PTH112
    )
    return tuple(part for folder in folders for part in ("-idirafter", folder))


def _command(
    arguments: Sequence[str],
    *,
    directory: str,
    origin: str,
    language: str,
    inside: Sequence[Path],
    include_folders: Sequence[str],
    problems: list[str],
    source: str,
) -> Command:
    """Effect: a command of the flags that may be kept; response files are read."""
    compiler, rest = compiler_of(arguments)
    like_cl = compiler.lower() in ("cl", "clang-cl") or "--driver-mode=cl" in rest
    rest = expanded(rest, directory, inside, like_cl, problems)
    if like_cl:
        rest = from_cl(rest)
    elif origin == "database" and re.search(r"(?:\+\+|cpc)(?:-[\d.]+)?$", compiler):
        language = "cpp"
    reader = Flags(rest, directory, language, problems)
    kept = reader.read()
    if not any("windows" in flag for flag in kept) or sys.platform == "win32":
        kept += _last_folders(include_folders)
    return Command(
        tuple(kept),
        reader.directory,
        origin,
        reader.language,
        tuple(problems),
        tuple(reader.dropped),
        source,
    )
