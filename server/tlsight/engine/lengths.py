"""Lengths that a peer states, and that nothing bounds: the engine behind `wrong = "unbounded"`.

A number is followed back from where it decides how much memory is touched: the length of a copy or
of a read, the size of what is allocated, an index, a loop up to it, a step of a pointer.
What it can be at most is held against the room that there is, where the text tells that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tlsight.engine.bounding import bounded_by_others, is_reached
from tlsight.engine.decoded import Decoded, Numbers
from tlsight.engine.flow import components, definitions, first_reaching
from tlsight.engine.match import Match
from tlsight.engine.places import number, place, room, size_of_array
from tlsight.engine.received import Received
from tlsight.engine.report import finding, held
from tlsight.engine.roles import Stage, played, playing
from tlsight.engine.unit import path, strip
from tlsight.engine.widths import BYTE
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    CallKind,
    Expr,
    Index,
    Member,
    Name,
    Node,
    Unary,
    walk,
)
from tlsight.rule import Check, Property
from tlsight.text import Span

_LARGE = 1 << 24
"""Bytes that nobody should be made to allocate by a number of a message."""
_STACK = 1 << 20
"""The same of arrays on the stack."""
_WRITTEN = ("target", "buffer")
_READ = ("source", "data")
_BOUND = re.compile(r"\[\s*([A-Za-z_]\w*)\s*\]$")


@dataclass(frozen=True, slots=True)
class _Sink:
    """A place where a number decides how much memory is touched."""

    function: int
    node: int
    expr: Expr
    spelled: str
    written: Expr | None = None
    read: Expr | None = None
    allocates: int = 0
    """Bytes that it may allocate at most; 0: it allocates nothing."""
    fills: bool = False
    """It brings data into a buffer."""
    index: bool = False
    """It is one element that is touched."""
    made: frozenset[int] = frozenset()
    """Calls that make memory, by their anchors."""


def check_lengths(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check, and the numbers that are bounded."""
    numbers = Numbers(stage, Received.of(stage, check.roles), _neutral(stage, check))
    done: set[Span] = set()
    made = frozenset(
        item.site.anchor
        for sink in check.sinks
        for item in played(stage).get(sink.partition(".")[0], ())
        if isinstance(item.site, Call) and len(item.site.arguments) == 1
    )
    for sink in (*_calls(stage, check), *_by_syntax(stage)):
        if sink.expr.span in done:
            continue
        found = numbers.number_at(sink.function, sink.node, sink.expr)
        if found is None:
            if stage.evidence:
                yield from _bounded(stage, rule, numbers, sink)
        elif _is_wrong(stage, replace(sink, made=made), found):
            item = _reported(stage, rule, check, sink, found)
            if item is not None:
                done.add(sink.expr.span)
                yield item
    yield from _counted(stage, rule, check, numbers)
    yield from _advanced(stage, rule, check, numbers)


def _reported(
    stage: Stage, rule: Property, check: Check, sink: _Sink, found: Decoded
) -> Finding | None:
    here = replace(found.source, function=sink.function, node=sink.node)
    data = stage.unit.data[sink.expr.span.start : sink.expr.span.end]
    name = found.key or " ".join(data.decode(errors="replace").split())
    words = {"variable": name, "value": sink.spelled}
    related = (
        Related(found.source.span, "the bytes come from here"),
        *(Related(span, "through here") for span in dict.fromkeys(found.way)),
    )
    return finding(stage, rule, check, here, sink.expr.span, words, related=related)


def _bounded(stage: Stage, rule: Property, numbers: Numbers, sink: _Sink) -> Iterator[Evidence]:
    numbers.unguarded = True
    found = numbers.number_at(sink.function, sink.node, sink.expr)
    numbers.unguarded = False
    if found is not None:
        seen = f"what the peer says is bounded before it decides {sink.spelled}"
        related = tuple(Related(span, "through here") for span in dict.fromkeys(found.way))
        yield from held(stage, rule, sink.function, sink.expr.span, seen, related)


def _neutral(stage: Stage, check: Check) -> frozenset[int]:
    """The calls that ask nothing of a number: those that take it as a length, or bring data."""
    roles = (*check.roles, *(sink.partition(".")[0] for sink in check.sinks))
    return frozenset(
        match.site.anchor
        for role in roles
        for match in played(stage).get(role, ())
        if isinstance(match.site, Call)
    )


# Where numbers decide.


def _calls(stage: Stage, check: Check) -> Iterator[_Sink]:
    for sink in check.sinks:
        role, _, slot = sink.partition(".")
        for match in playing(stage, (role,)):
            expr = match.arguments.get(slot)
            if expr is not None:
                item = _of_match(check, match, expr)
                yield item
                yield from _offsets(item)


def _offsets(sink: _Sink) -> Iterator[_Sink]:
    """How far into a buffer a call begins to read or to write."""
    for buffer in (sink.written, sink.read):
        offset = _offset(buffer) if buffer is not None else None
        if offset is not None:
            base, index = offset
            yield _Sink(sink.function, sink.node, index, sink.spelled, written=base, index=True)


def _offset(expr: Expr) -> tuple[Expr, Expr] | None:
    inner = strip(expr)
    if isinstance(inner, Unary) and inner.operator == "&":
        inner = strip(inner.operand)
        return (inner.base, inner.index) if isinstance(inner, Index) else None
    if isinstance(inner, Binary) and inner.operator == "+":
        return inner.left, inner.right
    return None


def _of_match(check: Check, match: Match, expr: Expr) -> _Sink:
    if any(slot == "index" and item is expr for slot, item in match.arguments.items()):
        read = match.arguments.get("this")
        return _Sink(match.function, match.node, expr, match.spelled, read=read, index=True)
    written = next((item for slot in _WRITTEN if (item := match.arguments.get(slot))), None)
    read = next((item for slot in _READ if (item := match.arguments.get(slot))), None)
    return _Sink(
        match.function,
        match.node,
        expr,
        match.spelled,
        written,
        read,
        0 if written or read else _LARGE,
        fills=not set(check.roles).isdisjoint(match.binding.roles),
    )


def _by_syntax(stage: Stage) -> Iterator[_Sink]:
    """Indices, and arrays and objects that are made as large as a number says."""
    for which, function in stage.asked():
        for at, node in enumerate(function.nodes):
            if node.act is Act.DECLARE and node.variable is not None:
                bound = _BOUND.search(node.variable.type)
                if bound is not None and stage.unit.is_local(which, bound[1]):
                    name = Name(node.variable.span, bound[1], -1)
                    yield _Sink(which, at, name, "an array on the stack", allocates=_STACK)
        taken = {
            id(strip(expr.operand)) for _, expr in function.each(Unary) if expr.operator == "&"
        }
        for at, expr in function.each(Index, Unary):
            found = _touched_at(expr)
            if found is not None and id(expr) not in taken:
                base, index = found
                if _is_memory(stage, which, base):
                    yield _Sink(which, at, index, "an index", written=base, index=True)
        for at, call in function.each(Call):
            if call.arguments and _is_array(call):
                yield _Sink(which, at, call.arguments[0], "new", allocates=_LARGE)


def _touched_at(expr: Expr) -> tuple[Expr, Expr] | None:
    """The memory of which one element is touched, and its number."""
    if isinstance(expr, Index):
        return expr.base, expr.index
    if isinstance(expr, Unary) and expr.operator == "*":
        inner = strip(expr.operand)
        if isinstance(inner, Binary) and inner.operator == "+":
            return inner.left, inner.right
    return None


def _is_array(call: Call) -> bool:
    """Whether a call makes a new array."""
    new = call.kind is CallKind.NEW
    return new and isinstance(call.callee, Name) and call.callee.text.endswith("]")


def _is_memory(stage: Stage, function: int, base: Expr) -> bool:
    kind = stage.unit.type_of(function, base)
    return kind is not None and ("[" in kind or "*" in kind.rpartition(">")[2])


# Whether there is room.


def _is_wrong(stage: Stage, sink: _Sink, found: Decoded) -> bool:
    if sink.allocates:
        return found.width.high >= sink.allocates
    if found.width.negative and not sink.fills:
        return True
    written = _is_enough(stage, sink, sink.written, found)
    read = _is_enough(stage, sink, sink.read, found)
    if written is False or read is False:
        return True
    if found.width.high <= BYTE.high or sink.fills:
        return False  # whether so few bytes are there is not known
    return (written is None and sink.written is not None) or (
        read is None and sink.read is not None
    )


def _is_enough(stage: Stage, sink: _Sink, buffer: Expr | None, found: Decoded) -> bool | None:
    """Whether a buffer has room for the largest number; None: its size is not known."""
    if buffer is None:
        return None
    size = room(stage, sink.function, sink.node, buffer)
    if size is None:
        size = _least_room(stage, sink, buffer)
        size = _made_size(stage, sink, buffer) if size is None else size
        if size is not None and size < found.width.high:
            return False
        return True if _is_made_for(stage, sink, buffer, found) else None
    return size >= found.width.high + sink.index


def _least_room(stage: Stage, sink: _Sink, buffer: Expr) -> int | None:
    """The size of the array that an expression points into, wherever that is."""
    name = place(buffer)
    inner = strip(buffer)
    if name is None or isinstance(inner, Name):
        return None
    while not isinstance(inner, (Name, Member)):
        if isinstance(inner, Index):
            inner = strip(inner.base)
        elif isinstance(inner, Unary):
            inner = strip(inner.operand)
        elif isinstance(inner, Binary):
            inner = strip(inner.left)
        else:
            return None
    return size_of_array(stage, sink.function, inner)


def _made_size(stage: Stage, sink: _Sink, buffer: Expr) -> int | None:
    """The size that a buffer was made with, if that is one number."""
    name = place(buffer)
    if name is None:
        return None
    items, entry, whole = first_reaching(stage.unit, sink.function, sink.node, name, False)
    value = items[0].value if len(items) == 1 and whole and not entry else None
    for part in walk(value) if value is not None else ():
        if isinstance(part, Call) and part.anchor in sink.made:
            return number(stage, sink.function, items[0].node, part.arguments[-1])
    return None


def _is_made_for(stage: Stage, sink: _Sink, buffer: Expr, found: Decoded) -> bool:
    """Whether what a buffer points to was made by a call that was told the same number."""
    name = place(buffer)
    if name is None:
        return False
    names = {found.key, *found.keys} | {
        item
        for part in walk(sink.expr)
        if isinstance(part, (Name, Member)) and (item := path(part)) is not None
    }
    items, _, _ = first_reaching(stage.unit, sink.function, sink.node, name, False)
    values = [item.value for item in items if item.value is not None]
    if any(
        isinstance(part, Call) and _mentions(part, names)
        for value in values
        for part in walk(value)
    ):
        return True
    return any(_mentions(call, names) for call in _told(stage, sink.function).get(name, ()))


def _told(stage: Stage, function: int) -> Mapping[str, list[Call]]:
    """The methods that a function calls on each of its objects."""
    key = ("methods called", function)
    known = stage.unit.cache.get(key)
    if known is None:
        found: dict[str, list[Call]] = {}
        for node in stage.unit.module.functions[function].nodes:
            for part in node.expressions:
                if isinstance(part, Call) and isinstance(part.callee, Member) and part.arguments:
                    name = place(part.callee.base)
                    if name is not None:
                        found.setdefault(name, []).append(part)
        known = stage.unit.cache[key] = found
    assert isinstance(known, dict)
    return known


def _mentions(call: Call, names: set[str]) -> bool:
    return any(
        isinstance(part, (Name, Member)) and path(part) in names
        for argument in call.arguments
        for part in walk(argument)
    )


# Loops that count up to a number.


def _counted(
    stage: Stage, rule: Property, check: Check, numbers: Numbers
) -> Iterator[Finding | Evidence]:
    for function, code in stage.asked():
        for at, node in enumerate(code.nodes):
            if node.act is not Act.TEST or not node.loop or node.expr is None:
                continue
            test = strip(node.expr)
            if not isinstance(test, Binary) or test.operator not in ("<", "<=", ">", ">=", "!="):
                continue
            up = test.operator in ("<", "<=", "!=")
            counter, limit = (test.left, test.right) if up else (test.right, test.left)
            name = path(strip(counter))
            if name is None or not stage.unit.is_local(function, name):
                continue
            found = numbers.number_at(function, at, limit)
            if found is None:
                continue
            sink = _Sink(function, at, limit, "the end of a loop over memory")
            if _is_run_over(stage, sink, name, found):
                item = _reported(stage, rule, check, sink, found)
                if item is not None:
                    yield item


def _is_run_over(stage: Stage, sink: _Sink, counter: str, found: Decoded) -> bool:
    """Whether a loop touches memory at its counter, which nothing else in it bounds."""
    unit, function = stage.unit, sink.function
    parts = components(unit, function)
    inside = frozenset(at for at, number in enumerate(parts) if number == parts[sink.node])
    nodes = unit.module.functions[function].nodes
    steps = [(at, nodes[at].evaluates) for at in inside]
    memory = [
        (at, expr.base)
        for at, evaluates in steps
        if evaluates is not None
        for expr in walk(evaluates)
        if isinstance(expr, Index)
        and _counts(expr.index, counter)
        and _is_memory(stage, function, expr.base)
    ]
    if not memory or bounded_by_others(stage, function, inside, sink.node, {counter: 1}):
        return False
    for at, base in memory:
        enough = _is_enough(stage, replace(sink, node=at, index=True), base, found)
        if enough is False or (enough is None and found.width.high > BYTE.high):
            return True
    return False


def _counts(index: Expr, counter: str) -> bool:
    return any(isinstance(part, Name) and part.text == counter for part in walk(index))


# Pointers that are moved on by a number.


def _advanced(
    stage: Stage, rule: Property, check: Check, numbers: Numbers
) -> Iterator[Finding | Evidence]:
    for function, _ in stage.asked():
        for name, items in definitions(stage.unit, function).items():
            if not _is_pointer(stage, function, name):
                continue
            for item in items:
                step = _step(item.kind, item.operator, item.value)
                if step is None:
                    continue
                found = numbers.number_at(function, item.node, step)
                if found is None or (found.width.high <= BYTE.high and not found.width.negative):
                    continue
                used = _used(stage, function, item.node, name, numbers)
                if used is None:
                    continue
                sink = _Sink(function, item.node, step, f"the position of {name}")
                reported = _reported(stage, rule, check, sink, found)
                if reported is not None:
                    more = (*reported.related, Related(used, "and is used here"))
                    yield replace(reported, related=more[:8])


def _is_pointer(stage: Stage, function: int, name: str) -> bool:
    declared = stage.unit.variables[function].get(name, ())
    return any("*" in item.type for item in declared)


def _step(kind: str, operator: str, value: Expr | None) -> Expr | None:
    """What a definition of a pointer adds to one."""
    if value is None:
        return None
    if kind == "update":
        return value if operator == "+=" else None
    inner = strip(value)
    if kind == "value" and isinstance(inner, Binary) and inner.operator == "+":
        return inner.right
    return None


def _used(stage: Stage, function: int, start: int, name: str, numbers: Numbers) -> Span | None:
    """Where memory at a pointer is touched before anything is asked about the pointer."""
    keys = {name: 1}
    for at, expr in _touches(stage, function, name):
        if at != start and is_reached(
            *(stage, function, start, at, keys, name, numbers.neutral, False)
        ):
            return expr.span
    return None


def _touches(stage: Stage, function: int, name: str) -> Iterator[tuple[int, Expr]]:
    key = ("touches", function)
    known = stage.unit.cache.get(key)
    if known is None:
        found: dict[str, list[tuple[int, Expr]]] = {}
        for at, node in enumerate(stage.unit.module.functions[function].nodes):
            for pointer, expr in _touched(node):
                found.setdefault(pointer, []).append((at, expr))
        known = stage.unit.cache[key] = found
    assert isinstance(known, dict)
    yield from known.get(name, ())


def _touched(node: Node) -> Iterator[tuple[str, Expr]]:
    for expr in node.expressions:
        base: Expr | None = None
        if isinstance(expr, Index):
            base = expr.base
        elif isinstance(expr, Unary) and expr.operator == "*":
            base = expr.operand
        elif isinstance(expr, Member) and expr.arrow:
            base = expr.base
        if base is not None and not isinstance(base, Assign):
            inner = strip(base)
            if isinstance(inner, Unary) and inner.operator in ("p++", "p--", "++", "--"):
                inner = strip(inner.operand)
            if isinstance(inner, Name):
                yield inner.text, expr
