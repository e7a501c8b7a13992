"""Expressions made anew from their parts: with other operands, or at another place."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from tlsight.ir import (
    Assign,
    Binary,
    Braces,
    Call,
    Cast,
    Conditional,
    Expr,
    Index,
    Member,
    Name,
    Opaque,
    Unary,
)

Change = Callable[[Expr], Expr]


def map_children(expr: Expr, change: Change) -> Expr:
    """The expression with each evaluated operand changed, in order of evaluation."""
    if isinstance(expr, Call):
        callee = expr.callee if isinstance(expr.callee, Name) else change(expr.callee)
        given = tuple(change(argument) for argument in expr.arguments)
        return Call(
            expr.span, callee, given, expr.kind, expr.anchor, expr.arguments_span, expr.target
        )
    if isinstance(expr, Member):
        return Member(expr.span, change(expr.base), expr.name, expr.arrow, expr.anchor)
    if isinstance(expr, Unary):
        return Unary(expr.span, expr.operator, change(expr.operand))
    if isinstance(expr, Cast):
        return Cast(expr.span, expr.type, change(expr.operand))
    if isinstance(expr, Binary):
        left = change(expr.left)
        return Binary(expr.span, expr.operator, left, change(expr.right))
    if isinstance(expr, Assign):
        value = change(expr.value)
        return Assign(expr.span, expr.operator, change(expr.target), value)
    if isinstance(expr, Conditional):
        condition = change(expr.condition)
        then = condition if expr.then is expr.condition else change(expr.then)
        return Conditional(expr.span, condition, then, change(expr.otherwise))
    if isinstance(expr, Index):
        base = change(expr.base)
        return Index(expr.span, base, change(expr.index))
    if isinstance(expr, Braces):
        return Braces(expr.span, tuple(change(item) for item in expr.items))
    if isinstance(expr, Opaque):
        return Opaque(expr.span, tuple(change(part) for part in expr.parts))
    return cast(Expr, expr)
