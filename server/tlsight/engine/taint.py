"""Properties about where data ends that came from somewhere: behind `kind = "taint"`.

A check asks of all that is compared whether a call in one of its roles has yielded it (`descent`).
With `of`, that must have been made from something in turn; with `on`, it is asked what is done to
the object from which that came, as `typestate` asks, and with the same care about absence.

What bytes from a peer may do wrong is asked by modules of their own (`_ENGINES`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tlsight.engine.arrivals import check_arrivals
from tlsight.engine.comparing import Comparison, by_library
from tlsight.engine.descent import descent
from tlsight.engine.excuses import excuse
from tlsight.engine.index import tail
from tlsight.engine.kept import check_kept
from tlsight.engine.lengths import check_lengths
from tlsight.engine.match import Match
from tlsight.engine.objects import RESULT, Objects, Place, objects
from tlsight.engine.paths import is_measured
from tlsight.engine.report import finding, held
from tlsight.engine.roles import Stage, played, playing
from tlsight.engine.terminators import check_terminators
from tlsight.engine.unexamined import check_unexamined
from tlsight.engine.unit import last_name, strip
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import Binary, Call, Expr, Index, Literal, Member, Name, SizeOf, Unary, walk
from tlsight.rule import Check, Property

_SHORTEST = 3
"""Letters and digits of a literal that may be a name; fewer are a mark, such as `CN=` or `*.`."""
_ARITHMETIC = re.compile(
    r"(?:(?:const|volatile|unsigned|signed|bool|int|short|long|float|double|s?size_t|time_t|off_t"
    r"|std::size_t|q?u?int(?:8|16|32|64)(?:_t)?|qsizetype)\s*)+&?"
)
_NUMBERS = (Binary, SizeOf)
"""Expressions that are numbers or truths, whatever is in them."""


def check_taint(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check of a `taint` property, and what is right or open."""
    if not any(role in played(stage) for role in check.roles):
        return
    engine = _ENGINES.get(check.wrong, _compared)
    yield from engine(stage, rule, check)


def _compared(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    wrong: set[int] = set()
    for item in (*_calls(stage, check), *operators(stage)):
        if not stage.asks(item.function) or any(_is_no_name(side) for side in item.sides):
            continue
        if check.near and not _is_near(stage, check, item):
            continue
        sources = [_source(stage, check, item, side) for side in item.sides]
        source = next((found for found in sources if found is not None), None)
        side = next(
            (one for one, found in zip(item.sides, sources, strict=True) if found is not None), None
        )
        if source is None or (len(sources) > 1 and None not in sources):
            continue  # of two such names, none is what the other must be
        here = replace(source, function=item.function, node=item.node)
        words = {"value": item.spelled}
        related = (Related(source.span, "it comes from here"),)
        fixes = by_library(stage, rule, check, item, side) if check.insert and side else ()
        found = finding(
            *(stage, rule, check, here, item.whole.span, words), related=related, fixes=fixes
        )
        if found is not None:
            wrong.add(id(source.site))
            yield found
    for match in playing(stage, check.roles):
        if id(match.site) not in wrong:
            seen = f"what {match.spelled} yields decides nothing here by a comparison of its text"
            yield from held(stage, rule, match.function, match.span, seen)


def _calls(stage: Stage, check: Check) -> Iterator[Comparison]:
    """The calls in a role of `sinks`, with what stands in the arguments after the dot."""
    found: dict[int, tuple[Match, list[Expr]]] = {}
    for sink in check.sinks:
        role, _, slot = sink.partition(".")
        for match in played(stage).get(role, ()):
            expr = match.arguments.get(slot)
            if expr is not None:
                found.setdefault(id(match.site), (match, []))[1].append(expr)
    for match, sides in found.values():
        if isinstance(match.site, Call):
            yield Comparison(
                *(match.function, match.node, match.site, match.spelled, tuple(sides)),
                equal=match.binding.ok,
            )


def operators(stage: Stage) -> tuple[Comparison, ...]:
    """The comparisons by `==` and `!=` of what may be a text, which nothing is in C."""
    known = stage.unit.cache.get("comparisons")
    if known is None:
        known = stage.unit.cache["comparisons"] = tuple(_by_operator(stage))
    assert isinstance(known, tuple)
    return known


def _by_operator(stage: Stage) -> Iterator[Comparison]:
    if stage.unit.language == "c":
        return
    for number, function in enumerate(stage.unit.module.functions):
        for at, expr in function.each(Binary):
            if expr.operator in ("==", "!="):
                sides = (strip(expr.left), strip(expr.right))
                if not any(_is_no_text(stage, number, side) for side in sides):
                    yield Comparison(number, at, expr, expr.operator, sides)


def _is_no_text(stage: Stage, function: int, side: Expr) -> bool:
    """Whether an operand is a number, null, or one character of a text."""
    if isinstance(side, Literal):
        return side.kind != "string"
    if isinstance(side, Index):
        kind = stage.unit.type_of(function, side.base) or "*"
        return "*" in kind or "[" in kind
    if isinstance(side, (Unary, *_NUMBERS)):
        return True
    return _ARITHMETIC.fullmatch(stage.unit.type_of(function, side) or "") is not None


def _is_no_name(side: Expr) -> bool:
    """Whether an operand is a literal too short for a name: nothing, or a mark to look for."""
    side = strip(side)
    if not isinstance(side, Literal) or not isinstance(side.value, str):
        return False
    return sum(letter.isalnum() for letter in side.value) < _SHORTEST


def _source(stage: Stage, check: Check, item: Comparison, side: Expr) -> Match | None:
    """The call of `roles` from which an operand comes, if all that is asked of it holds."""
    steps = descent(stage, item.function, item.node, side)
    candidates = [step for step in steps if _plays_one(step, check.roles)]
    source = min(candidates, key=lambda step: not stage.unit.live(step.span), default=None)
    if source is None or excuse(stage, check, source) is not None:
        return None
    if not all(any(_plays_one(step, (role,)) for step in steps) for role in check.of):
        return None
    if check.unmeasured and is_measured(stage, source):
        return None
    asked = [step for step in steps if check.on and _plays_one(step, (check.on,))]
    if check.on and not any(_is_so(stage, check, step) for step in asked):
        return None
    return source


def _plays_one(match: Match, roles: tuple[str, ...]) -> bool:
    return any(role in match.binding.roles for role in roles)


def _is_near(stage: Stage, check: Check, item: Comparison) -> bool:
    """Whether a name in a comparison, or that of the function around, tells what it is for."""
    around = tail(stage.unit.module.functions[item.function].name)
    names = (around, *(name for side in item.sides for name in _names(side)))
    return any(re.search(check.near, name, re.IGNORECASE) for name in names)


def _names(expr: Expr) -> Iterator[str]:
    for part in walk(expr):
        if isinstance(part, Name):
            yield part.text
        elif isinstance(part, Member):
            yield part.name
        elif isinstance(part, Call):
            yield last_name(part)


def _is_so(stage: Stage, check: Check, match: Match) -> bool:
    """Whether the object that a call gives its result from is as the check asks."""
    known = objects(stage)
    place = known.of(match, match.binding.gives.get(RESULT, ""))
    return place is not None and any(_holds(known, check, item) for item in known.handed(place))


def _holds(known: Objects, check: Check, place: Place) -> bool:
    """Whether all of `given` is done to an object that is made here, and nothing that is needed."""
    if known.shared(place):
        return False
    roles = {role for part in known.closure(place) for role in part.roles}
    return roles >= set(check.given) and roles.isdisjoint(check.needs_one)


_ENGINES = {
    "arrives": check_arrivals,
    "kept": check_kept,
    "unbounded": check_lengths,
    "unexamined": check_unexamined,
    "unterminated": check_terminators,
}
"""The other mistakes, each with a module of its own."""
