"""The difference between two versions of a file as `patch` and `git apply` read it.

It works on bytes, since a source file need not be UTF-8 and must come back as it was.
"""

from __future__ import annotations

import difflib


def unified(path: str, old: bytes, new: bytes) -> bytes:
    """A unified diff from `old` to `new`; empty if they are the same."""
    name = path.lstrip("/").encode(errors="surrogateescape")
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        _lines(old),
        _lines(new),
        b"a/" + name,
        b"b/" + name,
        lineterm=b"\n",
    )
    return b"".join(
        line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"
        for line in lines
    )


def _lines(data: bytes) -> list[bytes]:
    """Split at line feeds alone, as `patch` does."""
    lines = data.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
