"""The refactoring of a pointer that is released by hand to one that releases what it holds.

It is offered whole or not at all: the declaration, every release and every use of the variable are
rewritten; where one cannot be, the reason is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Union

from tlsight.engine.deeds import deeds_of, exposed
from tlsight.engine.life import Life
from tlsight.engine.roles import Stage
from tlsight.engine.statements import included, removed
from tlsight.engine.unit import strip
from tlsight.engine.unmaking import spelled_like
from tlsight.finding import Fix, Safety
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
    Literal,
    Member,
    Name,
    Node,
    Unary,
    children,
)
from tlsight.rule import Property
from tlsight.text import Edit, Span

_EXIT = 1
Part = Union[Expr, None]


class _Withheld(Exception):
    """The refactoring cannot be proven; the message says why."""


def pointed(stage: Stage, rule: Property, life: Life, name: str) -> tuple[Fix, ...]:
    """Let a `std::unique_ptr` hold the object."""
    title = f"Let a std::unique_ptr hold {name}"
    safety = rule.safety or Safety.UNSAFE
    try:
        edits = _edits(stage, life, name)
    except _Withheld as reason:
        return (Fix(title, (), safety, str(reason)),)
    return (Fix(title, tuple(edits), safety),)


def _edits(stage: Stage, life: Life, name: str) -> list[Edit]:
    subject = life.subject
    around = stage.unit.module.functions[subject.function]
    if life.of("lost"):
        raise _Withheld(f"{name} is given another value")
    if life.of("escaped"):
        raise _Withheld(f"{name} is handed to code that may keep it")
    if name in exposed(stage, subject.function):
        raise _Withheld(f"the address of {name} is taken")
    if len(stage.unit.variables[subject.function].get(name, ())) != 1:
        raise _Withheld(f"several variables are named {name}")
    found = [_declared(stage, life, name)]
    for at, node in enumerate(around.nodes):
        for item, around_it in _uses(node, name):
            if node.expanded:
                raise _Withheld(f"{name} is used in the body of a macro")
            edit = _use(stage, subject.function, at, node, item, around_it)
            if edit is not None:
                found.append(edit)
    edits = [*included(stage, "memory"), *sorted(dict.fromkeys(found), key=lambda item: item.span)]
    for one, other in pairwise(edits):
        if one.span.overlaps(other.span):
            raise _Withheld(f"two uses of {name} stand in one another")
    return edits


def _declared(stage: Stage, life: Life, name: str) -> Edit:
    """The declaration as one of a smart pointer."""
    subject, data = life.subject, stage.unit.data
    node = stage.unit.module.functions[subject.function].nodes[subject.node]
    variable = node.variable
    resource = subject.resource
    if (
        node.act is not Act.DECLARE
        or variable is None
        or variable.name != name
        or variable.initial is None
        or strip(variable.initial) is not subject.call
        or resource is None
        or resource.release is None
        or subject.call is None
    ):
        raise _Withheld(f"{name} is not declared where its object is made")
    call = subject.call.span
    line = data.rfind(b"\n", 0, variable.name_span.start) + 1
    head = data[line : variable.name_span.start]
    kind = re.fullmatch(rb"(\s*)(?:const\s+)?([A-Za-z_][\w:]*)\s*\*\s*", head)
    between = data[variable.name_span.end : call.start].strip()
    if kind is None or between != b"=" or data[call.end : call.end + 1] != b";":
        raise _Withheld(f"the declaration of {name} is not a plain one")
    if kind[2] == b"auto":
        raise _Withheld(f"the declaration of {name} does not name its type")
    release = spelled_like(stage, resource.release.name, subject.spelled)
    made = data[call.start : call.end].decode(errors="replace")
    start = line + len(kind[1])
    text = f"std::unique_ptr<{kind[2].decode()}, decltype(&{release})> {name}({made}, &{release})"
    return Edit(Span(start, call.end), text)


def _uses(node: Node, name: str) -> Iterator[tuple[Name, tuple[Expr, ...]]]:
    """Every use of a name in a step, with what stands around it from the inside to the outside."""
    if node.evaluates is None:
        return
    waiting: list[tuple[Expr, tuple[Expr, ...]]] = [(node.evaluates, ())]
    while waiting:
        item, outer = waiting.pop()
        if isinstance(item, Name) and item.text == name:
            yield item, outer
        inner = (item.expr,) if isinstance(item, Evaluated) else children(item)
        waiting += [(part, (item, *outer)) for part in inner]


def _use(
    stage: Stage, function: int, at: int, node: Node, item: Name, outer: tuple[Expr, ...]
) -> Edit | None:
    """How one use is rewritten; None if it stays."""
    around: Part = next((one for one in outer if not isinstance(one, Evaluated)), None)
    name = item.text
    if around is None:
        return Edit(item.span, f"{name}.release()") if node.act is Act.RETURN else None
    if isinstance(around, Call) and item in around.arguments:
        return _argument(stage, function, at, node, item, around)
    if isinstance(around, Cast) and around.operand is item:
        return Edit(item.span, f"{name}.get()")
    if isinstance(around, Member) and around.arrow:
        return None
    if isinstance(around, Unary) and around.operator in ("*", "!"):
        return None
    if isinstance(around, Binary) and around.operator in ("==", "!=", "&&", "||"):
        other = around.right if around.left is item else around.left
        null = isinstance(strip(other), Literal) or around.operator in ("&&", "||")
        return None if null else Edit(item.span, f"{name}.get()")
    if isinstance(around, Conditional) and around.condition is item:
        return None
    if isinstance(around, Assign) and around.target is item:
        raise _Withheld(f"{name} is given another value")
    raise _Withheld(f"{name} is used in a way that is not understood")


def _argument(stage: Stage, function: int, at: int, node: Node, item: Name, call: Call) -> Edit:
    name = item.text
    for deed in deeds_of(stage, function, at, call):
        if deed.at("it") is not item:
            continue
        if deed.deed == "release":
            if node.expr is None or strip(node.expr) is not call:
                raise _Withheld(f"{name} is released within a larger expression")
            gone = removed(stage, deed.match) if _is_last(stage, function, at, name) else None
            if gone is not None and not gone.text:
                return gone
            return Edit(call.span, f"{name}.reset()")
        if deed.deed == "take" and not deed.on_success:
            uses = sum(1 for one in call.arguments if isinstance(one, Name) and one.text == name)
            if uses == 1:
                return Edit(item.span, f"{name}.release()")
        if deed.deed != "pass":
            raise _Withheld(f"{call_name(call)} takes over what {name} holds, on success only")
    if call.kind is CallKind.MACRO:
        raise _Withheld(f"{name} is handed to a macro")
    return Edit(item.span, f"{name}.get()")


def call_name(call: Call) -> str:
    """The name of what is called, as spelled."""
    return call.callee.text if isinstance(call.callee, Name) else "a call"


def _is_last(stage: Stage, function: int, at: int, name: str) -> bool:
    """Whether the function is left after a step, with nothing in between."""
    nodes = stage.unit.module.functions[function].nodes
    while True:
        following = nodes[at].next
        if len(following) != 1:
            return False
        at = following[0].target
        if at == _EXIT:
            return True
        if nodes[at].act is Act.RETURN:
            expr = nodes[at].expr
            return expr is None or not any(True for _ in _uses(nodes[at], name))
        if nodes[at].act is not Act.JOIN:
            return False
