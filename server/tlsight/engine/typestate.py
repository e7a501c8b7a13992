"""Properties about what is done to an object, and when: the engine behind `kind = "typestate"`.

Absence is only claimed of an object that is made in this text and that no other code gets:
whatever is done to it, or to what it is made from, stands here then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlsight.engine.flow import leading
from tlsight.engine.match import Match
from tlsight.engine.objects import Objects, Place, objects
from tlsight.engine.paths import Way, visited
from tlsight.engine.report import finding
from tlsight.engine.roles import Stage, excused, played
from tlsight.engine.unit import path
from tlsight.finding import Finding, Related
from tlsight.ir import Call
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
        if excused(stage, check, match):
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


@dataclass(frozen=True)
class _Routes:
    """The ways of one function on which a step may be followed by what must not come after it.

    They hold for one check and one object, whatever the variables hold: a walk stays on them.
    """

    sinks: tuple[Match, ...]
    """What must not come, in order."""
    stops: frozenset[int]
    """Steps after which it may, and those that begin anew with this object."""
    again: frozenset[int]
    """Steps after which it may, and those that begin anew with whatever object."""
    middle: frozenset[int]
    """With `past`: the steps that must lie in between, and are followed by a sink."""
    first: frozenset[int]
    """On the way to the middle or, without one, to a sink."""
    second: frozenset[int]
    """On the way from the middle to a sink."""


def _routes(stage: Stage, check: Check, match: Match, place: Place) -> _Routes:
    """The routes of a check through the function of a match, for the object at a place."""
    key = ("routes", id(check), match.function, place)
    known = stage.unit.cache.get(key)
    if known is None:
        known = stage.unit.cache[key] = _new_routes(stage, check, match, place)
    assert isinstance(known, _Routes)
    return known


def _new_routes(stage: Stage, check: Check, match: Match, place: Place) -> _Routes:
    unit, function, on_object = stage.unit, match.function, objects(stage).of
    sinks = tuple(
        other
        for sink in check.sinks
        for role, _, slot in (sink.partition("."),)
        for other in _of_function(stage, role, function)
        if on_object(other, slot or check.argument) == place
    )
    goals = frozenset(other.node for other in sinks)
    once = _nodes(stage, function, check.needs_one)
    # What comes after another one of the same object is asked about that one.
    stops = once | {
        other.node
        for role in check.roles
        for other in _of_function(stage, role, function)
        if on_object(other, check.argument) == place
    }
    if not check.past:
        return _Routes(sinks, stops, stops, stops, leading(unit, function, goals, stops), goals)
    again = once | _nodes(stage, function, check.roles)
    second = leading(unit, function, goals, again)
    middle = _nodes(stage, function, check.past) & second
    return _Routes(sinks, stops, again, middle, leading(unit, function, middle, stops), second)


def _reaching(stage: Stage, rule: Property, check: Check, match: Match) -> Iterator[Finding]:
    """A step after which another must not come, on the same object, unless one in between."""
    if not isinstance(match.site, Call) or not any(
        _of_function(stage, sink.partition(".")[0], match.function) for sink in check.sinks
    ):
        return
    place = objects(stage).of(match, check.argument)
    if place is None:
        return
    routes = _routes(stage, check, match, place)
    if match.node not in routes.first or excused(stage, check, match):
        return
    handed = {
        name: number
        for slot, number in check.assumes.items()
        if (expr := match.arguments.get(slot)) is not None and (name := path(expr)) is not None
    }
    numbers = [stage.index.numbers[name] for name in check.results if name in stage.index.numbers]
    possible: list[int | None] = [*numbers] or [None]
    for number in possible:
        assumed = {} if number is None else {match.site.anchor: number}
        way = Way(stage, match.function, routes.stops, routes.first)
        reached = visited(way, match.node, handed, assumed)
        starts: frozenset[int] = frozenset((match.node,))
        if check.past:
            starts = routes.middle & reached - {match.node}
            way = Way(stage, match.function, routes.again, routes.second)
            reached = frozenset().union(*(visited(way, at, {}, {}) for at in starts))
        for other in routes.sinks:
            if other.node in reached - starts:
                yield from _reported(stage, rule, check, other, [match.span])
                return


def _of_function(stage: Stage, role: str, function: int) -> Sequence[Match]:
    """The matches of a function that play a role."""
    key = ("played by function", role)
    known = stage.unit.cache.get(key)
    if known is None:
        found: dict[int, list[Match]] = {}
        for match in played(stage).get(role, ()):
            found.setdefault(match.function, []).append(match)
        known = stage.unit.cache[key] = found
    assert isinstance(known, dict)
    matches: Sequence[Match] = known.get(function, ())
    return matches


def _nodes(stage: Stage, function: int, roles: tuple[str, ...]) -> frozenset[int]:
    """The steps of a function that play one of these roles, on whatever object."""
    return frozenset(other.node for role in roles for other in _of_function(stage, role, function))


def _reported(
    stage: Stage, rule: Property, check: Check, match: Match, made: list[Span]
) -> Iterator[Finding]:
    note = "after this" if check.wrong == "reaches" else "it is made here"
    related = tuple(Related(span, note) for span in made[:3])
    words = {"argument": check.argument}
    found = finding(stage, rule, check, match, match.span, words, related=related)
    if found is not None:
        yield found
