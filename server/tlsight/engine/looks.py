"""What there is to see in the steps of a function, for whoever follows an object through them."""

from __future__ import annotations

from typing import NamedTuple

from tlsight.engine.deeds import may_leave, named
from tlsight.engine.unit import Unit
from tlsight.ir import Act, Assign, Call, Expr, Member, Name, Node, Unary


class Look(NamedTuple):
    """What there is to see in one step."""

    items: tuple[Expr, ...]
    names: frozenset[str]
    """The variables and fields that it names, and the one that it declares."""
    calls: bool
    leaves: bool
    """Whether it may be the last of its way."""


def looks(unit: Unit, function: int) -> tuple[Look, ...]:
    """What there is to see in each step of a function."""
    key = ("looks", function)
    known = unit.cache.get(key)
    if known is None:
        nodes = unit.module.functions[function].nodes
        known = unit.cache[key] = tuple(_look(unit, node) for node in nodes)
    assert isinstance(known, tuple)
    return known


def _look(unit: Unit, node: Node) -> Look:
    items = node.expressions
    whole = node.everything
    names = {
        name
        for item in whole
        if isinstance(item, (Name, Member)) and (name := named(item)) is not None
    }
    if node.act is Act.DECLARE and node.variable is not None:
        names.add(node.variable.name)
    calls = [item for item in items if isinstance(item, Call)]
    leaves = any(may_leave(unit, call) for call in calls)
    return Look(items, frozenset(names), bool(calls), leaves)


def stores(unit: Unit, function: int) -> frozenset[int]:
    """The steps that set what a pointer leads to."""
    key = ("stores", function)
    known = unit.kept.get(key)
    if known is None:
        around = unit.module.functions[function]
        known = unit.kept[key] = frozenset(
            at
            for at, item in around.each(Assign)
            if isinstance(item.target, Unary) and item.target.operator == "*"
        )
    assert isinstance(known, frozenset)
    return known
