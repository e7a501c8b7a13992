"""Bytes of a peer that arrive where they decide too much: the engine behind `wrong = "arrives"`.

As a format they say what is read, as a name what is opened, as a command what is run. Code that
asks about them on the way (looks them up, or for characters that are dangerous there) may know what
it does, so what comes past such a question is undecided.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from tlsight.engine.flow import definitions, leading
from tlsight.engine.match import Match, call_matches
from tlsight.engine.objects import RESULT
from tlsight.engine.places import place
from tlsight.engine.received import BUFFER, Bytes, Received
from tlsight.engine.report import finding, undecided
from tlsight.engine.roles import Stage, playing
from tlsight.engine.unit import last_name, path
from tlsight.engine.values import CONVERSION
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import Act, Binary, Call, CallKind, Expr, Literal, Member, Name, Node, walk
from tlsight.rule import Check, Property

_MARKS = re.compile(r"\.\.|[/\\%;|&`$]")
"""What is looked for in a text that is to be a name of a file, a command or a format."""
_CLEANING = re.compile(
    r"(?i)check|valid|verif|sanit|clean|escap|quot|canon|normal|realpath|basename|safe|allow|permit"
)
_FEW = 400
"""Names of one function that may hang together."""


def check_arrivals(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check, and what cannot be decided."""
    received = Received.of(stage, check.roles)
    for sink in check.sinks:
        role, _, slot = sink.partition(".")
        for match in playing(stage, (role,)):
            expr = match.arguments.get(slot)
            held = received.bytes_at(match.function, match.node, expr) if expr is not None else None
            if held is None or expr is None:
                continue
            if _is_asked(stage, received, match, expr, held):
                reason = f"what {held.source.spelled} reads is tested before it comes to "
                reason += match.spelled
                yield from undecided(stage, rule, match.function, expr.span, reason)
                continue
            item = _reported(stage, rule, check, match, slot, expr, held)
            if item is not None:
                yield item


def _reported(
    stage: Stage, rule: Property, check: Check, match: Match, slot: str, expr: Expr, held: Bytes
) -> Finding | None:
    here = replace(held.source, function=match.function, node=match.node)
    words = {"value": match.spelled, "argument": slot}
    related = (
        Related(held.source.span, "the bytes come from here"),
        *(Related(span, "through here") for span in dict.fromkeys(held.way)),
    )
    return finding(stage, rule, check, here, expr.span, words, related=related)


def _is_asked(stage: Stage, received: Received, match: Match, expr: Expr, held: Bytes) -> bool:
    """Whether code on the way asks what is in the bytes."""
    names = _names(expr)
    asked = _questions(stage, received, match.function, names, match.node)
    source = held.source
    if not asked and source.function != match.function:
        filled = source.arguments.get(BUFFER)
        seeds = _names(filled) if filled is not None else _given(stage, source)
        asked = _questions(stage, received, source.function, seeds)
    return asked


def _given(stage: Stage, match: Match) -> frozenset[str]:
    """The variable that a step sets."""
    node = stage.unit.module.functions[match.function].nodes[match.node]
    if node.act is Act.DECLARE and node.variable is not None:
        return frozenset((node.variable.name,))
    return frozenset(
        name
        for name, items in definitions(stage.unit, match.function).items()
        if any(item.node == match.node for item in items)
    )


def _names(expr: Expr) -> frozenset[str]:
    return frozenset(
        name
        for part in walk(expr)
        if isinstance(part, (Name, Member)) and (name := path(part)) is not None
    )


def _questions(
    stage: Stage, received: Received, function: int, seeds: frozenset[str], before: int = -1
) -> bool:
    """Whether a function asks about one of these names, or of others that hold the same.

    With `before`, only what is asked on the way to this step counts.
    """
    names = _relatives(stage, received, function, seeds)
    way = leading(stage.unit, function, frozenset((before,)), frozenset()) if before >= 0 else ()
    return any(
        _asks(stage, received, function, at, node, names)
        for at, node in enumerate(stage.unit.module.functions[function].nodes)
        if node.evaluates is not None and (before < 0 or at in way)
    )


def _relatives(
    stage: Stage, received: Received, function: int, seeds: frozenset[str]
) -> frozenset[str]:
    table = _tied(stage, received, function)
    found = set(seeds)
    waiting = list(seeds)
    while waiting and len(found) < _FEW:
        for name in table.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return frozenset(found)


def _tied(stage: Stage, received: Received, function: int) -> Mapping[str, set[str]]:
    """The names of a function that are set from each other."""
    key = ("tied by content", function)
    known = stage.unit.cache.get(key)
    if known is None:
        found: dict[str, set[str]] = {}
        pairs = [
            (name, item.value)
            for name, items in definitions(stage.unit, function).items()
            for item in items
            if item.value is not None
        ]
        pairs += [
            (name, item.value)
            for name, items in received.stores(function).items()
            for item in items
            if item.value is not None
        ]
        for name, value in pairs:
            for other in _names(value):
                found.setdefault(name, set()).add(other)
                found.setdefault(other, set()).add(name)
        known = stage.unit.cache[key] = found
    assert isinstance(known, dict)
    return known


def _asks(
    stage: Stage, received: Received, function: int, at: int, node: Node, names: frozenset[str]
) -> bool:
    assert node.evaluates is not None
    tests = node.act in (Act.TEST, Act.SWITCH)
    for part in node.expressions:
        if isinstance(part, Call):
            operands = (
                (*part.arguments, part.callee.base)
                if isinstance(part.callee, Member)
                else part.arguments
            )
            if not any(place(item) in names for item in operands):
                continue
            if _CLEANING.search(last_name(part)):
                return True
            if (tests or _is_marked(part)) and _is_question(stage, received, function, at, part):
                return True
        elif isinstance(part, Binary) and part.operator in ("==", "!="):
            for side, other in ((part.left, part.right), (part.right, part.left)):
                if place(side) in names and _is_mark(other):
                    return True
    return False


def _is_question(stage: Stage, received: Received, function: int, at: int, call: Call) -> bool:
    """Whether a call asks what is in its argument: not if it only reads, carries or measures it."""
    if call.kind is not CallKind.CALL:
        return False
    if not call.arguments:
        return False
    if received.brings(call, function, at) is not None:
        return False
    matches = call_matches(stage.index, stage.unit, function, at, call)
    for match in matches:
        if any(to != RESULT for to in match.binding.gives):
            return False
        plain = match.binding.gives or CONVERSION in match.binding.roles
        plain = plain or "length" in match.arguments or _is_sink(match)
        if plain and not _is_marked(call):
            return False
    return True


def _is_sink(match: Match) -> bool:
    return any(slot in match.arguments for slot in ("path", "command", "format"))


def _is_marked(call: Call) -> bool:
    return any(_is_mark(item) for item in call.arguments)


def _is_mark(expr: Expr) -> bool:
    """Whether an expression is a literal that is looked for where texts are dangerous."""
    for part in walk(expr):
        if isinstance(part, Literal):
            value = part.value
            text = value if isinstance(value, str) else ""
            if part.kind == "char" and isinstance(value, int) and 0 < value < 128:
                text = chr(value) if chr(value) != "." else ".."
            if isinstance(value, str) and "%" in text and "/" not in text and ".." not in text:
                continue
            if _MARKS.search(text):
                return True
    return False
