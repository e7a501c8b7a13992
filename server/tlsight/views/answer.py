"""One file of a run and what was said of it, which is all that a view needs to know."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tlsight.finding import Finding, Report, Severity
from tlsight.text import Encoding, Lines, Position, Span

_UNSHOWN = frozenset({"Cc", "Cf", "Cs"})


@dataclass(frozen=True)
class Answer:
    """One file: its path as it is to be shown, its URI reference, its text, and its report.

    `uri` is relative to the base of the run where the file lies in it, else absolute.
    `left_out` are findings that nobody asked to see; they count in the names of the others.
    """

    path: str
    uri: str
    data: bytes = field(repr=False)
    report: Report
    left_out: tuple[Finding, ...] = field(default=(), repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings in the order of the text, the worst first where they share a place."""
        return tuple(
            sorted(
                self.report.findings,
                key=lambda finding: (finding.span, finding.severity.rank, finding.rule),
            )
        )

    def filtered(self, threshold: Severity) -> Answer:
        """The same answer without the findings that are less severe than `threshold`."""
        kept = tuple(item for item in self.report.findings if item.severity.rank <= threshold.rank)
        return self.narrowed(replace(self.report, findings=kept))

    def narrowed(self, report: Report) -> Answer:
        """The same answer with a part of its report, which leaves out the other findings."""
        kept = {item.key for item in _reported(report)}
        gone = tuple(item for item in _reported(self.report) if item.key not in kept)
        return replace(self, report=report, left_out=self.left_out + gone)


@dataclass(frozen=True)
class Summary:
    """The numbers of a run. `fixable` counts the findings that come with at least one edit."""

    files: int
    errors: int
    warnings: int
    information: int
    fixable: int
    suppressed: int
    unanalysed: int
    holding: int = 0
    """Subjects that were judged and are right, as far as that was asked for."""
    undecided: int = 0

    @property
    def findings(self) -> int:
        """How many findings there are, of whatever severity."""
        return self.errors + self.warnings + self.information


def summarised(answers: Iterable[Answer]) -> Summary:
    """Count what the answers hold."""
    answers = tuple(answers)
    levels = Counter(item.severity for answer in answers for item in answer.report.findings)
    return Summary(
        files=len(answers),
        errors=levels[Severity.ERROR],
        warnings=levels[Severity.WARNING],
        information=levels[Severity.INFORMATION],
        fixable=sum(
            any(fix.edits for fix in item.fixes)
            for answer in answers
            for item in answer.report.findings
        ),
        suppressed=sum(answer.report.suppressed for answer in answers),
        unanalysed=sum(len(answer.report.unanalysed) for answer in answers),
        holding=sum(item.holds for answer in answers for item in answer.report.evidence),
        undecided=sum(not item.holds for answer in answers for item in answer.report.evidence),
    )


def visible(text: str) -> str:
    """`text` with its control characters spelled out, so that no file can steer a terminal.

    Tabs stay. The marks that turn the direction of writing are spelled out too, since they make
    code look like other code.
    """
    return "".join(
        f"<U+{ord(char):04X}>" if char != "\t" and unicodedata.category(char) in _UNSHOWN else char
        for char in text
    )


def place(lines: Lines, offset: int) -> Position:
    """The one-based line and column, in characters, of a byte offset."""
    position = lines.position(offset, Encoding.UTF32)
    return Position(position.line + 1, position.character + 1)


def clamped(data: bytes, span: Span) -> Span:
    """`span` cut to the text, since a view must not fail on a report that is out of date."""
    start = max(0, min(span.start, len(data)))
    return Span(start, max(start, min(span.end, len(data))))


def fingerprints(answer: Answer, lines: Lines) -> Mapping[tuple[str, Span, str], str]:
    """A name for each finding of a file, by its key, that stays while code moves about it.

    It is made of the rule, the text of the line without white space, and how many such findings
    the file has up to this one: those too that are suppressed or left out, so that a run that shows
    less calls what it shows by the same names.
    """
    seen: Counter[tuple[str, bytes]] = Counter()
    names: dict[tuple[str, Span, str], str] = {}
    for finding in sorted(
        (*_reported(answer.report), *answer.left_out), key=lambda item: item.span
    ):
        start = clamped(lines.data, finding.span).start
        text = b"".join(lines.line(lines.position(start).line).split())
        key = (finding.rule, text)
        seen[key] += 1
        digest = hashlib.sha256(b"\0".join((finding.rule.encode(), text))).hexdigest()[:32]
        names[finding.key] = f"{digest}:{seen[key]}"
    return names


def _reported(report: Report) -> tuple[Finding, ...]:
    return (*report.findings, *(item.finding for item in report.suppressions))
