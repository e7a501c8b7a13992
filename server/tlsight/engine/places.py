"""What buffers and lengths are called, and how large buffers are: asked by all that follows data.

A *place* is the path of the object that an expression is, is a part of or points into: `c.data`
for `c->data + c->used`, `&c->data[2]` and `c->data`.
"""

from __future__ import annotations

from tlsight.engine.buffers import array_size
from tlsight.engine.flow import first_reaching
from tlsight.engine.roles import Stage
from tlsight.engine.unit import path, strip
from tlsight.engine.values import possible
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Braces,
    Call,
    Expr,
    Index,
    Literal,
    Member,
    Name,
    SizeOf,
    Unary,
    walk,
)

_CONVERTED = ("&", "*", "++", "--", "p++", "p--")


def place(expr: Expr) -> str | None:
    """The path of the object that an expression is, points into, or is an element of."""
    return path(denoted(expr))


def denoted(expr: Expr) -> Expr:
    """What is left of an expression without steps into an object: a name or a field, mostly."""
    part = strip(expr)
    while True:
        if isinstance(part, Index):
            part = strip(part.base)
        elif isinstance(part, Unary) and part.operator in _CONVERTED:
            part = strip(part.operand)
        elif isinstance(part, Binary) and part.operator in ("+", "-"):
            part = strip(part.left)
        elif isinstance(part, Assign):
            part = strip(part.value)
        elif isinstance(part, Call) and isinstance(part.callee, Member) and not part.arguments:
            part = strip(part.callee.base)
        else:
            return part


def spelling(stage: Stage, expr: Expr) -> str:
    """An expression as a key: its path, or how it is spelled without blanks."""
    inner = strip(expr)
    if isinstance(inner, (Name, Member)):
        name = path(inner)
        if name is not None:
            return name
    text = stage.unit.data[inner.span.start : inner.span.end].decode(errors="replace")
    return "".join(text.split())


def number(stage: Stage, function: int, node: int, expr: Expr) -> int | None:
    """The number that an expression surely is."""
    inner = strip(expr)
    if isinstance(inner, Literal):
        return inner.value if isinstance(inner.value, int) else None
    if not isinstance(inner, (Name, SizeOf, Binary, Member)):
        return None
    found = possible(stage.index, stage.unit, function, node, inner)
    return found[0].number if len(found) == 1 else None


def size_of_array(stage: Stage, function: int, expr: Expr) -> int | None:
    """How many elements the array has that an expression names; None if it is none."""
    inner = strip(expr)
    if not isinstance(inner, (Name, Member)):
        return None
    kind = stage.unit.type_of(function, inner)
    return array_size(stage, kind) if kind is not None and "[" in kind else None


def room(stage: Stage, function: int, node: int, expr: Expr) -> int | None:
    """How many elements there are from where an expression points; None if that is not known."""
    inner = strip(expr)
    if isinstance(inner, Unary) and inner.operator == "&":
        inner = strip(inner.operand)
        if isinstance(inner, Index):
            return _less(stage, function, node, inner.base, inner.index)
        return None
    if isinstance(inner, Binary) and inner.operator == "+":
        return _less(stage, function, node, inner.left, inner.right)
    return size_of_array(stage, function, inner)


def _less(stage: Stage, function: int, node: int, base: Expr, offset: Expr) -> int | None:
    size = room(stage, function, node, base)
    if size is None:
        return None
    skipped = number(stage, function, node, offset)
    return None if skipped is None else size - skipped


def is_made_with(stage: Stage, function: int, node: int, expr: Expr, roles: frozenset[int]) -> bool:
    """Whether what a pointer points to was made by one of these calls, by their anchors."""
    name = place(expr)
    if name is None:
        return False
    found, _, _ = first_reaching(stage.unit, function, node, name, False)
    return any(
        isinstance(part, Call) and part.anchor in roles
        for item in found
        if item.value is not None
        for part in walk(item.value)
    )


def is_zeroed(stage: Stage, function: int, name: str) -> bool:
    """Whether a local array is all zero from the beginning, or static."""
    for variable in stage.unit.variables[function].get(name, ()):
        initial = variable.initial
        if variable.static or isinstance(initial, Braces):
            return True
        if isinstance(initial, Literal) and "[" in variable.type:
            return True
    return any(
        node.act is Act.DECLARE
        and node.variable is not None
        and node.variable.name == name
        and isinstance(node.variable.initial, Call)
        and "[" in node.variable.type
        for node in stage.unit.module.functions[function].nodes
    )
