"""Calls that a fix brings, or brings to another place: before the statement of another call.

A call that can fail goes into the test of the other, so that its failure takes the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tlsight.engine.bringing import brought, writers
from tlsight.engine.match import Match
from tlsight.engine.objects import Place, objects
from tlsight.engine.repairing import negated
from tlsight.engine.roles import Stage, played
from tlsight.engine.statements import beginning, included, line_above, removed
from tlsight.engine.unit import bare, strip
from tlsight.finding import Fix, Safety
from tlsight.ir import Act, Binary, Expr, Literal, Member, Name, Node, Unary
from tlsight.rule import Binding, Check, Mend, Property
from tlsight.text import Edit, Span

SLOT = re.compile(r"\{([^}]*)\}")
"""What a text of a page stands open for: `{slot}` or `{role.slot}`."""
_POSITIVE = ("== 1", "> 0", ">= 1", "!= 0")
_NEGATIVE = ("!= 1", "<= 0", "< 1", "< 0", "== 0")


def inserted(stage: Stage, rule: Property, check: Check, match: Match) -> tuple[Fix, ...]:
    """Play a role that is missing just before a call, as a library page writes it.

    What it needs of other calls on the same object is taken from those that stand above. If it can
    fail, its failure takes the way that the failure of the call takes. The roles that it needs
    beside it are played as well where they are missing, if the page says how.
    """
    place = objects(stage).of(match, check.argument)
    binding = _writer(stage, match, check.argument, check.insert)
    if place is None or binding is None:
        return ()
    safety = rule.safety or Safety.UNSAFE
    needed = _needed(stage, match, check.argument, place, binding)
    title = f"Call {binding.insert.partition('(')[0]} before"
    if needed is None:
        return (Fix(title, (), safety, "that alone would not do, since more is missing"),)
    chain = (*needed, binding)
    more: tuple[Edit, ...] = ()
    for item in chain:
        edits = brought(stage, item, match.function)
        if isinstance(edits, str):
            return (Fix(title, (), safety, edits),)
        more += edits
    text = ";\n".join(_borrowed(stage, match, place, item.insert) for item in chain)
    mend = Mend(before=text, title=f"{title}, and bring what it needs" if more else "")
    if len(chain) == 1 and binding.ok:
        return (_before_test(stage, match, mend, binding.ok, safety),)
    fix = preceded(stage, match, mend, safety)
    return (replace(fix, edits=(*more, *fix.edits)) if fix.edits else fix,)


def _writer(stage: Stage, match: Match, slot: str, role: str) -> Binding | None:
    """The binding that says how a role is played on the object of a call."""
    expr = match.arguments.get(slot)
    kind = stage.unit.type_of(match.function, expr) if expr is not None else None
    for binding in writers(stage, match.binding.library, role):
        if not binding.insert_on or binding.insert_on == bare(kind or ""):
            return binding
    return None


def _needed(
    stage: Stage, match: Match, slot: str, place: Place, binding: Binding
) -> tuple[Binding, ...] | None:
    """What is played before a binding for the roles it needs; None if nobody says how."""
    found: list[Binding] = []
    for role in binding.insert_with:
        if objects(stage).steps((role,), place):
            continue
        writer = _writer(stage, match, slot, role)
        if writer is None or writer.insert_with or writer.ok:
            return None
        found.append(writer)
    return tuple(found)


def moved(stage: Stage, rule: Property, late: Sequence[Match], early: Match) -> tuple[Fix, ...]:
    """Move the statements of calls, in their order, before that of another one of the function."""
    title = f"Move {', '.join(dict.fromkeys(item.spelled for item in late))} before {early.spelled}"
    safety = rule.safety or Safety.UNSAFE
    function = stage.unit.module.functions[early.function]
    if any(function.nodes[item.node].expanded for item in (*late, early)):
        return (Fix(title, (), safety, "the code stands in the body of a macro"),)
    start = beginning(stage, function, early.span)
    gone = [removed(stage, item) for item in late]
    if start is None or any(edit is None or edit.text for edit in gone):
        reason = "the calls do not stand in statements that begin their lines"
        return (Fix(title, (), safety, reason),)
    data = stage.unit.data
    calls = [data[item.span.start : item.span.end].decode(errors="replace") for item in late]
    put = line_above(stage, start, "".join(f"{' '.join(call.split())};\n" for call in calls))
    return (Fix(title, (put, *(edit for edit in gone if edit is not None)), safety),)


def preceded(stage: Stage, match: Match, mend: Mend, safety: Safety) -> Fix:
    """Make another call before the statement of this one, which must begin its line."""
    plain = stage.index.plain(match.spelled)
    prefix = match.spelled.removesuffix(plain)
    calls = mend.before.split("\n")
    text = _filled(stage, match, "\n".join(prefix + call for call in calls))
    title = mend.title or f"Call {prefix}{mend.before.partition('(')[0]} before"
    function = stage.unit.module.functions[match.function]
    node = function.nodes[match.node]
    if node.expanded:
        return Fix(title, (), safety, "the code stands in the body of a macro")
    if text is None:
        return Fix(title, (), safety, "what it needs to be told does not stand above as a name")
    start = None if node.loop else beginning(stage, function, match.span)
    if start is None:
        return Fix(title, (), safety, "the call does not stand in a statement that begins its line")
    edits = [line_above(stage, start, f"{text};")]
    if mend.include:
        edits += included(stage, mend.include)
    return Fix(title, tuple(edits), safety)


def _before_test(stage: Stage, match: Match, mend: Mend, ok: str, safety: Safety) -> Fix:
    """Make another call in the test of this one, so that both must succeed."""
    prefix = match.spelled.removesuffix(stage.index.plain(match.spelled))
    text = _filled(stage, match, prefix + mend.before)
    title = f"Call {prefix}{mend.before.partition('(')[0]} before"
    node = stage.unit.module.functions[match.function].nodes[match.node]
    if node.expanded:
        return Fix(title, (), safety, "the code stands in the body of a macro")
    if text is None:
        return Fix(title, (), safety, "what it needs to be told does not stand above as a name")
    test, positive = test_of(stage, node, match.site, match.binding.ok)
    failed = negated(ok).replace("null", "NULL")
    ok = ok.replace("null", "NULL")
    if test is None or not failed:
        return Fix(title, (), safety, "the result of the call is not tested where it stands")
    (start, end), data = test.span, stage.unit.data
    joined = f"{text} {ok} && " if positive else f"{text} {failed} || "
    if data[:start].endswith(b"(") and data[end:].startswith(b")"):
        return Fix(title, (Edit(Span(start, start), joined),), safety)
    edits = (Edit(Span(start, start), f"({joined}"), Edit(Span(end, end), ")"))
    return Fix(title, edits, safety)


def test_of(stage: Stage, node: Node, site: object, ok: str) -> tuple[Expr | None, bool]:
    """The part of a step that tests a call, and whether it is true on success.

    `ok` is what the result satisfies on success; '' where it is positive then.
    """
    positive = (ok,) if ok else _POSITIVE
    negative = (negated(ok),) if ok else _NEGATIVE
    by_zero = ok == "== 0"
    for expr in node.everything:
        if isinstance(expr, Unary) and expr.operator == "!" and strip(expr.operand) is site:
            return expr, by_zero
        if isinstance(expr, Binary) and strip(expr.left) is site:
            other = strip(expr.right)
            number = other.value if isinstance(other, Literal) else None
            if isinstance(other, Name):
                number = stage.index.numbers.get(other.text)
            test = f"{expr.operator} {number}"
            if test in (*positive, *negative):
                return expr, test in positive
    if node.act is Act.TEST and node.expr is not None and strip(node.expr) is site:
        return node.expr, not by_zero
    return None, False


def _borrowed(stage: Stage, match: Match, place: Place, text: str) -> str:
    """A text with the arguments of other calls (`{role.slot}`) that are done to the object."""
    known = objects(stage)
    for name in SLOT.findall(text):
        role, dot, slot = name.partition(".")
        for other in played(stage).get(role, ()) if dot else ():
            expr = other.arguments.get(slot)
            above = other.function == match.function and other.span.start < match.span.start
            if above and isinstance(expr, (Name, Literal)) and known.is_done(other, place):
                start, end = expr.span
                text = text.replace(f"{{{name}}}", stage.unit.data[start:end].decode())
                break
    return text


def _filled(stage: Stage, match: Match, text: str) -> str | None:
    """A text with the arguments that it names in braces; None if one is more than a name."""
    data = stage.unit.data
    for slot in SLOT.findall(text):
        expr = match.arguments.get(slot)
        if not isinstance(expr, (Name, Member)):
            return None
        text = text.replace(f"{{{slot}}}", data[expr.span.start : expr.span.end].decode())
    return text
