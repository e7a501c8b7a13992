"""The workspace's own headers by the tail of their path, so that an include can be found.

Built once, when first asked, from one walk of the folder that honours `.gitignore`.
It reads names only, and never leaves the folder.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

_SUFFIXES = frozenset({"", ".h", ".hh", ".hpp", ".hxx", ".h++", ".inc", ".ipp", ".tcc", ".def"})
_MOST = 200_000
"""Files looked at, so that a folder without end cannot hold up the analysis."""


class HeaderIndex:
    """Finds the headers below `root`. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._by_name: dict[str, list[PurePosixPath]] | None = None

    def find(self, include_name: str) -> Path | None:
        """The header that an include most likely means: the shortest path that ends in it."""
        wanted = PurePosixPath(include_name)
        if wanted.is_absolute() or not wanted.parts or ".." in wanted.parts:
            return None
        with self._lock:
            if self._by_name is None:
                self._by_name = self._built()
        found = [
            path
            for path in self._by_name.get(wanted.name, ())
            if path.parts[-len(wanted.parts) :] == wanted.parts
        ]
        if not found:
            return None
        return self._root / min(found, key=lambda path: (len(path.parts), path.as_posix()))

    def _built(self) -> dict[str, list[PurePosixPath]]:
        table: dict[str, list[PurePosixPath]] = {}
        for path in _files(self._root):
            if path.suffix.lower() in _SUFFIXES:
                table.setdefault(path.name, []).append(path)
        return table


def _files(root: Path) -> Iterator[PurePosixPath]:
    """Effect: walks a folder. Paths of its files, relative to it, that `.gitignore` keeps."""
    count = 0
    ignored: list[tuple[str, GitIgnoreSpec]] = []
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root).as_posix()
        prefix = "" if here == "." else here + "/"
        if ".gitignore" in names:
            spec = _spec(Path(folder, ".gitignore"))
            if spec is not None:
                ignored.append((prefix, spec))
        relevant = [(start, spec) for start, spec in ignored if prefix.startswith(start)]
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and not _matches(relevant, f"{prefix}{name}/")
        ]
        for name in names:
            count += 1
            if count > _MOST:
                return
            if not _matches(relevant, prefix + name):
                yield PurePosixPath(prefix + name)


def _spec(path: Path) -> GitIgnoreSpec | None:
    try:
        return GitIgnoreSpec.from_lines(path.read_text(errors="replace").splitlines())
    except (OSError, ValueError):
        return None


def _matches(specs: list[tuple[str, GitIgnoreSpec]], path: str) -> bool:
    return any(spec.match_file(path[len(start) :]) for start, spec in specs)
