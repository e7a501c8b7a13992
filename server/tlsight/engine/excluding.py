"""Numbers that a variable was given, and that the tests on the way to a place rule out."""

from __future__ import annotations

from collections.abc import Mapping

from tlsight.engine.flow import definitions
from tlsight.engine.relational import FLIPPED, compare
from tlsight.engine.unit import Unit, path, strip
from tlsight.ir import Act, Assign, Binary, Expr, Literal, Member, Name, Unary

_Compared = tuple[str, int]
"""How a variable is compared, and with which number."""


def is_ruled_out(unit: Unit, function: int, start: int, name: str, number: int, node: int) -> bool:
    """Whether no way leads from the step that gave a variable a number to where it is read.

    Only tests of the variable itself are looked at.
    """
    tests = _tests(unit, function).get(name)
    if not tests:
        return False
    anew = {item.node for item in definitions(unit, function).get(name, ()) if item.kind != "touch"}
    nodes = unit.module.functions[function].nodes
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        at = waiting.pop()
        compared = tests.get(at)
        holds = compare(number, *compared) if compared is not None else None
        for edge in nodes[at].next:
            if holds is not None and isinstance(edge.when, bool) and edge.when != holds:
                continue
            if edge.target == node:
                return False
            if edge.target not in seen and edge.target not in anew:
                seen.add(edge.target)
                waiting.append(edge.target)
    return True


def _tests(unit: Unit, function: int) -> Mapping[str, Mapping[int, _Compared]]:
    """By variable, the steps that compare it with a number."""
    key = ("compared numbers", function)
    known = unit.kept.get(key)
    if known is None:
        found: dict[str, dict[int, _Compared]] = {}
        for at, node in enumerate(unit.module.functions[function].nodes):
            if node.act is Act.TEST and node.expr is not None:
                told = _told(node.expr)
                if told is not None:
                    found.setdefault(told[0], {})[at] = told[1]
        known = unit.kept[key] = found
    assert isinstance(known, dict)
    return known


def _told(expr: Expr) -> tuple[str, _Compared] | None:
    inner = strip(expr)
    name = _name(inner)
    if name is not None:
        return name, ("!=", 0)
    if not isinstance(inner, Binary) or inner.operator not in FLIPPED:
        return None
    for side, other, operator in (
        (inner.left, inner.right, inner.operator),
        (inner.right, inner.left, FLIPPED[inner.operator]),
    ):
        name, number = _name(strip(side)), _number(strip(other))
        if name is not None and number is not None:
            return name, (operator, number)
    return None


def _name(expr: Expr) -> str | None:
    """The variable that is tested; what is given to it in the test counts."""
    if isinstance(expr, Assign) and expr.operator == "=":
        expr = strip(expr.target)
    return path(expr) if isinstance(expr, (Name, Member)) else None


def _number(expr: Expr) -> int | None:
    if isinstance(expr, Unary) and expr.operator == "-":
        inner = _number(strip(expr.operand))
        return None if inner is None else -inner
    if not isinstance(expr, Literal):
        return None
    if expr.kind == "null":
        return 0
    return int(expr.value) if isinstance(expr.value, int) else None
