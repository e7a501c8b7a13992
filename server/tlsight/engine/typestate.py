"""Properties about what is done to an object, and when: the engine behind `kind = "typestate"`.

Absence is only claimed of an object that is made in this text and that no other code gets:
whatever is done to it, or to what it is made from, stands here then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tlsight.engine.callees import called, reached
from tlsight.engine.excuses import excuse
from tlsight.engine.flow import rebound
from tlsight.engine.leftovers import leftovers
from tlsight.engine.match import Match
from tlsight.engine.mending import by_page, inserted
from tlsight.engine.objects import Objects, Place, objects
from tlsight.engine.paths import decides, visited
from tlsight.engine.report import excused, finding, held, undecided
from tlsight.engine.retries import differing
from tlsight.engine.roles import Stage, played
from tlsight.engine.unit import path
from tlsight.finding import Evidence, Finding, Fix, Related
from tlsight.ir import Call, Opaque, walk
from tlsight.rule import Check, Property
from tlsight.text import Span


def check_typestate(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check of a `typestate` property, and what is right or open."""
    table = played(stage)
    matches = [match for role in check.roles for match in table.get(role, ())]
    if not matches or not all(role in table for role in check.given):
        return
    if check.wrong == "left-over":
        yield from leftovers(stage, rule, check)
        return
    if check.wrong == "reaches":
        for match in matches:
            yield from _reaching(stage, rule, check, match)
        return
    if check.wrong == "differs":
        for match in matches:
            yield from _repeated(stage, rule, check, match)
        return
    done: set[Place] = set()
    for match in matches:
        if check.decides and not decides(stage, match):
            continue
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
            state = _state(known, check, item, match.function)
            if state.reason:
                yield from undecided(stage, rule, match.function, match.span, state.reason)
            elif not state.roles.isdisjoint(check.needs_one):
                if stage.evidence:
                    steps = _steps(stage, check, item)
                    yield from _done(stage, rule, match, steps)
            elif state.roles >= set(check.given) and item not in done:
                done.add(item)
                yield from _reported(stage, rule, check, match, state.made)
                break


_UNKNOWN = "which object this is cannot be told here"
_SHARED = "code that is not in this file has the object, too"


class _State(NamedTuple):
    """What is known of an object: where it is made, what is done to it, or why not all of that."""

    made: list[Span]
    roles: set[str]
    reason: str


def _state(known: Objects, check: Check, place: Place, function: int) -> _State:
    """What becomes of an object, and of all that counts as done to it.

    For `not-before`, that this function returns it says nothing: it does so afterwards.
    """
    parts = list(known.closure(place))
    return _State(
        [span for part in parts for span in part.made],
        {role for part in parts for role in part.roles},
        known.shared(place, function if check.wrong == "not-before" else None),
    )


def _repeated(
    stage: Stage, rule: Property, check: Check, match: Match
) -> Iterator[Finding | Evidence]:
    """A step that is repeated as it must not be, on an object that does not allow it."""
    settled = excuse(stage, check, match)
    if settled is not None:
        yield from excused(stage, rule, match, settled)
        return
    known = objects(stage)
    place = known.of(match, check.argument)
    for item in known.handed(place) if place is not None else ():
        state = _state(known, check, item, match.function)
        if state.reason:
            yield from undecided(stage, rule, match.function, match.span, state.reason)
        elif not state.roles.isdisjoint(check.needs_one):
            yield from _done(stage, rule, match, _steps(stage, check, item))
        else:
            found = list(differing(stage, rule, check, match))
            yield from found
            if not found:
                reason = f"nothing shows that {match.spelled} is repeated with anything else"
                yield from undecided(stage, rule, match.function, match.span, reason)
            return


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
    if check.lone and not _is_lone(stage, check, match, place):
        return
    if check.needs_one and next(known.closure(place)).open:
        # What other code does with it in between is not known.
        yield from undecided(stage, rule, match.function, match.span, _SHARED)
        return
    stops = _nodes(stage, match, check.needs_one) | _inside(stage, match, check.needs_one)
    stops |= rebound(stage.unit, match.function, match.arguments.get(check.argument), match.node)
    handed = {
        name: number
        for slot, number in check.assumes.items()
        if (expr := match.arguments.get(slot)) is not None and (name := path(expr)) is not None
    }
    numbers = stage.index.numbered(check.results)
    wanted = _tied(stage, known, check, match, place)
    possible: list[int | None] = [*numbers] or [None]
    for number in possible:
        assumed = {} if number is None else {match.site.anchor: number}
        seen = visited(stage, match.function, match.node, handed, assumed, stops)
        starts: frozenset[int] = frozenset((match.node,))
        if check.past:
            again = _nodes(stage, match, check.roles) | stops
            starts = past & seen - {match.node}
            parts = (visited(stage, match.function, at, {}, {}, again) for at in starts)
            seen = frozenset().union(*parts)
        for other, slot in sinks:
            if other.node in seen - starts and known.of(other, slot) in wanted:
                if check.lone and match.node in visited(
                    stage, match.function, other.node, {}, {}, frozenset()
                ):
                    continue
                yield from _reported(stage, rule, check, other, [match.span])
                return
    same = [other for other, slot in sinks if known.of(other, slot) in wanted]
    if same:
        names = ", ".join(dict.fromkeys(other.spelled for other in same))
        related = tuple(Related(other.span, "here") for other in same)
        told = f"no way leads from {match.spelled} to {names}"
        told += " past what must stand between them" if check.needs_one else ""
        yield from held(stage, rule, match.function, match.span, told, related)


def _is_lone(stage: Stage, check: Check, match: Match, place: Place) -> bool:
    """Whether the object is a local that is made in this function, and the step the only one on it.

    No other code gets it, so what is done to it later is done for nobody.
    """
    known = objects(stage)
    name = path(match.arguments.get(check.argument) or Opaque(match.span, ()))
    around = stage.unit.module.functions[match.function]
    if name is None or name not in stage.unit.variables[match.function]:
        return False
    if any(item.name == name for item in around.parameters):
        return False
    if any(item.static for item in stage.unit.variables[match.function][name]):
        return False
    parts = list(known.closure(place))
    if not parts[0].made or any(part.open or part.returned for part in parts):
        return False
    again = [
        other
        for role in check.roles
        for other in played(stage).get(role, ())
        if other.site is not match.site
        and (there := known.of(other, check.argument)) is not None
        and place in known.handed(there)
    ]
    return not again


def _nodes(stage: Stage, match: Match, roles: tuple[str, ...]) -> frozenset[int]:
    """The steps of the function of a match that play one of these roles, on whatever object."""
    table = played(stage)
    return frozenset(
        other.node
        for role in roles
        for other in table.get(role, ())
        if other.function == match.function
    )


def _inside(stage: Stage, match: Match, roles: tuple[str, ...]) -> frozenset[int]:
    """The steps of the function of a match that call functions of the unit which play a role."""
    table = played(stage)
    playing = {other.function for role in roles for other in table.get(role, ())}
    nodes = stage.unit.module.functions[match.function].nodes
    return frozenset(
        at
        for at, node in enumerate(nodes)
        for expr in (walk(node.evaluates) if playing and node.evaluates is not None else ())
        if isinstance(expr, Call)
        and any(playing & reached(stage.unit, body) for body in called(stage.unit, expr))
    )


def _tied(
    stage: Stage, known: Objects, check: Check, match: Match, place: Place
) -> frozenset[Place | None]:
    """The objects of sinks: the very one, or those that calls of the function tie to it."""
    role, _, slot = check.tied.partition(".")
    if not role:
        return frozenset((place,))
    return frozenset(
        tied
        for other in played(stage).get(role, ())
        if other.function == match.function and known.of(other, check.argument) == place
        if (tied := known.of(other, slot)) is not None
    )


def _reported(
    stage: Stage, rule: Property, check: Check, match: Match, made: list[Span]
) -> Iterator[Finding]:
    note = "after this" if check.wrong == "reaches" else "it is made here"
    related = tuple(Related(span, note) for span in made[:3])
    words = {"argument": check.argument}
    fixes: tuple[Fix, ...] = ()
    if rule.safety is not None:
        mended = inserted(stage, rule, check, match) if check.insert else ()
        fixes = mended or by_page(stage, rule, match)
    found = finding(stage, rule, check, match, match.span, words, related=related, fixes=fixes)
    if found is not None:
        yield found
