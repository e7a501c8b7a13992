"""A review: what was found wrong, what holds, what stayed open, and what there was nothing of.

Made of findings and evidence alone: each sentence stands for places that were judged, for rules
that found nothing to judge, or for what could not be read. How it is written is for others to say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from tlsight.config import Config
from tlsight.finding import Evidence, Finding, Fix, Related, Safety, Severity, Unanalysed
from tlsight.rule import Form, Property, Rulebook
from tlsight.text import Lines, Span
from tlsight.views.answer import Answer, Summary, clamped, fingerprints, place, summarised, visible
from tlsight.views.excerpt import Changed, Line, changes, excerpt, quoted

NAMES: Mapping[str, str] = {
    "practice": "Best practice",
    "errors": "Error handling",
    "cookie": "Cookies",
    "memory": "Memory",
    "integrity": "Integrity",
    "input": "Network data",
}
"""The aspects in the order of a review, as people call them."""

_MOST_NAMES = 8
"""Of the names that a rule looks for, so many are told."""


class Tone(str, Enum):
    """What a review comes to."""

    UNSAFE = "unsafe"
    WEAK = "weak"
    NOTES = "notes"
    OPEN = "open"
    """Nothing is wrong in what was judged, and not all of it could be."""
    CLEAR = "clear"
    EMPTY = "empty"
    """There was nothing to judge."""


@dataclass(frozen=True)
class Place:
    """A place in a file, with line and column from one."""

    path: str
    uri: str
    line: int
    column: int
    function: str = ""

    @property
    def name(self) -> str:
        """`file:line`, as it is told."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Step:
    """A place that shows something, and what."""

    place: Place
    message: str
    quote: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Repair:
    """A fix: its title, and the lines that it changes if these are few; or why there is none."""

    title: str
    safe: bool
    withheld: str = ""
    changes: tuple[Changed, ...] = ()


@dataclass(frozen=True)
class Wrong:
    """A finding. `id` stays while code moves about it."""

    id: str
    rule: str
    title: str
    severity: Severity
    message: str
    place: Place
    quote: str
    lines: tuple[Line, ...]
    way: tuple[Step, ...]
    repairs: tuple[Repair, ...]
    live: bool


@dataclass(frozen=True)
class Seen:
    """One subject of a rule that is right, or that stays open, and what was seen of it."""

    place: Place
    message: str
    quote: str
    lines: tuple[Line, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Group:
    """What was seen of the subjects of one rule."""

    rule: str
    title: str
    items: tuple[Seen, ...]
    silent: bool
    """What it finds wrong is not told: the rule is off unless a project turns it on."""


@dataclass(frozen=True)
class Absent:
    """A rule that had nothing to judge, and what it looks for.

    `named` is where the first of that is named all the same, in a way that is not judged.
    """

    rule: str
    title: str
    names: tuple[str, ...]
    more: int
    named: Step | None


@dataclass(frozen=True)
class Silenced:
    """A finding that a comment silences."""

    rule: str
    message: str
    reason: str
    place: Place
    quote: str


@dataclass(frozen=True)
class Aspect:
    """One of the six: everything that is known of it."""

    id: str
    name: str
    wrong: tuple[Wrong, ...]
    holds: tuple[Group, ...]
    undecided: tuple[Group, ...]
    absent: tuple[Absent, ...]
    silenced: tuple[Silenced, ...]
    off: tuple[str, ...]
    """Rules that the project turned off."""

    @property
    def judged(self) -> bool:
        """Whether any rule had something to judge."""
        return bool(self.wrong or self.holds or self.undecided or self.silenced)

    @property
    def holding(self) -> int:
        """How many subjects are right."""
        return sum(len(group.items) for group in self.holds)

    @property
    def open(self) -> int:
        """How many subjects stay open."""
        return sum(len(group.items) for group in self.undecided)


@dataclass(frozen=True)
class Unread:
    """What could not be analysed for one reason: whole files, or places in them."""

    reason: str
    path: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Task:
    """Something that is left to the reader, and where."""

    text: str
    reasons: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    rule: str = ""


@dataclass(frozen=True)
class Review:
    """The whole of it."""

    tool_version: str
    policy: str
    policy_title: str
    files: tuple[str, ...]
    tone: Tone
    verdict: str
    summary: Summary
    rules_judging: int
    rules: int
    aspects: tuple[Aspect, ...]
    unread: tuple[Unread, ...]
    missing_headers: tuple[str, ...]
    tasks: tuple[Task, ...]


def made(
    answers: Sequence[Answer],
    rulebook: Rulebook,
    config: Config,
    *,
    tool_version: str,
) -> Review:
    """The review of answers that hold evidence."""
    texts = tuple(map(_Text, answers))
    summary = summarised(answers)
    aspects = tuple(_aspect(name, texts, rulebook, config) for name in _aspects(rulebook))
    unread = tuple(gap for text in texts for gap in text.unread())
    headers = tuple(sorted({name for item in answers for name in item.report.missing_headers}))
    tone = _tone(summary, aspects)
    return Review(
        tool_version=tool_version,
        policy=rulebook.policy.id,
        policy_title=visible(rulebook.policy.title),
        files=tuple(visible(answer.path) for answer in answers),
        tone=tone,
        verdict=_VERDICTS[tone],
        summary=summary,
        rules_judging=sum(len(_rules_judging(aspect)) for aspect in aspects),
        rules=sum(rule.id not in config.disable for rule in rulebook.properties.values()),
        aspects=aspects,
        unread=unread,
        missing_headers=tuple(map(visible, headers)),
        tasks=tuple(_tasks(aspects, unread, headers)),
    )


class _Text:
    """One file: its report, and places, quotes and names of its text."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.lines = Lines.of(answer.data)

    def place(self, span: Span, function: str = "") -> Place:
        line, column = place(self.lines, clamped(self.answer.data, span).start)
        path = visible(self.answer.path)
        return Place(path, self.answer.uri, line, column, visible(function))

    def step(self, span: Span, message: str, function: str = "") -> Step:
        where = self.place(span, function)
        text = visible(message)
        return Step(where, text, quoted(self.lines, span), excerpt(self.lines, span))

    def steps(self, related: Iterable[Related]) -> tuple[Step, ...]:
        return tuple(self.step(item.span, item.message) for item in related)

    @cached_property
    def identifiers(self) -> Mapping[bytes, int]:
        """Every word of the text, and where it stands first."""
        found: dict[bytes, int] = {}
        for match in re.finditer(rb"[A-Za-z_]\w*", self.answer.data):
            found.setdefault(match.group(), match.start())
        return found

    @cached_property
    def fingerprints(self) -> Mapping[tuple[str, Span, str], str]:
        return fingerprints(self.answer, self.lines)

    def unread(self) -> Iterator[Unread]:
        by_reason: dict[str, list[Unanalysed]] = {}
        for item in self.answer.report.unanalysed:
            by_reason.setdefault(item.reason, []).append(item)
        for reason, items in by_reason.items():
            places = tuple(self.place(one.span, one.function) for one in items if one.span)
            yield Unread(visible(reason), visible(self.answer.path), places)


def _aspects(rulebook: Rulebook) -> tuple[str, ...]:
    """The six in their order, and what else a project's own pages may speak of."""
    there = {rule.aspect for rule in rulebook.properties.values()}
    return (*NAMES, *sorted(there - NAMES.keys()))


def _aspect(aspect: str, texts: Sequence[_Text], rulebook: Rulebook, config: Config) -> Aspect:
    rules = {rule.id: rule for rule in rulebook.properties.values() if rule.aspect == aspect}
    on = {name: rule for name, rule in rules.items() if name not in config.disable}
    wrong = tuple(
        _wrong(text, item, rules[item.rule])
        for text in texts
        for item in text.answer.findings
        if item.rule in rules
    )
    silenced = tuple(
        _silenced(text, item.finding, item.reason)
        for text in texts
        for item in text.answer.report.suppressions
        if item.finding.rule in rules
    )
    seen = {holds: tuple(_groups(texts, on.values(), holds, config)) for holds in (True, False)}
    judged = _names(wrong, silenced, seen[True], seen[False])
    return Aspect(
        id=aspect,
        name=NAMES.get(aspect, aspect.capitalize()),
        wrong=tuple(sorted(wrong, key=lambda item: item.severity.rank)),
        holds=seen[True],
        undecided=seen[False],
        absent=tuple(
            _absent(rule, texts, rulebook, config)
            for name, rule in on.items()
            if name not in judged
        ),
        silenced=silenced,
        off=tuple(name for name in rules if name not in on),
    )


def _wrong(text: _Text, finding: Finding, rule: Property) -> Wrong:
    name = f"{text.answer.uri}:{text.fingerprints[finding.key]}:{finding.message}"
    return Wrong(
        id=f"{finding.rule}-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}",
        rule=finding.rule,
        title=visible(rule.title),
        severity=finding.severity,
        message=visible(finding.message),
        place=text.place(finding.span, finding.function),
        quote=quoted(text.lines, finding.span),
        lines=excerpt(text.lines, finding.span, around=1),
        way=text.steps(finding.related),
        repairs=tuple(_repair(text, fix) for fix in finding.fixes),
        live=finding.live,
    )


def _repair(text: _Text, fix: Fix) -> Repair:
    return Repair(
        visible(fix.title),
        fix.safety is Safety.SAFE,
        visible(fix.withheld or ""),
        changes(text.lines, fix.edits),
    )


def _silenced(text: _Text, finding: Finding, reason: str) -> Silenced:
    return Silenced(
        finding.rule,
        visible(finding.message),
        visible(reason),
        text.place(finding.span, finding.function),
        quoted(text.lines, finding.span),
    )


def _groups(
    texts: Sequence[_Text], rules: Iterable[Property], holds: bool, config: Config
) -> Iterator[Group]:
    by_rule: dict[str, list[Seen]] = {}
    for text in texts:
        for item in text.answer.report.evidence:
            if item.holds is holds:
                by_rule.setdefault(item.rule, []).append(_seen(text, item))
    for rule in rules:
        if items := by_rule.get(rule.id):
            silent = not (rule.enabled or rule.id in config.enable)
            yield Group(rule.id, visible(rule.title), tuple(items), silent)


def _seen(text: _Text, item: Evidence) -> Seen:
    return Seen(
        text.place(item.span, item.function),
        visible(item.message),
        quoted(text.lines, item.span),
        excerpt(text.lines, item.span),
        text.steps(item.related),
    )


def _absent(rule: Property, texts: Sequence[_Text], rulebook: Rulebook, config: Config) -> Absent:
    roles = {role for check in rule.checks for role in check.roles}
    forms: dict[str, tuple[Form, tuple[str, ...]]] = {}
    for library in rulebook.libraries.values():
        prefixes = ("", *library.prefixes, *config.prefixes)
        for binding in library.bindings:
            if roles.intersection(binding.roles):
                forms.update((form.callee, (form, prefixes)) for form in binding.forms)
    named = next(
        (step for text in texts for form in forms.values() if (step := _named(text, *form))), None
    )
    names = tuple(forms)
    return Absent(
        rule.id, visible(rule.title), names[:_MOST_NAMES], len(names[_MOST_NAMES:]), named
    )


def _named(text: _Text, form: Form, prefixes: Sequence[str]) -> Step | None:
    """Where a text names what plays a role; the class of a method must be named as well."""
    words = text.identifiers
    if any(part.encode() not in words for part in form.owner.split("::") if part):
        return None
    for prefix in prefixes:
        name = f"{prefix}{form.name}".encode()
        if (start := words.get(name)) is not None:
            span = Span(start, start + len(name))
            return text.step(span, f"{name.decode()} is named here")
    return None


def _rules_judging(aspect: Aspect) -> set[str]:
    return _names(aspect.wrong, aspect.silenced, aspect.holds, aspect.undecided)


def _names(
    wrong: Iterable[Wrong],
    silenced: Iterable[Silenced],
    holds: Iterable[Group],
    undecided: Iterable[Group],
) -> set[str]:
    """The rules that had something to judge."""
    return {
        *(item.rule for item in wrong),
        *(item.rule for item in silenced),
        *(group.rule for group in (*holds, *undecided)),
    }


def _tone(summary: Summary, aspects: Sequence[Aspect]) -> Tone:
    if summary.errors:
        return Tone.UNSAFE
    if summary.warnings:
        return Tone.WEAK
    if summary.information:
        return Tone.NOTES
    if summary.undecided or summary.unanalysed:
        return Tone.OPEN
    return Tone.CLEAR if any(aspect.judged for aspect in aspects) else Tone.EMPTY


_VERDICTS: Mapping[Tone, str] = {
    Tone.UNSAFE: "Not safe as it stands: some of it can be exploited as it is written.",
    Tone.WEAK: "No error, but settings that are weak, or code that is wrong on some path.",
    Tone.NOTES: "Nothing that is proven to be wrong, but something to look at.",
    Tone.OPEN: "Nothing wrong was found in what could be judged, and not all of it could be.",
    Tone.CLEAR: "Nothing wrong was found, and all that the rules speak of here could be judged.",
    Tone.EMPTY: "There is nothing here that any rule speaks of.",
}


def _tasks(
    aspects: Sequence[Aspect], unread: Sequence[Unread], headers: Sequence[str]
) -> Iterator[Task]:
    """What is left to the reader, the most telling first."""
    for gap in unread:
        whole = not gap.places
        what = f"Read {gap.path} yourself" if whole else f"Read these places of {gap.path} yourself"
        yield Task(what, (gap.reason,), gap.places)
    for aspect in aspects:
        for group in aspect.undecided:
            reasons = tuple(dict.fromkeys(item.message for item in group.items))
            places = _apart(item.place for item in group.items)
            yield Task(f"Judge whether it is so: {group.title}", reasons, places, group.rule)
    for aspect in aspects:
        for item in aspect.silenced:
            reason = item.reason or "the comment that silences it gives no reason"
            text = f"Ask whether this may stand: {item.message}"
            yield Task(text, (reason,), (item.place,), item.rule)
    if headers:
        yield Task(
            "Review again with a build (-p BUILD) that has the headers that were not found: "
            + ", ".join(map(visible, headers)),
        )
    for aspect in aspects:
        if not aspect.judged and aspect.absent:
            count = len(aspect.absent)
            rules = "its one rule had nothing" if count == 1 else f"its {count} rules had nothing"
            yield Task(
                f"{aspect.name}: look in the rest of the program, since {rules} to judge here"
            )


def _apart(places: Iterable[Place]) -> tuple[Place, ...]:
    """Places without those that are told in the same words."""
    return tuple({(place.name, place.function): place for place in places}.values())
