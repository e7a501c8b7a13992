"""What the calls of a unit do to the lives of objects, by the resources of the library pages.

Nothing here follows an object; a deed is what one call does to what stands in one of its slots.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tlsight.engine.callees import called
from tlsight.engine.flow import leaving
from tlsight.engine.index import tail
from tlsight.engine.match import Match, call_matches
from tlsight.engine.roles import Stage, is_spelled
from tlsight.engine.unit import Unit, bare, last_name, strip
from tlsight.ir import (
    Act,
    Call,
    CallKind,
    Cast,
    Evaluated,
    Expr,
    Member,
    Name,
    Unary,
    Variable,
)
from tlsight.rule import Resource

IT = "it"
OUT = "out"
INTO = "into"
BY = "by"
DELETE = "delete"
"""The operator that releases what `new` has made, and nothing that a library has."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One deed of a call: `match.binding.deed` of an object of a resource."""

    match: Match
    resource: Resource

    @property
    def deed(self) -> str:
        """Which of `DEEDS` it is."""
        return self.match.binding.deed

    def at(self, slot: str) -> Expr | None:
        """What stands in a slot of the call."""
        return self.match.arguments.get(slot)

    @property
    def on_success(self) -> bool:
        """Whether it is only done if the call succeeds."""
        return bool(self.match.binding.ok)


def deeds_of(stage: Stage, function: int, node: int, call: Call) -> tuple[Deed, ...]:
    """What a call does, by the pages; nothing for one that no page speaks of."""
    key = ("deeds", id(call))
    known = stage.unit.cache.get(key)
    if known is None:
        known = stage.unit.cache[key] = tuple(_deeds_of(stage, function, node, call))
    assert isinstance(known, tuple)
    return known


def _deeds_of(stage: Stage, function: int, node: int, call: Call) -> Iterator[Deed]:
    index = stage.index
    if not index.deeds:
        return
    for match in call_matches(index.of_deeds, stage.unit, function, node, call):
        if is_spelled(stage, match):
            yield Deed(match, index.resources[match.binding.resource])


def all_deeds(stage: Stage) -> Mapping[int, tuple[tuple[int, Call, Deed], ...]]:
    """The deeds of each function that has some: step, call, deed."""
    known = stage.unit.cache.get("all deeds")
    if known is None:
        found: dict[int, list[tuple[int, Call, Deed]]] = {}
        names = stage.index.of_deeds
        for name, calls in stage.unit.calls.items():
            if names.plain(name) not in names.calls and not _is_resolved(stage, calls):
                continue
            for function, node, call in calls:
                for deed in deeds_of(stage, function, node, call):
                    found.setdefault(function, []).append((node, call, deed))
        known = stage.unit.cache["all deeds"] = {
            function: tuple(sorted(items, key=lambda item: (item[0], item[1].span)))
            for function, items in found.items()
        }
    assert isinstance(known, dict)
    return known


def _is_resolved(stage: Stage, calls: tuple[tuple[int, int, Call], ...]) -> bool:
    """Whether clang says that calls of this name are calls of one that pages speak of."""
    names = stage.index.of_deeds
    facts = (stage.unit.call_fact(call) for _, _, call in calls)
    return any(
        fact is not None and names.plain(tail(fact.qualified)) in names.calls for fact in facts
    )


def named(expr: Expr) -> str | None:
    """The name of the variable or field that an expression denotes; not of what it points to."""
    while type(expr) is not Name and isinstance(expr, (Cast, Evaluated)):
        expr = expr.operand if isinstance(expr, Cast) else expr.expr
    if type(expr) is Name:
        return expr.text
    if type(expr) is Member:
        base = named(expr.base)
        if base is None:
            return None
        return expr.name if base == "this" else f"{base}.{expr.name}"
    return None


def addressed(expr: Expr | None) -> str | None:
    """The name of the variable or field whose address an expression is."""
    inner = strip(expr) if expr is not None else None
    if isinstance(inner, Unary) and inner.operator == "&":
        return named(inner.operand)
    return None


def resource_of(stage: Stage, function: int, expr: Expr) -> Resource | None:
    """The resource of which what an expression points to is one, by its type."""
    kind = stage.unit.type_of(function, expr)
    return resource_of_type(stage, kind) if kind is not None else None


def resource_of_type(stage: Stage, kind: str) -> Resource | None:
    """The resource of a type, if that is a plain pointer."""
    if "<" in kind or kind.count("*") != 1:
        return None
    known = stage.index.resource_types.get(bare(kind))
    return stage.index.resources[known] if known is not None else None


def is_declared(stage: Stage, call: Call) -> bool:
    """Whether a library page declares the function that is called."""
    if not isinstance(call.callee, Name) or call.kind in (CallKind.CONSTRUCT, CallKind.NEW):
        return False
    name = stage.index.of_deeds.plain(last_name(call))
    known = stage.index.declared
    return name in known or any(
        name.startswith(prefix) and name[len(prefix) :] in known for prefix in stage.index.prefixes
    )


def only_uses(stage: Stage, function: int, call: Call, number: int, kind: str) -> bool:
    """Whether a function of a library only uses what it is handed, as its parameter's type tells.

    `kind` is the type of the object. Where it is taken for anything else than such an object, or
    one that stays as it is, the function may keep it.
    """
    declared = declared_type(stage, function, call, number)
    if declared is None:
        return False
    if "*" in declared and "const" in declared.partition("*")[0].split():
        return True
    return declared.count("*") == 1 and bare(declared) == kind and kind != "void"


def declared_type(stage: Stage, function: int, call: Call, number: int) -> str | None:
    """The type of a parameter, as clang says or the pages declare it."""
    declared = stage.unit.parameter_type(function, call, number)
    if declared is not None:
        return declared
    name = last_name(call)
    for prefix in ("", *stage.index.prefixes):
        if not name.startswith(prefix):
            continue
        meant = _meant(stage, name[len(prefix) :])
        for found in stage.index.declarations:
            for signature in found.functions.get(meant, ()):
                if number < len(signature.parameters):
                    return signature.parameters[number].type
    return None


def _meant(stage: Stage, name: str) -> str:
    """The function behind a name that is only another one for it, by a macro."""
    for found in stage.index.declarations:
        macro = found.macros.get(name)
        if macro is not None and macro.parameters is None and macro.body.isidentifier():
            return macro.body
    return name


_LEAVING = re.compile(
    r"(?i)throw|raise|exit|abort|fatal|panic|longjmp|usage|bail|terminate|(?:^|_)quit|(?:^|_)die(?:_|$)"
    r"|(?-i:(?:^|_)RETURN(?:_|$))"
)
_FINAL = re.compile(r"(?:^|_)(?:FATAL|ABORT|EXIT|PANIC)(?:_|$)")
"""Words for how bad something is that a function is told, and then does not return."""
_LOGGING = re.compile(r"(?i)log|print|trace")
"""Names of functions that only write down how bad it is."""
_REPORTING = re.compile(
    r"(?i)log|print|warn|err|debug|trac|msg|message|report|notif|info|put|write|show|dump|set|clear"
    r"|free|close|clean|count|stat|handle|emit|record|push|add|send|notice|say|alert"
)
"""Names of what is done about a failure before it goes on."""


def may_leave(unit: Unit, call: Call) -> bool:
    """Whether a call may not come back: its name says so, or a function of the unit never ends."""
    bodies = called(unit, call)
    if bodies:
        return all(0 not in leaving(unit, body) for body in bodies)
    name = last_name(call)
    if _LEAVING.search(name) is not None:
        return True
    told = (item.text for item in call.arguments if isinstance(item, Name))
    return _LOGGING.search(name) is None and any(map(_FINAL.search, told))


def may_end(stage: Stage, call: Call) -> bool:
    """Whether a call that is all that is done about a failure may be the end of the program.

    Of a function that is not seen here this is taken for granted, if its name does not say that
    it only tells somebody.
    """
    if may_leave(stage.unit, call):
        return True
    unseen = not called(stage.unit, call) and not is_declared(stage, call)
    name = last_name(call)
    return unseen and isinstance(call.callee, Name) and not _REPORTING.search(name)


def is_plain_pointer(unit: Unit, function: int, name: str) -> bool:
    """Whether a name is a local that holds a plain pointer, and is one for each call."""
    found = unit.variables[function].get(name)
    if not found:
        return False
    key = ("plain pointer", function, name)
    known = unit.cache.get(key)
    if known is None:
        known = unit.cache[key] = _is_plain(unit, function, found)
    return bool(known)


def _is_plain(unit: Unit, function: int, found: tuple[Variable, ...]) -> bool:
    parameters = unit.module.functions[function].parameters
    return all(
        not item.static
        and not item.type.startswith("static ")
        and "<" not in item.type
        and "&" not in item.type
        and "[" not in item.type
        and ("*" in item.type or re.search(r"\bauto\b", item.type) or _is_alias(unit, item.type))
        and (item in parameters or _is_plainly_declared(unit, item))
        for item in found
    )


_COMMENTS = re.compile(rb"//[^\n]*|/\*.*?\*/|^[ \t]*#[^\n]*", re.DOTALL | re.MULTILINE)
_BEGINNING = re.compile(
    rb".*(?:[;{}]|(?<!:):(?!:)|\b(?:for|if|while|switch)\s*\(|\belse\b)", re.DOTALL
)
_QUALIFIER = re.compile(
    rb"\b(?:const|volatile|register|struct|class|typename|unsigned|signed|extern|restrict)\b"
)
_DECLARED = re.compile(rb"\s*[\w:]+(?:\s*\*)*\s*(?:[\w:]*\s*[=,].*)?", re.DOTALL)
_FOLLOWING = re.compile(rb"\s*(?:[=;,):({]|$)")
_BEFORE = 600
"""Bytes before a name in which its declaration begins, and after it in which it goes on."""


def _is_plainly_declared(unit: Unit, variable: Variable) -> bool:
    """Whether a declaration has nothing but a type: no attribute or macro that may release."""
    start, end = variable.name_span
    head = _COMMENTS.sub(b" ", unit.data[max(0, start - _BEFORE) : start])
    beginning = _BEGINNING.match(head)
    words = _QUALIFIER.sub(b" ", head[beginning.end() if beginning is not None else 0 :])
    rest = _COMMENTS.sub(b" ", unit.data[end : end + _BEFORE])
    return bool(_DECLARED.fullmatch(words) and _FOLLOWING.match(rest))


def _is_alias(unit: Unit, kind: str) -> bool:
    resolved = unit.resolved_type(kind)
    return "*" in resolved and "<" not in resolved


def exposed(stage: Stage, function: int) -> frozenset[str]:
    """The locals that code outside of a function may set or read by their address.

    Also those that a lambda, or a class of the function, captures.
    """
    key = ("exposed", function)
    known = stage.unit.cache.get(key)
    if known is None:
        known = stage.unit.cache[key] = frozenset(_exposed(stage, function))
    assert isinstance(known, frozenset)
    return known


def _exposed(stage: Stage, function: int) -> Iterator[str]:
    unit = stage.unit
    fine: set[int] = set()
    for at, node in enumerate(unit.module.functions[function].nodes):
        if node.act is Act.DECLARE and node.variable is not None and "&" in node.variable.type:
            initial = node.variable.initial
            name = named(initial) if initial is not None else None
            if name is not None:
                yield name
        for expr in node.expressions:
            if isinstance(expr, Call):
                for deed in deeds_of(stage, function, at, expr):
                    fine |= {
                        id(strip(argument))
                        for slot in (OUT, INTO)
                        if (argument := deed.at(slot)) is not None
                    }
    for node in unit.module.functions[function].nodes:
        for expr in node.expressions:
            if isinstance(expr, Unary) and expr.operator == "&" and id(expr) not in fine:
                name = named(expr.operand)
                if name is not None:
                    yield name
            elif isinstance(expr, Call):
                for number, argument in enumerate(expr.arguments):
                    inner = strip(argument)
                    if isinstance(inner, Name) and _is_reference(stage, function, expr, number):
                        yield inner.text
    for other in unit.module.functions:
        if other.enclosing == function:
            for node in other.nodes:
                for expr in node.expressions:
                    if isinstance(expr, Name):
                        yield expr.text


def _is_reference(stage: Stage, function: int, call: Call, number: int) -> bool:
    declared = stage.unit.parameter_type(function, call, number) or ""
    return declared.rstrip().endswith("&") and "const" not in declared
