"""Steps after which another must not come: the engine behind `wrong = "reaches"`.

A walk from the step knows what the call has yielded, and what variables then hold. It stays on the
steps from which it is still possible to come to one that must not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tlsight.engine.excuses import excuse
from tlsight.engine.flow import following, leading, rebound
from tlsight.engine.inserting import moved
from tlsight.engine.match import Match
from tlsight.engine.objects import Objects, Place, objects
from tlsight.engine.paths import visited
from tlsight.engine.report import excused, finding, held, undecided
from tlsight.engine.roles import Stage, played
from tlsight.engine.steps import of_function, steps, steps_inside
from tlsight.engine.unit import path
from tlsight.finding import Evidence, Finding, Fix, Related
from tlsight.ir import Call, Opaque
from tlsight.rule import Check, Property

_SHARED = "code that is not in this file has the object, too"


def reaching(
    stage: Stage, rule: Property, check: Check, match: Match
) -> Iterator[Finding | Evidence]:
    """A step after which another must not come, on the same object, unless one in between."""
    if not isinstance(match.site, Call) or not any(
        of_function(stage, sink.partition(".")[0], match.function) for sink in check.sinks
    ):
        return
    known = objects(stage)
    place = known.of(match, check.argument)
    if place is None:
        return
    routes = _routes(stage, check, match, place)
    if match.node not in routes.first:
        yield from _kept_apart(stage, rule, check, match, routes)
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
    found = _followed(stage, check, match, routes)
    if found is None:
        yield from _kept_apart(stage, rule, check, match, routes)
        return
    related = (Related(match.span, "after this"),)
    words = {"argument": check.argument}
    fixes: tuple[Fix, ...] = ()
    if check.move and rule.safety is not None:
        after = following(stage.unit, match.function, match.node)
        late = [item for item in routes.sinks if item.node in after and item.span > match.span]
        fixes = moved(stage, rule, sorted(late, key=lambda item: item.span), match)
    item = finding(stage, rule, check, found, found.span, words, related=related, fixes=fixes)
    if item is not None:
        yield item


def _followed(stage: Stage, check: Check, match: Match, routes: _Routes) -> Match | None:
    """The first step that comes after another one, and must not."""
    handed = {
        name: number
        for slot, number in check.assumes.items()
        if (expr := match.arguments.get(slot)) is not None and (name := path(expr)) is not None
    }
    assert isinstance(match.site, Call)
    possible: list[int | None] = [*stage.index.numbered(check.results)] or [None]
    function = match.function
    own = rebound(stage.unit, function, match.arguments.get(check.argument), match.node)
    for number in possible:
        assumed = {} if number is None else {match.site.anchor: number}
        stops = routes.stops | own
        if check.past or handed or assumed:
            after = visited(stage, function, match.node, handed, assumed, stops, routes.first)
        else:  # nothing is known that could tell one way from another
            after = following(stage.unit, function, match.node, stops)
        starts: frozenset[int] = frozenset((match.node,))
        if check.past:
            starts = routes.middle & after - {match.node}
            again = routes.again | own
            parts = (visited(stage, function, at, {}, {}, again, routes.second) for at in starts)
            after = frozenset().union(*parts)
        for other in routes.sinks:
            if other.node in after - starts and not (
                check.lone and _comes_back(stage, other, match)
            ):
                return other
    return None


def _comes_back(stage: Stage, other: Match, match: Match) -> bool:
    return match.node in following(stage.unit, match.function, other.node)


def _kept_apart(
    stage: Stage, rule: Property, check: Check, match: Match, routes: _Routes
) -> Iterator[Evidence]:
    if stage.evidence and routes.sinks:
        names = ", ".join(dict.fromkeys(other.spelled for other in routes.sinks))
        related = tuple(Related(other.span, "here") for other in routes.sinks)
        told = f"no way leads from {match.spelled} to {names}"
        told += " past what must stand between them" if check.needs_one else ""
        yield from held(stage, rule, match.function, match.span, told, related)


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
    unit, function, known = stage.unit, match.function, objects(stage)
    wanted = _tied(stage, known, check, match, place)
    sinks = tuple(
        other
        for sink in check.sinks
        for role, _, slot in (sink.partition("."),)
        for other in of_function(stage, role, function)
        if known.of(other, slot or check.argument) in wanted
    )
    goals = frozenset(other.node for other in sinks)
    once = steps(stage, function, (*check.needs_one, *check.ends))
    once |= steps_inside(stage, function, check.needs_one)
    # What comes after another one of the same object is asked about that one.
    stops = once | {
        other.node
        for role in check.roles
        for other in of_function(stage, role, function)
        if known.of(other, check.argument) == place
    }
    if not check.past:
        stops |= goals  # one is enough
        return _Routes(sinks, stops, stops, stops, leading(unit, function, goals, stops), goals)
    again = once | goals | steps(stage, function, check.roles)
    second = leading(unit, function, goals, again)
    middle = steps(stage, function, check.past) & second
    return _Routes(sinks, stops, again, middle, leading(unit, function, middle, stops), second)


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
