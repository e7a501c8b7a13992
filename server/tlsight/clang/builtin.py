"""Where clang's own headers are: the wheel of libclang has none.

A resource folder of a clang on this machine is best; then the folder of the GNU compiler, which has
the same freestanding headers; then the few of our own beside this module. Well-known places are
looked at; nothing is ever run.
"""

from __future__ import annotations

import functools
import glob
import re
import sys
from collections.abc import Sequence
from pathlib import Path

OWN = Path(__file__).parent
"""A resource folder: it has `include/` with the freestanding headers that we wrote."""

_CLANG = (
    "/usr/lib/llvm-*/lib/clang/*",
    "/usr/lib/clang/*",
    "/usr/lib64/clang/*",
    "/usr/local/lib/clang/*",
    "/usr/local/llvm*/lib/clang/*",
    "/opt/homebrew/opt/llvm*/lib/clang/*",
    "/usr/local/opt/llvm*/lib/clang/*",
    "/Library/Developer/CommandLineTools/usr/lib/clang/*",
    "/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib/clang/*",
    "C:/Program Files/LLVM/lib/clang/*",
)
_GNU = ("/usr/lib/gcc/*/*", "/usr/lib64/gcc/*/*", "/usr/local/lib/gcc/*/*")
_RELEASE = 18


@functools.cache
def resource_folder() -> Path:
    """Effect: look for the best folder to give clang as its resource folder."""
    return best_of(_existing(_CLANG), _existing(_GNU) if sys.platform != "win32" else ())


def builtin_folder() -> tuple[Path, str]:
    """Effect: where clang's own headers are taken from, and whose they are."""
    folder = resource_folder()
    owner = "tlsight" if folder == OWN else "gcc" if "gcc" in folder.parts else "clang"
    return folder / "include", owner


def own_builtins() -> Path:
    """The freestanding headers that tlsight brings along."""
    return OWN / "include"


def best_of(clang: Sequence[Path], gnu: Sequence[Path]) -> Path:
    """The resource folder to use: clang's nearest to our release, the newest GNU one, our own."""
    if clang:
        return min(clang, key=lambda folder: (abs(_release(folder) - _RELEASE), str(folder)))
    if gnu:
        return max(gnu, key=lambda folder: (_release(folder), str(folder)))
    return OWN


def _existing(patterns: Sequence[str]) -> tuple[Path, ...]:
    """Effect: the folders of these patterns that have the freestanding headers."""
    found = (Path(name) for pattern in patterns for name in glob.glob(pattern))  # noqa: PTH207
    return tuple(folder for folder in found if (folder / "include" / "stddef.h").is_file())


def _release(folder: Path) -> int:
    match = re.match(r"\d+", folder.name)
    return int(match[0]) if match else 0
