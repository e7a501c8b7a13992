"""What an analysis says: findings with fixes, evidence, and what it could not look at.

Plain frozen data that crosses the process boundary as it is; no reader's objects in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tlsight.text import Edit, Span


class Severity(str, Enum):
    """How sure and how bad: exploitable as written, weak or on some path, unproven or modernise."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"

    @property
    def rank(self) -> int:
        """0 for an error, growing as severity falls."""
        return list(Severity).index(self)

    def lowered(self) -> Severity:
        """One step less severe; information stays information."""
        return list(Severity)[min(self.rank + 1, 2)]


class Safety(str, Enum):
    """What a fix may change: nothing but the weakness, or also who can connect."""

    SAFE = "safe"
    UNSAFE = "unsafe"


class Proof(str, Enum):
    """What applying a fix in memory showed."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    REFUTED = "refuted"


@dataclass(frozen=True)
class Related:
    """A place on the way of a finding, in the file of the finding."""

    span: Span
    message: str


@dataclass(frozen=True)
class Fix:
    """A way to mend a finding.

    `withheld` holds the reason where no edit can be offered; `edits` is then empty.
    """

    title: str
    edits: tuple[Edit, ...]
    safety: Safety
    withheld: str | None = None

    @property
    def rewrites(self) -> bool:
        """Whether it changes the text in several places, as a refactoring does."""
        return len(self.edits) > 1


@dataclass(frozen=True)
class Finding:
    """One defect at one place."""

    rule: str
    message: str
    span: Span
    severity: Severity
    function: str = ""
    related: tuple[Related, ...] = ()
    fixes: tuple[Fix, ...] = ()
    deprecated: bool = False
    live: bool = True
    """False if the place stands only in text that `#if` left out."""

    @property
    def key(self) -> tuple[str, Span, str]:
        """What tells two findings of one text apart."""
        return (self.rule, self.span, self.message)


@dataclass(frozen=True)
class Unanalysed:
    """A place that could not be judged, and why: silence never means safety."""

    reason: str
    span: Span | None = None
    function: str = ""


@dataclass(frozen=True)
class Evidence:
    """What was made of a subject of a rule that is no finding: it is right, or it stays open.

    `message` is what was seen; of a subject that stays open, why it could not be decided.
    """

    rule: str
    message: str
    span: Span
    function: str = ""
    related: tuple[Related, ...] = ()
    holds: bool = True


@dataclass(frozen=True)
class Trait:
    """One thing that holds of an object: what states it and where, or what holds by default."""

    title: str
    told: str
    places: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Portrait:
    """What is known of the object that a name denotes, at one point of a text."""

    span: Span
    name: str
    type: str
    traits: tuple[Trait, ...]
    shared: str = ""
    """Why not everything that is done to it can be known here; '' if it can."""


@dataclass(frozen=True)
class Suppression:
    """A finding that a comment in the code silences, and the reason that the comment gives."""

    finding: Finding
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """The answer to one text: everything found, and everything not looked at.

    `final` is False for an answer that was given before clang had read the text.
    """

    findings: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    """Empty unless it was asked for."""
    unanalysed: tuple[Unanalysed, ...] = ()
    missing_headers: tuple[str, ...] = ()
    final: bool = True
    suppressed: int = 0
    suppressions: tuple[Suppression, ...] = ()
    """The findings that `suppressed` counts."""
