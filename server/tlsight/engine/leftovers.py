"""What a function leaves behind for its own next call: the engine behind `wrong = "left-over"`.

Some state belongs to the thread and not to an object: whoever finds it there takes it for his own.
A function that neither clears it before it asks, nor on the way out after a failure has put
something there, is misled by itself the next time that it is called, for another object perhaps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tlsight.engine.callees import called
from tlsight.engine.flow import definitions, following, leading
from tlsight.engine.index import tail
from tlsight.engine.match import Match
from tlsight.engine.mending import by_page
from tlsight.engine.objects import RESULT, Objects, objects
from tlsight.engine.paths import walked
from tlsight.engine.report import finding, held
from tlsight.engine.roles import Stage, played
from tlsight.engine.steps import steps
from tlsight.engine.unit import bare, last_name, path, strip
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import Act, Assign, Call, Node, Opaque, walk
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
        judged = {
            match.node: (match, left)
            for match in mine
            if (left := _leaving(stage, check, cleaning, match)) is not None
        }
        if not judged:
            continue
        stops = cleaning.nodes(number) | judged.keys()
        reached = following(stage.unit, number, 0, stops)
        for node, (match, left) in sorted(judged.items()):
            if node not in reached or node in cleaning.nodes(number):
                seen = "what is left behind is cleared before it"
                yield from held(stage, rule, number, match.span, seen)
                continue
            if not _comes_again(stage, check, match):
                continue
            related = (Related(left.span, "what this finds is left behind"),)
            fixes = by_page(stage, rule, match)
            found = finding(stage, rule, check, match, match.span, {}, related=related, fixes=fixes)
            if found is not None:
                yield found


def _is_settled(stage: Stage, check: Check) -> bool:
    """Whether the unit plays a role in `unless` where the step does not come next."""
    for role in check.unless:
        for match in played(stage).get(role, ()):
            asked = steps(stage, match.function, check.roles)
            if match.node not in leading(stage.unit, match.function, asked, frozenset()):
                return True
    return False


def _leaving(stage: Stage, check: Check, cleaning: _Cleaning, match: Match) -> Match | None:
    """The question about a step after whose answer the function ends and has not cleared."""
    known = objects(stage)
    place = known.of(match, check.argument)
    node = stage.unit.module.functions[match.function].nodes[match.node]
    result = _result(match, node)
    again = steps(stage, match.function, check.roles) | _set_anew(stage, match, result)
    again -= {match.node}
    after = following(stage.unit, match.function, match.node, again) - again
    for other in _questions(stage, check):
        if other.function == match.function and other.node in after:
            same = place is not None and known.of(other, check.argument) == place
            if same and _is_left(stage, check, cleaning, other, match.node, result):
                return other
    if result is None:
        return None
    for at in sorted(after - {match.node}):
        for body in _handed_to(stage, match.function, at, result):
            found = _leaving_there(stage, check, cleaning, match, at, body)
            if found is not None:
                return found
    return None


def _leaving_there(
    stage: Stage, check: Check, cleaning: _Cleaning, match: Match, at: int, body: int
) -> Match | None:
    """The question, where another function of the unit asks it, if neither of them clears."""
    before = following(stage.unit, match.function, match.node, frozenset((at, match.node)))
    after = following(stage.unit, match.function, at)
    if (before | after) & (cleaning.nodes(match.function) - {at}):
        return None  # perhaps just where the other function says that it failed
    for other in _questions(stage, check):
        if other.function == body and _is_left(stage, check, cleaning, other, 0, None):
            return other
    return None


def _questions(stage: Stage, check: Check) -> Iterator[Match]:
    for role in check.sinks:
        yield from played(stage).get(role, ())


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
    if following(stage.unit, number, start, frozenset((match.node, start))) & stops - {start}:
        return False
    anchor = match.site.anchor
    bad, fine = (
        [
            walked(stage, number, match.node, handed, {anchor: answer}, more)
            for answer in stage.index.numbered(answers)
        ]
        for answers, more in ((check.results, stops), (check.instead, {start}))
    )
    nodes = stage.unit.module.functions[number].nodes
    ends = {at for at, node in enumerate(nodes) if node.act in (Act.RETURN, Act.EXIT)}
    return any(
        ends & (one[0] - stops) and ends & other[0] and one != other
        for one in bad
        for other in fine
    )


def _result(match: Match, node: Node) -> str | None:
    """The variable that is set to the result of a step."""
    if node.variable is not None and node.evaluates is not None:
        return node.variable.name if strip(node.evaluates) is match.site else None
    for expr in walk(node.evaluates) if node.evaluates is not None else ():
        if isinstance(expr, Assign) and strip(expr.value) is match.site:
            return path(expr.target)
    return None


def _set_anew(stage: Stage, match: Match, result: str | None) -> frozenset[int]:
    """The steps after which a variable holds another result."""
    if result is None:
        return frozenset()
    known = definitions(stage.unit, match.function).get(result, ())
    return frozenset(item.node for item in known if item.kind == "value")


def _handed_to(stage: Stage, function: int, at: int, result: str) -> Iterator[int]:
    """The functions of the unit that are handed a variable at a step."""
    evaluated = stage.unit.module.functions[function].nodes[at].evaluates
    for expr in walk(evaluated) if evaluated is not None else ():
        if isinstance(expr, Call) and any(path(item) == result for item in expr.arguments):
            yield from called(stage.unit, expr)


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
    if node in leading(stage.unit, function, frozenset((node,)), frozenset()):
        return True  # it leads to itself
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
        return any(isinstance(expr, Call) and self._calls(expr) for expr in walk(node.evaluates))

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
