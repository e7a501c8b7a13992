"""The steps of a function that play a role: asked by all that follow its ways."""

from __future__ import annotations

from collections.abc import Sequence

from tlsight.engine.callees import called, reached
from tlsight.engine.match import Match
from tlsight.engine.roles import Stage, played
from tlsight.ir import Call


def of_function(stage: Stage, role: str, function: int) -> Sequence[Match]:
    """The matches of a function that play a role."""
    key = ("played by function", role)
    known = stage.unit.cache.get(key)
    if known is None:
        found: dict[int, list[Match]] = {}
        for match in played(stage).get(role, ()):
            found.setdefault(match.function, []).append(match)
        known = stage.unit.cache[key] = found
    assert isinstance(known, dict)
    matches: Sequence[Match] = known.get(function, ())
    return matches


def steps(stage: Stage, function: int, roles: tuple[str, ...]) -> frozenset[int]:
    """The steps of a function that play one of these roles, on whatever object."""
    key = ("steps", function, roles)
    known = stage.unit.cache.get(key)
    if known is None:
        known = stage.unit.cache[key] = frozenset(
            other.node for role in roles for other in of_function(stage, role, function)
        )
    assert isinstance(known, frozenset)
    return known


def steps_inside(stage: Stage, function: int, roles: tuple[str, ...]) -> frozenset[int]:
    """The steps of a function that call functions of the unit which play one of these roles."""
    table = played(stage)
    playing = {other.function for role in roles for other in table.get(role, ())}
    nodes = stage.unit.module.functions[function].nodes
    return frozenset(
        at
        for at, node in enumerate(nodes)
        for expr in (node.expressions if playing and node.evaluates is not None else ())
        if isinstance(expr, Call)
        and any(playing & reached(stage.unit, body) for body in called(stage.unit, expr))
    )
