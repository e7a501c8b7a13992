"""The engines: pure functions from a unit and a rulebook to findings.

`check` is all that is used of them. No file, clock, log or global is touched here, and no name of
any library is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tlsight.config import Config
from tlsight.engine.argument import Suites, check_argument
from tlsight.engine.callback import check_callback
from tlsight.engine.callees import neighbours
from tlsight.engine.flow import has_given_up
from tlsight.engine.index import Index, build
from tlsight.engine.lives import has_lost_sight
from tlsight.engine.match import tags_at
from tlsight.engine.ownership import check_ownership
from tlsight.engine.portrait import portrait
from tlsight.engine.result import check_result
from tlsight.engine.roles import Stage, abandoned, played
from tlsight.engine.secret import check_secret
from tlsight.engine.taint import check_taint
from tlsight.engine.typestate import check_typestate
from tlsight.engine.unit import Unit
from tlsight.finding import Evidence, Finding, Portrait, Suppression, Unanalysed
from tlsight.rule import Check, Property
from tlsight.text import Lines, Span

__all__ = [
    "Index",
    "Standing",
    "Suites",
    "Unit",
    "build",
    "check",
    "described",
    "judged",
    "known_names",
    "neighbours",
    "suppressed",
    "unread",
]


def check(index: Index, unit: Unit, config: Config, suites: Suites) -> tuple[Finding, ...]:
    """Everything that the rules in force find in a unit, in order of place; no suppressions."""
    return judged(index, unit, config, suites)[0]


EVIDENCE = 5_000
"""More of it is not kept of one unit."""
_LOCAL = ("callback", "ownership", "result", "secret", "taint", "typestate")
"""Kinds of rules whose findings in a function hardly change where others far from it do."""


@dataclass(frozen=True)
class Standing:
    """What an edit left standing: findings, and the functions in which all is judged anew."""

    findings: tuple[Finding, ...]
    focus: frozenset[int]


def judged(
    index: Index,
    unit: Unit,
    config: Config,
    suites: Suites,
    evidence: bool = False,
    standing: Standing | None = None,
) -> tuple[tuple[Finding, ...], tuple[Evidence, ...]]:
    """The same, and what of a unit is right or cannot be decided, if that is asked for.

    Rules that are off by default find nothing, but their evidence counts. Where something is
    standing, rules that judge functions by themselves are asked about its focus only.
    """
    whole = Stage(index, unit, evidence)
    part = Stage(index, unit, evidence, standing.focus) if standing is not None else whole
    kept: dict[tuple[str, Span], Evidence] = {}
    found: dict[tuple[str, Span, str], Finding] = {}
    for rule in index.rulebook.properties.values():
        on = rule.enabled or rule.id in config.enable
        if rule.id in config.disable or not (on or evidence):
            continue
        for item in _checked(part if rule.kind in _LOCAL else whole, rule, suites):
            if isinstance(item, Evidence):
                _keep(kept, item)
                continue
            if not on:
                continue
            severity = config.severity.get(rule.id)
            item = replace(item, severity=severity) if severity is not None else item
            found.setdefault(item.key, item)
    for item in standing.findings if standing is not None else ():
        if index.rulebook.properties[item.rule].kind in _LOCAL:
            found.setdefault(item.key, item)
    findings = tuple(sorted(found.values(), key=lambda item: (item.span, item.rule)))
    return findings, _settled(kept, findings)


def _keep(kept: dict[tuple[str, Span], Evidence], item: Evidence) -> None:
    """Effect: keeps evidence; of one subject, what one of several checks could decide."""
    key = (item.rule, item.span)
    if len(kept) < EVIDENCE and (key not in kept or (item.holds and not kept[key].holds)):
        kept[key] = item


def _settled(
    kept: dict[tuple[str, Span], Evidence], findings: tuple[Finding, ...]
) -> tuple[Evidence, ...]:
    """Evidence in order of place, without that of subjects with which something is wrong."""
    wrong: dict[str, list[Span]] = {}
    for item in findings:
        wrong.setdefault(item.rule, []).append(item.span)
    right = [
        item
        for item in kept.values()
        if not any(
            item.span.contains(span) or span.contains(item.span)
            for span in wrong.get(item.rule, ())
        )
    ]
    return tuple(sorted(right, key=lambda item: (item.span, item.rule)))


def _checked(stage: Stage, rule: Property, suites: Suites) -> Iterator[Finding | Evidence]:
    table = played(stage)
    for item in rule.checks:
        if item.only_with and not any(role in table for role in item.only_with):
            continue
        try:
            yield from _of_kind(stage, rule, item, suites)
        except RecursionError:
            unfinished(stage.unit).append(rule.id)


_ENGINES = {
    "callback": check_callback,
    "ownership": check_ownership,
    "result": check_result,
    "secret": check_secret,
    "taint": check_taint,
    "typestate": check_typestate,
}
"""By the kinds of properties, but for `argument`, which needs the cipher suites, too."""


def _of_kind(
    stage: Stage, rule: Property, check: Check, suites: Suites
) -> Iterator[Finding | Evidence]:
    if rule.kind == "argument":
        return check_argument(stage, rule, check, suites)
    return _ENGINES[rule.kind](stage, rule, check)


def unfinished(unit: Unit) -> list[str]:
    """The rules that did not come to an end in a unit."""
    known = unit.cache.setdefault("unfinished", [])
    assert isinstance(known, list)
    return known


def described(index: Index, unit: Unit, offset: int) -> Portrait | None:
    """What is known of the object whose name stands at a byte; None if no page speaks of such."""
    return portrait(Stage(index, unit), offset)


def known_names(index: Index) -> frozenset[str]:
    """The names that play a role on a page: a use of a macro of this name is a call."""
    return frozenset((*index.calls, *index.deeds))


_IGNORE = re.compile(r"tlsight-ignore\s+([\w-]+(?:\s*,\s*[\w-]+)*)\s*:\s*(\S.*)")


def suppressed(unit: Unit, findings: tuple[Finding, ...]) -> tuple[Suppression, ...]:
    """The findings that a comment `tlsight-ignore RULE: reason` covers.

    A comment after code covers its own line, one that stands alone the next line with code.
    """
    marks = [
        (comment, {name.strip(): match[2].strip() for name in match[1].split(",")})
        for comment in unit.module.comments
        if (match := _IGNORE.search(comment.text)) is not None
    ]
    if not marks:
        return ()
    lines = Lines.of(unit.data)
    covered: dict[int, dict[str, str]] = {}
    for comment, rules in marks:
        line = lines.position(comment.span.start).line
        start = lines.starts[line]
        if not unit.data[start : comment.span.start].strip():
            line = lines.position(comment.span.end).line + 1
            while line < len(lines.starts) and _is_remark(unit, lines, line):
                line += 1
        covered.setdefault(line, {}).update(rules)
    found = []
    for item in findings:
        reasons = covered.get(lines.position(item.span.start).line, {})
        if item.rule in reasons:
            found.append(Suppression(item, reasons[item.rule]))
    return tuple(found)


def _is_remark(unit: Unit, lines: Lines, line: int) -> bool:
    """Whether a line is blank or starts with a comment."""
    text = lines.line(line)
    start = lines.starts[line] + len(text) - len(text.lstrip())
    return not text.strip() or any(item.span.start == start for item in unit.module.comments)


def unread(index: Index, unit: Unit) -> tuple[Unanalysed, ...]:
    """What of a unit was not judged, or not with certainty, and why; asked after `check`."""
    found = [
        Unanalysed("the text has a syntax error here", function.body, function.name)
        for function in unit.module.functions
        if function.broken and function.enclosing is None
    ]
    broken = {item.span for item in found}
    found += [
        Unanalysed(
            "clang could not read it, so types and constants are as syntax tells",
            function.body,
            function.name,
        )
        for function in unit.module.functions
        if function.body in unit.facts.broken and function.body not in broken
    ]
    found += [Unanalysed("it is nested too deeply to be read", span) for span in unit.module.deep]
    found += [
        Unanalysed(
            "it has too many ways through it, so not all of them were followed",
            function.body,
            function.name,
        )
        for number, function in enumerate(unit.module.functions)
        if has_given_up(unit, number)
    ]
    found += [
        Unanalysed(
            "it has too many ways through it to follow every object on each",
            function.body,
            function.name,
        )
        for number, function in enumerate(unit.module.functions)
        if has_lost_sight(unit, number)
    ]
    found += [
        Unanalysed(f"{rule} gave up: what it follows is nested too deeply")
        for rule in dict.fromkeys(unfinished(unit))
    ]
    return (*found, *_abandoned(index, unit))


def _abandoned(index: Index, unit: Unit) -> Iterator[Unanalysed]:
    """One for each branch of a function that only old releases of a library compile."""
    seen = set()
    for match, release in abandoned(Stage(index, unit)):
        branch = (match.function, tags_at(unit, match))
        if branch not in seen:
            seen.add(branch)
            function = unit.module.functions[match.function]
            reason = f"the branch is for {release}, which its page does not describe"
            yield Unanalysed(reason, match.span, function.name)
