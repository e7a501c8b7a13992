"""Declared variables and parameters, with what initialises them.

Here the grammar's guesses about declarations are settled: `T x(f(y));` in a body constructs an
object, unless what stands between the brackets are clearly parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

from tlsight.ir import Binary, Call, CallKind, Expr, Literal, Name, Variable
from tlsight.syntax.declarators import Base, Declared, read_base, read_declarator
from tlsight.syntax.expressions import arguments, construct, expression, inside
from tlsight.syntax.names import spelled
from tlsight.syntax.tree import fragment
from tlsight.syntax.unit import Source, Syntax, Unit
from tlsight.text import Span

_NUMBERS = frozenset(("primitive_type", "sized_type_specifier", "enum_specifier"))
_PLAIN = frozenset(("auto", "decltype(auto)", "void"))
_PREFIX = b"v=x"


def declared_variables(unit: Unit, node: Syntax, local: bool = True) -> list[Variable]:
    """The variables that a declaration declares; functions that it declares are left out."""
    base = read_base(unit, node)
    if base.node is not None and base.node.type.endswith("_specifier"):
        body = base.node.child_by_field_name("body")
        name = base.node.child_by_field_name("name")
        if body is not None and name is not None:
            unit.local_types.add(unit.text(name))
    variables: list[Variable] = []
    declarators = node.children_by_field_name("declarator")
    value = node.child_by_field_name("value") or node.child_by_field_name("default_value")
    for index, declarator in enumerate(declarators):
        given = value if index == len(declarators) - 1 else None
        variables += _declared(unit, declarator, base, given, local)
    return variables


def _declared(
    unit: Unit, declarator: Syntax, base: Base, value: Syntax | None, local: bool
) -> list[Variable]:
    if declarator.type == "init_declarator":
        value = declarator.child_by_field_name("value")
    declared = read_declarator(unit, declarator, base)
    name = declared.name
    if declared.function is not None and name is not None:
        brackets = declared.function.child_by_field_name("parameters")
        if not local or brackets is None or not _constructs(unit, brackets):
            return []
        call = _vexing(unit, base, declared, name, brackets, declarator)
        return [_variable(unit, declared, name, declarator, base, call)] if call else []
    if name is None:
        return []
    if name.type == "structured_binding_declarator":
        return _bindings(unit, declared, name, declarator, value)
    initial = _initial(unit, declarator, declared, base, name, value)
    return [_variable(unit, declared, name, declarator, base, initial)]


def _variable(
    unit: Unit,
    declared: Declared,
    name: Syntax,
    declarator: Syntax,
    base: Base,
    initial: Expr | None,
) -> Variable:
    text, anchor = spelled(unit, name)
    where = unit.offset(anchor)
    named = unit.between(name.start_byte, name.end_byte)
    named = Span(max(where, named.start), named.end)
    span = unit.span(declarator)
    return Variable(text, declared.type, span, named, initial, declared.constant, base.static)


def _bindings(
    unit: Unit,
    declared: Declared,
    name: Syntax,
    declarator: Syntax,
    value: Syntax | None,
) -> list[Variable]:
    span = unit.span(declarator)
    initial = expression(unit, value) if value is not None else None
    whole = Variable("", declared.type, span, Span(span.start, span.start), initial)
    parts = [
        Variable(unit.text(child), "auto", unit.span(child), unit.span(child))
        for child in name.named_children
    ]
    return [whole, *parts]


def _initial(
    unit: Unit,
    declarator: Syntax,
    declared: Declared,
    base: Base,
    name: Syntax,
    value: Syntax | None,
) -> Expr | None:
    text, anchor = spelled(unit, name)
    where = unit.offset(anchor)
    if value is None:
        if declared.pointer or base.extern or not is_class(unit, base):
            return None
        callee = Name(unit.span(name), _class_name(base), where)
        return construct(unit, callee, None, unit.span(name), text)
    direct = value.type in ("argument_list", "initializer_list") and not _has_equals(
        declarator, value
    )
    if not direct:
        return _retarget(unit, expression(unit, value), text, base)
    if not declared.pointer and is_class(unit, base):
        callee = Name(unit.span(name), _class_name(base), where)
        span = Span(unit.span(declarator).start, unit.span(value).end)
        return construct(unit, callee, value, span, text)
    if declared.type.endswith("]") or (base.type in _PLAIN and value.type == "initializer_list"):
        return expression(unit, value)
    given = arguments(unit, value)
    if not given:
        return Literal(unit.span(value), "int", 0) if value.type == "initializer_list" else None
    initial = given[0]
    for other in given[1:]:
        initial = Binary(unit.span(value), ",", initial, other)
    return initial


def _has_equals(declarator: Syntax, value: Syntax) -> bool:
    parent = declarator if declarator.type == "init_declarator" else declarator.parent
    if parent is None:
        return False
    before = None
    for child in parent.children:
        if child.id == value.id:
            break
        before = child
    return before is not None and before.type == "="


def _retarget(unit: Unit, expr: Expr, target: str, base: Base) -> Expr:
    """`T x = T(a)` constructs `x`, and so does `auto x = T(a)` where `T` is known as a type."""
    if not unit.cpp or not isinstance(expr, Call) or not isinstance(expr.callee, Name):
        return expr
    if expr.kind is CallKind.CONSTRUCT or (
        expr.kind is CallKind.CALL and expr.callee.text == _class_name(base)
    ):
        return Call(
            expr.span,
            expr.callee,
            expr.arguments,
            CallKind.CONSTRUCT,
            expr.anchor,
            expr.arguments_span,
            target,
        )
    return expr


def _class_name(base: Base) -> str:
    """The name of the type that is constructed, without qualifiers and template arguments."""
    text = base.type.removeprefix("const ").removeprefix("volatile ")
    for word in ("struct ", "class ", "union "):
        text = text.removeprefix(word)
    return _without_arguments(text)


def _without_arguments(text: str) -> str:
    if "<" not in text:
        return text
    out: list[str] = []
    depth = 0
    for char in text:
        depth += char == "<"
        if depth == 0:
            out.append(char)
        depth -= char == ">"
    return "".join(out)


def is_class(unit: Unit, base: Base) -> bool:
    """Whether a variable of this type is an object that a constructor makes."""
    if not unit.cpp or base.node is None or base.node.type in _NUMBERS or base.type in _PLAIN:
        return False
    if base.node.type in ("placeholder_type_specifier", "decltype"):
        return False
    name = _class_name(base)
    return not unit.is_value_type(name)


def _constructs(unit: Unit, brackets: Syntax) -> bool:
    """Whether what looks like parameters in a body are the arguments of a construction."""
    if not unit.cpp:
        return False
    inner = [child for child in brackets.named_children if not child.is_extra]
    if not inner:
        return False
    return all(_may_be_argument(unit, child) for child in inner)


def _may_be_argument(unit: Unit, node: Syntax) -> bool:
    if node.type != "parameter_declaration":
        return False
    target = node.child_by_field_name("type")
    declarator = node.child_by_field_name("declarator")
    if target is None or target.type not in (
        "type_identifier", "qualified_identifier", "template_type", "primitive_type",
    ):  # fmt: skip
        return False
    if any(child.type == "type_qualifier" for child in node.named_children):
        return False
    if target.type == "primitive_type":
        return declarator is not None and declarator.type == "abstract_function_declarator"
    name = spelled(unit, target)[0]
    if declarator is None:
        return not unit.is_type(name)
    if declarator.type == "abstract_function_declarator":
        return declarator.child_by_field_name("declarator") is None
    if declarator.type == "abstract_array_declarator":
        return not unit.is_type(name)
    if declarator.type in ("reference_declarator", "pointer_declarator"):
        inner = declarator.named_children
        return not unit.is_type(name) and bool(inner) and inner[-1].type == "identifier"
    return False


def _vexing(
    unit: Unit,
    base: Base,
    declared: Declared,
    name: Syntax,
    brackets: Syntax,
    declarator: Syntax,
) -> Expr | None:
    given = reread_arguments(unit, brackets)
    if given is None:
        return None
    text, anchor = spelled(unit, name)
    where = unit.offset(anchor)
    span = unit.span(declarator)
    if not is_class(unit, base) or declared.pointer:
        return given[0] if len(given) == 1 else None
    callee = Name(unit.span(name), _class_name(base), where)
    between = inside(unit, brackets)
    return Call(span, callee, tuple(given), CallKind.CONSTRUCT, where, between, text)


def reread_arguments(unit: Unit, brackets: Syntax) -> Sequence[Expr] | None:
    """What the grammar took for parameters, read again as arguments."""
    start = brackets.start_byte
    source = _PREFIX + unit.source.text[start : brackets.end_byte] + b";"
    root = fragment(source, unit.environment.language)
    if root.has_error or not root.named_children:
        return None
    inner = root.named_children[0].named_children
    call = inner[0].child_by_field_name("right") if inner else None
    listed = call.child_by_field_name("arguments") if call is not None else None
    if listed is None:
        return None
    before = unit.source
    base = before.base + start - len(_PREFIX)
    unit.source = Source(source, base, before.limit, before.fixed)
    try:
        return arguments(unit, listed)
    finally:
        unit.source = before
