"""Secrets in buffers that die: behind `wrong = "left"` and `wrong = "vanishes"`.

A local array that a call has put a secret into must be wiped on every way on which that call has
succeeded, before the function is left. What wipes it must not be something that a compiler may
leave out because nobody reads the buffer afterwards.
Whatever is handed to a function whose name says that it wipes counts as wiped, and an array of
which another pointer is kept is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tlsight.engine.callees import called as bodies_of
from tlsight.engine.flow import definitions, following, is_in_loop
from tlsight.engine.leaving import cleansed, replaced
from tlsight.engine.makers import maker
from tlsight.engine.match import Match
from tlsight.engine.naming import called, denoted, pattern, spelled, words
from tlsight.engine.origin import root
from tlsight.engine.paths import visited
from tlsight.engine.report import finding, held, undecided
from tlsight.engine.roles import Stage, played, playing
from tlsight.engine.unit import last_name, strip
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import (
    Act,
    Assign,
    Braces,
    Call,
    CallKind,
    Expr,
    Literal,
    Member,
    Name,
    Node,
    Opaque,
    Unary,
    Variable,
    walk,
)
from tlsight.rule import Check, Property

_BYTES = re.compile(r"^(?:unsigned |signed )?\w*(?:char|byte|int8|u8)(?:_t)?\s*\[", re.IGNORECASE)
_EXIT = 1
_MAIN = "main"


def check_left(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """Arrays that a secret was put into, and that are left as they are."""
    done: set[tuple[int, str]] = set()
    for match in playing(stage, check.roles):
        expr = match.arguments.get(check.argument)
        name = root(expr) if expr is not None else None
        if expr is None or name is None or (match.function, name) in done:
            continue
        variable = _dying(stage, match, expr, name)
        if variable is None or (check.near and not pattern(check.near).search(words(name))):
            continue
        if pattern(check.not_near).search(words(name)):
            continue
        done.add((match.function, name))
        if not _is_used(stage, match, name):
            continue
        if _kept(stage, match.function, name):
            reason = f"another pointer to {name} is kept"
            yield from undecided(stage, rule, match.function, match.span, reason)
            continue
        stops = _wiping(stage, check, match.function, name)
        ends = _ends(stage, match, stops)
        if not ends:
            nodes = stage.unit.module.functions[match.function].nodes
            wiped = tuple(Related(nodes[at].span, "it is wiped here") for at in sorted(stops))
            seen = f"{name} is wiped on all ways"
            yield from held(stage, rule, match.function, match.span, seen, wiped)
            continue
        nodes = stage.unit.module.functions[match.function].nodes
        places = [nodes[at].span for at in sorted(ends) if at != _EXIT]
        related = tuple(Related(span, "it is left here") for span in places)
        fixes = cleansed(stage, rule, check, match, variable, ends) if rule.safety else ()
        words_ = {"variable": name, "value": name, "argument": check.argument}
        found = finding(
            *(stage, rule, check, match, expr.span, words_), related=related, fixes=fixes
        )
        if found is not None:
            yield found


def check_vanishing(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """Calls that wipe what nobody reads afterwards, and that a compiler may leave out."""
    for match in playing(stage, check.roles):
        expr = match.arguments.get(check.argument)
        if expr is None or not _is_secret(stage, check, match, expr):
            continue
        name = root(expr)
        if name is None or not _dies(stage, check, match, expr, name):
            seen = "what it wipes is used afterwards, or lives on"
            yield from held(stage, rule, match.function, match.span, seen)
            continue
        fixes = replaced(stage, rule, check, match) if rule.safety else ()
        told = spelled(stage, denoted(stage, match.function, match.node, expr))
        words_ = {"variable": told, "value": told, "argument": check.argument}
        found = finding(stage, rule, check, match, match.span, words_, fixes=fixes)
        if found is not None:
            yield found
    for match in playing(stage, (role.partition(".")[0] for role in check.needs_one)):
        seen = f"{match.spelled} is never left out"
        yield from held(stage, rule, match.function, match.span, seen)


# What dies.


def _dying(stage: Stage, match: Match, expr: Expr, name: str) -> Variable | None:
    """The local array of bytes that an argument is or points into."""
    function = stage.unit.module.functions[match.function]
    if function.name == _MAIN or any(item.name == name for item in function.parameters):
        return None
    if any(isinstance(item, Member) for item in walk(expr)):
        return None
    found = [
        item
        for item in stage.unit.variables[match.function].get(name, ())
        if not item.static and not item.type.startswith("static ")
    ]
    if len(found) != 1 or not _BYTES.match(found[0].type.removeprefix("struct ")):
        return None
    return found[0]


def _is_used(stage: Stage, match: Match, name: str) -> bool:
    """Whether anything but the call that fills an array names it; else it is of no use."""
    nodes = stage.unit.module.functions[match.function].nodes
    return any(_reads(node, name) for at, node in enumerate(nodes) if at != match.node)


def _kept(stage: Stage, function: int, name: str) -> bool:
    """Whether something else points to a local, so that what is done to it is not all seen."""
    for node in stage.unit.module.functions[function].nodes:
        expr = node.evaluates
        if expr is None:
            continue
        given = [item.value for item in walk(expr) if isinstance(item, Assign)]
        if node.act is Act.DECLARE and node.variable is not None and not _is_call(expr):
            given.append(expr)
        if any(_is_address(value, name) for value in given):
            return True
        if node.act is Act.DECLARE and _is_keeper(stage, function, expr, name):
            return True
        if any(isinstance(item, Opaque) and _mentions(item, name) for item in walk(expr)):
            return True
    return False


def _is_keeper(stage: Stage, function: int, expr: Expr, name: str) -> bool:
    """Whether an object is made that is handed the array, and perhaps wipes it when it goes.

    What pages declare copies it.
    """
    inner = strip(expr)
    if isinstance(inner, Braces):
        return any(_is_address(item, name) for item in inner.items)
    if not isinstance(inner, Call) or inner.kind is not CallKind.CONSTRUCT:
        return False
    kind = stage.unit.type_of(function, inner) or ""
    if stage.index.declares(stage.unit.record_name(kind)):
        return False
    return any(_is_address(item, name) for item in inner.arguments)


def _is_call(expr: Expr) -> bool:
    return isinstance(strip(expr), Call)


def _is_address(expr: Expr, name: str) -> bool:
    """Whether an expression is an array itself, or the address of a part of it."""
    inner = strip(expr)
    if isinstance(inner, Name):
        return inner.text == name
    if isinstance(inner, Unary) and inner.operator == "&":
        return root(inner) == name
    return False


def _mentions(expr: Expr, name: str) -> bool:
    return any(isinstance(item, Name) and item.text == name for item in walk(expr))


# What wipes.


def _wiping(stage: Stage, check: Check, function: int, name: str) -> frozenset[int]:
    """The steps that wipe a local, whoever does it."""
    wipes = pattern(check.perhaps)
    roles = {
        id(match.site)
        for role in check.needs_one
        for match in played(stage).get(role, ())
        if match.function == function
    }
    found: set[int] = set()
    for at, node in enumerate(stage.unit.module.functions[function].nodes):
        for item in node.expressions:
            if isinstance(item, Call):
                handed = [one for one in item.arguments if root(one) == name]
                named = id(item) in roles or wipes.search(words(last_name(item)))
                if handed and (named or _wipes_inside(stage, check, item, name)):
                    found.add(at)
            elif isinstance(item, Assign) and root(item.target) == name:
                value = strip(item.value)
                zero = isinstance(value, Literal) and value.value in (0, None)
                if zero and is_in_loop(stage.unit, function, at):
                    found.add(at)
    return frozenset(found)


def _wipes_inside(stage: Stage, check: Check, call: Call, name: str) -> bool:
    """Whether a function of this text wipes what it is handed."""
    for body in bodies_of(stage.unit, call):
        parameters = stage.unit.module.functions[body].parameters
        for parameter, argument in zip(parameters, call.arguments, strict=False):
            if root(argument) != name or not parameter.name:
                continue
            for role in check.needs_one:
                for match in played(stage).get(role, ()):
                    if match.function == body and any(
                        one is not None and root(one) == parameter.name
                        for one in match.arguments.values()
                    ):
                        return True
    return False


_YIELDS = {
    "== 1": (1,),
    "true": (1,),
    "!= null": (1,),
    "== 0": (0,),
    "> 0": (1, 32, 48, 66),
}
"""What a call may have yielded that has made a secret: a truth, or a usual length."""


def _ends(stage: Stage, match: Match, stops: frozenset[int]) -> frozenset[int]:
    """The steps that leave the function on a way on which the call succeeded and nobody wiped.

    None, if it is left clean for some result that may be the good one.
    """
    if not isinstance(match.site, Call) or match.node in stops:
        return frozenset()
    nodes = stage.unit.module.functions[match.function].nodes
    found: frozenset[int] = frozenset()
    for number in _YIELDS.get(match.binding.ok, (None,)):
        assumed = {} if number is None else {match.site.anchor: number}
        seen = visited(stage, match.function, match.node, {}, assumed, stops)
        ends = frozenset(
            at for at in seen if at not in stops and (at == _EXIT or nodes[at].act is Act.RETURN)
        )
        if not ends:
            return ends
        found = found & ends if found else ends
    return found


# What a compiler may leave out.


def _is_secret(stage: Stage, check: Check, match: Match, expr: Expr) -> bool:
    name = called(stage, match.function, match.node, expr)
    if name and pattern(check.not_near).search(name):
        return False
    if name and pattern(check.near).search(name):
        return True
    return maker(stage, match.function, match.node, expr, check.sources) is not None


def _dies(stage: Stage, check: Check, match: Match, expr: Expr, name: str) -> bool:
    """Whether nothing reads an object after a step, and it is gone then."""
    unit, function = stage.unit, stage.unit.module.functions[match.function]
    after = following(unit, match.function, match.node) - {match.node}
    if any(_is_barrier(function.nodes[at]) for at in after):
        return False
    back = any(edge.target == match.node for at in after for edge in function.nodes[at].next)
    variables = unit.variables[match.function].get(name, ())
    if not variables:
        return _dies_with_object(stage, match, expr, after)
    variable = variables[0]
    parameter = variable in function.parameters
    if back or len(variables) != 1 or "volatile" in variable.type:
        return False
    if "*" in variable.type:
        return _is_released(stage, check, match, name, after)
    if parameter or variable.static or variable.type.startswith("static ") or "&" in variable.type:
        return False
    if _kept(stage, match.function, name):
        return False
    return not any(_reads(function.nodes[at], name) for at in after)


def _is_barrier(node: Node) -> bool:
    """Whether a step is assembler, or something else that is not understood."""
    return node.evaluates is not None and any(isinstance(item, Opaque) for item in node.expressions)


def _reads(node: Node, name: str) -> bool:
    return node.evaluates is not None and _mentions(node.evaluates, name)


def _dies_with_object(stage: Stage, match: Match, expr: Expr, after: frozenset[int]) -> bool:
    """Whether a field, an array, is wiped in the destructor of its class and not read again."""
    function = stage.unit.module.functions[match.function]
    inner = strip(expr)
    if function.kind != "destructor" or not isinstance(inner, (Name, Member)):
        return False
    name = inner.text if isinstance(inner, Name) else inner.name
    kind = stage.unit.type_of(match.function, inner) or ""
    if "[" not in kind or "static" in kind or "volatile" in kind:
        return False
    wholes = (function.nodes[at].evaluates for at in after)
    return not any(
        (item.text if isinstance(item, Name) else item.name) == name
        for whole in wholes
        for item in (walk(whole) if whole is not None else ())
        if isinstance(item, (Name, Member))
    )


def _is_released(
    stage: Stage, check: Check, match: Match, name: str, after: frozenset[int]
) -> bool:
    """Whether all that is done to what a pointer points to afterwards is that it is released."""
    function = stage.unit.module.functions[match.function]
    released = {
        other.node
        for role in check.ends
        for other in played(stage).get(role, ())
        if other.function == match.function
        and any(
            one is not None and isinstance(strip(one), Name) and root(one) == name
            for one in other.arguments.values()
        )
    }
    if not released & after:
        return False
    anew = {item.node for item in definitions(stage.unit, match.function).get(name, ())}
    for at in after - released:
        node = function.nodes[at]
        if _reads(node, name) and not (at in anew and _is_reset(node, name)):
            return False
    return True


def _is_reset(node: Node, name: str) -> bool:
    """Whether a step only sets a pointer to nothing."""
    expr = strip(node.evaluates) if node.evaluates is not None else None
    if not isinstance(expr, Assign) or not isinstance(strip(expr.target), Name):
        return False
    value = strip(expr.value)
    return (
        root(expr.target) == name
        and isinstance(value, (Literal, Name))
        and not _mentions(expr.value, name)
    )
