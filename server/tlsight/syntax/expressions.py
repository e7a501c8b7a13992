"""Expressions: each node of the grammar to its form in the IR, ranges as spelled.

Nothing is left out: what is not understood becomes `Opaque` with the expressions found inside.
Branches inside an expression stay in it here; `conditions of the graph` are made by `statements`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tlsight.ir import (
    Assign,
    Binary,
    Braces,
    Call,
    CallKind,
    Cast,
    Conditional,
    Expr,
    Index,
    Literal,
    Member,
    Name,
    Opaque,
    SizeOf,
    Unary,
)
from tlsight.syntax import macros
from tlsight.syntax.declarators import described_type
from tlsight.syntax.literals import char_value, number_value, string_value
from tlsight.syntax.names import name_of, spelled
from tlsight.syntax.replace import EMPTY
from tlsight.syntax.unit import Syntax, Unit
from tlsight.text import Span

_OPERATORS = {
    "and": "&&", "or": "||", "not": "!", "bitand": "&", "bitor": "|", "compl": "~", "xor": "^",
    "not_eq": "!=", "and_eq": "&=", "or_eq": "|=", "xor_eq": "^=",
}  # fmt: skip
_NUMBER_WORDS = frozenset(("long", "short", "unsigned", "signed"))
_CASTS = frozenset(("static_cast", "dynamic_cast", "const_cast", "reinterpret_cast"))


def expression(unit: Unit, node: Syntax) -> Expr:
    """The IR of an expression."""
    handler = _HANDLERS.get(node.type)
    return handler(unit, node) if handler is not None else opaque(unit, node)


def arguments(unit: Unit, node: Syntax) -> tuple[Expr, ...]:
    """The expressions between the brackets of an argument or initialiser list."""
    return tuple(
        expression(unit, child)
        for child in node.named_children
        if child.type not in _NO_EXPRESSIONS
    )


def inside(unit: Unit, node: Syntax) -> Span:
    """The range between the brackets around a list."""
    start = node.start_byte + 1
    last = node.children[-1] if node.children else None
    end = node.end_byte
    if last is not None and last.type in (")", "}", "]"):
        end = last.start_byte
    return unit.between(start, max(start, end))


def construct(unit: Unit, name: Name, brackets: Syntax | None, span: Span, target: str) -> Call:
    """The construction of an object: `T x(a)`, `T x{a}`, `T(a)`, or `T x` without brackets.

    `name` holds the type and the anchor.
    """
    if brackets is None:
        empty = Span(span.end, span.end)
        return Call(span, name, (), CallKind.CONSTRUCT, name.anchor, empty, target)
    given = arguments(unit, brackets)
    between = inside(unit, brackets)
    return Call(span, name, given, CallKind.CONSTRUCT, name.anchor, between, target)


def opaque(unit: Unit, node: Syntax) -> Expr:
    """A node that is no known expression, with the expressions inside it."""
    parts: list[Expr] = []
    _collect(unit, node, parts)
    return Opaque(unit.span(node), tuple(parts))


def _collect(unit: Unit, node: Syntax, parts: list[Expr]) -> None:
    for child in node.named_children:
        kind = child.type
        if kind in _NO_EXPRESSIONS:
            continue
        if kind in _HANDLERS and not (kind in _TYPE_NAMES and child.child_count == 0):
            parts.append(expression(unit, child))
        else:
            _collect(unit, child, parts)


def _name(unit: Unit, node: Syntax) -> Expr:
    start = node.start_byte
    source = unit.source
    text = source.text[start : node.end_byte].decode("utf-8", "replace")
    if text == EMPTY:
        return Braces(unit.span(node), ())
    if text in unit.environment.active:
        expanded = macros.expand_object(unit, node, text, expression)
        if expanded is not None:
            return expanded
    if source.fixed is not None:
        return Name(source.fixed, text, source.fixed.start)
    start += source.base
    return Name(Span(start, source.base + node.end_byte), text, start)


def _qualified(unit: Unit, node: Syntax) -> Expr:
    return name_of(unit, node)


def _parenthesised(unit: Unit, node: Syntax) -> Expr:
    inner = node.named_children
    if len(inner) == 1:
        if inner[0].type == "compound_statement":
            return _statement_expression(unit, inner[0])
        return expression(unit, inner[0])
    return opaque(unit, node)


def _statement_expression(unit: Unit, node: Syntax) -> Expr:
    if unit.statement_expression is None:
        return opaque(unit, node)
    return unit.statement_expression(node)


def _field(unit: Unit, node: Syntax) -> Expr:
    base = node.child_by_field_name("argument")
    name = node.child_by_field_name("field")
    if base is None or name is None:
        return opaque(unit, node)
    operator = node.child_by_field_name("operator")
    text, anchor = spelled(unit, name)
    arrow = operator is not None and operator.type == "->"
    return Member(unit.span(node), expression(unit, base), text, arrow, unit.offset(anchor))


def _call(unit: Unit, node: Syntax) -> Expr:
    function = node.child_by_field_name("function")
    brackets = node.child_by_field_name("arguments")
    if function is None or brackets is None:
        return opaque(unit, node)
    kind = function.type
    if kind in _CALLABLE_NAMES:
        return _named_call(unit, node, function, brackets)
    if kind in ("primitive_type", "sized_type_specifier"):
        return _number_cast(unit, node, unit.text(function), brackets)
    if kind == "parenthesized_expression" and (cast := _cast_call(unit, node, function, brackets)):
        return cast
    callee = expression(unit, function)
    anchor = callee.anchor if isinstance(callee, (Name, Member)) else callee.span.start
    given = arguments(unit, brackets)
    return Call(unit.span(node), callee, given, CallKind.CALL, anchor, inside(unit, brackets))


def _number_cast(unit: Unit, node: Syntax, name: str, brackets: Syntax) -> Expr:
    """`int(x)`."""
    given = arguments(unit, brackets)
    if len(given) == 1:
        return Cast(unit.span(node), name, given[0])
    return Braces(unit.span(node), given)


def _named_call(unit: Unit, node: Syntax, function: Syntax, brackets: Syntax) -> Expr:
    environment = unit.environment
    text, anchor = spelled(unit, function)
    if function.type == "template_function" and text in _CASTS:
        given = arguments(unit, brackets)
        template = function.child_by_field_name("arguments")
        target = template.named_children if template is not None else []
        if len(given) == 1 and len(target) == 1:
            return Cast(unit.span(node), described_type(unit, target[0]), given[0])
    if text in _NUMBER_WORDS:
        return _number_cast(unit, node, text, brackets)
    kind = CallKind.CALL
    macro = environment.macros.get(text)
    if macro is not None and text in environment.roles and macro.parameters is not None:
        kind = CallKind.MACRO
    elif text in environment.active:
        expanded = macros.expand_call(unit, node, text, brackets, expression)
        if expanded is not None:
            return expanded
    elif unit.cpp and unit.is_type(text):
        if unit.is_value_type(text):
            return _number_cast(unit, node, text, brackets)
        kind = CallKind.CONSTRUCT
    where = unit.offset(anchor)
    name = Name(unit.span(function), text, where)
    given = arguments(unit, brackets)
    return Call(unit.span(node), name, given, kind, where, inside(unit, brackets))


def _cast_call(unit: Unit, node: Syntax, function: Syntax, brackets: Syntax) -> Expr | None:
    """`(T)(x)`, which the grammar takes for a call."""
    inner = function.named_children
    if len(inner) != 1 or inner[0].type not in ("identifier", "qualified_identifier"):
        return None
    text = spelled(unit, inner[0])[0]
    if unit.is_object(text) and not unit.is_type(text):
        return None
    given = arguments(unit, brackets)
    if not given:
        return None
    operand = given[0]
    for other in given[1:]:
        operand = Binary(unit.span(brackets), ",", operand, other)
    return Cast(unit.span(node), text, operand)


def _operator(node: Syntax) -> str:
    operator = node.child_by_field_name("operator")
    text = operator.type if operator is not None else ""
    return _OPERATORS.get(text, text)


def _binary(unit: Unit, node: Syntax) -> Expr:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return opaque(unit, node)
    operator = _operator(node)
    if left.type == "parenthesized_expression" and operator in ("*", "&", "+", "-"):
        cast = _cast_of(unit, node, left, operator, right)
        if cast is not None:
            return cast
    if operator in ("&&", "||"):
        unit.shortcuts += 1
    return Binary(unit.span(node), operator, expression(unit, left), expression(unit, right))


def _cast_of(unit: Unit, node: Syntax, left: Syntax, operator: str, right: Syntax) -> Expr | None:
    """`(T) & b`, which the grammar takes for an operation on `T`."""
    inner = left.named_children
    if len(inner) != 1 or inner[0].type != "identifier" or not unit.is_type(unit.text(inner[0])):
        return None
    sign = node.child_by_field_name("operator")
    start = sign.start_byte if sign is not None else right.start_byte
    operand = Unary(unit.between(start, right.end_byte), operator, expression(unit, right))
    return Cast(unit.span(node), unit.text(inner[0]), operand)


def _comma(unit: Unit, node: Syntax) -> Expr:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return opaque(unit, node)
    unit.shortcuts += 1
    return Binary(unit.span(node), ",", expression(unit, left), expression(unit, right))


def _assignment(unit: Unit, node: Syntax) -> Expr:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return opaque(unit, node)
    return Assign(unit.span(node), _operator(node), expression(unit, left), expression(unit, right))


def _unary(unit: Unit, node: Syntax) -> Expr:
    operand = node.child_by_field_name("argument")
    if operand is None:
        return opaque(unit, node)
    return Unary(unit.span(node), _operator(node), expression(unit, operand))


def _update(unit: Unit, node: Syntax) -> Expr:
    operand = node.child_by_field_name("argument")
    if operand is None:
        return opaque(unit, node)
    operator = _operator(node)
    if node.children[0].type != operator:
        operator = "p" + operator
    return Unary(unit.span(node), operator, expression(unit, operand))


def _conditional(unit: Unit, node: Syntax) -> Expr:
    condition = node.child_by_field_name("condition")
    then = node.child_by_field_name("consequence")
    otherwise = node.child_by_field_name("alternative")
    if condition is None or otherwise is None:
        return opaque(unit, node)
    unit.shortcuts += 1
    first = expression(unit, condition)
    second = expression(unit, then) if then is not None else first
    return Conditional(unit.span(node), first, second, expression(unit, otherwise))


def _cast(unit: Unit, node: Syntax) -> Expr:
    target, value = node.child_by_field_name("type"), node.child_by_field_name("value")
    if target is None or value is None:
        return opaque(unit, node)
    if value.type in ("pointer_expression", "unary_expression"):
        operation = _no_cast(unit, node, target, value)
        if operation is not None:
            return operation
    return Cast(unit.span(node), described_type(unit, target), expression(unit, value))


def _no_cast(unit: Unit, node: Syntax, target: Syntax, value: Syntax) -> Expr | None:
    """`(a) & b`, which the grammar takes for a cast of `&b`."""
    inner = target.named_children
    operand = value.child_by_field_name("argument")
    if len(inner) != 1 or inner[0].type != "type_identifier" or operand is None:
        return None
    operator = _operator(value)
    name = unit.text(inner[0])
    if operator not in ("*", "&", "+", "-") or unit.is_type(name):
        return None
    if not unit.is_object(name) and not name.isupper():
        return None
    return Binary(unit.span(node), operator, _name(unit, inner[0]), expression(unit, operand))


def _sizeof(unit: Unit, node: Syntax) -> Expr:
    target = node.child_by_field_name("type")
    if target is not None:
        return SizeOf(unit.span(node), None, described_type(unit, target))
    value = node.child_by_field_name("value")
    if value is None:
        return opaque(unit, node)
    operand = expression(unit, value)
    if isinstance(operand, Name) and unit.is_type(operand.text):
        return SizeOf(unit.span(node), None, operand.text)
    return SizeOf(unit.span(node), operand, "")


def _subscript(unit: Unit, node: Syntax) -> Expr:
    base = node.child_by_field_name("argument")
    index = node.child_by_field_name("index")
    if index is None:
        indices = node.child_by_field_name("indices")
        inner = indices.named_children if indices is not None else []
        index = inner[0] if inner else None
    if base is None or index is None:
        return opaque(unit, node)
    return Index(unit.span(node), expression(unit, base), expression(unit, index))


def _compound_literal(unit: Unit, node: Syntax) -> Expr:
    target, value = node.child_by_field_name("type"), node.child_by_field_name("value")
    if target is None or value is None:
        return opaque(unit, node)
    if target.type == "type_descriptor" or target.type == "primitive_type":
        return Cast(unit.span(node), described_type(unit, target), _braces(unit, value))
    return construct(unit, name_of(unit, target), value, unit.span(node), "")


def _braces(unit: Unit, node: Syntax) -> Expr:
    return Braces(unit.span(node), arguments(unit, node))


def _designated(unit: Unit, node: Syntax) -> Expr:
    value = node.child_by_field_name("value")
    designators = node.children_by_field_name("designator")
    if value is None:
        return opaque(unit, node)
    operand = expression(unit, value)
    target: Expr | None = None
    for designator in designators:
        inner = designator.named_children
        if designator.type == "field_designator" and inner:
            name = name_of(unit, inner[0])
            target = (
                name
                if target is None
                else Member(unit.span(designator), target, name.text, False, name.anchor)
            )
    if target is None:
        return operand
    return Assign(unit.span(node), "=", target, operand)


def _string(unit: Unit, node: Syntax) -> Expr:
    return Literal(unit.span(node), "string", string_value([_spelled_bytes(unit, node)]))


def _spelled_bytes(unit: Unit, node: Syntax) -> bytes:
    return unit.source.text[node.start_byte : node.end_byte]


def _concatenated(unit: Unit, node: Syntax) -> Expr:
    pieces = [
        _spelled_bytes(unit, child)
        for child in node.named_children
        if child.type in ("string_literal", "raw_string_literal", "user_defined_literal")
    ]
    return Literal(unit.span(node), "string", string_value(pieces))


def _suffixed(unit: Unit, node: Syntax) -> Expr:
    inner = node.named_children
    if not inner:
        return opaque(unit, node)
    value = expression(unit, inner[0])
    if isinstance(value, Literal):
        return Literal(unit.span(node), value.kind, value.value)
    return value


def _char(unit: Unit, node: Syntax) -> Expr:
    return Literal(unit.span(node), "char", char_value(_spelled_bytes(unit, node)))


def _number(unit: Unit, node: Syntax) -> Expr:
    value = number_value(unit.text(node))
    kind = "float" if isinstance(value, float) else "int"
    return Literal(unit.span(node), kind, value)


def _true(unit: Unit, node: Syntax) -> Expr:
    return Literal(unit.span(node), "bool", 1)


def _false(unit: Unit, node: Syntax) -> Expr:
    return Literal(unit.span(node), "bool", 0)


def _null(unit: Unit, node: Syntax) -> Expr:
    return Literal(unit.span(node), "null", None)


def _lambda(unit: Unit, node: Syntax) -> Expr:
    if unit.read_lambda is None:
        return opaque(unit, node)
    return unit.read_lambda(unit, node)


def _new(unit: Unit, node: Syntax) -> Expr:
    target = node.child_by_field_name("type")
    brackets = node.child_by_field_name("arguments")
    declarator = node.child_by_field_name("declarator")
    if target is None:
        return opaque(unit, node)
    text, anchor = spelled(unit, target)
    where = unit.offset(anchor)
    given: tuple[Expr, ...] = ()
    between = unit.between(target.end_byte, target.end_byte)
    if declarator is not None:
        text += "[]"
        length = declarator.child_by_field_name("length")
        given = (expression(unit, length),) if length is not None else ()
        between = unit.between(declarator.end_byte, declarator.end_byte)
    if brackets is not None:
        between = inside(unit, brackets)
        given += arguments(unit, brackets)
    callee = Name(unit.span(target), text, where)
    return Call(unit.span(node), callee, given, CallKind.NEW, where, between)


def _operand_of_word(unit: Unit, node: Syntax) -> Expr:
    """`delete p`, `co_await x`, `throw x`."""
    inner = [child for child in node.named_children if child.type not in _NO_EXPRESSIONS]
    if not inner:
        return opaque(unit, node)
    word = next((child.type for child in node.children if child.type.isidentifier()), "")
    return Unary(unit.span(node), _WORDS.get(node.type, word), expression(unit, inner[-1]))


_WORDS = {
    "delete_expression": "delete",
    "co_await_expression": "co_await",
    "throw_statement": "throw",
    "co_yield_statement": "co_yield",
}


def _unwrapped(unit: Unit, node: Syntax) -> Expr:
    inner = node.named_children
    return expression(unit, inner[0]) if len(inner) == 1 else opaque(unit, node)


def _nothing(unit: Unit, node: Syntax) -> Expr:
    return Opaque(unit.span(node), ())


_NO_EXPRESSIONS = frozenset(
    (
        "comment", "type_qualifier", "storage_class_specifier", "type_descriptor",
        "attribute_specifier", "attribute_declaration", "literal_suffix", "string_content",
        "escape_sequence", "field_designator", "subscript_designator", "parameter_list",
        "template_argument_list", "lambda_capture_specifier", "sized_type_specifier",
    )
)  # fmt: skip
_TYPE_NAMES = frozenset(("type_identifier", "primitive_type", "field_identifier"))
_CALLABLE_NAMES = frozenset(
    ("identifier", "qualified_identifier", "template_function", "type_identifier", "template_type",
     "dependent_name", "operator_name")
)  # fmt: skip
_HANDLERS: Mapping[str, Callable[[Unit, Syntax], Expr]] = {
    "identifier": _name,
    "type_identifier": _name,
    "primitive_type": _name,
    "field_identifier": _name,
    "namespace_identifier": _name,
    "this": _qualified,
    "qualified_identifier": _qualified,
    "template_function": _qualified,
    "template_type": _qualified,
    "dependent_name": _qualified,
    "operator_name": _qualified,
    "parenthesized_expression": _parenthesised,
    "compound_statement": _statement_expression,
    "field_expression": _field,
    "call_expression": _call,
    "binary_expression": _binary,
    "comma_expression": _comma,
    "assignment_expression": _assignment,
    "unary_expression": _unary,
    "pointer_expression": _unary,
    "update_expression": _update,
    "conditional_expression": _conditional,
    "cast_expression": _cast,
    "sizeof_expression": _sizeof,
    "alignof_expression": _nothing,
    "offsetof_expression": _nothing,
    "requires_expression": _nothing,
    "subscript_expression": _subscript,
    "compound_literal_expression": _compound_literal,
    "initializer_list": _braces,
    "initializer_pair": _designated,
    "string_literal": _string,
    "raw_string_literal": _string,
    "concatenated_string": _concatenated,
    "user_defined_literal": _suffixed,
    "char_literal": _char,
    "number_literal": _number,
    "true": _true,
    "false": _false,
    "null": _null,
    "nullptr": _null,
    "lambda_expression": _lambda,
    "new_expression": _new,
    "delete_expression": _operand_of_word,
    "co_await_expression": _operand_of_word,
    "co_yield_statement": _operand_of_word,
    "throw_statement": _operand_of_word,
    "extension_expression": _unwrapped,
    "parameter_pack_expansion": _unwrapped,
}
