"""Bytes that are taken for a text and end nowhere: the engine behind `wrong = "unterminated"`.

A call that fills a buffer writes no zero at its end. From there each way is followed on which it
has brought something, until an element of the buffer is set, or code gets it that may set one. A
buffer that was zero from the beginning ends, if the call leaves the last byte alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tlsight.engine.flow import definitions, first_reaching
from tlsight.engine.match import Match
from tlsight.engine.paths import visited
from tlsight.engine.places import is_zeroed, number, place, room
from tlsight.engine.received import BUFFER, is_local_data
from tlsight.engine.report import finding, held
from tlsight.engine.roles import Stage, playing
from tlsight.engine.steps import of_function
from tlsight.engine.unit import strip
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import Assign, Call, Expr, Index, Literal, Name, SizeOf, Unary, walk
from tlsight.rule import Check, Property

_CONVERSION = re.compile(r"%[-+ #0]*(\*|\d+)?(?:\.(\*|\d+))?(?:hh|h|ll|l|j|z|t|L|q)?([a-zA-Z%])")
_FORMAT = "format"
_SIZE = "size"
_FILL = "fill"
_UNCLEARED = "allocate-uncleared"


def check_terminators(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check, and what ends as it must."""
    for match in playing(stage, check.roles):
        buffer = match.arguments.get(BUFFER)
        name = place(buffer) if buffer is not None else None
        if name is None or buffer is None or not isinstance(match.site, Call):
            continue
        if is_local_data(stage, match):
            continue
        uses = list(_uses(stage, check, match.function, name))
        if not uses:
            continue
        if _ends_anyhow(stage, match, buffer, name):
            seen = f"{match.spelled} leaves a zero at the end of {name}"
            yield from held(stage, rule, match.function, match.span, seen)
            continue
        yield from _followed(stage, rule, check, match, name, uses)


def _followed(
    stage: Stage,
    rule: Property,
    check: Check,
    match: Match,
    name: str,
    uses: list[tuple[Match, Expr]],
) -> Iterator[Finding | Evidence]:
    assert isinstance(match.site, Call)
    stops = _stops(stage, check, match, name)
    ways = visited(stage, match.function, match.node, {}, {match.site.anchor: 1}, stops)
    found = [
        (use, expr) for use, expr in uses if use.node in ways - stops and use.node != match.node
    ]
    for use, expr in found[:1]:
        here = replace(match, node=use.node)
        words = {"variable": name, "value": use.spelled}
        related = (Related(match.span, "it is filled here"),)
        item = finding(stage, rule, check, here, expr.span, words, related=related)
        if item is not None:
            yield item
    if not found:
        seen = f"{name} is ended before it is taken for a text"
        yield from held(stage, rule, match.function, match.span, seen)


def _uses(stage: Stage, check: Check, function: int, name: str) -> Iterator[tuple[Match, Expr]]:
    """Where a buffer, or a pointer into it, is taken for a text."""
    for sink in check.sinks:
        role, _, slot = sink.partition(".")
        for match in of_function(stage, role, function):
            for expr in _texts(match, slot):
                called = place(expr)
                if called is None or isinstance(strip(expr), (Index, Literal)):
                    continue
                if name in _aliases(stage, function, match.node, called):
                    yield match, expr


def _texts(match: Match, slot: str) -> Iterator[Expr]:
    expr = match.arguments.get(slot)
    if expr is None or not isinstance(match.site, Call):
        return
    if slot != _FORMAT:
        yield expr
        return
    position = match.position(slot)
    inner = strip(expr)
    if position is None or not isinstance(inner, Literal) or not isinstance(inner.value, str):
        return
    following = position + 1
    for width, precision, kind in _CONVERSION.findall(inner.value):
        if kind == "%":
            continue
        following += (width == "*") + (precision == "*")
        if kind == "s" and not precision and following < len(match.site.arguments):
            yield match.site.arguments[following]
        following += 1


def _aliases(stage: Stage, function: int, node: int, name: str) -> frozenset[str]:
    """A place, and those that it points into where it was last set."""
    items, _, _ = first_reaching(stage.unit, function, node, name, False)
    found = {name}
    for item in items:
        if item.kind == "value" and item.value is not None:
            other = place(item.value)
            if other is not None and not isinstance(strip(item.value), (Call, Literal)):
                found.add(other)
    return frozenset(found)


def _ends_anyhow(stage: Stage, match: Match, buffer: Expr, name: str) -> bool:
    """Whether there is a zero behind what a call writes, or whether nobody here can tell."""
    size = match.arguments.get(_SIZE)
    whole = size is not None and _is_whole(stage, match, buffer, name, size)
    if "." in name or not stage.unit.is_local(match.function, name):
        return not whole
    parameters = stage.unit.module.functions[match.function].parameters
    if any(item.name == name for item in parameters):
        return True
    if whole:
        return False
    return is_zeroed(stage, match.function, name) or _is_cleared(stage, match.function, name)


def _is_whole(stage: Stage, match: Match, buffer: Expr, name: str, size: Expr) -> bool:
    """Whether a call may fill a buffer to its last byte."""
    inner = strip(size)
    if isinstance(inner, SizeOf) and inner.operand is not None:
        return place(inner.operand) == name and not isinstance(strip(inner.operand), Unary)
    wanted = number(stage, match.function, match.node, size)
    there = room(stage, match.function, match.node, buffer)
    return wanted is not None and there is not None and wanted >= there


def _is_cleared(stage: Stage, function: int, name: str) -> bool:
    """Whether a function sets a whole buffer, or makes it by a call that may clear it."""
    for match in of_function(stage, _FILL, function):
        target = match.arguments.get("target")
        if target is not None and place(target) == name:
            return True
    declared = stage.unit.variables[function].get(name, ())
    if not any("*" in item.type for item in declared):
        return False
    plain = {
        match.site.anchor
        for match in of_function(stage, _UNCLEARED, function)
        if isinstance(match.site, Call)
    }
    items = definitions(stage.unit, function).get(name, ())
    values = [item.value for item in items if item.value is not None]
    calls = [part for value in values for part in walk(value) if isinstance(part, Call)]
    return not calls or any(call.anchor not in plain for call in calls)


def _stops(stage: Stage, check: Check, match: Match, name: str) -> frozenset[int]:
    """The steps after which a buffer ends, or is another one, or may be either."""
    function = match.function
    harmless = _harmless(stage, check, function)
    found: set[int] = set()
    for at, node in enumerate(stage.unit.module.functions[function].nodes):
        for part in node.expressions:
            if isinstance(part, Assign):
                target = strip(part.target)
                if place(target) is None:
                    continue
                if isinstance(target, (Index, Unary)):
                    if name in _aliases(stage, function, at, place(target) or ""):
                        found.add(at)
                elif isinstance(target, Name) and place(target) == name:
                    found.add(at)
            elif (
                isinstance(part, Call)
                and part.anchor not in harmless
                and any(place(item) == name for item in part.arguments)
            ):
                found.add(at)
    return frozenset(found) - {match.node}


def _harmless(stage: Stage, check: Check, function: int) -> frozenset[int]:
    """The calls that put no zero into what they are handed: those that take it for a text."""
    key = ("harmless", id(check), function)
    known = stage.unit.cache.get(key)
    if known is None:
        roles = [sink.partition(".")[0] for sink in check.sinks]
        known = stage.unit.cache[key] = frozenset(
            match.site.anchor
            for role in (*roles, *check.unless)
            for match in of_function(stage, role, function)
            if isinstance(match.site, Call)
        )
    assert isinstance(known, frozenset)
    return known
