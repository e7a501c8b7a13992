"""What an object really allows at a point: what states each of its traits, and what is default.

Pages say which traits the objects of a type have, and which calls state them. Of the calls in the
function around, those count that reach the point; of other functions, all that may be done to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tlsight.engine.flow import BUDGET, predecessors
from tlsight.engine.match import Match, matches
from tlsight.engine.objects import RESULT, Objects, Place, objects
from tlsight.engine.roles import Stage
from tlsight.engine.unit import bare, template_argument
from tlsight.finding import Portrait, Trait
from tlsight.ir import Act, Expr, Member, Name
from tlsight.rule import Trait as Rule
from tlsight.text import Span


class _Subject(NamedTuple):
    """A name in the text, and the step in which it stands."""

    function: int
    node: int
    expr: Expr
    span: Span


def portrait(stage: Stage, offset: int) -> Portrait | None:
    """What is known of the object whose name stands at a byte; None if that is none with traits."""
    for subject in _subjects(stage, offset):
        kind = _type(stage, subject)
        rules = [
            rule
            for library in stage.index.rulebook.libraries.values()
            for rule in library.traits
            if kind in rule.on
        ]
        known = objects(stage)
        place = known.at(subject.function, subject.expr)
        if not rules or place is None:
            continue
        name = stage.unit.data[subject.span.start : subject.span.end].decode(errors="replace")
        traits = tuple(
            found
            for rule in rules
            if (found := _trait(stage, known, rule, subject, place)) is not None
        )
        shared = known.shared(place)
        if shared:
            traits = tuple(item if item.places else _unstated(item) for item in traits)
        return Portrait(subject.span, name, kind, traits, shared)
    return None


def _subjects(stage: Stage, offset: int) -> Iterator[_Subject]:
    """The names at a byte: of a variable that is declared there, or in an expression."""
    for number, function in reversed(list(enumerate(stage.unit.module.functions))):
        if not function.span.start <= offset <= function.span.end:
            continue
        for parameter in function.parameters:
            if _holds(parameter.name_span, offset):
                span = parameter.name_span
                yield _Subject(number, 0, Name(span, parameter.name, span.start), span)
        for at, node in enumerate(function.nodes):
            if not _holds(node.span, offset):
                continue
            if node.act is Act.DECLARE and node.variable is not None:
                span = node.variable.name_span
                if _holds(span, offset):
                    yield _Subject(number, at, Name(span, node.variable.name, span.start), span)
            for part in node.everything:
                if isinstance(part, (Name, Member)) and _holds(part.span, offset):
                    end = part.span.end
                    start = part.span.start
                    if isinstance(part, Member):
                        start = end - len(part.name.encode())
                    if start <= offset:
                        yield _Subject(number, at, part, Span(start, end))


def _holds(span: Span, offset: int) -> bool:
    return span.start <= offset <= span.end and span.start < span.end


def _type(stage: Stage, subject: _Subject) -> str:
    """The class of the object itself, behind pointers and smart pointers."""
    kind = stage.unit.type_of(subject.function, subject.expr) or ""
    resolved = stage.unit.resolved_type(kind)
    inner = template_argument(kind) or template_argument(resolved)
    return bare(inner or kind)


def _trait(
    stage: Stage, known: Objects, rule: Rule, subject: _Subject, place: Place
) -> Trait | None:
    if rule.given and not known.steps(rule.given, place):
        return None
    calls = known.steps(rule.roles, place)
    makers = _makers(stage, known, subject, place)
    early = [
        match
        for match in calls
        if any(known.is_done(match, other) for _, other in makers)
        and not known.is_done(match, place, alone=True)
    ]
    later = [match for match in calls if match not in early]
    found, passed = _before(stage, subject.function, [subject.node], later, rule.add)
    points = [node for node, _ in makers if node in passed]
    if points:
        found += _before(stage, subject.function, points, early, rule.add)[0]
    spans = tuple(sorted({match.span for match in found}))
    if not spans:
        return Trait(rule.title, rule.default)
    told = " · ".join(dict.fromkeys(_text(stage, span) for span in spans))
    return Trait(rule.title, told, spans)


def _unstated(trait: Trait) -> Trait:
    return Trait(trait.title, f"nothing in this file states it ({trait.told})")


def _makers(
    stage: Stage, known: Objects, subject: _Subject, place: Place
) -> list[tuple[int, Place]]:
    """The steps of the function around that make the object from another, and that other.

    It has what that other had then: what is done to the other later does not reach it.
    """
    return [
        (match.node, other)
        for match in matches(stage.index, stage.unit)
        if match.binding.makes
        and match.function == subject.function
        and known.of(match, RESULT) == place
        and (source := match.binding.gives.get(RESULT)) is not None
        and (other := known.of(match, source)) is not None
    ]


def _before(
    stage: Stage, function: int, points: list[int], calls: list[Match], add: bool
) -> tuple[list[Match], set[int]]:
    """Those of some calls that reach a point, and the steps that were passed on the way back.

    Unless they add up, the last one on each way counts. Calls of other functions reach the point
    unless one of this function stands before it on every way.
    """
    here = {match.node: match for match in calls if match.function == function}
    before = predecessors(stage.unit, function)
    found: list[Match] = []
    waiting = list(points)
    seen: set[int] = set()
    while waiting and len(seen) <= BUDGET:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in here:
            found.append(here[at])
        if at not in here or add:
            waiting += before[at]
    if 0 in seen:
        found += [match for match in calls if match.function != function]
    return found, seen


def _text(stage: Stage, span: Span) -> str:
    return " ".join(stage.unit.data[span.start : span.end].decode(errors="replace").split())
