"""Where in a function something is mentioned: names, calls, and which step has a call's value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tlsight.engine.match import Match
from tlsight.engine.unit import Unit, strip
from tlsight.ir import (
    Act,
    Binary,
    Call,
    Conditional,
    Evaluated,
    Expr,
    LambdaExpr,
    Name,
    Node,
    parts,
)


def chosen(expr: Expr) -> tuple[Expr, ...]:
    """The values that an expression chooses from; what it chooses by was tested before."""
    inner = strip(expr)
    if isinstance(expr, Evaluated) and isinstance(inner, Conditional):
        return (*chosen(inner.then), *chosen(inner.otherwise))
    return (expr,)


def home(unit: Unit, match: Match) -> int:
    """The node that has the value of a call: a later one, if the call is an arm of a `?:`."""
    node = unit.module.functions[match.function].nodes[match.node]
    if node.act is not Act.EVALUATE or node.expr is not match.site:
        return match.node
    key = ("evaluated", match.function)
    known = unit.cache.get(key)
    if known is None:
        known = {
            id(item): at
            for at, node in enumerate(unit.module.functions[match.function].nodes)
            for item in _before(node)
        }
        unit.cache[key] = known
    assert isinstance(known, dict)
    at: int = known.get(id(match.site), match.node)
    return at


def mentions(unit: Unit, function: int) -> tuple[frozenset[object], ...]:
    """What each node of a function mentions: names, calls (by identity), and that of lambdas."""
    key = ("keys", function)
    known = unit.cache.get(key)
    if known is None:
        known = tuple(_keys_of(node) for node in unit.module.functions[function].nodes)
        unit.cache[key] = known
    assert isinstance(known, tuple)
    return known


def _keys_of(node: Node) -> frozenset[object]:
    found: set[object] = {node.variable.name} if node.variable is not None else set()
    for item in node.everything:
        if type(item) is Name:
            found.add(item.text)
        elif type(item) is Call:
            found.add(id(item))
        elif type(item) is LambdaExpr:
            found.add(LambdaExpr)
    return frozenset(found)


def mentioned(unit: Unit, function: int) -> Mapping[object, list[int]]:
    """The nodes of a function that mention something."""
    key = ("mentioned", function)
    known = unit.cache.get(key)
    if known is None:
        found: dict[object, list[int]] = {}
        for at, items in enumerate(mentions(unit, function)):
            for item in items:
                found.setdefault(item, []).append(at)
        known = unit.cache[key] = found
    assert isinstance(known, dict)
    return known


def _before(node: Node) -> Iterator[Expr]:
    """The calls inside the expression of a node that nodes before it have evaluated."""
    before = [item for item in node.expressions if type(item) is Evaluated]
    dropped = _dropped(node) if before else set()
    for item in before:
        for inner in parts(item.expr):
            if isinstance(inner, Call) and id(inner) not in dropped:
                yield inner


def _dropped(node: Node) -> set[int]:
    """What stands on the left of a comma."""
    left = [
        strip(one.left)
        for one in node.everything
        if isinstance(one, Binary) and one.operator == ","
    ]
    return {id(one.expr if isinstance(one, Evaluated) else one) for one in left}
