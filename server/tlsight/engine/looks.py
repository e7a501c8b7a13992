"""What there is to see in the steps of a function, for whoever follows an object through them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tlsight.engine.deeds import may_leave, named
from tlsight.engine.unit import Unit
from tlsight.ir import Act, Assign, Call, Expr, Member, Name, Node, Unary

_NAMES = frozenset((Name, Member))


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
        known = unit.cache[key] = tuple(
            _look(unit, node, names)
            for node, names in zip(nodes, words(unit, function), strict=True)
        )
    assert isinstance(known, tuple)
    return known


def words(unit: Unit, function: int) -> tuple[frozenset[str], ...]:
    """The variables and fields that each step of a function names."""
    key = ("words", function)
    known = unit.kept.get(key)
    if known is None:
        nodes = unit.module.functions[function].nodes
        known = unit.kept[key] = tuple(frozenset(names_in(node.everything)) for node in nodes)
    assert isinstance(known, tuple)
    return known


def names_in(items: Iterable[Expr]) -> set[str]:
    """The variables and fields among some expressions."""
    return {name for item in items if type(item) in _NAMES and (name := named(item)) is not None}


def _look(unit: Unit, node: Node, names: frozenset[str]) -> Look:
    items = node.expressions
    if node.act is Act.DECLARE and node.variable is not None:
        names |= {node.variable.name}
    calls = [item for item in items if type(item) is Call]
    leaves = any(may_leave(unit, call) for call in calls)
    return Look(items, names, bool(calls), leaves)


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
