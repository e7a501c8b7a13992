"""Functions of which another property speaks, since a call installs them for something else."""

from __future__ import annotations

from tlsight.engine.callees import denoted, reached
from tlsight.engine.roles import Stage, played
from tlsight.rule import Check


def judged_elsewhere(stage: Stage, check: Check) -> frozenset[int]:
    """The functions that calls in a role of `not-as` install, and those that they call."""
    found: set[int] = set()
    for role in check.not_as:
        for match in played(stage).get(role, ()):
            callback = match.binding.callback
            expr = match.arguments.get(callback.argument) if callback is not None else None
            for number in denoted(stage.unit, match.function, match.node, expr) or ():
                found |= reached(stage.unit, number)
    return frozenset(found)
