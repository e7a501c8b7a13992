"""Which functions of the unit an expression denotes, where one is handed on to be called later."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tlsight.engine.flow import definitions, reaching
from tlsight.engine.index import tail
from tlsight.engine.unit import Unit, last_name, path, strip
from tlsight.ir import (
    Call,
    CallKind,
    Conditional,
    Expr,
    LambdaExpr,
    Literal,
    Member,
    Name,
    Unary,
    Variable,
)

_DEPTH = 6
_CALL_OPERATOR = "operator()"

Functions = frozenset[int]


def denoted(unit: Unit, function: int, node: int, expr: Expr | None) -> Functions | None:
    """The functions that an expression may denote, by index; empty for none (null).

    Looked through are addresses, casts, `?:`, variables, parameters to the callers in this unit,
    objects with a call operator, and calls that wrap what they are handed first. None if one of
    them has no body here, or cannot be told.
    """
    return _denoted(unit, function, node, expr, _DEPTH) if expr is not None else frozenset()


def called(unit: Unit, call: Call) -> Functions:
    """The functions of the unit that a call may mean by its name."""
    key = ("called", id(call))
    known = unit.cache.get(key)
    if known is None:
        known = unit.cache[key] = (_called(unit, call), call)  # an identity lasts while it is kept
    assert isinstance(known, tuple)
    found: Functions = known[0]
    return found


def _called(unit: Unit, call: Call) -> Functions:
    name = last_name(call)
    if not name:
        return frozenset()
    fact = unit.call_fact(call)
    meant = fact.qualified if fact is not None and fact.qualified else name
    if tail(meant) not in _by_last_name(unit):
        return frozenset()
    found = _named(unit, meant)
    return frozenset(
        number
        for number in found
        if len(call.arguments) <= len(unit.module.functions[number].parameters)
    )


def neighbours(unit: Unit, functions: Collection[int]) -> set[int]:
    """The functions that call some functions, and those that they call."""
    around = {
        caller
        for number in functions
        for caller, _, _ in unit.calls.get(tail(unit.module.functions[number].name), ())
    }
    for number in functions:
        for _, call in unit.module.functions[number].each(Call):
            around |= called(unit, call)
    return around


def reached(unit: Unit, start: int) -> frozenset[int]:
    """A function, all of the unit that it calls, and those call."""
    key = ("reached", start)
    known = unit.cache.get(key)
    if known is None:
        found: set[int] = set()
        waiting = [start]
        while waiting:
            number = waiting.pop()
            if number in found:
                continue
            found.add(number)
            for _, call in unit.module.functions[number].each(Call):
                waiting += called(unit, call)
        known = unit.cache[key] = frozenset(found)
    assert isinstance(known, frozenset)
    return known


def _denoted(unit: Unit, function: int, node: int, expr: Expr, depth: int) -> Functions | None:
    if depth == 0:
        return None
    expr = strip(expr)
    if isinstance(expr, LambdaExpr):
        return frozenset((expr.function,))
    if isinstance(expr, Literal):
        return frozenset() if expr.value in (None, 0) else None
    if isinstance(expr, Unary) and expr.operator in ("&", "*", "+"):
        return _denoted(unit, function, node, expr.operand, depth)
    if isinstance(expr, Conditional):
        arms = (expr.then, expr.otherwise)
        return _all(_denoted(unit, function, node, arm, depth - 1) for arm in arms)
    if isinstance(expr, Call):
        return _made(unit, function, node, expr, depth)
    if isinstance(expr, (Name, Member)):
        return _by_name(unit, function, node, expr, depth)
    return None


def _all(parts: Iterable[Functions | None]) -> Functions | None:
    found: Functions = frozenset()
    for part in parts:
        if part is None:
            return None
        found |= part
    return found


def _made(unit: Unit, function: int, node: int, call: Call, depth: int) -> Functions | None:
    """An object that is called, or a wrapper around what it is handed first."""
    if call.kind is not CallKind.CALL and (found := _operators(unit, function, call)):
        return found
    if not call.arguments:
        return None
    return _denoted(unit, function, node, call.arguments[0], depth - 1)


def _operators(unit: Unit, function: int, expr: Expr) -> Functions:
    kind = unit.type_of(function, expr)
    return _named(unit, f"{unit.record_name(kind)}::{_CALL_OPERATOR}") if kind else frozenset()


def _by_name(
    unit: Unit, function: int, node: int, expr: Name | Member, depth: int
) -> Functions | None:
    name = path(expr)
    if name is None:
        return None
    root = name.partition(".")[0]
    if unit.is_local(function, root):
        return _held(unit, function, node, expr, name, depth)
    if isinstance(expr, Name):
        fact = unit.name_fact(expr.anchor)
        qualified = fact.qualified if fact is not None else ""
        if found := _named(unit, qualified or expr.text, unit.owner_of(function)):
            return found
        variable = unit.variable(function, expr.text, expr.span.start)
    else:
        owner = unit.receiver_type(function, expr)
        variable = unit.field(owner, expr.name) if owner else None
    if variable is None:
        return None
    return _operators(unit, function, expr) or _stored(unit, variable, depth)


def _held(
    unit: Unit, function: int, node: int, expr: Name | Member, name: str, depth: int
) -> Functions | None:
    """What a local or a parameter holds."""
    if found := _operators(unit, function, expr):
        return found
    reached = reaching(unit, function, node, name, touches=False)
    if reached is None:
        return None
    definitions_here, entry = reached
    parts: list[Functions | None] = [
        _denoted(unit, function, item.node, item.value, depth - 1)
        if item.kind == "value" and item.value is not None
        else None
        for item in definitions_here
    ]
    if entry:
        parts.append(_handed(unit, function, name, depth))
    return _all(parts)


def _handed(unit: Unit, function: int, name: str, depth: int) -> Functions | None:
    """What the callers in this unit hand over, if nobody else can call the function."""
    parts = [
        _denoted(unit, caller, node, argument, depth - 1)
        for caller, node, argument in unit.handed(function, name) or ()
    ]
    return _all(parts) if parts else None


def _stored(unit: Unit, variable: Variable, depth: int) -> Functions | None:
    """What a global or a field holds, by all that this unit gives it."""
    parts: list[Functions | None] = []
    if variable.initial is not None:
        parts.append(_denoted(unit, 0, 0, variable.initial, depth - 1))
    for number in range(len(unit.module.functions)):
        for name, items in definitions(unit, number).items():
            if tail(name.replace(".", "::")) == variable.name:
                parts += [
                    _denoted(unit, number, item.node, item.value, depth - 1)
                    for item in items
                    if item.kind == "value" and item.value is not None
                ]
    return _all(parts) if parts else None


def _named(unit: Unit, name: str, around: str = "") -> Functions:
    """The functions with a body here that a name means, seen from inside a class."""
    by_name = _by_last_name(unit)
    name = name.removeprefix("::")
    found = by_name.get(tail(name), ())
    if around and "::" not in name:
        own = [number for number, full in found if full == f"{around}::{name}"]
        if own:
            return frozenset(own)
    return frozenset(
        number
        for number, full in found
        if full == name or full.endswith("::" + name) or name.endswith("::" + full)
    )


def _by_last_name(unit: Unit) -> dict[str, list[tuple[int, str]]]:
    known = unit.cache.get("functions by name")
    if known is None:
        found: dict[str, list[tuple[int, str]]] = {}
        for number, function in enumerate(unit.module.functions):
            if function.kind not in ("lambda", "initialiser"):
                found.setdefault(tail(function.name), []).append((number, function.name))
        known = unit.cache["functions by name"] = found
    assert isinstance(known, dict)
    return known
