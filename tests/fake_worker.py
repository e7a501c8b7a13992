"""A worker with a toy analysis: `BAD` is a defect that `OKAY` mends, and some words misbehave.

`LATE` is a defect that only the final answer sees, until it has been seen once.
`GATE:path;` makes the final answer wait at the named pipe `path`, so that a test decides when it
goes on. `DIE` kills the process in the final answer, `HANG` never ends it, `BUG` raises.
`SESSION` is an object with traits. With `SPREAD` in a text its fixes change it in two places.
`UNREAD` could not be judged, since the header `lost.h` is missing.
`TABOO` in the outcome of a fix refutes it; `DOUBT` leaves it unproven.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from pathlib import Path

from tlsight.finding import (
    Finding,
    Fix,
    Portrait,
    Proof,
    Report,
    Safety,
    Severity,
    Trait,
    Unanalysed,
)
from tlsight.rule import Problem
from tlsight.text import Edit, Span, apply_edits
from tlsight.worker.__main__ import run
from tlsight.worker.protocol import Described, Page, Settings


class FakeAnalyst:
    """Finds words."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: set[Path] = set()

    def first(self, path: Path, data: bytes) -> Report:
        return Report(self._findings(path, data), final=False)

    def final(self, path: Path, data: bytes, _evidence: bool = False) -> Report:
        if gate := re.search(rb"GATE:(.*?);", data):
            Path(gate[1].decode()).read_bytes()
        if b"DIE" in data:
            os.kill(os.getpid(), signal.SIGKILL)
        if b"HANG" in data:
            threading.Event().wait()
        if b"BUG" in data:
            raise ValueError("a bug")
        self._seen.add(path)
        unread = tuple(
            Unanalysed("UNREAD cannot be read", Span(*match.span()), "unread")
            for match in re.finditer(b"UNREAD", data)
        )
        missing = ("lost.h",) if unread else ()
        return Report(self._findings(path, data), unanalysed=unread, missing_headers=missing)

    def portray(self, _path: Path, data: bytes, offset: int) -> Portrait | None:
        for match in re.finditer(b"SESSION", data):
            if match.start() <= offset <= match.end():
                traits = (Trait("colour", "paint(SESSION)", (Span(0, 1),)), Trait("size", "small"))
                return Portrait(Span(*match.span()), "SESSION", "session", traits, "it is shared")
        return None

    def tidy(self) -> None:
        """Nothing is kept here."""

    def prove(self, _path: Path, data: bytes, _finding: Finding, fix: Fix) -> Proof:
        mended = apply_edits(data, fix.edits)
        if b"TABOO" in mended:
            return Proof.REFUTED
        return Proof.UNPROVEN if b"DOUBT" in mended else Proof.PROVEN

    def fix_all(
        self, path: Path, data: bytes, _safe_only: bool = True
    ) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
        return tuple(edit for f in self._findings(path, data) for edit in f.fixes[0].edits), ()

    def close(self, path: Path) -> None:
        self._seen.discard(path)

    def invalidate(self) -> None:
        self._seen.clear()

    def _findings(self, path: Path, data: bytes) -> tuple[Finding, ...]:
        words = ["BAD"] + (["LATE"] if path in self._seen else [])
        end = Span(len(data), len(data))
        more = (Edit(end, " "),) if b"SPREAD" in data else ()
        return tuple(
            Finding(
                rule=f"word-{word.lower()}",
                message=f"{word} is bad",
                span=Span(*match.span()),
                severity=self._settings.config.severity.get(
                    f"word-{word.lower()}", Severity.WARNING
                ),
                fixes=(
                    Fix("Write OKAY", (Edit(Span(*match.span()), "OKAY"), *more), Safety.SAFE),
                    Fix("Do not", (), Safety.SAFE, withheld="it cannot be done"),
                ),
                deprecated=True,
            )
            for word in words
            for match in re.finditer(word.encode(), data)
        )


def build(settings: Settings) -> tuple[FakeAnalyst, Described]:
    page = Page("word-bad", "# word-bad\n\n**BAD is bad.**\n", __file__)
    late = Page("word-late", "# word-late\n", "")
    problems = tuple(Problem("page.md:1", text) for text in settings.config.rules)
    return FakeAnalyst(settings), Described({"word-bad": page, "word-late": late}, problems)


COMMAND = (sys.executable, __file__)

if __name__ == "__main__":
    run(build)
