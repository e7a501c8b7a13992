"""Objects that came from a peer and are read before anything is asked about them.

Behind `wrong = "unexamined"`. What a call yields may be nothing, or shorter than expected; each way
from it is followed up to the first test of it, or of something that was taken out of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tlsight.engine.flow import definitions, following, is_in_loop
from tlsight.engine.match import Match
from tlsight.engine.places import place
from tlsight.engine.repairing import asked
from tlsight.engine.report import finding, held
from tlsight.engine.roles import Stage, playing
from tlsight.engine.steps import of_function
from tlsight.engine.unit import path, strip
from tlsight.finding import Evidence, Finding, Fix, Related
from tlsight.ir import Act, Assign, Call, Expr, Index, Member, Name, Node, Unary, walk
from tlsight.rule import Check, Property
from tlsight.text import Span

_THIS = "this"


def check_unexamined(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check, and what is asked before it is read."""
    for match in playing(stage, check.roles):
        node = stage.unit.module.functions[match.function].nodes[match.node]
        variable = _holder(node, match)
        if variable is None or not isinstance(match.site, Call):
            continue
        names = _taken(stage, match.function, variable)
        nodes = stage.unit.module.functions[match.function].nodes
        tests = frozenset(
            at
            for at, item in enumerate(nodes)
            if item.act in (Act.TEST, Act.SWITCH)
            and item.expr is not None
            and _mentions(item.expr, names)
        )
        anew = frozenset(
            item.node
            for item in definitions(stage.unit, match.function).get(variable, ())
            if item.kind == "value" and item.node != match.node
        )
        ways = following(stage.unit, match.function, match.node, tests | anew)
        first = min(
            (use for use in _uses(stage, check, match, names) if use[1] in ways - anew),
            default=None,
        )
        if first is None:
            if tests:
                seen = f"{variable} is asked about before it is read"
                related = tuple(Related(nodes[at].span, "here") for at in sorted(tests))
                yield from held(stage, rule, match.function, match.span, seen, related)
            continue
        found = _reported(stage, rule, check, match, variable, first)
        if found is not None:
            yield found


def _reported(
    stage: Stage, rule: Property, check: Check, match: Match, variable: str, use: tuple[Span, int]
) -> Finding | None:
    span, at = use
    text = stage.unit.data[span.start : span.end].decode(errors="replace")
    words = {"variable": variable, "value": " ".join(text.split())}
    related = (Related(match.span, "it comes from here"),)
    here = replace(match, node=at)
    fixes = _fixes(stage, check, match, variable) if rule.safety is not None else ()
    return finding(stage, rule, check, here, span, words, related=related, fixes=fixes)


def _fixes(stage: Stage, check: Check, match: Match, variable: str) -> tuple[Fix, ...]:
    """A question after the step, as the page of the library writes it."""
    library = stage.index.rulebook.libraries[match.binding.library]
    binding = next(
        (item for item in library.bindings if check.insert in item.roles and item.insert), None
    )
    if binding is None:
        return ()
    node = stage.unit.module.functions[match.function].nodes[match.node]
    value = node.variable.initial if node.variable is not None else None
    if isinstance(node.expr, Assign):
        value = node.expr.value
    if value is None or strip(value) is not match.site:
        return ()  # the variable is not what the call yields, but a part of it
    condition = binding.insert.replace("{this}", variable)
    again = is_in_loop(stage.unit, match.function, match.node)
    function = stage.unit.module.functions[match.function]
    return asked(stage, match, function, condition, f"Leave if {variable} is empty", again)


def _holder(node: Node, match: Match) -> str | None:
    """The variable that a step sets to what a call yields, or to a part of that."""
    if node.act is Act.DECLARE and node.variable is not None:
        return node.variable.name
    expr = node.expr
    if node.act is not Act.EVALUATE or not isinstance(expr, Assign) or expr.operator != "=":
        return None
    here = any(part is match.site for part in walk(expr.value))
    return path(expr.target) if here else None


def _taken(stage: Stage, function: int, variable: str) -> frozenset[str]:
    """A variable, and those that are set to something that it is in."""
    tied: dict[str, set[str]] = {}
    for name, items in definitions(stage.unit, function).items():
        for item in items:
            for part in walk(item.value) if item.value is not None else ():
                if isinstance(part, Name) and part.text != name:
                    tied.setdefault(part.text, set()).add(name)
    found = {variable}
    waiting = [variable]
    while waiting:
        for name in tied.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return frozenset(found)


def _mentions(expr: Expr, names: frozenset[str]) -> bool:
    return any(isinstance(part, (Name, Member)) and path(part) in names for part in walk(expr))


def _uses(
    stage: Stage, check: Check, match: Match, names: frozenset[str]
) -> Iterator[tuple[Span, int]]:
    """Where something in the object is read as if it were there, and at which step."""
    for sink in check.sinks:
        role, _, slot = sink.partition(".")
        for other in of_function(stage, role, match.function):
            expr = other.arguments.get(slot or _THIS)
            if expr is not None and place(expr) in names:
                yield other.span, other.node
    for at, node in enumerate(stage.unit.module.functions[match.function].nodes):
        for part in node.expressions:
            base = part.base if isinstance(part, Index) else None
            if isinstance(part, Unary) and part.operator == "*":
                base = part.operand
            if base is not None and place(base) in names:
                yield part.span, at
