"""A function's reading moved to another place of the text: every range and index by a distance."""

from __future__ import annotations

from tlsight.ir import (
    Assign,
    Binary,
    Braces,
    Call,
    Case,
    Cast,
    Conditional,
    Edge,
    Evaluated,
    Expr,
    Function,
    Index,
    LambdaExpr,
    Literal,
    Member,
    Name,
    Node,
    Opaque,
    SizeOf,
    Unary,
    Variable,
)
from tlsight.text import Span


def shifted(function: Function, by: int, index: int) -> Function:
    """The function `by` bytes further on, its lambdas' indices raised by `index`."""
    move = _Move(by, index)
    enclosing = function.enclosing
    return Function(
        function.name,
        function.kind,
        move.span(function.span),
        move.span(function.body),
        move.span(function.name_span),
        function.owner,
        tuple(move.variable(parameter) for parameter in function.parameters),
        function.result,
        tuple(move.node(node) for node in function.nodes),
        function.broken,
        None if enclosing is None else enclosing + index,
        function.tags,
        function.static,
    )


class _Move:
    def __init__(self, by: int, index: int) -> None:
        self.by = by
        self.index = index
        self.calls: dict[int, Call] = {}
        """By identity: a call that stands in two places of the reading is one call."""

    def span(self, span: Span) -> Span:
        by = self.by
        return Span(span[0] + by, span[1] + by)

    def node(self, node: Node) -> Node:
        following = node.next
        if any(isinstance(edge.when, tuple) for edge in following):
            following = tuple(self.edge(edge) for edge in following)
        return Node(
            node.act,
            self.span(node.span),
            None if node.expr is None else self.expr(node.expr),
            None if node.variable is None else self.variable(node.variable),
            following,
            node.tags,
            node.loop,
            node.expanded,
        )

    def edge(self, edge: Edge) -> Edge:
        if not isinstance(edge.when, tuple):
            return edge
        cases = tuple(
            Case(None if case.value is None else self.expr(case.value)) for case in edge.when
        )
        return Edge(edge.target, cases)

    def variable(self, variable: Variable) -> Variable:
        return Variable(
            variable.name,
            variable.type,
            self.span(variable.span),
            self.span(variable.name_span),
            None if variable.initial is None else self.expr(variable.initial),
            variable.constant,
            variable.static,
        )

    def expr(self, expr: Expr) -> Expr:
        by = self.by
        start, end = expr.span
        span = Span(start + by, end + by)
        if isinstance(expr, Name):
            return Name(span, expr.text, expr.anchor + by)
        if isinstance(expr, Call):
            known = self.calls.get(id(expr))
            if known is None:
                given = tuple([self.expr(argument) for argument in expr.arguments])
                between = self.span(expr.arguments_span)
                callee, anchor = self.expr(expr.callee), expr.anchor + by
                known = Call(span, callee, given, expr.kind, anchor, between, expr.target)
                self.calls[id(expr)] = known
            return known
        if isinstance(expr, Literal):
            return Literal(span, expr.kind, expr.value)
        if isinstance(expr, Member):
            return Member(span, self.expr(expr.base), expr.name, expr.arrow, expr.anchor + by)
        if isinstance(expr, Binary):
            return Binary(span, expr.operator, self.expr(expr.left), self.expr(expr.right))
        if isinstance(expr, Unary):
            return Unary(span, expr.operator, self.expr(expr.operand))
        if isinstance(expr, Assign):
            return Assign(span, expr.operator, self.expr(expr.target), self.expr(expr.value))
        if isinstance(expr, Cast):
            return Cast(span, expr.type, self.expr(expr.operand))
        if isinstance(expr, Index):
            return Index(span, self.expr(expr.base), self.expr(expr.index))
        if isinstance(expr, Conditional):
            condition = self.expr(expr.condition)
            then = condition if expr.then is expr.condition else self.expr(expr.then)
            return Conditional(span, condition, then, self.expr(expr.otherwise))
        if isinstance(expr, Evaluated):
            return Evaluated(span, self.expr(expr.expr))
        if isinstance(expr, Braces):
            return Braces(span, tuple([self.expr(item) for item in expr.items]))
        if isinstance(expr, Opaque):
            return Opaque(span, tuple([self.expr(part) for part in expr.parts]))
        if isinstance(expr, SizeOf):
            operand = None if expr.operand is None else self.expr(expr.operand)
            return SizeOf(span, operand, expr.type)
        return LambdaExpr(span, expr.function + self.index)
