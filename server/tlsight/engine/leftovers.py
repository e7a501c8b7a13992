"""What a function leaves behind for its own next call: the engine behind `wrong = "left-over"`.

Some state belongs to the thread and not to an object: whoever finds it there takes it for his own.
A function that neither clears it before it asks, nor on the way out after a failure has put
something there, is misled by itself the next time that it is called, for another object perhaps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tlsight.engine.callees import called
from tlsight.engine.index import tail
from tlsight.engine.match import Match
from tlsight.engine.mending import by_page
from tlsight.engine.objects import RESULT, Objects, objects
from tlsight.engine.paths import visited
from tlsight.engine.report import finding
from tlsight.engine.roles import Stage, played
from tlsight.engine.unit import bare, last_name, path, strip
from tlsight.finding import Finding, Related
from tlsight.ir import Act, Assign, Call, Expr, Node, walk
from tlsight.rule import Check, Property

_MAIN = "main"


def leftovers(stage: Stage, rule: Property, check: Check) -> Iterator[Finding]:
    """The steps that may find what an earlier call of the function around has left behind."""
    table = played(stage)
    if any(role in table for role in check.unless):
        return
    asked = [match for role in check.roles for match in table.get(role, ())]
    cleaning = _Cleaning(stage, check)
    for number in dict.fromkeys(match.function for match in asked):
        mine = [match for match in asked if match.function == number]
        if _is_cleared_around(stage, cleaning, number):
            continue
        judged = {
            match.node: (match, left)
            for match in mine
            if (left := _leaving(stage, check, cleaning, match)) is not None
        }
        if not judged:
            continue
        stops = cleaning.nodes(number) | judged.keys()
        reached = visited(stage, number, 0, {}, {}, stops)
        for node, (match, left) in sorted(judged.items()):
            if node not in reached or node in cleaning.nodes(number):
                continue
            if not _comes_again(stage, check, match):
                continue
            related = (Related(left.span, "what this finds is left behind"),)
            fixes = by_page(stage, rule, match)
            found = finding(stage, rule, check, match, match.span, {}, related=related, fixes=fixes)
            if found is not None:
                yield found


def _leaving(stage: Stage, check: Check, cleaning: _Cleaning, match: Match) -> Match | None:
    """The question about a step after whose answer the function ends and has not cleared."""
    known = objects(stage)
    place = known.of(match, check.argument)
    again = cleaning.steps(match.function, check.roles) - {match.node}
    after = visited(stage, match.function, match.node, {}, {}, again)
    for role in check.sinks:
        for other in played(stage).get(role, ()):
            if other.function != match.function or other.node not in after - again:
                continue
            same = place is not None and known.of(other, check.argument) == place
            if same and _ends_unclean(stage, check, cleaning, other):
                return other
    for at in sorted(after - again):
        found = _leaving_there(stage, check, cleaning, match, at)
        if found is not None:
            return found
    return None


def _leaving_there(
    stage: Stage, check: Check, cleaning: _Cleaning, match: Match, at: int
) -> Match | None:
    """The same in a function that is handed the object or the result, and asks in its place."""
    nodes = stage.unit.module.functions[match.function].nodes
    names = _about(match, check, nodes[match.node])
    evaluated = nodes[at].evaluates
    bodies = {
        body
        for expr in (walk(evaluated) if evaluated is not None else ())
        if isinstance(expr, Call) and any(_root(item) in names for item in expr.arguments)
        for body in called(stage.unit, expr)
        if body != match.function
    }
    if not bodies:
        return None
    stops = cleaning.nodes(match.function) - {at}
    reached = visited(stage, match.function, at, {}, {}, frozenset())
    if reached & stops:
        return None  # perhaps just where the other function says that it failed
    for role in check.sinks:
        for other in played(stage).get(role, ()):
            if other.function in bodies and _ends_unclean(stage, check, cleaning, other):
                return other
    return None


def _about(match: Match, check: Check, node: Node) -> set[str]:
    """The variables that hold the object of a step, and its result."""
    found = {_root(expr) for expr in (match.arguments.get(check.argument),) if expr is not None}
    if node.variable is not None:
        found.add(node.variable.name)
    for expr in walk(node.evaluates) if node.evaluates is not None else ():
        if isinstance(expr, Assign) and strip(expr.value) is match.site:
            found.add(_root(expr.target))
    return {name for name in found if name}


def _root(expr: Expr) -> str:
    return (path(expr) or "").partition(".")[0]


def _ends_unclean(stage: Stage, check: Check, cleaning: _Cleaning, match: Match) -> bool:
    """Whether the function can end after a step has yielded one of the results, and not clear."""
    stops = cleaning.nodes(match.function)
    if not isinstance(match.site, Call) or match.node in stops:
        return False
    nodes = stage.unit.module.functions[match.function].nodes
    handed = {
        name: number
        for slot, number in check.assumes.items()
        if (expr := match.arguments.get(slot)) is not None and (name := path(expr)) is not None
    }
    for name in check.results:
        assumed = {match.site.anchor: stage.index.numbers[name]}
        reached = visited(stage, match.function, match.node, handed, assumed, stops)
        if any(nodes[at].act in (Act.RETURN, Act.EXIT) for at in reached - stops):
            return True
    return False


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
    if function in seen or _is_in_loop(stage.unit.module.functions[function].nodes, node):
        return True
    name = tail(stage.unit.module.functions[function].name)
    calls = stage.unit.calls.get(name, ())
    if not calls:
        return name != _MAIN
    return any(_is_repeated(stage, caller, at, seen | {function}) for caller, at, _ in calls)


def _is_in_loop(nodes: tuple[Node, ...], start: int) -> bool:
    seen: set[int] = set()
    waiting = [edge.target for edge in nodes[start].next]
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            waiting += [edge.target for edge in nodes[at].next]
    return start in seen


class _Cleaning:
    """The steps of each function that clear, or that may, as far as this text tells."""

    def __init__(self, stage: Stage, check: Check) -> None:
        self.stage = stage
        self.check = check
        self.perhaps = re.compile(check.perhaps, re.IGNORECASE) if check.perhaps else None
        self._nodes: dict[int, frozenset[int]] = {}

    def steps(self, function: int, roles: tuple[str, ...]) -> frozenset[int]:
        """The steps of a function that play one of these roles."""
        table = played(self.stage)
        matches = (match for role in roles for match in table.get(role, ()))
        return frozenset(match.node for match in matches if match.function == function)

    def plainly(self, function: int) -> bool:
        """Whether a function plays such a role itself."""
        return bool(self.steps(function, self.check.needs_one))

    def nodes(self, function: int) -> frozenset[int]:
        """The steps of a function that clear, those in functions that it calls included."""
        known = self._nodes.get(function)
        if known is None:
            self._nodes[function] = frozenset()  # for a function that calls itself
            nodes = self.stage.unit.module.functions[function].nodes
            may = {at for at, node in enumerate(nodes) if self._may(node)}
            known = self._nodes[function] = self.steps(function, self.check.needs_one) | may
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
