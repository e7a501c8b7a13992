"""Which call has put into a buffer, or yielded, what an expression denotes.

Only the nearest makers are asked: what reaches the place in its own function, through plain copies.
Where a function of this text fills or yields it, its calls count.
"""

from __future__ import annotations

from collections.abc import Iterator

from tlsight.engine.callees import called
from tlsight.engine.flow import reaching
from tlsight.engine.match import Match
from tlsight.engine.naming import at_steps, form_of
from tlsight.engine.origin import root
from tlsight.engine.roles import Stage, played
from tlsight.engine.unit import strip
from tlsight.ir import Act, Assign, Call, Conditional, Expr, Index, Member, Name, Unary, walk

_DEPTH = 4


def maker(
    stage: Stage, function: int, node: int, expr: Expr, roles: tuple[str, ...], depth: int = _DEPTH
) -> Match | None:
    """A call in one of these roles (`role.slot`, or `role.result`) that has made it; None if none.

    A name for a slot that stands in no form is that of nothing.
    """
    if depth == 0:
        return None
    expr = strip(expr)
    if isinstance(expr, Call):
        return _yielding(stage, function, node, expr, roles, depth)
    if isinstance(expr, Conditional):
        arms = (expr.then, expr.otherwise)
        found = (maker(stage, function, node, arm, roles, depth) for arm in arms)
        return next(filter(None, found), None)
    name = _name_of(expr)
    if name is None:
        return None
    reached = reaching(stage.unit, function, node, name, touches=True)
    if reached is None:
        return None
    for item in reached[0]:
        if item.kind == "value" and item.value is not None:
            found_here = maker(stage, function, item.node, item.value, roles, depth - 1)
        else:
            found_here = filled(stage, function, item.node, name, roles, depth)
        if found_here is not None:
            return found_here
    return None


def _name_of(expr: Expr) -> str | None:
    if isinstance(expr, Index):
        return _name_of(strip(expr.base))
    if isinstance(expr, Unary) and expr.operator in ("&", "*"):
        return _name_of(strip(expr.operand))
    if isinstance(expr, (Name, Member)):
        return root(expr)
    return None


def filled(
    stage: Stage, function: int, node: int, name: str, roles: tuple[str, ...], depth: int = _DEPTH
) -> Match | None:
    """The call of a step, in one of these roles, that writes to the object of a name."""
    for role in roles:
        wanted, _, slot = role.partition(".")
        for match in _at(stage, wanted).get((function, node), ()):
            expr = match.arguments.get(slot)
            if expr is not None and root(expr) == name:
                return match
    return _filled_inside(stage, function, node, name, roles, depth)


def _filled_inside(
    stage: Stage, function: int, node: int, name: str, roles: tuple[str, ...], depth: int
) -> Match | None:
    """The same, made by a function of this text that is handed the object."""
    whole = stage.unit.module.functions[function].nodes[node].evaluates
    if depth <= 1 or whole is None:
        return None
    for call in walk(whole):
        if not isinstance(call, Call):
            continue
        for body in called(stage.unit, call):
            parameters = stage.unit.module.functions[body].parameters
            for parameter, argument in zip(parameters, call.arguments, strict=False):
                if parameter.name and root(argument) == name:
                    for at in _nodes_of(stage, body, roles):
                        found = filled(stage, body, at, parameter.name, roles, 1)
                        if found is not None:
                            return found
    return None


def _yielding(
    stage: Stage, function: int, node: int, call: Call, roles: tuple[str, ...], depth: int
) -> Match | None:
    for role in roles:
        wanted, _, slot = role.partition(".")
        for match in _at(stage, wanted).get((function, node), ()):
            if slot == "result" and match.site is call:
                return match
    inner = form_of(stage, function, node, call)
    if inner is not None:
        return maker(stage, function, node, inner, roles, depth - 1)
    for body in called(stage.unit, call):
        for at, item in enumerate(stage.unit.module.functions[body].nodes):
            if item.act is Act.RETURN and item.expr is not None:
                found = maker(stage, body, at, item.expr, roles, depth - 1)
                if found is not None:
                    return found
    return None


def _nodes_of(stage: Stage, function: int, roles: tuple[str, ...]) -> Iterator[int]:
    for role in roles:
        for number, node in _at(stage, role.partition(".")[0]):
            if number == function:
                yield node


def _at(stage: Stage, role: str) -> dict[tuple[int, int], list[Match]]:
    key = ("at steps", role)
    known = stage.unit.cache.get(key)
    if known is None:
        known = stage.unit.cache[key] = at_steps(played(stage).get(role, ()))
    assert isinstance(known, dict)
    return known


def assigned(expr: Expr) -> Iterator[Assign]:
    """The assignments of a step."""
    return (item for item in walk(expr) if isinstance(item, Assign))
