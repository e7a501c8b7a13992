"""Compile databases: where they are, and what stands in them.

Whoever wrote the folder wrote the database, so whatever is wrong with it is said, never raised.
Which of an entry's flags may be used is not decided here.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

DATABASE = "compile_commands.json"
FLAGS = "compile_flags.txt"

_LARGEST = 512 << 20
_MOST_PROBLEMS = 10


class Entry(NamedTuple):
    """One entry of a compile database, as it stands there."""

    directory: str
    file: str
    arguments: tuple[str, ...] | None
    command: str | None

    @property
    def path(self) -> str:
        """The absolute path of the source."""
        return _key(os.path.join(self.directory, self.file))  # noqa: PTH118 - may be foreign

    @property
    def name(self) -> str:
        """The file name, by the rules of either system."""
        return re.split(r"[\\/]", self.file)[-1]


@dataclass(frozen=True)
class Database:
    """The entries of a compile database, and what is wrong with it."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]
    by_path: dict[str, Entry] = field(default_factory=dict, compare=False)

    def entry(self, path: Path) -> Entry | None:
        """Effect: the entry of a file, through symbolic links if need be."""
        found = self.by_path.get(_key(str(path)))
        if found is not None:
            return found
        real = os.path.realpath(path)
        for entry in self.entries:
            if entry.name == path.name and os.path.realpath(entry.path) == real:
                return entry
        return None


def _key(path: str) -> str:
    return os.path.normcase(os.path.normpath(path))


def find(path: Path, build: Path | None, root: Path | None, problems: list[str]) -> Path | None:
    """Effect: the nearest database or file of flags."""
    if build is not None:
        given = build if build.name in (DATABASE, FLAGS) else build / DATABASE
        if given.is_file():
            return given.absolute()
        problems.append(f"there is no {DATABASE} in {build}")
    for folder in _upwards(path, root):
        for candidate in (folder / DATABASE, *_build_folders(folder), folder / FLAGS):
            if candidate.is_file():
                return candidate
    return None


def _upwards(path: Path, root: Path | None) -> Iterator[Path]:
    last = root.absolute() if root is not None else None
    for folder in path.parents:
        yield folder
        if folder == last:
            return


def _build_folders(folder: Path) -> list[Path]:
    """Effect: the databases in the `build*` children of a folder."""
    try:
        children = sorted(
            item.path
            for item in os.scandir(folder)
            if item.name.startswith("build") and item.is_dir()
        )
    except OSError:
        return []
    return [Path(child, DATABASE) for child in children]


def load(path: Path, problems: list[str]) -> Database:
    """Effect: read a database, once for each state of the file."""
    try:
        state = path.stat()
        database = _parsed(str(path), state.st_mtime_ns, state.st_size)
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
        return Database((), ())
    problems.extend(database.problems)
    return database


@functools.lru_cache(maxsize=8)
def _parsed(name: str, _: int, size: int) -> Database:
    """Effect: read and check a database; every entry that is no entry is a problem."""
    if size > _LARGEST:
        return Database((), (f"{name}: too large to be read ({size} bytes)",))
    try:
        content = json.loads(Path(name).read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return Database((), (f"{name}: is not JSON: {error}",))
    if not isinstance(content, list):
        return Database((), (f"{name}: must be a list of entries",))
    entries: list[Entry] = []
    problems: list[str] = []
    for number, item in enumerate(content, 1):
        entry = _entry(item, str(Path(name).parent))
        if isinstance(entry, str):
            problems.append(f"{name}: entry {number}: {entry}")
        else:
            entries.append(entry)
    by_path: dict[str, Entry] = {}
    for entry in entries:
        by_path.setdefault(entry.path, entry)
    return Database(tuple(entries), _bounded(problems), by_path)


def _bounded(problems: Sequence[str]) -> tuple[str, ...]:
    more = len(problems) - _MOST_PROBLEMS
    kept = tuple(problems[:_MOST_PROBLEMS])
    return (*kept, f"and {more} more of the kind") if more > 0 else kept


def _entry(item: Any, base: str) -> Entry | str:
    """An entry, or what is wrong with it."""
    if not isinstance(item, dict):
        return "must be a table"
    file, directory = item.get("file"), item.get("directory", base)
    if not isinstance(file, str) or not file or "\0" in file:
        return "has no 'file'"
    if not isinstance(directory, str) or "\0" in directory:
        return "'directory' must be a string"
    if not windows_path(directory):
        directory = os.path.join(base, directory)  # noqa: PTH118
    arguments, command = item.get("arguments"), item.get("command")
    if arguments is not None:
        if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
            return "'arguments' must be a list of strings"
        return Entry(directory, file, tuple(arguments), None)
    if not isinstance(command, str):
        return "has neither 'arguments' nor 'command'"
    return Entry(directory, file, None, command)


def windows_path(path: str) -> bool:
    """Whether a path is an absolute one of Windows."""
    return re.match(r"[A-Za-z]:[\\/]|\\\\", path) is not None


def words(entry: Entry, problems: list[str]) -> list[str]:
    """The words of an entry's command, the compiler first."""
    if entry.arguments is not None:
        return list(entry.arguments)
    command = entry.command or ""
    if windows_path(entry.directory) or windows_path(command.lstrip('" ')):
        return split_windows(command)
    try:
        return shlex.split(command)
    except ValueError as error:
        problems.append(f"the command of {entry.file} cannot be split: {error}")
        return command.split()


def split_windows(command: str) -> list[str]:
    """Split a command line by the rules of Microsoft's C runtime."""
    arguments: list[str] = []
    for match in re.finditer(r'(?:[^\s"\\]|\\+"|\\+|"(?:[^"\\]|\\+"|\\+)*(?:"|$))+', command):
        word = match[0]
        pieces: list[str] = []
        for part in re.finditer(r'(\\+)"|(\\+)|"|[^"\\]+', word):
            if part[1]:
                pieces.append("\\" * (len(part[1]) // 2) + ('"' if len(part[1]) % 2 else ""))
            elif part[0] != '"':
                pieces.append(part[0])
        arguments.append("".join(pieces))
    return arguments
