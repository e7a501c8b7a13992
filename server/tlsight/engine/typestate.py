"""Properties about what is done to an object, and when: the engine behind `kind = "typestate"`.

Absence is only claimed of an object that is made in this text and that no other code gets:
whatever is done to it, or to what it is made from, stands here then.
"""

from __future__ import annotations

from collections.abc import Iterator

from tlsight.engine.callees import called, reached
from tlsight.engine.index import signed
from tlsight.engine.match import Match
from tlsight.engine.objects import Objects, Place, objects
from tlsight.engine.paths import decides, visited
from tlsight.engine.report import finding
from tlsight.engine.roles import Stage, excused, played
from tlsight.engine.unit import path
from tlsight.finding import Finding, Related
from tlsight.ir import Call, walk
from tlsight.rule import Check, Property
from tlsight.text import Span


def check_typestate(stage: Stage, rule: Property, check: Check) -> Iterator[Finding]:
    """All findings of one check of a `typestate` property."""
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
        if excused(stage, check, match) or (check.decides and not decides(stage, match)):
            continue
        if not check.argument:
            if not any(role in table for role in check.needs_one):
                yield from _reported(stage, rule, check, match, [])
                return
            continue
        known = objects(stage)
        place = known.of(match, check.argument)
        if place is None:
            continue
        for item in known.handed(place):
            made = _lacking(known, check, item, match.function)
            if made is not None and item not in done:
                done.add(item)
                yield from _reported(stage, rule, check, match, made)
                break


def _lacking(known: Objects, check: Check, place: Place, function: int) -> list[Span] | None:
    """Where an object is made on which nothing that is needed is ever done; None otherwise.

    For `not-before`, that this function returns it says nothing: it does so afterwards.
    """
    mine = {function} if check.wrong == "not-before" else set()
    made: list[Span] = []
    roles: set[str] = set()
    for index, part in enumerate(known.closure(place)):
        if part.open or part.returned - mine:
            return None
        if not (part.made or part.handed or (index and part.told)):
            return None
        made += part.made
        roles |= part.roles
    if not roles.isdisjoint(check.needs_one):
        return None
    if not roles >= set(check.given):
        return None
    return made


def _reaching(stage: Stage, rule: Property, check: Check, match: Match) -> Iterator[Finding]:
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
    if place is None or excused(stage, check, match):
        return
    if check.needs_one and next(known.closure(place)).open:
        return  # what other code does with it in between is not known
    stops = _nodes(stage, match, check.needs_one) | _inside(stage, match, check.needs_one)
    handed = {
        name: number
        for slot, number in check.assumes.items()
        if (expr := match.arguments.get(slot)) is not None and (name := path(expr)) is not None
    }
    numbers = [
        number
        for name in check.results
        if (number := stage.index.numbers.get(name, signed(name))) is not None
    ]
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
                yield from _reported(stage, rule, check, other, [match.span])
                return


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
    found = finding(stage, rule, check, match, match.span, words, related=related)
    if found is not None:
        yield found
