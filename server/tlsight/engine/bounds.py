"""Callbacks that are told how much they may write: behind `wrong = "unlimited"`.

The parameter that holds the limit must be compared with something, or decide how much is written.
Where it does, in whatever direction, the rule is silent: the code has thought of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tlsight.engine.callees import called
from tlsight.engine.flow import reaching
from tlsight.engine.match import Match
from tlsight.engine.origin import root
from tlsight.engine.roles import Stage, played
from tlsight.engine.statements import beginning, line_above
from tlsight.engine.unit import path, strip
from tlsight.engine.values import possible
from tlsight.finding import Fix, Safety
from tlsight.ir import Act, Binary, Call, Conditional, Expr, Literal, Name, walk
from tlsight.rule import Callback
from tlsight.text import Span

LENGTH = "length"
SOURCE = "source"
TARGET = "target"
RESULT = "result"
_ORDER = ("<", ">", "<=", ">=")
_FEW = 64
"""Bytes for which every library has room."""


@dataclass(frozen=True, slots=True)
class Excess:
    """Where more may be put out than there is room for, how that is called, and the fix."""

    span: Span
    label: str
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """A callback, what its buffer and its limit are called there, and how it refuses."""

    function: int
    buffer: str
    limit: str
    most: int | None
    refusal: str
    safety: Safety | None


def room(
    stage: Stage, callback: Callback, function: int, argument: str, safety: Safety | None
) -> Room | None:
    """What a callback is told of the room in one of its parameters; None if it has no such one."""
    parameters = stage.unit.module.functions[function].parameters

    def named(slot: str) -> str:
        if slot not in callback.parameters:
            return ""
        position = callback.parameters.index(slot)
        return parameters[position].name if position < len(parameters) else ""

    if argument not in callback.bounds or not named(argument):
        return None
    limit = named(callback.bounds[argument])
    most = callback.limits.get(argument)
    return Room(function, named(argument), limit, most, callback.refusal, safety)


def is_minded(stage: Stage, here: Room) -> Span | None:
    """Where a callback compares its limit, or lets something decide by it; None if nowhere."""
    if not here.limit:
        return None
    for node in stage.unit.module.functions[here.function].nodes:
        for expr in node.expressions:
            if _minds(stage, here, expr):
                return expr.span
    return None


def _minds(stage: Stage, here: Room, expr: Expr) -> bool:
    if isinstance(expr, Binary):
        return expr.operator in _ORDER and _mentions(expr, here.limit)
    if isinstance(expr, Conditional):
        return _mentions(expr.condition, here.limit)
    return isinstance(expr, Call) and _decides(stage, here, expr)


def _decides(stage: Stage, here: Room, call: Call) -> bool:
    """Whether a call gets the limit and may mind it: one of this text, or without the buffer."""
    handed = [item for item in call.arguments if _mentions(item, here.limit)]
    if not handed:
        return False
    with_buffer = any(root(item) == here.buffer for item in call.arguments)
    return not with_buffer or bool(called(stage.unit, call))


def excesses(stage: Stage, here: Room, sinks: tuple[str, ...]) -> Iterator[Excess]:
    """Where a callback writes, or says that it has written, more than it may."""
    if is_minded(stage, here) is not None:
        return
    found = False
    for sink in sinks:
        role, _, slot = sink.partition(".")
        if slot != RESULT:
            for match in played(stage).get(role, ()):
                item = (
                    _written(stage, here, match, slot) if match.function == here.function else None
                )
                if item is not None:
                    found = True
                    yield item
    if not found:
        roles = tuple(sink.partition(".")[0] for sink in sinks if sink.endswith(f".{RESULT}"))
        yield from _stated(stage, here, roles)


def _written(stage: Stage, here: Room, match: Match, slot: str) -> Excess | None:
    target = match.arguments.get(TARGET)
    amount = match.arguments.get(slot)
    if target is None or amount is None or root(target) != here.buffer:
        return None
    data = stage.unit.data
    text = data[amount.span.start : amount.span.end].decode(errors="replace")
    values = possible(stage.index, stage.unit, match.function, match.node, amount)
    if slot == LENGTH:
        numbers = [value.number for value in values]
        if None not in numbers:
            most = max((number for number in numbers if number is not None), default=0)
            if most <= (here.most or _FEW):
                return None
            return Excess(amount.span, f"{most} bytes")
        if _is_limited(stage, here, match.node, amount):
            return None
        return Excess(amount.span, f"{text} bytes", _guarded(stage, here, match, f"{text} >"))
    texts = [value.text for value in values]
    if None not in texts:
        longest = max((len(item.encode()) for item in texts if item is not None), default=0)
        if longest < (here.most or _FEW) and not any("%" in (item or "") for item in texts):
            return None
    if any("%" in (item or "") for item in texts) or isinstance(strip(amount), Literal):
        return Excess(match.span, f"what {match.spelled} writes")
    return Excess(match.span, text, _guarded(stage, here, match, f"strlen({text}) >="))


def _is_limited(stage: Stage, here: Room, node: int, amount: Expr, depth: int = 3) -> bool:
    """Whether the limit decides an amount, itself or by what the amount was set to."""
    if here.limit and _mentions(amount, here.limit):
        return True
    name = path(amount)
    if name is None or depth == 0 or "." in name:
        return False
    reached = reaching(stage.unit, here.function, node, name, touches=False)
    if reached is None:
        return True
    return any(
        item.kind != "value"
        or (item.value is not None and _is_limited(stage, here, item.node, item.value, depth - 1))
        for item in reached[0]
    )


def _stated(stage: Stage, here: Room, roles: tuple[str, ...]) -> Iterator[Excess]:
    """What a callback returns as the length, if that is the length of something else."""
    lengths = {
        id(match.site): match
        for role in roles
        for match in played(stage).get(role, ())
        if match.function == here.function
    }
    nodes = stage.unit.module.functions[here.function].nodes
    writes = any(
        isinstance(expr, Call) and any(root(item) == here.buffer for item in expr.arguments)
        for node in nodes
        for expr in node.expressions
    )
    for at, node in enumerate(nodes):
        if node.act is not Act.RETURN or node.expr is None or not writes:
            continue
        for match in _lengths(stage, here, at, node.expr, lengths):
            if isinstance(match.site, Call) and _is_all_literal(match.site.arguments[2:]):
                continue
            text = match.arguments.get("text")
            if text is not None and root(text) == here.buffer:
                continue
            call = stage.unit.data[match.span.start : match.span.end].decode(errors="replace")
            fixes = _guarded(stage, here, match, f"{call} >") if text is not None else ()
            yield Excess(node.expr.span, f"{call} bytes", fixes if match.node == at else ())
            break


def _is_all_literal(arguments: tuple[Expr, ...]) -> bool:
    return bool(arguments) and all(isinstance(strip(item), Literal) for item in arguments)


def _lengths(
    stage: Stage, here: Room, at: int, expr: Expr, lengths: dict[int, Match]
) -> Iterator[Match]:
    inner = strip(expr)
    if id(inner) in lengths:
        yield lengths[id(inner)]
    elif isinstance(inner, Name):
        reached = reaching(stage.unit, here.function, at, inner.text, touches=False)
        for item in reached[0] if reached is not None else ():
            value = strip(item.value) if item.value is not None else None
            if value is not None and id(value) in lengths:
                yield lengths[id(value)]


def _guarded(stage: Stage, here: Room, match: Match, test: str) -> tuple[Fix, ...]:
    """Refuse what is too long before the statement that writes it."""
    if here.safety is None or not here.limit or not here.refusal:
        return ()
    title = f"Compare with {here.limit} first"
    function = stage.unit.module.functions[here.function]
    node = function.nodes[match.node]
    if node.expanded:
        return (Fix(title, (), here.safety, "the code stands in the body of a macro"),)
    start = beginning(stage, function, match.span)
    if start is None or "\n" in test:
        reason = "the call does not stand in a statement that begins its line"
        return (Fix(title, (), here.safety, reason),)
    step = "\t" if b"\n\t" in stage.unit.data else "    "
    kind = next((item.type for item in function.parameters if item.name == here.limit), "")
    cast = "" if "size_t" in kind else "(size_t)"
    text = f"if ({test} {cast}{here.limit})\n{step}return {here.refusal};"
    return (Fix(title, (line_above(stage, start, text),), here.safety),)


def _mentions(expr: Expr, name: str) -> bool:
    return bool(name) and any(isinstance(item, Name) and item.text == name for item in walk(expr))
