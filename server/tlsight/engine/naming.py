"""What things are called, in small words: what tells a secret where no call does.

A name says what it is by its last words: a `password_length` is a length and a `key_file` a file.
Which names mean something, pages say; here names are only brought into one form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from tlsight.engine.index import tail
from tlsight.engine.match import Match, call_matches
from tlsight.engine.objects import RESULT
from tlsight.engine.roles import Stage, plays
from tlsight.engine.unit import last_name, strip
from tlsight.engine.values import CONTENT, CONVERSION
from tlsight.ir import Assign, Binary, Call, CallKind, Expr, Index, Member, Name, Unary
from tlsight.rule import Binding, Check, Form, Property
from tlsight.text import Span

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MARKS = re.compile(r"^(?:m|s|g|d)_+(?=[a-z])|_+$|^_+")
_GETTER = re.compile(r"^(?:get|fetch|read|load)\d?_")
_DEPTH = 8


@lru_cache(maxsize=8192)
def words(name: str) -> str:
    """A name in small words with `_` between them: `m_sessionKey` is `session_key`."""
    parted = _HUMP.sub("_", tail(name)).lower().replace("__", "_")
    return _MARKS.sub("", parted)


@lru_cache(maxsize=256)
def pattern(text: str) -> re.Pattern[str]:
    """A pattern of a page, case ignored; one that is not stated matches nothing."""
    return re.compile(text or r"(?!)", re.IGNORECASE)


def denoted(stage: Stage, function: int, node: int, expr: Expr) -> Expr:
    """The name, the field or the call that an expression is, or is a part or another form of."""
    for _ in range(_DEPTH):
        expr = strip(expr)
        if isinstance(expr, Index):
            expr = expr.base
        elif isinstance(expr, Unary) and expr.operator in ("&", "*", "++", "p++"):
            expr = expr.operand
        elif isinstance(expr, Binary) and expr.operator in ("+", "-"):
            expr = expr.left
        elif isinstance(expr, Assign):
            expr = expr.target
        elif isinstance(expr, Call):
            inner = form_of(stage, function, node, expr)
            if inner is None:
                return expr
            expr = inner
        else:
            return expr
    return expr


def form_of(stage: Stage, function: int, node: int, call: Call) -> Expr | None:
    """What a call only gives another form."""
    for match in call_matches(stage.index, stage.unit, function, node, call):
        if CONVERSION in match.binding.roles:
            return match.arguments.get(CONTENT) or match.arguments.get("this")
        source = match.binding.gives.get(RESULT)
        if source is not None and plays(stage, match):
            return match.arguments.get(source)
    if call.kind is CallKind.CONSTRUCT and len(call.arguments) == 1:
        return call.arguments[0]
    return None


def called(stage: Stage, function: int, node: int, expr: Expr) -> str:
    """What the object that an expression denotes is called; '' if it has no name.

    A method or function that yields it names it too: `config.password()`, `get_password()`.
    """
    expr = denoted(stage, function, node, expr)
    if isinstance(expr, Name):
        return words(expr.text)
    if isinstance(expr, Member):
        return words(expr.name)
    if isinstance(expr, Call) and expr.kind is CallKind.CALL and len(expr.arguments) <= 1:
        return _GETTER.sub("", words(last_name(expr)))
    return ""


def surroundings(stage: Stage, function: int) -> Iterator[str]:
    """What the functions and the class around a place are called."""
    number: int | None = function
    while number is not None:
        around = stage.unit.module.functions[number]
        yield words(around.name)
        if around.owner:
            yield words(around.owner)
        number = around.enclosing


def at_steps(found: tuple[Match, ...]) -> dict[tuple[int, int], list[Match]]:
    """Matches by function and step."""
    table: dict[tuple[int, int], list[Match]] = {}
    for match in found:
        table.setdefault((match.function, match.node), []).append(match)
    return table


def unbound(rule: Property, check: Check, function: int, node: int, span: Span, name: str) -> Match:
    """A match for what no page binds: it is found by what it is called, or is an operator."""
    binding, form = Binding(rule.id, check.roles, (), ""), Form("", "", ())
    callee = Name(span, name, span.start)
    site = Call(span, callee, (), CallKind.CALL, span.start, Span(span.end, span.end))
    return Match(binding, form, function, node, site, span, name, {})


def spelled(stage: Stage, expr: Expr) -> str:
    """An expression as it stands in the text, in one line."""
    start, end = expr.span
    return " ".join(stage.unit.data[start:end].decode(errors="replace").split())
