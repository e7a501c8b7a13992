"""Data that is kept over a step after which it must not be used: behind `wrong = "kept"`.

What was read before a connection is encrypted may be anybody's. Each way is followed from where a
buffer is filled to the step that encrypts, and from there to a use of the buffer that nothing has
emptied or filled anew. A field that collects what is read is used by the next call of the function,
so there it is enough that the function ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tlsight.engine.flow import definitions, following
from tlsight.engine.match import Match
from tlsight.engine.places import place
from tlsight.engine.received import BUFFER, Received
from tlsight.engine.report import finding, held
from tlsight.engine.roles import Stage, played, playing
from tlsight.engine.steps import of_function, steps, steps_inside
from tlsight.engine.unit import path, strip
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import Act, Assign, Binary, Call, Expr, Index, Literal, Member, Name, Node, walk
from tlsight.rule import Check, Property
from tlsight.text import Span

_EXIT = 1


@dataclass(frozen=True, slots=True)
class _Fill:
    """A step that puts what was read into a buffer."""

    match: Match
    node: int
    name: str
    collects: bool
    """It adds to what is there."""
    counters: frozenset[str]
    """What says how much there is."""


def check_kept(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check, and what is emptied in time."""
    if not any(role in played(stage) for role in check.past):
        return
    for match in playing(stage, check.roles):
        middle = steps(stage, match.function, check.past)
        middle |= steps_inside(stage, match.function, check.past)
        for fill in _fills(stage, check, match) if middle else ():
            yield from _judged(stage, rule, check, fill, middle)


def _judged(
    stage: Stage, rule: Property, check: Check, fill: _Fill, middle: frozenset[int]
) -> Iterator[Finding | Evidence]:
    function = fill.match.function
    emptied = _emptied(stage, check, fill)
    filled = _filled_anew(stage, check, fill)
    before = following(stage.unit, function, fill.node, emptied) - emptied
    for at in sorted(middle & before):
        after = following(stage.unit, function, at, emptied | filled)
        used = min(
            (
                span
                for node, span in _uses(stage, check, fill)
                if node in after - emptied and node != at
            ),
            default=None,
        )
        if used is None and _EXIT in after and _is_collected(stage, check, fill):
            used = _span(stage, check, function, at)
        if used is None:
            continue
        step = _span(stage, check, function, at)
        words = {"variable": fill.name, "value": _spelled(stage, check, function, at)}
        related = (
            Related(fill.match.span, "it is filled here"),
            Related(step, "the connection is encrypted here"),
        )
        here = replace(fill.match, node=at)
        found = finding(stage, rule, check, here, used, words, related=related)
        if found is not None:
            yield found
            return
    if middle & following(stage.unit, function, fill.node):
        seen = f"{fill.name} is not used once the connection is encrypted"
        yield from held(stage, rule, function, fill.match.span, seen)


def _span(stage: Stage, check: Check, function: int, at: int) -> Span:
    for role in check.past:
        for match in of_function(stage, role, function):
            if match.node == at:
                return match.span
    return stage.unit.module.functions[function].nodes[at].span


def _spelled(stage: Stage, check: Check, function: int, at: int) -> str:
    for role in check.past:
        for match in of_function(stage, role, function):
            if match.node == at:
                return match.spelled
    nodes = stage.unit.module.functions[function].nodes
    evaluates = nodes[at].evaluates
    calls = [part for part in walk(evaluates) if isinstance(part, Call)] if evaluates else []
    return next((part.callee.text for part in calls if isinstance(part.callee, Name)), "a call")


def _fills(stage: Stage, check: Check, match: Match) -> Iterator[_Fill]:
    """The buffers that get what a call reads."""
    target = match.arguments.get(BUFFER)
    if target is not None:
        name = place(target)
        if name is not None:
            inner = strip(target)
            counters = _names(inner) - {name}
            yield _Fill(match, match.node, name, bool(counters), counters)
        return
    node = stage.unit.module.functions[match.function].nodes[match.node]
    if node.act is Act.DECLARE and node.variable is not None:
        yield _Fill(match, match.node, node.variable.name, False, frozenset())
    elif isinstance(node.expr, Assign):
        name = path(node.expr.target)
        if name is not None:
            yield _Fill(match, match.node, name, node.expr.operator == "+=", frozenset())
    for name, stores in Received.of(stage, check.roles).stores(match.function).items():
        for item in stores:
            if item.node != match.node or item.value is None:
                continue
            if any(part is match.site for part in walk(item.value)):
                yield _Fill(match, match.node, name, True, frozenset())


def _names(expr: Expr) -> frozenset[str]:
    return frozenset(
        name
        for part in walk(expr)
        if isinstance(part, (Name, Member)) and (name := path(part)) is not None
    )


def _is_collected(stage: Stage, check: Check, fill: _Fill) -> bool:
    """Whether a buffer lives on, gets more later, and is emptied by no other function."""
    root, _, rest = fill.name.partition(".")
    if not fill.collects or (not rest and stage.unit.is_local(fill.match.function, root)):
        return False
    last = fill.name.rpartition(".")[2]
    return not any(
        match.function != fill.match.function and (place(expr) or "").rpartition(".")[2] == last
        for role in check.needs_one
        for match in played(stage).get(role, ())
        for expr in match.arguments.values()
        if expr is not None
    )


def _emptied(stage: Stage, check: Check, fill: _Fill) -> frozenset[int]:
    """The steps after which nothing is in the buffer, or that refuse it if something is."""
    function = fill.match.function
    found = {
        item.node
        for name in (fill.name, *fill.counters)
        for item in definitions(stage.unit, function).get(name, ())
        if item.kind == "value" and item.node != fill.node and _is_other(item.value, name)
    }
    for role in check.needs_one:
        for match in of_function(stage, role, function):
            for expr in match.arguments.values():
                if expr is not None and place(expr) == fill.name:
                    found.add(match.node)
    nodes = stage.unit.module.functions[function].nodes
    found |= {at for at, node in enumerate(nodes) if _refuses(node, fill)}
    return frozenset(found)


def _is_other(value: Expr | None, name: str) -> bool:
    """Whether a variable is set to something that it is not in."""
    return value is not None and not any(place(part) == name for part in walk(value))


def _refuses(node: Node, fill: _Fill) -> bool:
    """Whether a test asks how much there is in the buffer."""
    if node.act is not Act.TEST or node.expr is None or node.loop:
        return False
    inner = strip(node.expr)
    if isinstance(inner, Binary) and inner.operator in ("==", "!=", ">", "<", ">=", "<="):
        sides = (inner.left, inner.right)
        literal = any(isinstance(strip(side), Literal) for side in sides)
        return literal and any(_measures(side, fill) for side in sides)
    return _measures(inner, fill)


def _measures(expr: Expr, fill: _Fill) -> bool:
    inner = strip(expr)
    if isinstance(inner, (Name, Member)):
        return path(inner) in fill.counters
    return (
        isinstance(inner, Call)
        and isinstance(inner.callee, Member)
        and not inner.arguments
        and place(inner.callee.base) == fill.name
    )


def _filled_anew(stage: Stage, check: Check, fill: _Fill) -> frozenset[int]:
    """The steps that write over what is in the buffer, or hand it to code that may."""
    looked = {at for at, _ in _uses(stage, check, fill)}
    found = {
        item.node
        for item in definitions(stage.unit, fill.match.function).get(fill.name, ())
        if item.kind in ("touch", "unknown") and item.node not in looked and not fill.collects
    }
    for role in (*check.roles, *check.better):
        for match in of_function(stage, role, fill.match.function):
            target = match.arguments.get(BUFFER)
            if target is not None and place(target) == fill.name and not fill.collects:
                found.add(match.node)
    return frozenset(found)


def _uses(stage: Stage, check: Check, fill: _Fill) -> Iterator[tuple[int, Span]]:
    """Where what is in the buffer is looked at."""
    function = fill.match.function
    for sink in check.sinks:
        role, _, slot = sink.partition(".")
        for match in of_function(stage, role, function):
            expr = match.arguments.get(slot)
            if expr is not None and place(expr) == fill.name:
                yield match.node, expr.span
    for at, node in enumerate(stage.unit.module.functions[function].nodes):
        for part in node.expressions:
            written = isinstance(node.expr, Assign) and node.expr.target is part
            if isinstance(part, Index) and not written and place(part.base) == fill.name:
                yield at, part.span
