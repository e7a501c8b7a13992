"""Functions: every body of a part to its `Function`, lambdas and initialisers included."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tlsight.ir import Act, Function, LambdaExpr, Variable
from tlsight.syntax.declarators import Declared, read_base, read_declarator, type_of
from tlsight.syntax.expressions import expression
from tlsight.syntax.graph import Flow, Place, Step, settle
from tlsight.syntax.names import spelled
from tlsight.syntax.statements import Statements
from tlsight.syntax.unit import Syntax, Unit
from tlsight.syntax.variables import declared_variables
from tlsight.text import Span

_RECORDS = frozenset(("class_specifier", "struct_specifier", "union_specifier"))
_INNER = frozenset(("lambda", "initialiser"))
_CONTAINERS = frozenset(
    (
        "translation_unit", "declaration_list", "field_declaration_list", "template_declaration",
        "linkage_specification", "namespace_definition", "ERROR", "type_definition",
    )
)  # fmt: skip


@dataclass(frozen=True)
class _Scope:
    """Where a definition stands: the names around it, and the class that the last of them is."""

    names: tuple[str, ...]
    owner: str


def read_functions(unit: Unit, root: Syntax, function: bool) -> None:
    """Effect: append the functions of a part to the unit; `function` if it looks like one."""
    unit.read_lambda = _lambda
    scope = _Scope(unit.scope, "")
    _visit(unit, root, scope)
    if function and all(found is None or found.kind in _INNER for found in unit.functions):
        _scattered(unit, root, scope)


def read_parameters(unit: Unit, declarator: Syntax | None) -> tuple[Variable, ...]:
    """The parameters of a function's declarator, default arguments included."""
    listed = declarator.child_by_field_name("parameters") if declarator is not None else None
    if listed is None:
        return ()
    found: list[Variable] = []
    for child in listed.named_children:
        if not child.type.endswith("parameter_declaration"):
            continue
        found.append(_parameter(unit, child))
    if len(found) == 1 and found[0].type == "void" and not found[0].name:
        return ()
    return tuple(found)


def _parameter(unit: Unit, node: Syntax) -> Variable:
    base = read_base(unit, node)
    declared = read_declarator(unit, node.child_by_field_name("declarator"), base)
    default = node.child_by_field_name("default_value")
    initial = expression(unit, default) if default is not None else None
    span = unit.span(node)
    if declared.name is not None and declared.function is None:
        named = unit.span(declared.name)
        return Variable(
            unit.text(declared.name), declared.type, span, named, initial, declared.constant
        )
    end = unit.span(node.child_by_field_name("declarator") or node).end
    name = ""
    named = Span(end, end)
    if declared.name is not None:
        name, named = unit.text(declared.name), unit.span(declared.name)
    return Variable(name, declared.type, span, named, initial, declared.constant)


def _visit(unit: Unit, node: Syntax, scope: _Scope) -> None:
    for child in node.named_children:
        kind = child.type
        if kind == "compound_statement":
            _headless(unit, child, child.children[1:], child.end_byte, scope)
        elif kind == "function_definition":
            _function(unit, child, scope)
        elif kind in _RECORDS:
            _record(unit, child, scope)
        elif kind == "declaration" or kind == "field_declaration":
            _declaration(unit, child, scope)
        elif kind == "namespace_definition":
            name = child.child_by_field_name("name")
            inner = tuple(unit.text(name).split("::")) if name is not None else ()
            _visit(unit, child, _Scope((*scope.names, *inner), scope.owner))
        elif kind in _CONTAINERS:
            _visit(unit, child, scope)
        elif kind == "friend_declaration":
            _visit(unit, child, _Scope(unit.scope, ""))


def _record(unit: Unit, node: Syntax, scope: _Scope) -> None:
    body = node.child_by_field_name("body")
    if body is None:
        return
    name = node.child_by_field_name("name")
    names = (*scope.names, *(spelled(unit, name)[0].split("::") if name is not None else ()))
    owner = "::".join(names) if name is not None else scope.owner
    _visit(unit, body, _Scope(names, owner))


def _declaration(unit: Unit, node: Syntax, scope: _Scope) -> None:
    target = node.child_by_field_name("type")
    if target is not None and target.type in _RECORDS:
        _record(unit, target, scope)
    member = node.type == "field_declaration"
    for variable in declared_variables(unit, node, local=False):
        if variable.initial is None or (member and _is_implicit(variable)):
            continue
        _initialiser(unit, node, variable, scope)


def _is_implicit(variable: Variable) -> bool:
    """Whether nothing was written: members are constructed by the constructor."""
    initial = variable.initial
    return initial is not None and initial.span == variable.name_span


def _initialiser(unit: Unit, node: Syntax, variable: Variable, scope: _Scope) -> None:
    span = unit.span(node)
    tags = unit.tags(span)
    flow = Flow.over(span, tags, unit.environment.no_return)
    if variable.initial is not None:
        place = Place(tags, unit.source.fixed is not None, True)
        initial = settle(flow, variable.initial, place)
        variable = Variable(
            variable.name,
            variable.type,
            variable.span,
            variable.name_span,
            initial,
            variable.constant,
            variable.static,
        )
    flow.add(Step(Act.DECLARE, variable.span, None, variable, tags=tags))
    unit.functions.append(
        Function(
            "<initialiser>",
            "initialiser",
            span,
            span,
            variable.name_span,
            scope.owner,
            (),
            "",
            flow.finish(),
            unit.is_broken(node),
            unit.enclosing,
            tags,
            variable.static,
        )
    )


def _function(unit: Unit, node: Syntax, scope: _Scope) -> None:
    body = node.child_by_field_name("body")
    if body is None:
        body = next((child for child in node.named_children if child.type == "try_statement"), None)
        if body is None:
            return
    base = read_base(unit, node)
    declared = read_declarator(unit, node.child_by_field_name("declarator"), base)
    if declared.name is not None:
        text, anchor = spelled(unit, declared.name)
        where = unit.offset(anchor)
        name_span = Span(where, max(where, unit.span(declared.name).end))
    else:
        text, name_span = "", Span(unit.span(node).start, unit.span(node).start)
    names = (*scope.names, *text.split("::"))
    outer, last = names[:-1], names[-1]
    owner = _owner(unit, scope, text, outer)
    span = unit.span(node)
    tags = unit.tags(unit.span(body))
    index = _reserve(unit)
    flow = Flow.over(unit.span(body), tags, unit.environment.no_return)
    statements = Statements(unit, flow, around=len(unit.path(unit.span(body))))
    before = unit.enclosing
    unit.enclosing = unit.first + index
    parameters = read_parameters(unit, declared.function) or _old_style(unit, node, declared)
    unit.local_names = {parameter.name for parameter in parameters}
    _lower(unit, statements, node, body)
    unit.enclosing = before
    unit.functions[index] = Function(
        "::".join(names),
        _kind(last, owner),
        span,
        unit.span(body),
        name_span,
        owner,
        parameters,
        declared.result or base.type,
        flow.finish(),
        unit.is_broken(node),
        before,
        tags,
        base.static,
    )


def _scattered(unit: Unit, root: Syntax, scope: _Scope) -> None:
    """A function that the grammar took to pieces: all that follows its first brace is its body."""
    queue = [root]
    while queue:
        node = queue.pop(0)
        for index, child in enumerate(node.children):
            if child.type == "{":
                _headless(unit, child, node.children[index + 1 :], node.end_byte, scope)
                return
        queue += [child for child in node.children if child.is_error]


def _headless(unit: Unit, node: Syntax, inner: Sequence[Syntax], end: int, scope: _Scope) -> None:
    """A body whose head the grammar could not read: the name is the one that is called there."""
    head = unit.source.text[: node.start_byte]
    names = list(_CALLED.finditer(head, max(head.rfind(b";"), head.rfind(b"}"), 0)))
    name = names[0].group(1).decode("utf-8", "replace") if names else ""
    start = names[0].start(1) if names else node.start_byte
    name_span = unit.between(start, start + len(name.encode()))
    body = unit.between(node.start_byte, end)
    tags = unit.tags(body)
    index = _reserve(unit)
    flow = Flow.over(body, tags, unit.environment.no_return)
    statements = Statements(unit, flow, around=len(unit.path(body)))
    before = unit.enclosing
    unit.enclosing = unit.first + index
    statements.body(inner)
    unit.enclosing = before
    unit.functions[index] = Function(
        "::".join((*scope.names, *name.split("::"))),
        "function",
        Span(name_span.start, body.end),
        body,
        name_span,
        scope.owner,
        (),
        "",
        flow.finish(),
        True,
        before,
        tags,
    )


_CALLED = re.compile(rb"([A-Za-z_][\w:~]*)\s*\(")


def _old_style(unit: Unit, node: Syntax, declared: Declared) -> tuple[Variable, ...]:
    """The parameters of a definition that declares them between its head and its body."""
    function = declared.function
    listed = function.child_by_field_name("parameters") if function is not None else None
    if listed is None:
        return ()
    found: dict[str, Variable] = {}
    for child in node.named_children:
        if child.type == "declaration":
            for variable in declared_variables(unit, child):
                found[variable.name] = variable
    return tuple(
        found.get(unit.text(child), Variable(unit.text(child), "int", span, span))
        for child in listed.named_children
        for span in (unit.span(child),)
        if child.type == "identifier"
    )


def _lower(unit: Unit, statements: Statements, node: Syntax, body: Syntax) -> None:
    before = unit.statement_expression
    unit.statement_expression = statements.statement_expression
    for child in node.named_children:
        if child.type == "field_initializer_list":
            statements.initialisers(child)
    unit.statement_expression = before
    if body.type == "compound_statement":
        statements.body(body.named_children)
    else:
        statements.body([body])


def _owner(unit: Unit, scope: _Scope, text: str, outer: tuple[str, ...]) -> str:
    """The class that a function belongs to; '' for a free function."""
    if "::" not in text:
        return scope.owner
    qualified = "::".join(outer)
    if qualified in unit.environment.namespaces:
        return ""
    return qualified


def _kind(name: str, owner: str) -> str:
    if not owner:
        return "function"
    if name.startswith("~"):
        return "destructor"
    if name == owner.rpartition("::")[2]:
        return "constructor"
    return "method"


def _reserve(unit: Unit) -> int:
    unit.functions.append(None)
    return len(unit.functions) - 1


def _lambda(unit: Unit, node: Syntax) -> LambdaExpr:
    index = _reserve(unit)
    body = node.child_by_field_name("body")
    declarator = node.child_by_field_name("declarator")
    span = unit.span(node)
    if body is None:
        body = node
    flow = Flow.over(unit.span(body), unit.tags(span), unit.environment.no_return)
    statements = Statements(unit, flow, around=len(unit.path(unit.span(body))))
    before = unit.enclosing
    unit.enclosing = unit.first + index
    parameters = read_parameters(unit, declarator)
    captures = node.child_by_field_name("captures")
    statements.captures(captures)
    statements.body(body.named_children if body is not node else ())
    unit.enclosing = before
    result = ""
    for child in declarator.named_children if declarator is not None else []:
        if child.type == "trailing_return_type" and child.named_children:
            result = type_of(unit, child.named_children[-1])
    unit.functions[index] = Function(
        "<lambda>",
        "lambda",
        span,
        unit.span(body),
        Span(span.start, span.start),
        "",
        parameters,
        result,
        flow.finish(),
        unit.is_broken(node),
        before,
        unit.tags(span),
    )
    return LambdaExpr(span, unit.first + index)
