"""Which of the folder's headers an `#include` means, by the tail of its path.

Built once, at the first question or before it in the background. It honours `.gitignore`, follows
no symbolic link out of the folder, and stops at a bound; it never opens a header.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

HEADERS = frozenset(
    ("", ".h", ".hh", ".hpp", ".hxx", ".h++", ".inc", ".inl", ".ipp", ".tcc", ".def")
)
"""The endings of files that others include."""
_MOST_FILES = 200_000
_LARGEST_IGNORE = 1 << 20


class HeaderIndex:
    """The headers of a folder by their file name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._paths: dict[str, list[str]] | None = None

    def build(self) -> None:
        """Effect: list the folder's headers, unless that was done; safe in any thread."""
        with self._lock:
            if self._paths is None:
                paths: dict[str, list[str]] = {}
                for path in _headers(self.root):
                    paths.setdefault(path.rpartition("/")[2], []).append(path)
                self._paths = paths

    def find(self, include: str, near: Path | None = None) -> Path | None:
        """The header whose path ends in `include`; of several the nearest to the file `near`."""
        tail = _tail(include)
        if not tail:
            return None
        self.build()
        candidates = [
            path
            for path in (self._paths or {}).get(tail.rpartition("/")[2], ())
            if f"/{path}".endswith(f"/{tail}")
        ]
        if not candidates:
            return None
        start = _relative(near, self.root) if near is not None else ()
        best = min(candidates, key=lambda path: (_distance(start, path), path.count("/"), path))
        return self.root / best

    def root_of(self, include: str, near: Path | None = None) -> Path | None:
        """The folder that an include path must name for `include` to be found."""
        found = self.find(include, near) if ".." not in include else None
        return None if found is None else found.parents[_tail(include).count("/")]


def _tail(include: str) -> str:
    """What of an include's name stands in the tree: no `./`, no leading `../`."""
    parts: list[str] = []
    for part in PurePosixPath(include.replace("\\", "/")).parts:
        if part == ".." and parts:
            parts.pop()
        elif part not in ("..", "/"):
            parts.append(part)
    return "/".join(parts)


def _relative(path: Path, root: Path) -> tuple[str, ...]:
    try:
        return path.absolute().relative_to(root.absolute()).parent.parts
    except ValueError:
        return ()


def _distance(start: tuple[str, ...], path: str) -> int:
    parts = tuple(path.split("/")[:-1])
    common = 0
    for left, right in zip(start, parts):  # noqa: B905 - up to the shorter one
        if left != right:
            break
        common += 1
    return len(start) + len(parts) - 2 * common


def _headers(root: Path) -> Iterator[str]:
    """Effect: the headers under a folder, as relative paths with `/`, ignored ones left out."""
    count = 0
    ignores: dict[str, list[tuple[str, GitIgnoreSpec]]] = {}
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root).as_posix()
        here = "" if here == "." else f"{here}/"
        specs = list(ignores.pop(here, ()))
        if ".gitignore" in names:
            specs.append((here, _ignore(Path(folder, ".gitignore"))))
        kept = []
        for name in sorted(folders):
            path = f"{here}{name}/"
            if name.startswith(".") or _ignored(path, specs):
                continue
            kept.append(name)
            ignores[path] = specs
        folders[:] = kept
        for name in sorted(names):
            if os.path.splitext(name)[1].lower() not in HEADERS or name.startswith("."):  # noqa: PTH122
                continue
            path = f"{here}{name}"
            if _ignored(path, specs) or _leads_out(Path(folder, name), root):
                continue
            count += 1
            if count > _MOST_FILES:
                return
            yield path


def _ignore(path: Path) -> GitIgnoreSpec:
    """Effect: read a `.gitignore`; what cannot be read ignores nothing."""
    try:
        text = path.read_bytes()[:_LARGEST_IGNORE].decode(errors="replace")
        return GitIgnoreSpec.from_lines(text.splitlines())
    except (OSError, ValueError):
        return GitIgnoreSpec.from_lines(())


def _ignored(path: str, specs: list[tuple[str, GitIgnoreSpec]]) -> bool:
    verdict = False
    for base, spec in specs:
        result = spec.check_file(path[len(base) :]).include
        if result is not None:
            verdict = result
    return verdict


def _leads_out(path: Path, root: Path) -> bool:
    """Effect: whether a symbolic link leads out of the folder, or nowhere."""
    if not path.is_symlink():
        return False
    try:
        return not path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return True
