"""Which lines changed since a revision, and what of an answer stands on them.

A line counts if the working tree has it and the merge base with the revision has not: what a pull
request would bring. Lines are git's here, which only a line feed ends.
"""

from __future__ import annotations

import bisect
import codecs
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from tlsight.cli import git
from tlsight.cli.status import UsageError
from tlsight.finding import Finding
from tlsight.text import Span
from tlsight.views import Answer


class Lines(NamedTuple):
    """A half-open range of lines, from zero. An empty one stands where lines were taken away."""

    start: int
    end: int


WHOLE = (Lines(0, sys.maxsize),)

_DIFF = (
    *("diff", "--unified=0", "--inter-hunk-context=0", "--find-renames", "--no-relative"),
    *("--no-ext-diff", "--no-textconv", "--no-color", "--text", "--ignore-submodules=all"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)
"""Whatever the configuration or `.gitattributes` say, no differ runs and no file is left out."""


def since(revision: str, paths: Sequence[Path]) -> Mapping[Path, tuple[Lines, ...]]:
    """Effect: asks git for the changed lines of each file in the repositories of the paths."""
    folders = {
        path if path.is_dir() else path.parent for path in (item.resolve() for item in paths)
    }
    repositories = {found.top: found for found in map(git.opened, sorted(folders))}
    changed: dict[Path, tuple[Lines, ...]] = {}
    for top, repository in repositories.items():
        diff = git.asked(repository, *_DIFF, _base(repository, revision), "--")
        changed.update((top / name, lines) for name, lines in hunks(diff).items())
        new = git.asked(repository, "ls-files", "-z", "--others", "--exclude-standard")
        changed.update((top / os.fsdecode(name), WHOLE) for name in new.split(b"\0") if name)
    return changed


def narrowed(answer: Answer, changed: Sequence[Lines]) -> Answer:
    """What of an answer touches a changed line, be it with a place on the way of a finding."""
    text = _Text.of(answer.data)

    def counts(finding: Finding) -> bool:
        spans = (finding.span, *(item.span for item in finding.related))
        return any(text.meets(span, changed) for span in spans)

    report = answer.report
    silenced = tuple(item for item in report.suppressions if counts(item.finding))
    return answer.narrowed(
        replace(
            report,
            findings=tuple(item for item in report.findings if counts(item)),
            evidence=tuple(item for item in report.evidence if text.meets(item.span, changed)),
            unanalysed=tuple(
                item
                for item in report.unanalysed
                if item.span is None or text.meets(item.span, changed)
            ),
            suppressed=len(silenced),
            suppressions=silenced,
        )
    )


# The package `unidiff` cannot read all of this: it refuses a diff of the file `x b/y.c`, whose
# first line can be read in two ways, and leaves quoted names as they are. Without context there is
# little to read: after the line of a hunk come as many lines as it says.
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def hunks(diff: bytes) -> dict[str, tuple[Lines, ...]]:
    """The changed lines of each file that a diff without context speaks of."""
    changed: dict[str, tuple[Lines, ...]] = {}
    name = ""
    lines = iter(diff.split(b"\n"))
    for line in lines:
        if line.startswith(b"+++ "):
            name = _name(line)
        elif hunk := _HUNK.match(line):
            gone, start, come = (int(number or 1) for number in hunk.groups())
            for _ in range(gone + come):
                next(lines, b"")
            # Where nothing has come, git names the line before.
            first = start - 1 if come else start
            changed[name] = (*changed.get(name, ()), Lines(first, first + come))
    changed.pop("", None)
    return changed


def _name(line: bytes) -> str:
    """The file that a line `+++ b/NAME` names, or '' for one that was deleted.

    Git ends a name that has a space with a tab, and writes one that is odd as C does.
    """
    name = line.removeprefix(b"+++ ").removesuffix(b"\t")
    if name.startswith(b'"'):
        name, _ = codecs.escape_decode(name[1:-1])
    return os.fsdecode(name.removeprefix(b"b/")) if name.startswith(b"b/") else ""


def _base(repository: git.Repository, revision: str) -> str:
    """Effect: the commit, or the empty tree, that the working tree is compared with."""
    commit = _commit(repository, revision)
    head = _commit(repository, "HEAD")
    if commit is None and head is None and revision == "HEAD":
        # Before the first commit, all is new.
        return git.asked(repository, "hash-object", "-t", "tree", "--stdin").decode().strip()
    if commit is None or head is None:
        missing = revision if commit is None else "HEAD"
        raise UsageError(
            f"git knows no revision '{missing}' in '{repository.top}'; name a commit, a branch or "
            f"a tag that was fetched{_IN_CI}"
        )
    try:
        return git.asked(repository, "merge-base", commit, head).decode().split()[0]
    except git.GitFailed as error:
        raise UsageError(
            f"'{revision}' and HEAD have no common ancestor in '{repository.top}'{_IN_CI}"
        ) from error


_IN_CI = " (in CI, fetch enough of the history: on GitHub, checkout with fetch-depth: 0)"


def _commit(repository: git.Repository, revision: str) -> str | None:
    """Effect: the name of a commit, if there is one. A revision is never read as an option."""
    query = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    try:
        name = git.asked(repository, *query).decode().strip()
    except git.GitFailed:
        return None
    return name if re.fullmatch("[0-9a-f]{40,64}", name) else None


@dataclass(frozen=True)
class _Text:
    """Where the lines of a text end."""

    ends: Sequence[int]

    @classmethod
    def of(cls, data: bytes) -> _Text:
        return cls([match.start() for match in re.finditer(b"\n", data)])

    def meets(self, span: Span, changed: Sequence[Lines]) -> bool:
        """Whether a span touches a changed line, or reaches over where lines were taken away."""
        first = bisect.bisect_left(self.ends, span.start)
        last = bisect.bisect_left(self.ends, max(span.start, span.end - 1))
        return any(first < lines.end and lines.start <= last for lines in changed)
