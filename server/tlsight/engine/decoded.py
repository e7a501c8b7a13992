"""Numbers that are decoded from bytes which calls have brought in, and that nothing bounds.

The question goes backward from an expression, as in `received`, through arithmetic, conversions,
functions of this text and macros. At each variable on the way it is asked whether a test bounds it
before the step where it is used (`bounding`); if it does on all ways, there is no such number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tlsight.engine.bounding import Keys, bounded_by_others, is_reached, tells
from tlsight.engine.callees import called
from tlsight.engine.flow import Definition, definitions, first_reaching
from tlsight.engine.match import Match, call_matches
from tlsight.engine.objects import RESULT
from tlsight.engine.places import number, spelling
from tlsight.engine.received import Bytes, Frame, Received
from tlsight.engine.roles import Stage, plays
from tlsight.engine.unit import last_name, path, strip
from tlsight.engine.widths import BYTE, UNLIMITED, Width, cut, joined, of_type
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    CallKind,
    Cast,
    Conditional,
    Evaluated,
    Expr,
    Index,
    Member,
    Name,
    Unary,
)
from tlsight.text import Span

BUDGET = 60_000
"""Expressions of one text that are asked about in all."""
_DEPTH = 24
_CALLS = 4
_ARITHMETIC = ("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>")
_SHIFT = re.compile(r"<<\s*\(?\s*(\d+)")
_WORD = Width((1 << 32) - 1)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A number from outside: from which call, how large it can be, and what it is called here."""

    source: Match
    width: Width
    key: str
    """What it is called where it was asked for; '' for a sum and its like."""
    way: tuple[Span, ...] = ()
    keys: frozenset[str] = frozenset()
    """Other names for it."""


@dataclass(frozen=True, slots=True)
class _Out:
    """A step that gives a variable a number otherwise than by an assignment."""

    node: int
    span: Span
    bytes_of: Expr | None = None
    source: Match | None = None
    call: Call | None = None
    position: int = -1
    width: Width | None = None


class Numbers:
    """What is asked of one text about such numbers."""

    def __init__(self, stage: Stage, received: Received, neutral: frozenset[int]) -> None:
        self.stage = stage
        self.unit = stage.unit
        self.received = received
        self.neutral = neutral
        self.unguarded = False
        """Numbers that are bounded are told as well: for evidence."""
        self.lower = False
        """A number that may be too small is looked for: an upper bound is not enough."""
        self._left = BUDGET
        self._depth = 0
        self._asked: set[tuple[int, int, int, bool]] = set()
        self._known: dict[tuple[int, int, int, bool, bool], Decoded | None] = {}
        self._outs: dict[int, Mapping[str, list[_Out]]] = {}

    def number_at(
        self, function: int, node: int, expr: Expr, frame: Frame | None = None
    ) -> Decoded | None:
        """The number from outside that an expression is, or is made from, if nothing bounds it."""
        key = (function, node, id(expr), self.lower)
        if self._depth >= _DEPTH or self._left <= 0 or key in self._asked:
            return None
        self._left -= 1
        whole = (*key, self.unguarded)
        if frame is None and whole in self._known:
            return self._known[whole]
        self._asked.add(key)
        self._depth += 1
        found = self._number(function, node, expr, frame)
        self._depth -= 1
        self._asked.discard(key)
        if frame is None and not self._asked:
            self._known[whole] = found
        return found

    def _number(self, function: int, node: int, expr: Expr, frame: Frame | None) -> Decoded | None:
        if isinstance(expr, Cast):
            inner = self.number_at(function, node, expr.operand, frame)
            return inner and replace(inner, width=cut(inner.width, of_type(self.unit, expr.type)))
        if isinstance(expr, Evaluated):
            return self.number_at(function, node, expr.expr, frame)
        if isinstance(expr, (Name, Member)):
            return self._of_variable(function, node, expr, frame)
        if isinstance(expr, Index):
            return self._element(function, node, expr, expr.base, frame)
        if isinstance(expr, Unary):
            return self._of_unary(function, node, expr, frame)
        if isinstance(expr, Binary):
            return self._of_binary(function, node, expr, frame)
        if isinstance(expr, Assign):
            return self.number_at(function, node, expr.value, frame)
        if isinstance(expr, Conditional):
            return self._of_choice(function, node, expr, frame)
        if isinstance(expr, Call):
            return self._of_call(function, node, expr, frame)
        return None

    # Arithmetic.

    def _of_unary(
        self, function: int, node: int, expr: Unary, frame: Frame | None
    ) -> Decoded | None:
        if expr.operator == "*":
            return self._element(function, node, expr, expr.operand, frame)
        if expr.operator not in ("+", "-", "~", "++", "--", "p++", "p--"):
            return None
        inner = self.number_at(function, node, expr.operand, frame)
        if inner is not None and expr.operator in ("-", "~"):
            inner = replace(inner, width=Width(inner.width.high, True), key="")
        return inner

    def _of_binary(
        self, function: int, node: int, expr: Binary, frame: Frame | None
    ) -> Decoded | None:
        if expr.operator == ",":
            return self.number_at(function, node, expr.right, frame)
        if expr.operator not in _ARITHMETIC:
            return None
        if expr.operator == "%":
            left = self.number_at(function, node, expr.left, frame)
            divisor = number(self.stage, function, node, expr.right)
            if left is None or divisor is None or divisor <= 0:
                return None
            return replace(left, width=Width(divisor - 1, left.width.negative), key="")
        left = self.number_at(function, node, expr.left, frame)
        if left is None and expr.operator == "-":
            left = self._too_small(function, node, expr, frame)
        right = self.number_at(function, node, expr.right, frame)
        found = left or right
        if found is None:
            return None
        widths = (
            left.width if left else self._constant(function, node, expr.left, expr.operator),
            right.width if right else self._constant(function, node, expr.right, expr.operator),
        )
        width = joined(expr.operator, *widths)
        if expr.operator == "-":
            # The difference of a number that nobody bounds, or from one, may be below zero.
            width = Width(widths[0].high if left else _WORD.high, True)
        return replace(found, width=width, key="")

    def _too_small(
        self, function: int, node: int, expr: Binary, frame: Frame | None
    ) -> Decoded | None:
        """A number that is bounded from above, but may be smaller than what is taken from it."""
        less = number(self.stage, function, node, expr.right)
        if less is None or less <= 0 or self.lower:
            return None
        self.lower = True
        found = self.number_at(function, node, expr.left, frame)
        self.lower = False
        return found

    def _constant(self, function: int, node: int, expr: Expr, operator: str) -> Width:
        known = number(self.stage, function, node, expr)
        if known is not None:
            return Width(known) if known >= 0 else Width(0, True)
        if operator in ("&", ">>", "/"):
            return Width(UNLIMITED) if operator == "&" else Width(0)
        return Width(1 if operator == "*" else 0)

    def _of_choice(
        self, function: int, node: int, expr: Conditional, frame: Frame | None
    ) -> Decoded | None:
        for arm, when in ((expr.then, True), (expr.otherwise, False)):
            found = self.number_at(function, node, arm, frame)
            if found is None:
                continue
            keys = self._keys(arm, found)
            told = tells(self.stage, function, node, expr.condition, when, keys)
            if self.unguarded or not told.upper or (found.width.negative and not told.lower):
                return found
        return None

    # Memory.

    def _element(
        self, function: int, node: int, expr: Expr, base: Expr, frame: Frame | None
    ) -> Decoded | None:
        """One number of the memory that an expression points to."""
        held = self.received.bytes_at(function, node, base, frame)
        if held is None:
            return None
        kind = self.unit.type_of(function, expr)
        width = of_type(self.unit, kind) if kind else BYTE
        if width is None:
            return None
        return self._unbounded(function, node, expr, held, width)

    def _unbounded(
        self, function: int, node: int, expr: Expr, held: Bytes, width: Width
    ) -> Decoded | None:
        """A number that stands in memory, unless it is compared there before a step."""
        key = spelling(self.stage, expr)
        found = Decoded(held.source, width, key, (*held.way, expr.span))
        if self.unguarded:
            return found
        signed = width.negative or self.lower
        reached = is_reached(
            *(
                self.stage,
                function,
                held.start,
                node,
                {key: 1},
                "",
                self.neutral,
                signed,
                self.lower,
            )
        )
        return found if reached or held.start == node else None

    # Calls.

    def _of_call(self, function: int, node: int, call: Call, frame: Frame | None) -> Decoded | None:
        for match in call_matches(self.stage.index, self.unit, function, node, call):
            slot = match.binding.gives.get(RESULT)
            inner = match.arguments.get(slot) if slot else None
            if inner is None or not plays(self.stage, match):
                continue
            found = self.number_at(function, node, inner, frame)
            width = of_type(self.unit, self._result(function, call))
            if found is None:
                held = self.received.bytes_at(function, node, inner, frame)
                if held is None or width is None:
                    continue
                found = self._unbounded(function, node, call, held, width)
                return found and replace(found, way=(*held.way, call.span))
            if width is not None:
                found = replace(found, width=cut(found.width, width))
            return found
        if call.kind is CallKind.MACRO:
            return self._of_macro(function, node, call, frame)
        if frame is not None and frame.depth >= _CALLS:
            return None
        for body in called(self.unit, call):
            inside = Frame(call, function, node, body, frame, 1 + (frame.depth if frame else 0))
            kind = of_type(self.unit, self.unit.module.functions[body].result)
            for at, step in enumerate(self.unit.module.functions[body].nodes):
                if step.act is Act.RETURN and step.expr is not None:
                    found = self.number_at(body, at, step.expr, inside)
                    if found is not None:
                        width = cut(found.width, kind)
                        return self._called(call, replace(found, width=width))
        return None

    def _called(self, call: Call, found: Decoded) -> Decoded:
        return replace(
            found, key=spelling(self.stage, call), way=(*found.way, call.span), keys=frozenset()
        )

    def _result(self, function: int, call: Call) -> str | None:
        """The type of what a call yields; of a template, what it is told to yield."""
        if isinstance(call.callee, (Name, Member)):
            span = call.callee.span
            text = self.unit.data[span.start : call.arguments_span.start].decode(errors="replace")
            named = re.search(r"<\s*([\w: ]+?)\s*>\s*\(?\s*$", text)
            if named is not None:
                return named[1]
        return self.unit.type_of(function, call)

    def _of_macro(
        self, function: int, node: int, call: Call, frame: Frame | None
    ) -> Decoded | None:
        """A macro that puts a number together from the bytes that it is handed."""
        body = self._body_of_macro(call)
        if body is None or "<<" not in body or "[" not in body:
            return None
        for argument in call.arguments:
            held = self.received.bytes_at(function, node, argument, frame)
            if held is not None:
                found = self._unbounded(function, node, call, held, _shifted(body))
                return found and replace(found, way=(*held.way, call.span))
        return None

    def _body_of_macro(self, call: Call) -> str | None:
        name = last_name(call)
        for known in self.unit.environment:
            macro = known.macros.get(name)
            if macro is not None and macro.parameters is not None:
                return macro.body
        return None

    # Variables.

    def _of_variable(
        self, function: int, node: int, expr: Name | Member, frame: Frame | None
    ) -> Decoded | None:
        name = path(expr)
        if name is None:
            return None
        kind = self.unit.type_of(function, expr)
        declared = of_type(self.unit, kind)
        for out in self._outs_of(function).get(name, ()):
            found = self._of_out(function, out, declared, frame)
            if found is not None and self._is_open(function, out.node, node, name, found, {}):
                return replace(found, key=name, way=(*found.way, out.span))
        items, entry, _ = first_reaching(self.unit, function, node, name, False)
        for item in items:
            found = self._defined(function, item, declared, frame)
            if found is None:
                continue
            same = {**dict.fromkeys(found.keys, 1), **self._same(item.value)}
            if self._is_open(function, item.node, node, name, found, same):
                keys = frozenset((*found.keys, *same))
                return replace(found, key=name, way=(*found.way, item.span), keys=keys)
        if isinstance(expr, Member) and declared is not None:
            held = self._overlaid(function, node, expr, frame)
            if held is not None:
                return self._unbounded(function, node, expr, held, declared)
        return self._handed(function, node, name, declared, frame) if entry else None

    def _overlaid(
        self, function: int, node: int, expr: Member, frame: Frame | None
    ) -> Bytes | None:
        """The bytes over which a structure is laid that a field is read from."""
        held = self.received.bytes_at(function, node, expr.base, frame)
        if held is not None:
            return held
        name = path(expr)
        for item in self.received.stores(function).get(name or "", ()):
            if item.source is not None and self.received.is_there(
                function, item.node, node, name or ""
            ):
                return Bytes(item.source, item.node)
        return None

    def _handed(
        self,
        function: int,
        node: int,
        name: str,
        declared: Width | None,
        frame: Frame | None,
    ) -> Decoded | None:
        """What the callers in this text hand over for a parameter."""
        if "." in name:
            return None
        for caller, at, argument, outer in self.received.arguments(function, name, frame):
            found = self.number_at(caller, at, argument, outer)
            if found is None:
                continue
            found = replace(found, width=cut(found.width, declared), keys=frozenset())
            if self._is_open(function, 0, node, name, found, {}):
                return replace(found, key=name, way=(*found.way, argument.span))
        return None

    def _defined(
        self,
        function: int,
        item: Definition,
        declared: Width | None,
        frame: Frame | None,
    ) -> Decoded | None:
        """What a step sets a variable to."""
        if item.kind == "value":
            found = (
                self.number_at(function, item.node, item.value, frame)
                if item.value is not None
                else None
            )
        elif item.kind == "update" and item.operator not in ("%=", "&=", ">>=", "/="):
            found = None
            if item.value is not None:
                found = self.number_at(function, item.node, item.value, frame)
            found = found or self._before(function, item, frame)
            if found is not None and item.operator in ("<<=", "*=", "|=", "+="):
                width = declared or _WORD
                found = replace(found, width=Width(width.high, found.width.negative))
        elif item.kind == "unknown" and self._is_step(function, item):
            found = self._before(function, item, frame)
        else:
            return None
        return found and replace(found, width=cut(found.width, declared))

    def _is_step(self, function: int, item: Definition) -> bool:
        """Whether what changes a variable is a `++` or its like."""
        node = self.unit.module.functions[function].nodes[item.node]
        return any(
            isinstance(part, Unary) and part.span == item.span and part.operator != "&"
            for part in node.expressions
        )

    def _before(self, function: int, item: Definition, frame: Frame | None) -> Decoded | None:
        """What a variable was before a step that changes it."""
        node = self.unit.module.functions[function].nodes[item.node]
        for part in node.expressions:
            target = part.target if isinstance(part, Assign) else None
            target = part.operand if isinstance(part, Unary) else target
            if target is not None and part.span == item.span:
                inner = strip(target)
                if isinstance(inner, (Name, Member)):
                    return self.number_at(function, item.node, inner, frame)
        return None

    def _same(self, value: Expr | None) -> Keys:
        """What the number is called that a variable is set to."""
        inner = strip(value) if value is not None else None
        while isinstance(inner, Call) and len(inner.arguments) == 1:
            inner = strip(inner.arguments[0])
        if isinstance(inner, (Name, Member)):
            name = path(inner)
            return {name: 1} if name else {}
        return {spelling(self.stage, inner): 1} if isinstance(inner, Index) else {}

    def _keys(self, expr: Expr, found: Decoded) -> Keys:
        return {spelling(self.stage, expr): 1, **dict.fromkeys(found.keys, 1)}

    def _is_open(
        self, function: int, start: int, node: int, name: str, found: Decoded, more: Keys
    ) -> bool:
        """Whether a variable comes to a step from where it was set, and nothing bounds it."""
        if self.unguarded:
            return True
        keys = {**more, name: 1}
        signed = found.width.negative or self.lower
        return is_reached(
            *(self.stage, function, start, node, keys, name, self.neutral, signed, self.lower)
        )

    # Variables that are given a number without an assignment.

    def _outs_of(self, function: int) -> Mapping[str, list[_Out]]:
        known = self._outs.get(function)
        if known is None:
            found: dict[str, list[_Out]] = {}
            for name, out in self._all_outs(function):
                found.setdefault(name, []).append(out)
            known = self._outs[function] = found
        return known

    def _all_outs(self, function: int) -> Iterator[tuple[str, _Out]]:
        for items in self.received.stores(function).values():
            for item in items:
                target = strip(item.target)
                if isinstance(target, Unary) and target.operator == "&":
                    name = path(target.operand)
                    if name is not None and item.source is not None:
                        yield name, _Out(item.node, item.target.span, source=item.source)
                    elif name is not None and item.value is not None:
                        yield name, _Out(item.node, item.target.span, item.value)
        for at, node in enumerate(self.unit.module.functions[function].nodes):
            for expr in node.expressions:
                if isinstance(expr, Call) and expr.kind is CallKind.MACRO:
                    yield from self._outs_of_macro(at, expr)
                elif isinstance(expr, Call):
                    yield from self._outs_of_call(at, expr)
                elif isinstance(expr, Binary) and expr.operator == ">>":
                    name = path(expr.right)
                    if name is not None and self._is_object(function, expr.left):
                        yield name, _Out(at, expr.span, _first(expr))

    def _is_object(self, function: int, expr: Expr) -> bool:
        kind = self.unit.type_of(function, _first(expr))
        return kind is not None and of_type(self.unit, kind) is None

    def _outs_of_macro(self, at: int, call: Call) -> Iterator[tuple[str, _Out]]:
        """A macro that sets one of its arguments to what it finds in another."""
        body = self._body_of_macro(call)
        if body is None or "<<" not in body or "[" not in body:
            return
        macro = next(
            item.macros[last_name(call)]
            for item in self.unit.environment
            if last_name(call) in item.macros
        )
        for parameter, argument in zip(macro.parameters or (), call.arguments, strict=False):
            name = path(argument)
            if name is not None and re.search(rf"(?<!\w){parameter}\s*\)?\s*=(?!=)", body):
                others = [item for item in call.arguments if item is not argument]
                if others:
                    yield name, _Out(at, call.span, others[0], width=_shifted(body))

    def _outs_of_call(self, at: int, call: Call) -> Iterator[tuple[str, _Out]]:
        for position, argument in enumerate(call.arguments):
            inner = strip(argument)
            if isinstance(inner, Unary) and inner.operator == "&":
                name = path(inner.operand)
            elif isinstance(inner, Name):
                name = inner.text
            else:
                continue
            if name is not None and called(self.unit, call):
                yield name, _Out(at, call.span, call=call, position=position)

    def _of_out(
        self, function: int, out: _Out, declared: Width | None, frame: Frame | None
    ) -> Decoded | None:
        if out.source is not None:
            return declared and Decoded(out.source, declared, "")
        if out.bytes_of is not None:
            held = self.received.bytes_at(function, out.node, out.bytes_of, frame)
            if held is None or declared is None:
                return None
            width = cut(out.width, declared) if out.width is not None else declared
            return Decoded(held.source, width, "", held.way)
        assert out.call is not None
        return self._filled_by(function, out, declared, frame)

    def _filled_by(
        self, function: int, out: _Out, declared: Width | None, frame: Frame | None
    ) -> Decoded | None:
        """What a function of this text puts where an argument points to."""
        assert out.call is not None
        if frame is not None and frame.depth >= _CALLS:
            return None
        for body in called(self.unit, out.call):
            parameters = self.unit.module.functions[body].parameters
            if out.position >= len(parameters):
                continue
            parameter = parameters[out.position]
            if "*" not in parameter.type and "&" not in parameter.type:
                continue
            depth = 1 + (frame.depth if frame else 0)
            inside = Frame(out.call, function, out.node, body, frame, depth)
            for item in definitions(self.unit, body).get(parameter.name, ()):
                if item.kind == "value" and item.value is not None and item.span != parameter.span:
                    found = self.number_at(body, item.node, item.value, inside)
                    if found is not None and not self._is_judged(body, parameter.name):
                        width = cut(found.width, declared)
                        return replace(found, width=width, keys=frozenset())
        return None

    def _is_judged(self, function: int, name: str) -> bool:
        """Whether a function compares what it puts there with a bound: it says so in its result."""
        steps = frozenset(range(len(self.unit.module.functions[function].nodes)))
        return bounded_by_others(self.stage, function, steps, -1, {name: 1})


def _first(expr: Expr) -> Expr:
    """The stream at the left end of `in >> a >> b`."""
    part = strip(expr)
    while isinstance(part, Binary) and part.operator == ">>":
        part = strip(part.left)
    return part


def _shifted(body: str) -> Width:
    """How large a number is that a macro puts together by shifting bytes."""
    most = max((int(item) for item in _SHIFT.findall(body)), default=8)
    return Width((1 << min(most + 8, 64)) - 1)
