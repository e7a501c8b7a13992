"""Steps that must be repeated as they were: the engine behind `wrong = "differs"`.

Where a call says "not yet", the next one of its kind on the same object has to be given the same.
Only what is certain counts: that the code brings other data on the way, counts a failed call as
progress, or makes another call instead. A test of what is repeated, or of a flag, may be what keeps
it the same, so nothing is said of what lies behind one.
"""

from __future__ import annotations

from collections.abc import Iterator

from tlsight.engine.flow import Definition, definitions, following, rebound
from tlsight.engine.match import Match, call_matches
from tlsight.engine.objects import objects
from tlsight.engine.paths import visited
from tlsight.engine.report import finding
from tlsight.engine.roles import Stage
from tlsight.engine.steps import of_function, steps_inside
from tlsight.engine.unit import path, strip
from tlsight.finding import Finding, Related
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    Expr,
    Literal,
    Member,
    Name,
    Node,
    Unary,
    walk,
)
from tlsight.rule import Check, Property

_STEPS = ("++", "--", "p++", "p--")


def differing(stage: Stage, rule: Property, check: Check, match: Match) -> Iterator[Finding]:
    """The next step of this kind after one that was refused, if it is given something else."""
    known = objects(stage)
    place = known.of(match, check.argument)
    writes = [
        other
        for role in check.roles
        for other in of_function(stage, role, match.function)
        if known.of(other, check.argument) == place
    ]
    nodes = frozenset(other.node for other in writes)
    nodes |= steps_inside(stage, match.function, check.roles)
    session = match.arguments.get(check.argument)
    ends = nodes | rebound(stage.unit, match.function, session, match.node)
    after = following(stage.unit, match.function, match.node, ends)
    for role in check.sinks:
        for asked in of_function(stage, role, match.function):
            if asked.node not in after - ends | {match.node}:
                continue
            if known.of(asked, check.argument) != place:
                continue
            for other in writes:
                if _is_other(stage, check, match, asked, other, ends):
                    note = Related(asked.span, "where this yields that it must be repeated")
                    related = (note, Related(match.span, "this is repeated"))
                    found = finding(stage, rule, check, other, other.span, {}, related=related)
                    if found is not None:
                        yield found
                    return


def _is_other(
    stage: Stage, check: Check, match: Match, asked: Match, other: Match, ends: frozenset[int]
) -> bool:
    """Whether, where the answer is that a step must be repeated, `other` comes next and differs."""
    if not isinstance(asked.site, Call):
        return False
    number = match.function
    nodes = stage.unit.module.functions[number].nodes
    handed = {
        name: value
        for slot, value in check.assumes.items()
        if (expr := asked.arguments.get(slot)) is not None and (name := path(expr)) is not None
    }
    names = frozenset(
        name for slot in check.same for name in _names(other.arguments.get(slot))
    ) | frozenset(name for slot in check.same for name in _names(match.arguments.get(slot)))
    results = handed.keys() | _assigned(nodes[asked.node], asked.site)
    changes = {
        item.node
        for name in names
        for item in definitions(stage.unit, number).get(name, ())
        if _is_change(stage, check, number, name, item)
    }
    guards = frozenset(
        at
        for at, node in enumerate(nodes)
        if at not in changes and at != asked.node and _is_guard(node, names, results)
    )
    for result in stage.index.numbered(check.results):
        assumed = {asked.site.anchor: result}
        passed = visited(stage, number, asked.node, handed, assumed, ends | guards)
        if other.node in passed and _is_spelled_otherwise(stage, check, match, other):
            return True
        for at in sorted(passed & changes - ends):
            if other.node in following(stage.unit, number, at, ends - {at}):
                return True
    return False


def _is_change(stage: Stage, check: Check, function: int, name: str, item: Definition) -> bool:
    """Whether a step gives one of the arguments, or what it points to, another value."""
    node = stage.unit.module.functions[function].nodes[item.node]
    if item.kind == "update":
        return True
    if item.kind == "value" and item.value is not None and name in _names(item.value):
        return isinstance(strip(item.value), Binary)
    for expr in node.expressions:
        if isinstance(expr, Unary) and expr.operator in _STEPS and path(expr.operand) == name:
            return True
        if isinstance(expr, Call) and item.span.start <= expr.span.end:
            roles = {
                role
                for match in call_matches(stage.index, stage.unit, function, item.node, expr)
                for role in match.binding.roles
            }
            if not roles.isdisjoint(check.sources):
                return True
    return False


def _is_spelled_otherwise(stage: Stage, check: Check, match: Match, other: Match) -> bool:
    """Whether two steps are given two arrays, two texts or two numbers."""
    for slot in check.same:
        one, two = match.arguments.get(slot), other.arguments.get(slot)
        if one is None or two is None:
            continue
        one, two = strip(one), strip(two)
        if isinstance(one, Literal) and isinstance(two, Literal) and one.value != two.value:
            return True
        kinds = [stage.unit.type_of(match.function, item) or "" for item in (one, two)]
        arrays = all(kind.rstrip().endswith("]") for kind in kinds)
        if arrays and isinstance(one, Name) and isinstance(two, Name) and one.text != two.text:
            return True
    return False


def _is_guard(node: Node, names: frozenset[str], results: frozenset[str] | set[str]) -> bool:
    """Whether a step tests something on which it may depend that all stays the same."""
    if node.act not in (Act.TEST, Act.SWITCH) or node.expr is None:
        return False
    used = _names(node.expr)
    if not used.isdisjoint(names):
        return True
    flag = strip(node.expr)
    if isinstance(flag, Binary) and isinstance(strip(flag.right), (Literal, Name)):
        flag = strip(flag.left)
    return not node.loop and isinstance(flag, (Name, Member)) and used.isdisjoint(results)


def _assigned(node: Node, call: Call) -> set[str]:
    """What a step sets to the result of a call."""
    found = {node.variable.name} if node.variable is not None else set()
    for expr in node.expressions:
        if isinstance(expr, Assign) and strip(expr.value) is call:
            found |= {name for name in (path(expr.target),) if name is not None}
    return found


def _names(expr: Expr | None) -> frozenset[str]:
    """The variables of an expression, and those in which they are."""
    if expr is None:
        return frozenset()
    paths = (path(item) for item in walk(expr) if isinstance(item, (Name, Member)))
    return frozenset(name for name in paths if name is not None)
