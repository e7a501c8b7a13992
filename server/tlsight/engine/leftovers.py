"""What a function leaves behind for its own next call: the engine behind `wrong = "left-over"`.

Some state belongs to the thread and not to an object: whoever finds it there takes it for his own.
A function that neither clears it before it asks, nor on the way out after a failure has put
something there, is misled by itself the next time that it is called, for another object perhaps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from tlsight.engine.callees import called
from tlsight.engine.flow import following, is_in_loop, leading, set_anew
from tlsight.engine.index import tail
from tlsight.engine.match import Match
from tlsight.engine.mending import by_page
from tlsight.engine.objects import RESULT, Objects, objects
from tlsight.engine.paths import walked
from tlsight.engine.report import finding, held
from tlsight.engine.roles import Stage, played
from tlsight.engine.steps import of_function, steps
from tlsight.engine.unit import Unit, bare, last_name, path, strip
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import Act, Assign, Call, Node, Opaque
from tlsight.rule import Check, Property

_MAIN = "main"


def leftovers(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """The steps that may find what an earlier call of the function around has left behind."""
    table = played(stage)
    asked = [match for role in check.roles for match in table.get(role, ())]
    cleaning = _Cleaning(stage, check)
    if _is_settled(stage, check):
        return
    for number in dict.fromkeys(match.function for match in asked):
        mine = [match for match in asked if match.function == number]
        if _is_cleared_around(stage, cleaning, number):
            for match in mine:
                seen = "what is left behind is cleared around it"
                yield from held(stage, rule, number, match.span, seen)
            continue
        cleared = cleaning.nodes(number)
        uncleared = following(stage.unit, number, 0, cleared) - cleared
        for match in mine:
            if match.node not in uncleared:
                seen = "what is left behind is cleared before it"
                yield from held(stage, rule, number, match.span, seen)
        subjects = {item.node: item for item in mine if item.node in uncleared}
        for match, left in _first(stage, check, cleaning, number, subjects):
            related = (Related(left.span, "what this finds is left behind"),)
            fixes = by_page(stage, rule, match)
            found = finding(stage, rule, check, match, match.span, {}, related=related, fixes=fixes)
            if found is not None:
                yield found


def _first(
    stage: Stage, check: Check, cleaning: _Cleaning, number: int, subjects: Mapping[int, Match]
) -> Iterator[tuple[Match, Match]]:
    """The first steps on the ways from the entry that find what is left, and what leaves it.

    Those behind them find what these have found already, and are not asked about.
    """
    nodes = stage.unit.module.functions[number].nodes
    stops = cleaning.nodes(number)
    seen, waiting = {0}, [0]
    while waiting:
        at = waiting.pop()
        if at in stops:
            continue
        match = subjects.get(at)
        if match is not None and _comes_again(stage, check, match):
            left = _leaving(stage, check, cleaning, match)
            if left is not None:
                yield match, left
                continue
        for edge in nodes[at].next:
            if edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)


def _is_settled(stage: Stage, check: Check) -> bool:
    """Whether the unit plays a role in `unless` where the step does not come next."""
    settling: dict[int, set[int]] = {}
    for role in check.unless:
        for match in played(stage).get(role, ()):
            settling.setdefault(match.function, set()).add(match.node)
    return any(
        nodes - leading(stage.unit, function, steps(stage, function, check.roles), frozenset())
        for function, nodes in settling.items()
    )


def _leaving(stage: Stage, check: Check, cleaning: _Cleaning, match: Match) -> Match | None:
    """The question about a step after whose answer the function ends and has not cleared."""
    known = objects(stage)
    place = known.of(match, check.argument)
    function = match.function
    result = _result(match, stage.unit.module.functions[function].nodes[match.node])
    anew = set_anew(stage.unit, function, result) - {match.node} if result else frozenset()
    for other in _asking(stage, check, function).get(match.node, ()):
        same = place is not None and known.of(other, check.argument) == place
        if (
            same
            and _leads(stage, check, match, other.node, anew)
            and _is_left(stage, check, cleaning, other, match.node, result)
        ):
            return other
    for at, body in _handed_to(stage, function, result) if result is not None else ():
        if at != match.node and _leads(stage, check, match, at, anew):
            found = _leaving_there(stage, check, cleaning, match, at, body)
            if found is not None:
                return found
    return None


def _asking(stage: Stage, check: Check, function: int) -> Mapping[int, Sequence[Match]]:
    """The questions of a function by the steps from which they may come next."""
    key = ("asking", check.place, function)
    known = stage.unit.cache.get(key)
    if known is None:
        asked = steps(stage, function, check.roles)
        found: dict[int, list[Match]] = {}
        for role in check.sinks:
            for other in of_function(stage, role, function):
                goal = frozenset((other.node,))
                before = leading(stage.unit, function, goal, asked)
                for at in sorted((before | goal) & asked):
                    found.setdefault(at, []).append(other)
        known = stage.unit.cache[key] = found
    assert isinstance(known, dict)
    return known


def _leads(stage: Stage, check: Check, match: Match, at: int, anew: frozenset[int]) -> bool:
    """Whether a node comes after a step, with no other such step, nor its result lost, between."""
    if at == match.node:
        return True
    stops = steps(stage, match.function, check.roles) | anew
    goal = frozenset((at,))
    return at not in stops and match.node in leading(stage.unit, match.function, goal, stops)


def _leaving_there(
    stage: Stage, check: Check, cleaning: _Cleaning, match: Match, at: int, body: int
) -> Match | None:
    """The question, where another function of the unit asks it, if neither of them clears."""
    before = following(stage.unit, match.function, match.node, frozenset((at, match.node)))
    after = following(stage.unit, match.function, at)
    if (before | after) & (cleaning.nodes(match.function) - {at}):
        return None  # perhaps just where the other function says that it failed
    for role in check.sinks:
        for other in of_function(stage, role, body):
            if _is_left(stage, check, cleaning, other, 0, None):
                return other
    return None


def _is_left(
    stage: Stage, check: Check, cleaning: _Cleaning, match: Match, start: int, result: str | None
) -> bool:
    """Whether the function can end after an answer, without having cleared, and cares which it is.

    `start` is the step about which is asked, `result` the variable that holds its result.
    """
    number = match.function
    stops = cleaning.nodes(number)
    if not isinstance(match.site, Call) or match.node in stops:
        return False
    handed: dict[str, int] = {}
    for slot, value in check.assumes.items():
        name = path(match.arguments.get(slot) or Opaque(match.span, ()))
        if name is not None:
            handed[name] = value
    if result is not None and handed and result not in handed:
        return False  # it is asked about another result
    ends = frozenset((match.node, start))
    between = leading(stage.unit, number, frozenset((match.node,)), ends) & (stops - {start})
    if between and between & following(stage.unit, number, start, ends):
        return False
    anchor = match.site.anchor
    bad, fine = (
        [
            walked(stage, number, match.node, handed, {anchor: answer}, more)
            for answer in stage.index.numbered(answers)
        ]
        for answers, more in ((check.results, stops), (check.instead, {start}))
    )
    last = _last(stage.unit, number)
    return any(
        last & (one[0] - stops) and last & other[0] and one != other
        for one in bad
        for other in fine
    )


def _last(unit: Unit, function: int) -> frozenset[int]:
    """The steps that end a function."""
    key = ("last", function)
    known = unit.kept.get(key)
    if known is None:
        nodes = unit.module.functions[function].nodes
        ends = (at for at, node in enumerate(nodes) if node.act in (Act.RETURN, Act.EXIT))
        known = unit.kept[key] = frozenset(ends)
    assert isinstance(known, frozenset)
    return known


def _result(match: Match, node: Node) -> str | None:
    """The variable that is set to the result of a step."""
    if node.variable is not None and node.evaluates is not None:
        return node.variable.name if strip(node.evaluates) is match.site else None
    for expr in node.expressions:
        if isinstance(expr, Assign) and strip(expr.value) is match.site:
            return path(expr.target)
    return None


def _handed_to(stage: Stage, function: int, result: str) -> Sequence[tuple[int, int]]:
    """The steps that hand a variable to functions of the unit, and these."""
    key = ("handing", function)
    known = stage.unit.cache.get(key)
    if known is None:
        found: dict[str, list[tuple[int, int]]] = {}
        for at, node in enumerate(stage.unit.module.functions[function].nodes):
            for expr in node.expressions:
                if not isinstance(expr, Call):
                    continue
                names = {name for item in expr.arguments if (name := path(item)) is not None}
                for body in called(stage.unit, expr) if names else ():
                    for name in names:
                        found.setdefault(name, []).append((at, body))
        known = stage.unit.cache[key] = found
    assert isinstance(known, dict)
    handed: Sequence[tuple[int, int]] = known.get(result, ())
    return handed


def _is_cleared_around(stage: Stage, cleaning: _Cleaning, function: int) -> bool:
    """Whether a function of this text that calls one, however far away, clears by itself."""
    seen: set[int] = set()
    waiting = [function]
    while waiting:
        here = waiting.pop()
        name = tail(stage.unit.module.functions[here].name)
        for caller, _, _ in stage.unit.calls.get(name, ()):
            if caller not in seen and caller != function:
                seen.add(caller)
                waiting.append(caller)
    return any(cleaning.plainly(caller) for caller in seen)


def _comes_again(stage: Stage, check: Check, match: Match) -> bool:
    """Whether a step is taken again, for another object as far as can be told."""
    known = objects(stage)
    place = known.of(match, check.argument)
    origins = _origins(stage, known, set(known.handed(place))) if place is not None else []
    if len(origins) == 1:
        return _is_repeated(stage, origins[0].function, origins[0].node)
    return bool(origins) or _is_repeated(stage, match.function, match.node)


def _origins(stage: Stage, known: Objects, places: set[object]) -> list[Match]:
    """The steps of this text that make one of these objects."""
    found = {
        match.span: match
        for matches in played(stage).values()
        for match in matches
        if match.binding.makes and known.of(match, RESULT) in places
    }
    return list(found.values())


def _is_repeated(
    stage: Stage, function: int, node: int, seen: frozenset[int] = frozenset()
) -> bool:
    """Whether a step is in a loop, here or where this text calls the function."""
    if function in seen:
        return True
    if is_in_loop(stage.unit, function, node):
        return True
    name = tail(stage.unit.module.functions[function].name)
    calls = stage.unit.calls.get(name, ())
    if not calls:
        return name != _MAIN
    return any(_is_repeated(stage, caller, at, seen | {function}) for caller, at, _ in calls)


class _Cleaning:
    """The steps of each function that clear, or that may, as far as this text tells."""

    def __init__(self, stage: Stage, check: Check) -> None:
        self.stage = stage
        self.check = check
        self.perhaps = re.compile(check.perhaps, re.IGNORECASE) if check.perhaps else None
        self._nodes: dict[int, frozenset[int]] = {}

    def plainly(self, function: int) -> bool:
        """Whether a function plays such a role itself."""
        return bool(steps(self.stage, function, self.check.needs_one))

    def nodes(self, function: int) -> frozenset[int]:
        """The steps of a function that clear, those in functions that it calls included."""
        known = self._nodes.get(function)
        if known is None:
            self._nodes[function] = frozenset()  # for a function that calls itself
            nodes = self.stage.unit.module.functions[function].nodes
            may = {at for at, node in enumerate(nodes) if self._may(node)}
            known = self._nodes[function] = steps(self.stage, function, self.check.needs_one) | may
        return known

    def _may(self, node: Node) -> bool:
        """Whether a step calls a function that clears, or one that sounds like it elsewhere."""
        kind = node.variable.type if node.variable is not None else "*"
        if self.stage.unit.language == "cpp" and "*" not in kind and self._sounds(bare(kind)):
            return True  # a guard, whose constructor or destructor may do it
        if node.evaluates is None:
            return False
        return any(isinstance(expr, Call) and self._calls(expr) for expr in node.expressions)

    def _calls(self, call: Call) -> bool:
        bodies = called(self.stage.unit, call)
        if bodies:
            return any(self.nodes(body) for body in bodies)
        name = last_name(call)
        index = self.stage.index
        plain = index.plain(name)
        if plain in index.calls or any(plain in found.functions for found in index.declarations):
            return False
        return not name or self._sounds(name)

    def _sounds(self, name: str) -> bool:
        return (
            self.perhaps is not None
            and not self.stage.index.declares(name)
            and self.perhaps.search(name) is not None
        )
