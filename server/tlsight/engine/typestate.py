"""Properties about what is done to an object, and when: the engine behind `kind = "typestate"`.

Absence is only claimed of an object that is made in this text and that no other code gets:
whatever is done to it, or to what it is made from, stands here then.
"""

from __future__ import annotations

from collections.abc import Iterator

from tlsight.engine.excuses import excuse
from tlsight.engine.match import Match
from tlsight.engine.objects import Place, objects
from tlsight.engine.paths import visited
from tlsight.engine.report import excused, finding, held, undecided
from tlsight.engine.roles import Stage, played
from tlsight.engine.unit import path
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import Call
from tlsight.rule import Check, Property
from tlsight.text import Span


def check_typestate(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check of a `typestate` property, and what is right or open."""
    table = played(stage)
    matches = [match for role in check.roles for match in table.get(role, ())]
    if not matches or not all(role in table for role in check.given):
        return
    if check.wrong == "reaches":
        for match in matches:
            yield from _reaching(stage, rule, check, match)
        return
    done: set[Place] = set()
    for match in matches:
        settled = excuse(stage, check, match)
        if settled is not None:
            yield from excused(stage, rule, match, settled)
            continue
        if not check.argument:
            steps = [step for role in check.needs_one for step in table.get(role, ())]
            if not steps:
                yield from _reported(stage, rule, check, match, [])
                return
            yield from _done(stage, rule, match, steps)
            continue
        known = objects(stage)
        place = known.of(match, check.argument)
        if place is None:
            yield from undecided(stage, rule, match.function, match.span, _UNKNOWN)
            continue
        for item in known.handed(place):
            # That this function returns it says nothing of what must stand before this step.
            mine = match.function if check.wrong == "not-before" else None
            reason = known.shared(item, mine)
            parts = list(known.closure(item))
            roles = {role for part in parts for role in part.roles}
            if reason:
                yield from undecided(stage, rule, match.function, match.span, reason)
            elif not roles.isdisjoint(check.needs_one):
                if stage.evidence:
                    steps = _steps(stage, check, item)
                    yield from _done(stage, rule, match, steps)
            elif roles >= set(check.given) and item not in done:
                done.add(item)
                made = [span for part in parts for span in part.made]
                yield from _reported(stage, rule, check, match, made)
                break


_UNKNOWN = "which object this is cannot be told here"


def _steps(stage: Stage, check: Check, place: Place) -> list[Match]:
    """What is done to an object of that which it needs."""
    known = objects(stage)
    return [
        other
        for role in check.needs_one
        for other in played(stage).get(role, ())
        if known.is_done(other, place)
    ]


def _done(stage: Stage, rule: Property, match: Match, steps: list[Match]) -> Iterator[Evidence]:
    names = dict.fromkeys(step.spelled for step in steps)
    seen = f"what {match.spelled} needs is done by {', '.join(names)}"
    related = tuple(Related(step.span, "here") for step in steps)
    yield from held(stage, rule, match.function, match.span, seen, related)


def _reaching(
    stage: Stage, rule: Property, check: Check, match: Match
) -> Iterator[Finding | Evidence]:
    """A step after which another must not come, on the same object, unless one in between."""
    sinks = [
        (other, slot or check.argument)
        for sink in check.sinks
        for role, _, slot in (sink.partition("."),)
        for other in played(stage).get(role, ())
        if other.function == match.function
    ]
    past = _nodes(stage, match, check.past)
    if not sinks or (check.past and not past) or not isinstance(match.site, Call):
        return
    known = objects(stage)
    place = known.of(match, check.argument)
    if place is None:
        return
    settled = excuse(stage, check, match)
    if settled is not None:
        yield from excused(stage, rule, match, settled)
        return
    stops = _nodes(stage, match, check.needs_one)
    handed = {
        name: number
        for slot, number in check.assumes.items()
        if (expr := match.arguments.get(slot)) is not None and (name := path(expr)) is not None
    }
    numbers = [stage.index.numbers[name] for name in check.results if name in stage.index.numbers]
    possible: list[int | None] = [*numbers] or [None]
    for number in possible:
        assumed = {} if number is None else {match.site.anchor: number}
        reached = visited(stage, match.function, match.node, handed, assumed, stops)
        starts: frozenset[int] = frozenset((match.node,))
        if check.past:
            again = _nodes(stage, match, check.roles) | stops
            starts = past & reached - {match.node}
            parts = (visited(stage, match.function, at, {}, {}, again) for at in starts)
            reached = frozenset().union(*parts)
        for other, slot in sinks:
            if other.node in reached - starts and known.of(other, slot) == place:
                yield from _reported(stage, rule, check, other, [match.span])
                return
    same = [other for other, slot in sinks if known.of(other, slot) == place]
    if same:
        names = ", ".join(dict.fromkeys(other.spelled for other in same))
        related = tuple(Related(other.span, "here") for other in same)
        seen = f"no way leads from {match.spelled} to {names}"
        seen += " past what must stand between them" if check.needs_one else ""
        yield from held(stage, rule, match.function, match.span, seen, related)


def _nodes(stage: Stage, match: Match, roles: tuple[str, ...]) -> frozenset[int]:
    """The steps of the function of a match that play one of these roles, on whatever object."""
    table = played(stage)
    return frozenset(
        other.node
        for role in roles
        for other in table.get(role, ())
        if other.function == match.function
    )


def _reported(
    stage: Stage, rule: Property, check: Check, match: Match, made: list[Span]
) -> Iterator[Finding]:
    note = "after this" if check.wrong == "reaches" else "it is made here"
    related = tuple(Related(span, note) for span in made[:3])
    words = {"argument": check.argument}
    found = finding(stage, rule, check, match, match.span, words, related=related)
    if found is not None:
        yield found
