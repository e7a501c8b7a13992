"""The objects of a unit, and the life of each: found once, for all checks of ownership."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tlsight.engine.callees import called
from tlsight.engine.deeds import (
    IT,
    Deed,
    all_deeds,
    deeds_of,
    named,
    resource_of_type,
)
from tlsight.engine.flow import definitions, following, is_in_loop
from tlsight.engine.life import Life, Status, Subject
from tlsight.engine.lives import Walk, done_to_parameter
from tlsight.engine.match import Match
from tlsight.engine.roles import Stage
from tlsight.engine.unit import last_name, strip
from tlsight.ir import Act, Call, CallKind, Expr, Literal, Member, Name
from tlsight.rule import Binding, Form, Resource
from tlsight.text import Span

_DEPTH = 3
_MEMORY = "memory"
"""The kind of resources that any code has: of those only that the right function releases them."""
_STATUS = {
    "make": Status.OWNED,
    "lend": Status.LENT,
    "take": Status.TAKEN,
    "release": Status.RELEASED,
}


@dataclass(frozen=True)
class Custody:
    """All lives of a unit."""

    lives: tuple[Life, ...]

    def match(self, life: Life) -> Match | None:
        """The match that findings about a life are made from."""
        subject = life.subject
        if subject.deed is not None:
            return subject.deed.match
        if subject.call is None or subject.resource is None:
            return None
        return self.stand_in(subject.function, subject.node, subject.call, subject.resource)

    def stand_in(self, function: int, node: int, expr: Expr, resource: Resource) -> Match:
        """A match for a place that no page speaks of by name."""
        form = resource.release or Form("", "", ())
        binding = Binding(resource.id, (), (form,), "")
        spelled = last_name(expr) if isinstance(expr, Call) else form.name
        site = expr if isinstance(expr, Call) else _as_call(expr)
        return Match(binding, form, function, node, site, expr.span, spelled, {})


def _as_call(expr: Expr) -> Call:
    """An operator that releases something, as a call without arguments."""
    start, end = expr.span
    name = Name(expr.span, "", start)
    return Call(expr.span, name, (), CallKind.CALL, start, Span(end, end))


def custody(stage: Stage) -> Custody:
    """The lives of all objects of a unit."""
    key = ("custody", stage.focus)
    known = stage.unit.cache.get(key)
    if known is None:
        lives = [life for function, _ in stage.asked() for life in _lives(stage, function)]
        known = stage.unit.cache[key] = Custody(tuple(lives))
    assert isinstance(known, Custody)
    return known


def _lives(stage: Stage, function: int) -> Iterator[Life]:
    found = tuple(subjects(stage, function))
    begins = frozenset(subject.node for subject in found)
    for subject in found:
        yield Walk(stage, subject, _DEPTH, begins).run()


def subjects(stage: Stage, function: int) -> Iterator[Subject]:
    """The objects of a function that are worth following."""
    around = stage.unit.module.functions[function]
    deeds = all_deeds(stage).get(function, ())
    shared = {
        name
        for _, _, deed in deeds
        if deed.deed in ("share", "keep") and (name := _name(deed)) is not None
    }
    for node, call, deed in deeds:
        status = _STATUS.get(deed.deed)
        if status is None or around.nodes[node].expanded or not _counts(deed, deeds):
            continue
        name = ""
        if status in (Status.RELEASED, Status.TAKEN):
            found = _name(deed)
            if found is None or found in shared:
                continue
            if not _is_mentioned(stage, function, node, found):
                continue
            name = found
        if status is Status.LENT and (
            not any(item.deed == "release" for _, _, item in deeds)
            or _is_shared(stage, function, call, deeds)
        ):
            continue
        resource = deed.resource if status is Status.OWNED else None
        spelled = deed.match.spelled
        yield Subject(function, node, call, status, name, deed, resource, spelled)
    yield from _of_helpers(stage, function, shared)


def _is_shared(
    stage: Stage, function: int, call: Call, deeds: tuple[tuple[int, Call, Deed], ...]
) -> bool:
    """Whether what a call lends, as an element of a list perhaps, is given another owner here."""
    for _, _, deed in deeds:
        argument = deed.at(IT) if deed.deed == "share" else None
        if argument is None:
            continue
        given = definitions(stage.unit, function).get(named(argument) or "", ())
        for value in (argument, *(item.value for item in given if item.value is not None)):
            inner = strip(value)
            if isinstance(inner, Call) and _lends(inner) == _lends(call):
                return True
    return False


def _lends(call: Call) -> tuple[str, str | None]:
    """What a call lends something out of: by its name, and its first argument."""
    return last_name(call), named(call.arguments[0]) if call.arguments else None


def _counts(deed: Deed, deeds: tuple[tuple[int, Call, Deed], ...]) -> bool:
    """Whether an object is asked about; plain memory only where another kind is released."""
    if deed.resource.kind != _MEMORY:
        return True
    return deed.deed == "make" and any(
        other.deed == "release" and other.resource.kind != _MEMORY for _, _, other in deeds
    )


def _name(deed: Deed) -> str | None:
    argument = deed.at(IT)
    return named(argument) if argument is not None else None


def _is_mentioned(stage: Stage, function: int, node: int, name: str) -> bool:
    """Whether a name stands in a step that may come after one, or again in it."""
    if is_in_loop(stage.unit, function, node):
        return True
    places = _mentions(stage, function).get(name, ())
    if len(places) < 2:
        return False
    after = following(stage.unit, function, node)
    return any(at in after for at in places if at != node) or places.count(node) > 1


def _mentions(stage: Stage, function: int) -> Mapping[str, tuple[int, ...]]:
    key = ("mentions", function)
    known = stage.unit.kept.get(key)
    if known is None:
        found: dict[str, list[int]] = {}
        around = stage.unit.module.functions[function]
        for at, expr in around.each(Name, Member):
            if (name := named(expr)) is not None:
                found.setdefault(name, []).append(at)
        known = stage.unit.kept[key] = {name: tuple(items) for name, items in found.items()}
    assert isinstance(known, dict)
    return known


def _of_helpers(stage: Stage, function: int, shared: set[str]) -> Iterator[Subject]:
    """The objects that functions of the unit make for this one, or release."""
    around = stage.unit.module.functions[function]
    for at, call in around.each(Call):
        if around.nodes[at].expanded:
            continue
        bodies = called(stage.unit, call)
        if not bodies or deeds_of(stage, function, at, call):
            continue
        made = {fresh(stage, body) for body in bodies}
        resource = made.pop() if len(made) == 1 else None
        if resource is not None:
            spelled = last_name(call)
            yield Subject(function, at, call, Status.OWNED, "", None, resource, spelled)
        for number, argument in enumerate(call.arguments):
            name = named(argument)
            if name is None or name in shared:
                continue
            if not _is_mentioned(stage, function, at, name):
                continue
            kinds = {_released(stage, body, number) for body in bodies}
            known = kinds.pop() if len(kinds) == 1 else None
            if known is not None:
                spelled = last_name(call)
                yield Subject(function, at, call, Status.RELEASED, name, None, known, spelled)


def _released(stage: Stage, body: int, number: int) -> Resource | None:
    """The resource that a function of the unit releases on all of its ways."""
    parameters = stage.unit.module.functions[body].parameters
    if number >= len(parameters):
        return None
    resource = resource_of_type(stage, parameters[number].type)
    if resource is None:
        return None
    done = done_to_parameter(stage, body, number, resource)
    return resource if done == "releases" else None


def fresh(stage: Stage, function: int, depth: int = _DEPTH) -> Resource | None:
    """The resource of which a function of the unit returns a new object, or nothing."""
    key = ("fresh", function)
    if key not in stage.unit.cache:
        stage.unit.cache[key] = None
        stage.unit.cache[key] = _fresh(stage, function, depth)
    known = stage.unit.cache[key]
    assert known is None or isinstance(known, Resource)
    return known


def _fresh(stage: Stage, function: int, depth: int) -> Resource | None:
    around = stage.unit.module.functions[function]
    resource = resource_of_type(stage, around.result)
    if resource is None or not all_deeds(stage).get(function):
        return None
    returned: set[int] = set()
    for node, call, deed in all_deeds(stage).get(function, ()):
        if deed.deed == "make" and deed.resource.id == resource.id:
            subject = Subject(function, node, call, Status.OWNED, "", deed, resource)
            life = Walk(stage, replace(subject, spelled=deed.match.spelled), depth - 1).run()
            returned |= {event.node for event in life.of("returned")}
    for at, step in enumerate(around.nodes):
        if step.act is Act.RETURN and at not in returned:
            value = strip(step.expr) if step.expr is not None else None
            if not isinstance(value, Literal) or value.value not in (None, 0):
                return None
    return resource if returned else None
