"""The flow core: who defines what in a function, and which definitions reach a place.

State is sparse: nothing is stored per node, a question walks backward from its place until each
path has met a definition. A budget bounds the walk; when it runs out the answer is None, which
means unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tlsight.engine.unit import Unit, contradict, path, strip
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    Expr,
    Function,
    Index,
    Member,
    Name,
    Node,
    Unary,
    walk,
)
from tlsight.text import Span

BUDGET = 20_000
"""Steps of one walk: a function of 10,000 branches is walked whole, once."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A step that gives the object at a path a value, or may change it.

    `kind`: `value` (it becomes `value`; None: uninitialised), `update` (`|=` and its like, with the
    operator), `unknown` (its address was given away), `touch` (what it points to, or the array
    that it is, was given to a call that may write there).
    """

    node: int
    kind: str
    span: Span
    value: Expr | None = None
    operator: str = "="


Definitions = Mapping[str, tuple[Definition, ...]]


def definitions(unit: Unit, function: int) -> Definitions:
    """All definitions of a function by the path that they define."""
    key = ("definitions", function)
    known = unit.cache.get(key)
    if known is None:
        found: dict[str, list[Definition]] = {}
        for at, node in enumerate(unit.module.functions[function].nodes):
            for name, definition in _defined(unit, at, node):
                found.setdefault(name, []).append(definition)
        known = {name: tuple(items) for name, items in found.items()}
        unit.cache[key] = known
    assert isinstance(known, dict)
    return known


def rebound(unit: Unit, function: int, expr: Expr | None, but: int) -> frozenset[int]:
    """The steps, but one, after which an expression denotes another object than before."""
    if expr is None:
        return frozenset()
    steps = {
        name
        for part in walk(expr)
        if isinstance(part, Index)
        for item in walk(part.index)
        if isinstance(item, (Name, Member)) and (name := path(item)) is not None
    }
    names = {
        prefix
        for item in walk(expr)
        if isinstance(item, (Name, Member)) and (name := path(item)) is not None
        for prefix in _prefixes(name)
    }
    nodes = unit.module.functions[function].nodes
    return frozenset(
        item.node
        for name in names | steps
        for item in definitions(unit, function).get(name, ())
        if item.node != but
        and (name in steps or item.kind == "value" or _is_step(nodes[item.node], item.span))
    )


def _is_step(node: Node, span: Span) -> bool:
    """Whether what stands at a place of a step is a `++` or its like."""
    return any(
        isinstance(expr, Unary) and expr.span == span and expr.operator != "&"
        for expr in (walk(node.evaluates) if node.evaluates is not None else ())
    )


def predecessors(unit: Unit, function: int) -> tuple[tuple[int, ...], ...]:
    """The nodes from which each node of a function is reached in one step."""
    key = ("predecessors", function)
    known = unit.cache.get(key)
    if known is None:
        known = _predecessors(unit.module.functions[function])
        unit.cache[key] = known
    assert isinstance(known, tuple)
    return known


def reaching(
    unit: Unit, function: int, node: int, name: str, touches: bool
) -> tuple[tuple[Definition, ...], bool] | None:
    """The definitions of a path that reach the start of a node, and whether entry does too.

    With `touches`, a call that may write through the object counts as a definition.
    None if the walk was too long. Definitions on a preprocessor branch that contradicts that of
    the node are left out.
    """
    known = definitions(unit, function)
    stops: dict[int, Definition] = {}
    for key in _prefixes(name):
        for definition in known.get(key, ()):
            if definition.kind == "touch" and not touches:
                continue
            stops[definition.node] = definition
    if not stops:
        return (), True
    before = predecessors(unit, function)
    nodes = unit.module.functions[function].nodes
    tags = nodes[node].tags
    found: list[Definition] = []
    entry = False
    seen: set[int] = set()
    queue = list(before[node])
    while queue:
        at = queue.pop()
        if at in seen:
            continue
        seen.add(at)
        if len(seen) > BUDGET:
            return None
        if contradict(tags, nodes[at].tags):
            continue
        definition_here = stops.get(at)
        if definition_here is not None:
            found.append(definition_here)
            continue
        if nodes[at].act is Act.ENTRY:
            entry = True
        queue += before[at]
    found.sort(key=lambda item: item.span)
    return tuple(found), entry


def _prefixes(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


def _predecessors(function: Function) -> tuple[tuple[int, ...], ...]:
    found: list[list[int]] = [[] for _ in function.nodes]
    for at, node in enumerate(function.nodes):
        for edge in node.next:
            found[edge.target].append(at)
    return tuple(tuple(items) for items in found)


def _defined(unit: Unit, at: int, node: Node) -> Iterator[tuple[str, Definition]]:
    if node.evaluates is not None:
        for expr in walk(node.evaluates):
            yield from _defined_by(unit, at, expr)
    if node.act is Act.DECLARE and node.variable is not None:
        variable = node.variable
        yield variable.name, Definition(at, "value", variable.span, variable.initial)


def _defined_by(unit: Unit, at: int, expr: Expr) -> Iterator[tuple[str, Definition]]:
    if isinstance(expr, Assign):
        name = path(expr.target)
        if name is None:
            yield from _element(at, expr.target)
            return
        kind = "value" if expr.operator == "=" else "update"
        yield name, Definition(at, kind, expr.span, expr.value, expr.operator)
    elif isinstance(expr, Unary) and expr.operator in ("++", "--", "p++", "p--"):
        name = path(expr.operand)
        if name is not None:
            yield name, Definition(at, "unknown", expr.span)
        else:
            yield from _element(at, expr.operand)
    elif isinstance(expr, Call):
        fact = unit.call_fact(expr)
        for number, argument in enumerate(expr.arguments):
            declared = ""
            if fact is not None and number < len(fact.parameters):
                declared = fact.parameters[number].type
            yield from _given(at, argument, declared)


def _element(at: int, target: Expr) -> Iterator[tuple[str, Definition]]:
    """The array of which an expression is a part: `a` of `a[i]`, `a + i`, `*(a + i)`, `&a[i]`."""
    part = strip(target)
    while isinstance(part, (Index, Unary, Binary)):
        if isinstance(part, Index):
            part = strip(part.base)
        elif isinstance(part, Unary) and part.operator in ("&", "*"):
            part = strip(part.operand)
        elif isinstance(part, Binary) and part.operator in ("+", "-"):
            part = strip(part.left)
        else:
            return
    name = path(part)
    if name is not None:
        yield name, Definition(at, "touch", target.span)


def _given(at: int, argument: Expr, declared: str) -> Iterator[tuple[str, Definition]]:
    """What a call may do to an object that it is handed; `declared` is the parameter's type."""
    argument = strip(argument)
    if "const" in declared.partition("*")[0].split():
        return
    if isinstance(argument, Unary) and argument.operator == "&":
        name = path(argument.operand)
        if name is not None:
            yield name, Definition(at, "unknown", argument.span)
        else:
            yield from _element(at, argument)
        return
    if not isinstance(argument, (Name, Member)):
        yield from _element(at, argument)
        return
    name = path(argument)
    if name is None:
        return
    kind = "unknown" if declared.endswith("&") and "const" not in declared else "touch"
    yield name, Definition(at, kind, argument.span)
