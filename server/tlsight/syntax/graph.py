"""The growing control-flow graph of one function: nodes, and the loose ends of its paths.

Knows nothing of the grammar; `statements` says what happens, this says how it is joined.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Union

from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    Case,
    Cast,
    Conditional,
    Edge,
    Evaluated,
    Expr,
    LambdaExpr,
    Literal,
    Name,
    Node,
    Tag,
    Unary,
    Variable,
    children,
    walk,
)
from tlsight.syntax.rebuild import map_children
from tlsight.text import Span

When = Union[bool, tuple[Case, ...], None]
End = tuple[int, When]
ENTRY, EXIT = 0, 1
_CHANGES = frozenset(("++", "--", "p++", "p--", "throw", "delete", "co_await", "co_yield"))


@dataclass
class Step:
    """A node under construction."""

    act: Act
    span: Span
    expr: Expr | None = None
    variable: Variable | None = None
    tags: tuple[Tag, ...] = ()
    loop: bool = False
    expanded: bool = False
    next: list[Edge] = field(default_factory=list)


@dataclass
class Flow:
    """The graph so far. `ends` are the ways out of what was added last.

    The functions in `no_return` do not return: a node that calls one has no way out.
    """

    tags: tuple[Tag, ...]
    steps: list[Step]
    no_return: frozenset[str]
    ends: list[End] = field(default_factory=lambda: [(ENTRY, None)])
    linked: set[tuple[int, int, object]] = field(default_factory=set)
    """The edges so far: from, to, and when; cases by identity, for each stands in one place."""

    @classmethod
    def over(cls, span: Span, tags: tuple[Tag, ...], no_return: frozenset[str]) -> Flow:
        """An empty graph of a function."""
        start, end = Span(span.start, span.start), Span(span.end, span.end)
        steps = [Step(Act.ENTRY, start, tags=tags), Step(Act.EXIT, end, tags=tags)]
        return cls(tags, steps, no_return)

    def link(self, ends: Sequence[End], target: int) -> None:
        """Lead loose ends to a node."""
        for source, when in ends:
            key = (source, target, id(when) if isinstance(when, tuple) else when)
            if key not in self.linked:
                self.linked.add(key)
                self.steps[source].next.append(Edge(target, when))

    def add(self, step: Step) -> int:
        """Append a node after all loose ends; it becomes the one loose end, if it has an end."""
        index = len(self.steps)
        self.steps.append(step)
        self.link(self.ends, index)
        self.ends = [] if self._is_last(step) else [(index, None)]
        return index

    def _is_last(self, step: Step) -> bool:
        if not self.no_return:
            return False
        variable = step.variable
        expr = variable.initial if variable is not None and step.expr is None else step.expr
        waiting = [] if expr is None else [expr]
        while waiting:
            part = waiting.pop()
            if (
                type(part) is Call
                and type(part.callee) is Name
                and is_one_of(part.callee.text, self.no_return)
            ):
                return True
            waiting += children(part)
        return False

    def finish(self) -> tuple[Node, ...]:
        """The graph, the loose ends leading to its exit."""
        self.link(self.ends, EXIT)
        return tuple(
            Node(
                step.act,
                step.span,
                step.expr,
                step.variable,
                tuple(step.next),
                step.tags,
                step.loop,
                step.expanded,
            )
            for step in self.steps
        )


@dataclass(frozen=True)
class Place:
    """Where new nodes of a statement belong; `branches` if its expressions may have any inside."""

    tags: tuple[Tag, ...]
    expanded: bool
    branches: bool


def evaluate(flow: Flow, expr: Expr, place: Place, span: Span | None = None) -> Expr:
    """Add the evaluation of an expression for its effects."""
    value = settle(flow, expr, place)
    if isinstance(value, Evaluated):
        return value
    flow.add(
        Step(
            Act.EVALUATE,
            span or value.span,
            value,
            tags=place.tags,
            expanded=place.expanded,
        )
    )
    return value


def evaluate_statement(flow: Flow, expr: Expr, place: Place, span: Span) -> None:
    """Add an expression statement: of `a && b()`, the last operand is not looked at."""
    if isinstance(expr, Binary) and expr.operator in ("&&", "||"):
        yes, no = test(flow, expr.left, place)
        flow.ends, bypass = (yes, no) if expr.operator == "&&" else (no, yes)
        evaluate_statement(flow, expr.right, place, expr.right.span)
        flow.ends = [*flow.ends, *bypass]
    elif isinstance(expr, Binary) and expr.operator == ",":
        evaluate_statement(flow, expr.left, place, expr.left.span)
        evaluate_statement(flow, expr.right, place, expr.right.span)
    elif isinstance(expr, Conditional):
        yes, no = test(flow, expr.condition, place)
        flow.ends = yes
        if expr.then is not expr.condition:
            evaluate_statement(flow, expr.then, place, expr.then.span)
        yes = flow.ends
        flow.ends = no
        evaluate_statement(flow, expr.otherwise, place, expr.otherwise.span)
        flow.ends = [*yes, *flow.ends]
    elif isinstance(expr, Cast) and is_branching(expr.operand):
        evaluate_statement(flow, expr.operand, place, span)
    else:
        evaluate(flow, expr, place, span)


def test(flow: Flow, expr: Expr, place: Place, loop: bool = False) -> tuple[list[End], list[End]]:
    """Add the tests that an expression makes as a condition: the ends if true, and if false."""
    if isinstance(expr, Unary) and expr.operator == "!":
        yes, no = test(flow, expr.operand, place, loop)
        return no, yes
    if isinstance(expr, Cast) and is_branching(expr.operand):
        return test(flow, expr.operand, place, loop)
    if isinstance(expr, Call) and (asked := _asked(expr)) is not None:
        return test(flow, asked, place, loop)
    if isinstance(expr, Binary) and expr.operator in ("&&", "||"):
        yes, no = test(flow, expr.left, place, loop)
        flow.ends, early = (yes, no) if expr.operator == "&&" else (no, yes)
        yes, no = test(flow, expr.right, place, loop)
        return (yes, [*early, *no]) if expr.operator == "&&" else ([*early, *yes], no)
    if isinstance(expr, Binary) and expr.operator == ",":
        evaluate(flow, expr.left, place)
        return test(flow, expr.right, place, loop)
    if isinstance(expr, Conditional):
        yes, no = test(flow, expr.condition, place, loop)
        if expr.then is expr.condition:
            then: tuple[list[End], list[End]] = (yes, [])
        else:
            flow.ends = yes
            then = test(flow, expr.then, place, loop)
        flow.ends = no
        other = test(flow, expr.otherwise, place, loop)
        return [*then[0], *other[0]], [*then[1], *other[1]]
    value = settle(flow, expr, place)
    index = flow.add(
        Step(
            Act.TEST,
            expr.span,
            value,
            tags=place.tags,
            loop=loop,
            expanded=place.expanded,
        )
    )
    if not flow.ends:
        return [], []
    known = value.value if isinstance(value, Literal) and value.kind in ("int", "bool") else None
    yes = [] if known == 0 else [(index, True)]
    no = [] if known is not None and known != 0 else [(index, False)]
    return yes, no


_HINT = re.compile(r"__builtin_expect(?:_with_probability)?|(?!.*NOT)[A-Z][A-Z\d_]*")
_TRUTHS = frozenset(("==", "!=", "<", ">", "<=", ">=", "&&", "||"))


def _asked(call: Call) -> Expr | None:
    """The condition that a macro is handed and yields: a hint for the compiler, or a report."""
    if not call.arguments or type(call.callee) is not Name or not _HINT.fullmatch(call.callee.text):
        return None
    asked = call.arguments[0]
    inner = asked.operand if isinstance(asked, Cast) else asked
    if call.callee.text.startswith("__builtin"):
        return asked
    truth = (isinstance(inner, Binary) and inner.operator in _TRUTHS) or (
        isinstance(inner, Unary) and inner.operator == "!"
    )
    return asked if truth and len(call.arguments) == 1 else None


def settle(flow: Flow, expr: Expr, place: Place) -> Expr:
    """Lower the branches inside an expression to nodes before it; what is left of it."""
    if not place.branches:
        return expr
    if isinstance(expr, Binary) and expr.operator in ("&&", "||"):
        yes, no = test(flow, expr, place)
        flow.ends = [*yes, *no]
        return Evaluated(expr.span, expr)
    if isinstance(expr, Conditional):
        yes, no = test(flow, expr.condition, place)
        flow.ends = yes
        if expr.then is not expr.condition:
            _operand(flow, expr.then, place)
        yes = flow.ends
        flow.ends = no
        _operand(flow, expr.otherwise, place)
        flow.ends = [*yes, *flow.ends]
        return Evaluated(expr.span, expr)
    if isinstance(expr, Binary) and expr.operator == ",":
        evaluate(flow, expr.left, place)
        left, right = Evaluated(expr.left.span, expr.left), settle(flow, expr.right, place)
        return Binary(expr.span, ",", left, right)
    if not has_branches(expr):
        return expr
    return map_children(expr, lambda child: settle(flow, child, place))


def _operand(flow: Flow, expr: Expr, place: Place) -> None:
    value = settle(flow, expr, place)
    if has_events(value):
        flow.add(Step(Act.EVALUATE, value.span, value, tags=place.tags, expanded=place.expanded))


def is_branching(expr: Expr) -> bool:
    """Whether a condition of this form is made of several tests, or of a negated one."""
    if isinstance(expr, Cast):
        return is_branching(expr.operand)
    if isinstance(expr, Unary):
        return expr.operator == "!"
    if isinstance(expr, Binary):
        return expr.operator in ("&&", "||", ",")
    return isinstance(expr, Conditional)


def has_branches(expr: Expr) -> bool:
    """Whether an expression branches inside, or drops a value."""
    waiting = [expr]
    while waiting:
        part = waiting.pop()
        if type(part) is Conditional:
            return True
        if type(part) is Binary and part.operator in ("&&", "||", ","):
            return True
        waiting += children(part)
    return False


def has_events(expr: Expr) -> bool:
    """Whether evaluating an expression does anything."""
    if isinstance(expr, (Name, Literal, Evaluated)):
        return False
    return any(
        isinstance(part, (Call, Assign, LambdaExpr))
        or (isinstance(part, Unary) and part.operator in _CHANGES)
        for part in walk(expr)
    )


def is_one_of(name: str, names: frozenset[str]) -> bool:
    """Whether a name, `::` before it perhaps, is one of these."""
    return name in names or (name.startswith("::") and name.removeprefix("::") in names)
