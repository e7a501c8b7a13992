"""How large the buffers are that calls write to, and how a small one is widened."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tlsight.engine.index import integer
from tlsight.engine.match import Match, tags_at
from tlsight.engine.roles import Stage
from tlsight.engine.unit import contradict, path, strip
from tlsight.engine.values import Value, bytes_bound, name_value, possible
from tlsight.ir import Expr, Index, Unary, Variable
from tlsight.text import Edit, Span


def capacity(stage: Stage, match: Match, slot: str) -> tuple[int, Variable] | None:
    """The size in bytes of the array that an argument denotes, where the text states it."""
    expr = match.arguments.get(slot)
    if expr is None:
        return None
    expr = strip(expr)
    if isinstance(expr, Unary) and expr.operator == "&":
        inner = strip(expr.operand)
        if not isinstance(inner, Index) or _number(stage, match, inner.index) != 0:
            return None
        expr = strip(inner.base)
    name = path(expr)
    if name is None or isinstance(expr, Unary):
        return None
    variable = _variable(stage, match, expr, name)
    if variable is None:
        return None
    bound = bytes_bound(stage.unit, variable.type)
    if bound is None:
        return None
    size = _bound(stage, bound)
    return None if size is None else (size, variable)


def array_size(stage: Stage, type_name: str) -> int | None:
    """How many elements an array of a type has; of several bounds, the first one."""
    _, bracket, rest = type_name.partition("[")
    bound = rest.partition("]")[0].strip()
    return _bound(stage, bound) if bracket and bound else None


def written(stage: Stage, match: Match, slot: str) -> Iterator[tuple[int, Value | None]]:
    """How many bytes a call may write to an argument, and the value that decides it."""
    amount = match.binding.writes.get(slot, "")
    number = integer(amount)
    if number is not None:
        yield number, None
    elif amount.startswith("@"):
        for value in stage.values(match, amount[1:]):
            if value.number is not None:
                yield value.number, value
    elif amount.startswith("size:"):
        argument = amount.removeprefix("size:")
        for vocabulary in stage.index.rulebook.libraries[
            match.binding.library
        ].vocabularies.values():
            if not vocabulary.sizes:
                continue
            for value in stage.values(match, argument):
                for name in value.names:
                    size = vocabulary.sizes.get(vocabulary.means.get(name, ""))
                    if size is not None:
                        yield size, value


def widened(stage: Stage, match: Match, slot: str, size: int) -> tuple[list[Edit], str | None]:
    """Edits that give a buffer room for `size` bytes, or the reason why that cannot be done."""
    expr = match.arguments.get(slot)
    if expr is None or path(expr) is None:
        return [], None
    found = capacity(stage, match, slot)
    if found is None:
        known = stage.values(match, slot)
        if known and all(value.kind == "null" for value in known):
            return [], None
        return [], f"the size of {path(expr)} is not known, and {size} bytes are written to it"
    have, variable = found
    if have >= size:
        return [], None
    edit = _bound_edit(stage, variable, size)
    if edit is None:
        return [], f"{variable.name} holds {have} bytes, and {size} are written to it"
    return [edit], None


def _bound_edit(stage: Stage, variable: Variable, size: int) -> Edit | None:
    data = stage.unit.data
    end = variable.name_span.end
    match = re.compile(rb"\s*\[\s*([^\]\s]+)\s*\]").match(data, end)
    if match is None or variable.initial is not None:
        return None
    return Edit(Span(match.start(1), match.end(1)), str(size))


def _variable(stage: Stage, match: Match, expr: Expr, name: str) -> Variable | None:
    if "." not in name:
        declared = [
            node.variable
            for node in stage.unit.module.functions[match.function].nodes
            if node.variable is not None
            and node.variable.name == name
            and node.variable.span.start <= expr.span.start
            and not contradict(node.tags, tags_at(stage.unit, match))  # not under its `#else`
        ]
        fallback = stage.unit.variable(match.function, name, expr.span.start)
        return max(declared, key=lambda item: item.span, default=fallback)
    kind = stage.unit.type_of(match.function, expr)
    if kind is None:
        return None
    return Variable(name, kind, Span(0, 0), Span(0, 0))


def _number(stage: Stage, match: Match, expr: Expr) -> int | None:
    values = possible(stage.index, stage.unit, match.function, match.node, expr)
    return values[0].number if len(values) == 1 else None


def _bound(stage: Stage, text: str) -> int | None:
    """The value of an array's bound: numbers and constants, added and multiplied."""
    total: int | None = None
    for sign, term in re.findall(r"([+]?)\s*([^+]+)", text):
        value = 1
        for factor in term.split("*"):
            word = factor.strip().strip("()").strip()
            number = integer(word)
            if number is None:
                values = name_value(stage.index, stage.unit, word, Span(0, 0))
                number = values[0].number if len(values) == 1 else None
                if number is None:
                    number = stage.index.numbers.get(word)
            if number is None:
                return None
            value *= number
        total = value if total is None and not sign else (total or 0) + value
    return total
