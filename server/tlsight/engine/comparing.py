"""The comparison that a library makes itself, put in the place of one that the text makes.

It needs what the compared text was read from, and that must still be there: released or set anew in
between, nothing that stands in one place can mend it.
"""

from __future__ import annotations

from typing import NamedTuple

from tlsight.engine.bringing import brought, writers
from tlsight.engine.descent import descent
from tlsight.engine.flow import definitions, following
from tlsight.engine.inserting import SLOT, test_of
from tlsight.engine.match import Match
from tlsight.engine.repairing import negated
from tlsight.engine.roles import Stage, played
from tlsight.engine.unit import bare, path, strip
from tlsight.finding import Fix, Safety
from tlsight.ir import Binary, Call, Expr, Literal, Member, Name
from tlsight.rule import Binding, Check, Property
from tlsight.text import Edit, Span


class Comparison(NamedTuple):
    """A step that compares: the whole of it, how it is spelled, and what is compared.

    `equal` is what the result of a call satisfies where both are the same.
    """

    function: int
    node: int
    whole: Expr
    spelled: str
    sides: tuple[Expr, ...]
    equal: str = ""


def by_library(
    stage: Stage, rule: Property, check: Check, item: Comparison, source: Expr
) -> tuple[Fix, ...]:
    """Let the library compare; `source` is the side that was read from something of its own."""
    steps = [step for step in descent(stage, item.function, item.node, source) if step.arguments]
    libraries = dict.fromkeys(step.binding.library for step in steps)
    found = [one for name in libraries for one in writers(stage, name, check.insert)]
    if not found:
        return ()
    title = f"Compare with {found[0].insert.partition('(')[0]}"
    safety = rule.safety or Safety.UNSAFE
    if stage.unit.module.functions[item.function].nodes[item.node].expanded:
        return (Fix(title, (), safety, "the code stands in the body of a macro"),)
    place, positive = _test(stage, item)
    if place is None:
        return (Fix(title, (), safety, "what decides here is not whether both are the same"),)
    other = next((side for side in item.sides if side is not source), None)
    binding = next((one for one in found if _is_for(stage, item, other, one)), None)
    if other is None or binding is None:
        return (Fix(title, (), safety, "what it is compared with is no text that it takes"),)
    text = _filled(stage, check, item, steps, binding.insert, other)
    if text is None:
        return (Fix(title, (), safety, "what the name was read from is not at hand here"),)
    more = brought(stage, binding, item.function)
    if isinstance(more, str):
        return (Fix(title, (), safety, more),)
    ok = binding.ok if positive else negated(binding.ok)
    return (Fix(title, (*more, Edit(place, f"{text} {ok}")), safety),)


def _test(stage: Stage, item: Comparison) -> tuple[Span | None, bool]:
    """Where the text asks whether both are the same, and whether it is true if they are."""
    if isinstance(item.whole, Binary):
        return item.whole.span, item.whole.operator == "=="
    if not item.equal:
        return None, False
    node = stage.unit.module.functions[item.function].nodes[item.node]
    test, positive = test_of(stage, node, item.whole, item.equal)
    if test is None:
        return None, False
    before = stage.unit.data[: test.span.start].rstrip()
    if isinstance(strip(test), Call) and before.endswith(b"!"):
        return Span(len(before) - 1, test.span.end), not positive  # what is tested is its opposite
    return test.span, positive


def _is_for(stage: Stage, item: Comparison, other: Expr | None, binding: Binding) -> bool:
    """Whether a binding is written for a text of this type."""
    if other is None or isinstance(strip(other), Literal):
        return other is not None and binding.insert_on in ("", "char")
    kind = bare(stage.unit.type_of(item.function, other) or "").split("[")[0].strip()
    return isinstance(strip(other), (Name, Member)) and binding.insert_on in ("", kind)


def _filled(
    stage: Stage, check: Check, item: Comparison, steps: list[Match], text: str, other: Expr
) -> str | None:
    """A text of a page with what it names: `{other}`, or an argument of a step (`{role.slot}`)."""
    for name in SLOT.findall(text):
        role, _, slot = name.partition(".")
        expr: Expr | None = other
        if slot:
            step = next((one for one in steps if role in one.binding.roles), None)
            expr = step.arguments.get(slot) if step is not None else None
            if step is None or expr is None or not _is_there(stage, check, item, step, expr):
                return None
        assert expr is not None
        start, end = expr.span
        text = text.replace(f"{{{name}}}", stage.unit.data[start:end].decode(errors="replace"))
    return text


def _is_there(stage: Stage, check: Check, item: Comparison, step: Match, expr: Expr) -> bool:
    """Whether a variable is at the comparison still what it was at an earlier step."""
    name = path(expr)
    if name is None or step.function != item.function or not isinstance(expr, (Name, Member)):
        return False
    unit = stage.unit
    between = following(unit, item.function, step.node, frozenset((item.node,))) - {step.node}
    ends = {
        match.node
        for role in check.ends
        for match in played(stage).get(role, ())
        if match.function == item.function
        and any(one is not None and path(one) == name for one in match.arguments.values())
    }
    anew = {one.node for one in definitions(unit, item.function).get(name, ())}
    lost = between & (ends | anew)
    return not any(item.node in following(unit, item.function, node) for node in lost)
