"""Files as the command line meets them: found, read, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pathspec import GitIgnoreSpec

from tlsight.cli.status import UsageError

SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("c", "cc", "cp", "cpp", "cxx", "c++", "h", "hh", "hp", "hpp", "hxx", "h++"),
        *("inl", "ipp", "tcc", "tpp", "txx"),
    )
)
"""What counts as C or C++ in a folder, in any case. A file that is named is always read."""

_IGNORE_FILE = ".gitignore"


@dataclass(frozen=True)
class Target:
    """A file to look at: where it is, how it is shown, and its URI reference (see `Answer`)."""

    path: Path
    shown: str
    uri: str


class Unreadable(Exception):
    """Why the text of a file cannot be had."""


def find_targets(
    paths: Sequence[Path], exclude: Sequence[str], root: Path | None
) -> tuple[Target, ...]:
    """Effect: looks for C and C++ files in the file system, in a stable order.

    Folders are walked; what `.gitignore` or `exclude` names is left out there. Links to folders are
    not followed. A file that is named is taken whatever it is called.
    """
    targets: dict[Path, Target] = {}
    for path in paths:
        if not path.exists():
            missing = "is a dangling link" if path.is_symlink() else "does not exist"
            raise UsageError(f"'{_shown(path)}' {missing}; name a C or C++ file, or a folder")
        if path.is_dir():
            found = tuple(_walk(path, exclude, root or path.resolve()))
            if not found:
                raise UsageError(
                    f"no C or C++ file in folder '{_shown(path)}' (what .gitignore or the option "
                    "'exclude' names is left out); name the files themselves to have them read"
                )
        elif path.is_file():
            found = (path,)
        else:
            raise UsageError(f"'{_shown(path)}' is neither a file nor a folder")
        for file in found:
            resolved = file.resolve()
            targets.setdefault(resolved, _target(file, resolved, root))
    return tuple(targets.values())


def read_text(path: Path) -> bytes:
    """Effect: reads a file; raises `Unreadable` with the reason where that is no use."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror}") from error
    if b"\0" in data[:8192]:
        raise Unreadable("it is not text, or not in UTF-8 (it holds NUL bytes)")
    return data


def check_writable(path: Path) -> None:
    """Effect: looks whether a file can be written, before hours go into what it is to hold."""
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder; name a file for the output")
    if not path.parent.is_dir():
        raise UsageError(f"folder '{path.parent}' does not exist; make it, or name another file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"'{path}' cannot be written; choose another file for the output")


def write_whole(path: Path, data: bytes) -> None:
    """Effect: replaces a file in one step, so that nobody ever sees half of it.

    Keeps its mode, and writes through a link to what it links to. A device is just written to.
    """
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        _replace(path, data)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror}") from error


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _target(path: Path, resolved: Path, root: Path | None) -> Target:
    base = root or Path.cwd()
    if resolved.is_relative_to(base):
        uri = quote(os.fsencode(resolved.relative_to(base).as_posix()))
    else:
        uri = resolved.as_uri()
    return Target(resolved, _shown(path), uri)


def _shown(path: Path) -> str:
    return os.fsencode(path.as_posix()).decode(errors="replace")


def _walk(folder: Path, exclude: Sequence[str], root: Path) -> Iterator[Path]:
    """The files of a folder and its folders, in the order of their names."""
    start = folder.resolve()
    rules = [(root, GitIgnoreSpec.from_lines(exclude))]
    above = [place for place in reversed(start.parents) if place.is_relative_to(root)]
    rules += [(place, spec) for place in above if (spec := _ignored_in(place))]
    yield from _walk_into(folder, start, [_without(start, *rule) for rule in rules])


def _without(start: Path, base: Path, spec: GitIgnoreSpec) -> tuple[Path, GitIgnoreSpec]:
    """The rules without those that leave out the folder that was named, and so all in it."""
    if start == base or not start.is_relative_to(base):
        return base, spec
    name = f"{start.relative_to(base).as_posix()}/"
    kept = [pattern for pattern in spec.patterns if pattern.match_file(name) is None]
    return base, GitIgnoreSpec(kept)


def _walk_into(
    folder: Path, resolved: Path, rules: list[tuple[Path, GitIgnoreSpec]]
) -> Iterator[Path]:
    if spec := _ignored_in(resolved):
        rules = [*rules, (resolved, spec)]
    try:
        entries = sorted(os.scandir(resolved), key=lambda entry: entry.name)
    except OSError:
        yield folder  # reading it will fail in turn, and say why
        return
    for entry in entries:
        path = resolved / entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name.startswith(".") or _ignored(path, is_folder, rules):
            continue
        if is_folder:
            yield from _walk_into(folder / entry.name, path, rules)
        elif path.suffix.lower() in SUFFIXES and entry.is_file():
            yield folder / entry.name


def _ignored_in(folder: Path) -> GitIgnoreSpec | None:
    try:
        text = (folder / _IGNORE_FILE).read_text(errors="replace")
        return GitIgnoreSpec.from_lines(text.splitlines())
    except (OSError, ValueError):
        return None


def _ignored(path: Path, is_folder: bool, rules: Sequence[tuple[Path, GitIgnoreSpec]]) -> bool:
    """Whether the last rule that speaks of a path leaves it out."""
    outcome = False
    for base, spec in rules:
        if not path.is_relative_to(base) or path == base:
            continue
        name = path.relative_to(base).as_posix() + ("/" if is_folder else "")
        verdict = spec.check_file(name).include
        outcome = outcome if verdict is None else verdict
    return outcome
