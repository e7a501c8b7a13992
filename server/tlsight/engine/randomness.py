"""Secrets from numbers that can be guessed: the engine behind `wrong = "guessed"`.

With `argument`, what a call in a role of `roles` is handed is asked where it comes from.
Without it, what is filled, set or returned is asked, if its name, or that of the function around,
says that it is a secret (`near`). Where anything unknown takes part, or anything that nobody can
guess (`better`), it is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tlsight.engine.drawing import drawn
from tlsight.engine.elsewhere import judged_elsewhere
from tlsight.engine.excuses import excuse
from tlsight.engine.match import Match
from tlsight.engine.naming import called, pattern, spelled, surroundings, words
from tlsight.engine.origin import Origin, Source, of_value, root
from tlsight.engine.report import finding, held, undecided
from tlsight.engine.roles import Stage, played, playing
from tlsight.engine.steps import of_function
from tlsight.engine.unit import last_name, strip
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import Act, Assign, Call, Expr, Index, Member, Name, Node, Unary, walk
from tlsight.rule import Check, Property

_TEXTS = re.compile(r"[*\[]|String|string|ByteArray|vector|array|basic_")


def check_guessed(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All secrets of a unit that are made from what can be guessed."""
    table = played(stage)
    if not any(role in table for role in check.sources):
        return
    if check.argument:
        yield from _handed(stage, rule, check)
        return
    done: set[tuple[int, str]] = set()
    for number in sorted({match.function for match in playing(stage, check.sources)}):
        yield from _named(stage, rule, check, number, done)


def _handed(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """What is handed to a call as a key, or as what must not come twice."""
    elsewhere = judged_elsewhere(stage, check)
    for match in playing(stage, check.roles):
        expr = match.arguments.get(check.argument)
        if expr is None or match.function in elsewhere:
            continue
        if excuse(stage, check, match) is not None:
            continue
        found = of_value(
            stage, match.function, match.function, match.node, expr, ends=check.sources
        )
        source = _guessable(stage, check, match.function, found)
        if source is None:
            guessed = any(item.roles() & set(check.sources) for item in found.sources)
            if guessed and found.open:
                reason = (
                    f"what takes part in the {check.argument} of {match.spelled} is not all here"
                )
                yield from undecided(stage, rule, match.function, match.span, reason)
            elif any(item.roles() & set(check.better) for item in found.sources):
                seen = f"the {check.argument} of {match.spelled} is drawn by the library"
                yield from held(stage, rule, match.function, match.span, seen)
            continue
        label = spelled(stage, source.call.callee)
        words_ = {"value": label, "argument": check.argument, "variable": spelled(stage, expr)}
        related = (Related(source.call.span, "it comes from here"),)
        fixes = drawn(stage, rule, check, source) if rule.safety else ()
        _reported(stage).add(id(source.call))
        told = finding(
            *(stage, rule, check, match, expr.span, words_), related=related, fixes=fixes
        )
        if told is not None:
            yield told


def _reported(stage: Stage) -> set[int]:
    """The calls of which was said that something comes from them."""
    known = stage.unit.cache.setdefault("guessed", set())
    assert isinstance(known, set)
    return known


def _guessable(stage: Stage, check: Check, function: int, found: Origin) -> Source | None:
    """The call that can be guessed, if nothing else takes part that could not."""
    if found.open or any(item.roles() & set(check.better) for item in found.sources):
        return None
    parameters = stage.unit.module.functions[function].parameters
    contents = {item.name for item in parameters if _TEXTS.search(item.type)}
    if found.handed & contents:
        return None
    return next((item for item in found.sources if item.roles() & set(check.sources)), None)


def _named(
    stage: Stage, rule: Property, check: Check, number: int, done: set[tuple[int, str]]
) -> Iterator[Finding]:
    """What is set, filled or returned under a name that says what it is."""
    function = stage.unit.module.functions[number]
    around = list(surroundings(stage, number))
    if any(pattern(check.not_near).search(name) for name in around):
        return
    makes = pattern(check.near).search(around[0]) is not None
    filled = _filled(stage, check, number)
    for at, node in enumerate(function.nodes):
        for name, target, value in (*_given(node), *filled.get(at, ())):
            if (number, name) in done:
                continue
            if not _is_secret(stage, check, number, at, name, target, makes):
                continue
            source = _source_of(stage, check, number, at, value)
            if source is None or id(source.call) in _reported(stage):
                continue
            done.add((number, name))
            _reported(stage).add(id(source.call))
            match = next(item for item in source.matches if _plays(item, check.sources))
            label = spelled(stage, source.call.callee)
            inside = value.span.contains(source.call.span)
            related = (Related(source.call.span, "it comes from here"),)
            fixes = drawn(stage, rule, check, source, value) if rule.safety else ()
            told = finding(
                *(stage, rule, check, replace(match, function=number, node=at)),
                source.call.span if inside else value.span,
                {"value": label, "variable": name or function.name, "argument": name},
                related=related,
                fixes=fixes,
            )
            if told is not None:
                yield told


_Given = tuple[str, "Expr | None", Expr]


def _filled(stage: Stage, check: Check, number: int) -> dict[int, list[_Given]]:
    """What calls in a role of `sinks` write to an argument (`role.slot`), by step."""
    found: dict[int, list[_Given]] = {}
    for sink in check.sinks:
        role, _, slot = sink.partition(".")
        for match in of_function(stage, role, number):
            target, site = match.arguments.get(slot), match.site
            if target is None or not isinstance(site, Call):
                continue
            name = root(target) or ""
            for item in site.arguments:
                if item is not target and any(isinstance(part, Call) for part in walk(item)):
                    element = Index(target.span, target, target)
                    found.setdefault(match.node, []).append((name, element, item))
    return found


def _plays(match: Match, roles: tuple[str, ...]) -> bool:
    return any(role in match.binding.roles for role in roles)


def _source_of(stage: Stage, check: Check, number: int, at: int, value: Expr) -> Source | None:
    """Where a value comes from that can be guessed, or what is picked out of something by it."""
    picked = [item.index for item in walk(value) if isinstance(item, Index)]
    for expr in (value, *picked):
        found = of_value(stage, number, number, at, expr, ends=check.sources)
        source = _guessable(stage, check, number, found)
        if source is not None:
            return source
    return None


def _given(node: Node) -> Iterator[_Given]:
    """What a step gives a value to, by its name, and the value; '' for what is returned."""
    whole = node.evaluates
    if whole is None:
        return
    if node.act is Act.RETURN:
        yield "", None, whole
    if node.act is Act.DECLARE and node.variable is not None:
        yield node.variable.name, None, whole
    for expr in walk(whole):
        if isinstance(expr, Assign):
            added = Index(expr.span, expr.target, expr)
            yield _last(expr.target), added if expr.operator == "+=" else expr.target, expr.value
        elif isinstance(expr, Call) and _adds(expr):
            assert isinstance(expr.callee, Member)
            element = Index(expr.span, expr.callee.base, expr)
            yield _last(expr.callee.base), element, expr.arguments[-1]


def _adds(call: Call) -> bool:
    """Whether a method puts something into what it is called on."""
    named = _ADDING.fullmatch(last_name(call)) is not None
    return named and isinstance(call.callee, Member) and bool(call.arguments)


_ADDING = re.compile(r"append|prepend|insert|replace|fill|(?:push|emplace)_back")


def _last(expr: Expr) -> str:
    inner = strip(expr)
    while isinstance(inner, (Index, Unary)):
        inner = strip(inner.base if isinstance(inner, Index) else inner.operand)
    if isinstance(inner, Member):
        return inner.name
    return inner.text if isinstance(inner, Name) else ""


def _is_secret(
    stage: Stage,
    check: Check,
    number: int,
    at: int,
    name: str,
    target: Expr | None,
    makes: bool,
) -> bool:
    """Whether a name says that a secret is kept, or made, here.

    A plain number of such a name is one only if the name leaves no doubt (`better` names).
    """
    told = words(name)
    told_around = words(stage.unit.module.functions[number].name)
    if name and pattern(check.not_near).search(told):
        return False
    if not name:
        kind = stage.unit.module.functions[number].result
        return makes and bool(_TEXTS.search(kind) or pattern(check.perhaps).search(told_around))
    element = target is not None and isinstance(strip(target), (Index, Unary))
    kind = ""
    variable = stage.unit.variable(number, name, 1 << 60)
    if variable is not None:
        kind = variable.type
    elif target is not None:
        kind = stage.unit.type_of(number, strip(target)) or ""
    element = element or "&" in kind
    content = element or bool(_TEXTS.search(kind))
    if pattern(check.near).search(told):
        return content or pattern(check.perhaps).search(told) is not None
    return makes and target is not None and element and called(stage, number, at, target) != ""
