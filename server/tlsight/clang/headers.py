"""What stands in for headers that are not there, so that none of them is a fatal error.

The declarations of the rule pages are written into the cache once, by their content, and are
searched last, so that a real header wins. For what no page declares there is an empty file.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path, PurePosixPath

from tlsight.rule import Header

_RESOURCES = (
    "/usr/lib/llvm-*/lib/clang/*/include",
    "/usr/lib/clang/*/include",
    "/usr/lib64/clang/*/include",
    "/usr/local/lib/clang/*/include",
    "/opt/homebrew/opt/llvm/lib/clang/*/include",
    "/Library/Developer/CommandLineTools/usr/lib/clang/*/include",
    "/usr/lib/gcc/*/*/include",
    "/usr/lib64/gcc/*/*/include",
)


def page_folder(headers: Sequence[Header], cache: Path) -> Path:
    """Effect: writes the pages' headers into the cache, unless the same ones are there."""
    digest = hashlib.sha256()
    merged: dict[str, str] = {}
    for header in headers:
        if safe_name(header.name):
            merged[header.name] = merged.get(header.name, "") + _guarded(header)
    for name, text in sorted(merged.items()):
        digest.update(name.encode() + b"\0" + text.encode() + b"\0")
    folder = cache / "headers" / digest.hexdigest()[:24]
    if not (folder / ".complete").is_file():
        for name, text in merged.items():
            write(folder / name, text.encode())
        write(folder / ".complete", b"")
    return folder


def empty_header(name: str, cache: Path) -> Path | None:
    """Effect: makes an empty header of this name in the cache; the folder to search it in."""
    if not safe_name(name):
        return None
    folder = cache / "headers" / "empty"
    if not (folder / name).is_file():
        write(folder / name, b"")
    return folder


def safe_name(name: str) -> bool:
    """Whether a header's name stays below the folder that it is put in."""
    path = PurePosixPath(name.replace("\\", "/"))
    return (
        bool(path.parts)
        and not path.is_absolute()
        and ".." not in path.parts
        and (":" not in name and len(name) < 200 and "\0" not in name)
    )


def write(path: Path, data: bytes) -> None:
    """Effect: writes a file of the cache whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(temporary).replace(path)


def _guarded(header: Header) -> str:
    key = hashlib.sha256((header.name + header.text).encode()).hexdigest()[:16].upper()
    return f"#ifndef TLSIGHT_{key}\n#define TLSIGHT_{key}\n{header.text}\n#endif\n"


def builtin_folder() -> tuple[Path, str]:
    """The folder with the compiler's own headers, and whose they are; ours if there is no other."""
    for pattern in _RESOURCES:
        found = sorted(Path("/").glob(pattern[1:]), key=_version)
        for folder in reversed(found):
            if (folder / "stddef.h").is_file():
                return folder, "clang" if "clang" in pattern else "gcc"
    return own_builtins(), "tlsight"


def own_builtins() -> Path:
    """The freestanding headers that tlsight brings along."""
    return Path(str(resources.files("tlsight.clang") / "include"))


def _version(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.parent.name.split(".") if part.isdigit())
