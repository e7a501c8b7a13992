"""Tables from what was asked for to what does it, written as code.

`case` after `case`, or `strcmp(word, "name") == 0` after the other: each way does the same thing
with another constant. The choice is made elsewhere, by whoever asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tlsight.engine.flow import BUDGET, definitions, predecessors
from tlsight.engine.unit import Unit, last_name, path, strip
from tlsight.ir import Act, Binary, Call, Edge, Expr, Literal, Member, Name, Node, walk


@dataclass(frozen=True, slots=True)
class _Way:
    """That a node only runs after a test, or a `switch`, and which ways that went."""

    test: int
    edges: frozenset[Edge]
    equal: bool
    """Something was equal to a constant of the source on all of these ways."""
    subject: str
    """The object that was compared; '' where it has no name."""


def chosen(unit: Unit, function: int, node: int) -> bool:
    """Whether a node is a row of a table.

    It only runs where a comparison with a constant of the source came out equal; and where that
    went another way, or one of the same object did, another node does the same kind of thing.
    """
    key = ("chosen", function, node)
    known = unit.cache.get(key)
    if known is None:
        known = _chosen(unit, function, node)
        unit.cache[key] = known
    return bool(known)


def _chosen(unit: Unit, function: int, node: int) -> bool:
    deeds = _deeds(unit, function)
    alike = [at for at, done in deeds.items() if at != node and done & deeds[node]]
    mine = [way for way in _ways(unit, function, node) if way.equal] if alike else []
    return bool(mine) and any(
        _is_other(way, their)
        for other in alike
        for their in _ways(unit, function, other)
        for way in mine
    )


def _is_other(way: _Way, their: _Way) -> bool:
    if way.test == their.test:
        return not way.edges & their.edges
    return their.equal and bool(way.subject) and way.subject == their.subject


def _deeds(unit: Unit, function: int) -> dict[int, frozenset[str]]:
    """What each node does, as far as two can do the same: it sets, calls or returns something."""
    key = ("deeds of words", function)
    known = unit.cache.get(key)
    if known is None:
        found: dict[int, set[str]] = {}
        for name, items in definitions(unit, function).items():
            for item in items:
                if item.kind == "value" and not _is_read(unit, function, item.value):
                    found.setdefault(item.node, set()).add(f"= {name}")
        for at, node in enumerate(unit.module.functions[function].nodes):
            deeds = found.setdefault(at, set())
            if node.act is Act.RETURN and not isinstance(node.expr, Literal):
                deeds.add("return")
            if node.evaluates is not None:
                calls = (item for item in node.expressions if isinstance(item, Call))
                deeds.update(f"{last_name(call)}()" for call in calls)
        known = {at: frozenset(deeds) for at, deeds in found.items()}
        unit.cache[key] = known
    assert isinstance(known, dict)
    return known


def _is_read(unit: Unit, function: int, value: Expr | None) -> bool:
    """Whether a value is only taken over from a variable or a field: nothing is chosen by that."""
    inner = strip(value) if value is not None else None
    return isinstance(inner, Member) or (
        isinstance(inner, Name) and unit.is_local(function, inner.text)
    )


def _ways(unit: Unit, function: int, node: int) -> tuple[_Way, ...]:
    """Every test that a node only runs after, with the ways that lead to it, if not all do."""
    key = ("ways", function, node)
    known = unit.cache.get(key)
    if known is None:
        known = tuple(_found_ways(unit, function, node))
        unit.cache[key] = known
    assert isinstance(known, tuple)
    return known


def _found_ways(unit: Unit, function: int, node: int) -> Iterator[_Way]:
    nodes = unit.module.functions[function].nodes
    before = predecessors(unit, function)
    budget = BUDGET
    for at, (equal, subject) in _comparisons(unit, function).items():
        if at == node:
            continue
        leading = {node}
        queue = [node]
        while queue and 0 not in leading:
            for earlier in before[queue.pop()]:
                if earlier != at and earlier not in leading:
                    leading.add(earlier)
                    queue.append(earlier)
        budget -= len(leading)
        if budget < 0:
            return
        following = nodes[at].next
        edges = frozenset(edge for edge in following if edge.target in leading)
        if 0 not in leading and edges and len(edges) < len(following):
            yield _Way(at, edges, edges <= equal, subject)


def _comparisons(unit: Unit, function: int) -> dict[int, tuple[frozenset[Edge], str]]:
    """The nodes of a function that compare something with a constant, in order: see `_compared`."""
    key = ("compared words", function)
    known = unit.cache.get(key)
    if known is None:
        known = {
            at: compared
            for at, node in enumerate(unit.module.functions[function].nodes)
            if (compared := _compared(unit, function, node)) is not None
        }
        unit.cache[key] = known
    assert isinstance(known, dict)
    return known


def _compared(unit: Unit, function: int, step: Node) -> tuple[frozenset[Edge], str] | None:
    """The ways on which a node finds something equal to a constant, and what; None: it does not."""
    if step.expr is None:
        return None
    if step.act is Act.SWITCH:
        stated = frozenset(edge for edge in step.next if _is_stated(edge.when))
        return stated, path(strip(step.expr)) or ""
    if step.act is not Act.TEST:
        return None
    expr = strip(step.expr)
    equal = _equality(unit, function, expr)
    if equal is None:
        return None
    return frozenset(edge for edge in step.next if edge.when is equal), _subject(
        unit, function, expr
    )


def _is_stated(when: object) -> bool:
    return isinstance(when, tuple) and all(case.value is not None for case in when)


def _subject(unit: Unit, function: int, expr: Expr) -> str:
    """What a comparison is about: its first operand, or argument, that is a named object."""
    sides = (expr.left, expr.right) if isinstance(expr, Binary) else (expr,)
    call = next((item for side in sides if isinstance(item := strip(side), Call)), None)
    operands = call.arguments if call is not None else sides
    names = (path(strip(item)) for item in operands if not _is_constant(unit, function, item))
    return next((name for name in names if name), "")


def _equality(unit: Unit, function: int, expr: Expr) -> bool | None:
    """Which way a test goes if something equals a constant of the source; None: no such test."""
    if isinstance(expr, Binary) and expr.operator in ("==", "!="):
        sides = (expr.left, expr.right)
        if any(_is_constant(unit, function, side) for side in sides):
            return expr.operator == "=="
        call = next((side for side in sides if isinstance(side, Call)), None)
        zero = any(isinstance(side, Literal) and side.value == 0 for side in sides)
        return (expr.operator == "==") if call is not None and zero and _words(call) else None
    if isinstance(expr, Call) and _words(expr):
        # A function that compares says 0 for equal, unless its result is a truth.
        result = unit.type_of(function, expr) or "int"
        return "bool" in result.lower()
    return None


def _is_constant(unit: Unit, function: int, expr: Expr) -> bool:
    if isinstance(expr, Literal):
        return expr.kind == "string"
    if not isinstance(expr, Name) or unit.is_local(function, expr.text):
        return False
    fact = unit.name_fact(expr.anchor)
    if fact is not None:
        return fact.kind == "enumerator"
    last = expr.text.rpartition("::")[2]
    return "::" in expr.text or last.upper() == last


def _words(call: Call) -> bool:
    return any(
        isinstance(item, Literal) and item.kind == "string"
        for argument in call.arguments
        for item in walk(argument)
    )
