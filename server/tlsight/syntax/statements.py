"""Statements: each to the nodes of the graph that it is made of, in order, with its ways out.

Where the text has an error, whatever can be read inside it is still lowered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tlsight.ir import (
    Act,
    Call,
    Case,
    Expr,
    Literal,
    Name,
    Opaque,
    Tag,
    Unary,
    Variable,
)
from tlsight.syntax import macros
from tlsight.syntax.conditions import Path
from tlsight.syntax.conditions import Step as Branching
from tlsight.syntax.declarators import read_base, read_declarator
from tlsight.syntax.expressions import construct, expression, opaque
from tlsight.syntax.graph import (
    EXIT,
    End,
    Flow,
    Place,
    Step,
    When,
    evaluate,
    evaluate_statement,
    has_events,
    is_one_of,
    settle,
    test,
)
from tlsight.syntax.leaving import is_assertion
from tlsight.syntax.names import name_of
from tlsight.syntax.unit import Syntax, Unit
from tlsight.syntax.variables import declared_variables
from tlsight.text import Span


@dataclass
class _Switch:
    """A `switch` whose body is being read."""

    index: int
    default: bool = False
    mark: int = -1
    """The number of nodes when the last label was read: two labels in a row are one way."""


@dataclass
class Statements:
    """The lowering of one function body."""

    unit: Unit
    flow: Flow
    breaks: list[list[End]] = field(default_factory=list)
    continues: list[list[End]] = field(default_factory=list)
    switches: list[_Switch] = field(default_factory=list)
    handlers: list[list[End]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    jumps: list[tuple[str, int]] = field(default_factory=list)
    around: int = 0
    """How many `#if` are around the statements being read."""

    def body(self, nodes: Sequence[Syntax]) -> None:
        """Effect: lower the statements of a function's body."""
        before = self.unit.statement_expression
        self.unit.statement_expression = self.statement_expression
        try:
            self.sequence(nodes)
        finally:
            self.unit.statement_expression = before
        self.finish()

    def finish(self) -> None:
        """Effect: lead every jump to its label, or out of the function if it has none."""
        for label, index in self.jumps:
            targets = (
                [self.labels[label]]
                if label in self.labels
                else list(self.labels.values())
                if label == "*"
                else []
            )
            for target in targets or [EXIT]:
                self.flow.link([(index, None)], target)

    def sequence(self, nodes: Sequence[Syntax]) -> None:
        """Effect: lower statements in order; the branches of an `#if` are alternatives."""
        items = list(_flat(nodes))
        if len(self.unit.regions.starts) == 1 or self.unit.source.fixed is not None:
            for item in items:
                self.statement(item)
        else:
            self._alternatives(items, self.around)

    def continues_here(self, item: Syntax) -> bool:
        """Whether a statement stands in no further branch of an `#if`."""
        plain = len(self.unit.regions.starts) == 1 or self.unit.source.fixed is not None
        return plain or len(self._path(item)) <= self.around

    def _path(self, item: Syntax) -> Path:
        return self.unit.path(self.unit.span(item))

    def _alternatives(self, items: Sequence[Syntax], depth: int) -> None:
        position = 0
        while position < len(items):
            path = self._path(items[position])
            if len(path) <= depth:
                before, self.around = self.around, depth
                self.statement(items[position])
                self.around = before
                position += 1
                continue
            step = path[depth]
            end = position
            branches: dict[int, list[Syntax]] = {}
            while end < len(items):
                other = self._path(items[end])
                if len(other) <= depth or other[depth].group != step.group:
                    break
                branches.setdefault(other[depth].branch, []).append(items[end])
                end += 1
            outer = tuple(tag for around in path[:depth] for tag in around.tags)
            self._fork(step, branches, outer, items[position], depth)
            position = end

    def _fork(
        self,
        step: Branching,
        branches: dict[int, list[Syntax]],
        outer: tuple[Tag, ...],
        first: Syntax,
        depth: int,
    ) -> None:
        flow = self.flow
        where = self.unit.span(first)
        start = Span(where.start, where.start)
        entry: list[End] = []
        if flow.ends:
            entry = [(flow.add(Step(Act.JOIN, start, tags=outer)), None)]
        out: list[End] = []
        for branch, tags in enumerate(step.ways):
            flow.ends = list(entry)
            if entry:
                flow.add(Step(Act.JOIN, start, tags=outer + tags))
            if branch in branches:
                before, self.around = self.around, depth + 1
                self._alternatives(branches[branch], depth + 1)
                self.around = before
            out += flow.ends
        flow.ends = out

    def statement(self, node: Syntax) -> None:
        """Effect: lower one statement."""
        handler = _HANDLERS.get(node.type)
        if handler is not None:
            handler(self, node)
        elif node.is_named and node.type not in _IGNORED:
            self._pieces([node])

    def statement_expression(self, node: Syntax) -> Expr:
        """Lower all but the last statement of a GNU statement expression; the last is its value."""
        inner = node.named_children
        if inner and inner[-1].type == "expression_statement":
            self.sequence(inner[:-1])
            value = inner[-1].named_children
            if value:
                return self.value(value[0])
        else:
            self.sequence(inner)
        return Opaque(self.unit.span(node), ())

    def value(self, node: Syntax) -> Expr:
        """An expression, its inner branches lowered."""
        expr, place = self.read(node)
        return settle(self.flow, expr, place)

    def read(self, node: Syntax) -> tuple[Expr, Place]:
        """An expression as it stands, and where its nodes belong."""
        unit = self.unit
        shortcuts, expansions = unit.shortcuts, unit.expansions
        expr = expression(unit, node)
        return expr, Place(
            self.tags(node),
            unit.source.fixed is not None or unit.expansions != expansions,
            unit.shortcuts != shortcuts,
        )

    def tags(self, node: Syntax) -> tuple[Tag, ...]:
        """The preprocessor branches around a node."""
        unit = self.unit
        if len(unit.regions.starts) == 1:
            return self.flow.tags
        return unit.tags(unit.span(node))

    def condition(self, node: Syntax, loop: bool = False) -> tuple[list[End], list[End]]:
        """The ends if a condition is true, and if it is false; it may declare."""
        inner = node
        if node.type == "condition_clause":
            initializer = node.child_by_field_name("initializer")
            if initializer is not None:
                self.sequence(initializer.named_children)
            value = node.child_by_field_name("value")
            if value is None:
                named = [child for child in node.named_children if not child.is_extra]
                if not named:
                    return self._always(node, loop)
                value = named[-1]
            inner = value
        elif node.type == "parenthesized_expression":
            named = node.named_children
            if len(named) != 1:
                return self._test_of(opaque(self.unit, node), node, loop)
            inner = named[0]
        if inner.type == "declaration":
            return self._declared_condition(inner, loop)
        if inner.type == "ERROR" or inner.is_missing:
            return self._test_of(opaque(self.unit, inner), node, loop)
        expr, place = self.read(inner)
        return test(self.flow, expr, place, loop)

    def subject(self, node: Syntax) -> tuple[Expr, Place]:
        """The expression that a `switch` decides by; it may declare."""
        inner = node
        if node.type == "condition_clause":
            initializer = node.child_by_field_name("initializer")
            if initializer is not None:
                self.sequence(initializer.named_children)
            inner = node.child_by_field_name("value") or node
        elif len(node.named_children) == 1:
            inner = node.named_children[0]
        if inner.type == "declaration":
            variables = self.declaration(inner)
            if variables:
                variable = variables[-1]
                name = Name(variable.name_span, variable.name, variable.name_span.start)
                return name, Place(self.tags(node), False, False)
        return self.read(inner)

    def _always(self, node: Syntax, loop: bool) -> tuple[list[End], list[End]]:
        return self._test_of(Opaque(self.unit.span(node), ()), node, loop)

    def _test_of(self, expr: Expr, node: Syntax, loop: bool) -> tuple[list[End], list[End]]:
        place = Place(self.tags(node), self.unit.source.fixed is not None, True)
        return test(self.flow, expr, place, loop)

    def _declared_condition(self, node: Syntax, loop: bool) -> tuple[list[End], list[End]]:
        variables = self.declaration(node)
        if not variables:
            return self._always(node, loop)
        variable = variables[-1]
        name = Name(variable.name_span, variable.name, variable.name_span.start)
        return self._test_of(name, node, loop)

    def declaration(self, node: Syntax) -> list[Variable]:
        """Lower a declaration of variables; the variables."""
        unit = self.unit
        shortcuts, expansions = unit.shortcuts, unit.expansions
        variables = declared_variables(unit, node)
        place = Place(
            self.tags(node),
            unit.source.fixed is not None or unit.expansions != expansions,
            unit.shortcuts != shortcuts,
        )
        for variable in variables:
            unit.local_names.add(variable.name)
            initial = variable.initial
            if initial is not None:
                initial = settle(self.flow, initial, place)
            if initial is not variable.initial:
                variable = _with_initial(variable, initial)
            self.flow.add(
                Step(
                    Act.DECLARE,
                    variable.span,
                    None,
                    variable,
                    tags=place.tags,
                    expanded=place.expanded,
                )
            )
        return variables

    def initialisers(self, node: Syntax) -> None:
        """Lower the member initialisers of a constructor: constructions of the members."""
        for child in node.named_children:
            if child.type != "field_initializer":
                continue
            inner = child.named_children
            if not inner:
                continue
            unit = self.unit
            shortcuts, expansions = unit.shortcuts, unit.expansions
            name = name_of(unit, inner[0])
            brackets = inner[-1] if len(inner) > 1 else None
            call = construct(unit, name, brackets, unit.span(child), name.text)
            place = Place(
                self.tags(child),
                unit.source.fixed is not None or unit.expansions != expansions,
                unit.shortcuts != shortcuts,
            )
            evaluate(self.flow, call, place)

    def captures(self, node: Syntax | None) -> None:
        """Lower the captures of a lambda that have initialisers: variables of its own."""
        for child in node.named_children if node is not None else []:
            if child.type == "lambda_capture_initializer":
                left, right = child.child_by_field_name("left"), child.child_by_field_name("right")
                if left is None or right is None:
                    continue
                span = self.unit.span(child)
                variable = Variable(
                    self.unit.text(left), "auto", span, self.unit.span(left), self.value(right)
                )
                self.flow.add(Step(Act.DECLARE, span, None, variable, tags=self.tags(child)))

    def caught(self, node: Syntax) -> None:
        """Declare the variable of a handler, or of a range `for`: the value is not its own."""
        declared = read_declarator(
            self.unit, node.child_by_field_name("declarator"), read_base(self.unit, node)
        )
        name = declared.name
        if name is None:
            return
        span = self.unit.span(name)
        if name.type == "structured_binding_declarator":
            names = [
                (self.unit.text(child), self.unit.span(child)) for child in name.named_children
            ]
        else:
            names = [(self.unit.text(name), span)]
        tags, expanded = self.tags(node), self.unit.source.fixed is not None
        for text, place in names:
            self.unit.local_names.add(text)
            variable = Variable(text, declared.type, place, place, None, declared.constant)
            self.flow.add(Step(Act.DECLARE, place, None, variable, tags=tags, expanded=expanded))

    def join(self, node: Syntax) -> int:
        """Add a node that does nothing."""
        where = self.unit.span(node)
        return self.flow.add(
            Step(
                Act.JOIN,
                where,
                tags=self.tags(node),
                expanded=self.unit.source.fixed is not None,
            )
        )

    def expression_statement(self, node: Syntax) -> None:
        """Effect: lower an expression statement, the use of a macro perhaps."""
        inner = [child for child in node.named_children if not child.is_extra]
        if not inner:
            return
        if len(inner) == 1:
            self.effect(inner[0], node)
            return
        for child in inner:
            if child.type == "ERROR":
                self._unknown(child)
            else:
                self.effect(child, child)

    def effect(self, node: Syntax, statement: Syntax) -> None:
        """Effect: lower an expression that is evaluated for what it does."""
        unit = self.unit
        if node.type in ("call_expression", "identifier") and unit.environment.active:
            with macros.expanded_statements(unit, node) as body:
                if body is not None:
                    self.sequence(body)
                    return
        if node.type == "compound_statement":
            self.sequence(node.named_children)
            return
        if node.type == "parenthesized_expression" and len(node.named_children) == 1:
            self.effect(node.named_children[0], statement)
            return
        expr, place = self.read(node)
        if isinstance(expr, Call) and self._is_assert(expr):
            yes, _ = test(self.flow, expr.arguments[0], place)
            self.flow.ends = yes
            return
        evaluate_statement(self.flow, expr, place, expr.span)
        if isinstance(expr, Unary) and expr.operator == "throw":
            self._throw()

    def _is_assert(self, expr: Call) -> bool:
        if not expr.arguments or not isinstance(expr.callee, Name):
            return False
        name = expr.callee.text
        return is_one_of(name, self.unit.environment.asserts) or is_assertion(
            name, len(expr.arguments)
        )

    def _throw(self) -> None:
        if self.handlers:
            self.handlers[-1] += self.flow.ends
        else:
            self.flow.link(self.flow.ends, EXIT)
        self.flow.ends = []

    def _unknown(self, node: Syntax) -> None:
        """Effect: lower what can be read of a node that is no statement."""
        self._pieces(node.named_children)

    def _pieces(self, nodes: Sequence[Syntax]) -> None:
        loose: list[Expr] = []

        def flush() -> None:
            if loose:
                span = Span(loose[0].span.start, loose[-1].span.end)
                place = Place(self.unit.tags(span), self.unit.source.fixed is not None, True)
                evaluate(self.flow, Opaque(span, tuple(loose)), place)
                loose.clear()

        for child in nodes:
            kind = child.type
            if not child.is_named:
                continue
            if kind in _HANDLERS:
                flush()
                self.statement(child)
            elif kind in _IGNORED:
                continue
            elif child.is_error or kind in ("else_clause", "field_initializer_list"):
                flush()
                self._unknown(child)
            elif kind.endswith(("expression", "literal", "list")) or kind in _SIMPLE:
                expr = expression(self.unit, child)
                if has_events(expr) or not isinstance(expr, (Name, Literal)):
                    loose.append(expr)
            else:
                flush()
                self._unknown(child)
        flush()

    def branch(self, node: Syntax | None, ends: list[End]) -> list[End]:
        """Lower a branch that begins at loose ends; its ways out."""
        self.flow.ends = ends
        if node is not None:
            self.sequence([node])
        return self.flow.ends

    def loop_body(self, node: Syntax | None) -> tuple[list[End], list[End]]:
        """Lower a loop's body from the present ends; its breaks and its continues."""
        self.breaks.append([])
        self.continues.append([])
        if node is not None:
            self.sequence([node])
        return self.breaks.pop(), self.continues.pop()


def _with_initial(variable: Variable, initial: Expr | None) -> Variable:
    return Variable(
        variable.name,
        variable.type,
        variable.span,
        variable.name_span,
        initial,
        variable.constant,
        variable.static,
    )


def _flat(nodes: Sequence[Syntax]) -> Iterator[Syntax]:
    """Statements with those after a `case` or label beside it instead of inside it."""
    for node in nodes:
        yield node
        if node.type == "case_statement":
            value = node.child_by_field_name("value")
            yield from _flat(
                [child for child in node.named_children if value is None or child.id != value.id]
            )
        elif node.type == "labeled_statement":
            yield from _flat(node.named_children[1:])


def _if(self: Statements, node: Syntax) -> None:
    """With all `else if` that follow: a chain of them may be longer than calls may be deep."""
    ends: list[End] = []
    while True:
        condition = node.child_by_field_name("condition")
        if condition is None:
            self._unknown(node)
            break
        yes, no = self.condition(condition)
        _constexpr_tail(self, node)
        ends += self.branch(node.child_by_field_name("consequence"), yes)
        inner = node.child_by_field_name("alternative")
        if inner is not None and inner.type == "else_clause":
            named = inner.named_children
            inner = named[-1] if named else None
        if inner is None or inner.type != "if_statement" or not self.continues_here(inner):
            self.branch(inner, no)
            break
        self.flow.ends = no
        node = inner
    self.flow.ends = [*ends, *self.flow.ends]


def _constexpr_tail(self: Statements, node: Syntax) -> None:
    for child in node.named_children:
        if child.is_error:
            self._unknown(child)


def _while(self: Statements, node: Syntax) -> None:
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    if condition is None:
        self._unknown(node)
        return
    start = len(self.flow.steps)
    yes, no = self.condition(condition, loop=True)
    self.flow.ends = yes
    breaks, continues = self.loop_body(body)
    self.flow.link([*self.flow.ends, *continues], start)
    self.flow.ends = [*no, *breaks]


def _do(self: Statements, node: Syntax) -> None:
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    start = len(self.flow.steps)
    if condition is None or not _is_once(condition):
        start = self.join(node)
    breaks, continues = self.loop_body(body)
    self.flow.ends = [*self.flow.ends, *continues]
    yes: list[End] = []
    no: list[End] = self.flow.ends
    if condition is not None and self.flow.ends and not _is_once(condition):
        yes, no = self.condition(condition, loop=True)
    self.flow.link(yes, start)
    self.flow.ends = [*no, *breaks]


def _is_once(condition: Syntax) -> bool:
    inner = condition.named_children
    return len(inner) == 1 and (
        inner[0].type == "false" or (inner[0].type == "number_literal" and inner[0].text == b"0")
    )


def _for(self: Statements, node: Syntax) -> None:
    initializer = node.child_by_field_name("initializer")
    if initializer is not None:
        if initializer.type == "declaration":
            self.declaration(initializer)
        elif initializer.type in ("init_statement", "expression_statement", "alias_declaration"):
            self.sequence([initializer])
        else:
            self.effect(initializer, initializer)
    start = len(self.flow.steps)
    condition = node.child_by_field_name("condition")
    if condition is not None:
        yes, no = self.condition(condition, loop=True)
    else:
        where = self.unit.span(node)
        index = self.flow.add(
            Step(
                Act.JOIN,
                Span(where.start, where.start),
                tags=self.tags(node),
                loop=True,
                expanded=self.unit.source.fixed is not None,
            )
        )
        yes, no = [(index, None)], []
    self.flow.ends = yes
    breaks, continues = self.loop_body(node.child_by_field_name("body"))
    self.flow.ends = [*self.flow.ends, *continues]
    update = node.child_by_field_name("update")
    if update is not None and self.flow.ends:
        self.effect(update, update)
    self.flow.link(self.flow.ends, start)
    self.flow.ends = [*no, *breaks]


def _range_for(self: Statements, node: Syntax) -> None:
    """The range is evaluated once; the test asks whether it has another element."""
    initializer = node.child_by_field_name("initializer")
    if initializer is not None:
        self.sequence([initializer])
    right = node.child_by_field_name("right")
    source: Expr
    if right is not None:
        expr, place = self.read(right)
        source = evaluate(self.flow, expr, place)
    else:
        source = Opaque(self.unit.span(node), ())
        place = Place(self.tags(node), False, False)
    start = self.flow.add(
        Step(
            Act.TEST,
            source.span,
            Opaque(source.span, ()),
            tags=place.tags,
            loop=True,
            expanded=place.expanded,
        )
    )
    self.flow.ends = [(start, True)]
    self.caught(node)
    breaks, continues = self.loop_body(node.child_by_field_name("body"))
    self.flow.link([*self.flow.ends, *continues], start)
    self.flow.ends = [(start, False), *breaks]


def _switch(self: Statements, node: Syntax) -> None:
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    if condition is None:
        self._unknown(node)
        return
    expr, place = self.subject(condition)
    value = settle(self.flow, expr, place)
    index = self.flow.add(
        Step(Act.SWITCH, value.span, value, tags=place.tags, expanded=place.expanded)
    )
    self.flow.ends = []
    switch = _Switch(index)
    self.switches.append(switch)
    self.breaks.append([])
    if body is not None:
        self.sequence([body])
    self.switches.pop()
    out = [*self.flow.ends, *self.breaks.pop()]
    if not switch.default:
        out.append((index, (Case(None),)))
    self.flow.ends = out


def _case(self: Statements, node: Syntax) -> None:
    value = node.child_by_field_name("value")
    case = Case(expression(self.unit, value) if value is not None else None)
    if not self.switches:
        return
    switch = self.switches[-1]
    if value is None:
        switch.default = True
    last = self.flow.ends[-1] if self.flow.ends else None
    if (
        switch.mark == len(self.flow.steps)
        and last is not None
        and last[0] == switch.index
        and isinstance(last[1], tuple)
    ):
        merged: When = (*last[1], case)
        self.flow.ends = [*self.flow.ends[:-1], (switch.index, merged)]
    else:
        self.flow.ends = [*self.flow.ends, (switch.index, (case,))]
    switch.mark = len(self.flow.steps)


def _labelled(self: Statements, node: Syntax) -> None:
    label = node.child_by_field_name("label")
    if label is not None:
        self.labels[self.unit.text(label)] = self.join(label)


def _goto(self: Statements, node: Syntax) -> None:
    label = node.child_by_field_name("label")
    index = self.join(node)
    self.jumps.append((self.unit.text(label) if label is not None else "*", index))
    self.flow.ends = []


def _break(self: Statements, node: Syntax) -> None:
    self.join(node)
    if self.breaks:
        self.breaks[-1] += self.flow.ends
    else:
        self.flow.link(self.flow.ends, EXIT)
    self.flow.ends = []


def _continue(self: Statements, node: Syntax) -> None:
    self.join(node)
    if self.continues:
        self.continues[-1] += self.flow.ends
    else:
        self.flow.link(self.flow.ends, EXIT)
    self.flow.ends = []


def _return(self: Statements, node: Syntax) -> None:
    inner = [child for child in node.named_children if not child.is_extra and not child.is_missing]
    expr: Expr | None = None
    place = Place(self.tags(node), self.unit.source.fixed is not None, False)
    if len(inner) == 1 and not inner[0].is_error:
        expr, place = self.read(inner[0])
        expr = settle(self.flow, expr, place)
    elif inner:
        expr = opaque(self.unit, node)
    self.flow.add(
        Step(Act.RETURN, self.unit.span(node), expr, tags=place.tags, expanded=place.expanded)
    )
    self.flow.link(self.flow.ends, EXIT)
    self.flow.ends = []


def _throw_statement(self: Statements, node: Syntax) -> None:
    inner = [child for child in node.named_children if not child.is_extra]
    if inner:
        expr, place = self.read(node)
        evaluate(self.flow, expr, place, self.unit.span(node))
    else:
        self.join(node)
    self._throw()


def _try(self: Statements, node: Syntax) -> None:
    """A handler is reached from before the body, and from every `throw` inside it."""
    start = self.join(node.children[0] if node.children else node)
    self.handlers.append([(start, None)])
    for child in node.named_children:
        if child.type == "field_initializer_list":
            self.initialisers(child)
    self.branch(node.child_by_field_name("body"), self.flow.ends)
    out = list(self.flow.ends)
    thrown = self.handlers.pop()
    for clause in node.named_children:
        if clause.type != "catch_clause":
            continue
        self.flow.ends = list(thrown)
        parameters = clause.child_by_field_name("parameters")
        for parameter in parameters.named_children if parameters is not None else []:
            self.caught(parameter)
        body = clause.child_by_field_name("body")
        out += self.branch(body, self.flow.ends)
    self.flow.ends = out


def _block(self: Statements, node: Syntax) -> None:
    self.sequence(node.named_children)


def _declare(self: Statements, node: Syntax) -> None:
    self.declaration(node)


def _unwrap(self: Statements, node: Syntax) -> None:
    self.sequence(node.named_children)


def _type_only(self: Statements, node: Syntax) -> None:
    """A type declared inside a function: its name is one from here on."""
    for field_name in ("name", "declarator"):
        for name in node.children_by_field_name(field_name):
            if name.type in ("type_identifier", "identifier"):
                self.unit.local_types.add(self.unit.text(name))


def _expression_statement(self: Statements, node: Syntax) -> None:
    self.expression_statement(node)


def _assembler(self: Statements, node: Syntax) -> None:
    place = Place(self.tags(node), self.unit.source.fixed is not None, True)
    evaluate(self.flow, opaque(self.unit, node), place)


_SIMPLE = frozenset(("identifier", "true", "false", "null", "this"))
_IGNORED = frozenset(
    (
        "comment", "type_identifier", "primitive_type", "type_qualifier", "attribute_declaration",
        "attribute_specifier", "statement_identifier", "using_declaration",
        "static_assert_declaration", "namespace_alias_definition", "storage_class_specifier",
        "access_specifier", "empty_declaration", "template_parameter_list", "parameter_list",
    )
)  # fmt: skip
_HANDLERS: dict[str, Callable[[Statements, Syntax], None]] = {
    "compound_statement": _block,
    "declaration": _declare,
    "expression_statement": _expression_statement,
    "if_statement": _if,
    "while_statement": _while,
    "do_statement": _do,
    "for_statement": _for,
    "for_range_loop": _range_for,
    "switch_statement": _switch,
    "case_statement": _case,
    "labeled_statement": _labelled,
    "goto_statement": _goto,
    "break_statement": _break,
    "continue_statement": _continue,
    "return_statement": _return,
    "co_return_statement": _return,
    "throw_statement": _throw_statement,
    "co_yield_statement": _expression_statement,
    "try_statement": _try,
    "init_statement": _unwrap,
    "attributed_statement": _unwrap,
    "else_clause": _unwrap,
    "linkage_specification": _unwrap,
    "struct_specifier": _type_only,
    "union_specifier": _type_only,
    "class_specifier": _type_only,
    "enum_specifier": _type_only,
    "type_definition": _type_only,
    "alias_declaration": _type_only,
    "gnu_asm_expression": _assembler,
}
