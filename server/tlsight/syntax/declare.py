"""What a text declares: records, functions, variables, enumerators, aliases, and type names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from tlsight.ir import (
    Binary,
    Cast,
    Expr,
    Literal,
    Name,
    Record,
    Signature,
    Unary,
    Variable,
)
from tlsight.syntax.declarators import Base, Declared, read_base, read_declarator, type_of
from tlsight.syntax.expressions import expression
from tlsight.syntax.functions import read_parameters
from tlsight.syntax.names import spelled
from tlsight.syntax.unit import Syntax, Unit
from tlsight.syntax.variables import declared_variables

_RECORDS = frozenset(("class_specifier", "struct_specifier", "union_specifier"))
_TRANSPARENT = frozenset(
    (
        "translation_unit",
        "declaration_list",
        "template_declaration",
        "linkage_specification",
        "ERROR",
    )
)


@dataclass
class Found:
    """What the parts of a text declare, growing."""

    functions: dict[str, tuple[Signature, ...]] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    enumerators: dict[str, int | None] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)
    enumerations: set[str] = field(default_factory=set)
    namespaces: set[str] = field(default_factory=set)
    no_return: frozenset[str] = frozenset()


def declare(unit: Unit, root: Syntax, found: Found) -> None:
    """Effect: add what a part declares."""
    _visit(unit, root, unit.scope, found)


def _visit(unit: Unit, node: Syntax, scope: tuple[str, ...], found: Found) -> None:
    for child in node.named_children:
        kind = child.type
        if kind == "declaration":
            _declaration(unit, child, scope, found)
        elif kind == "function_definition":
            _definition(unit, child, scope, found)
        elif kind == "type_definition":
            _typedef(unit, child, scope, found)
        elif kind == "alias_declaration":
            _alias(unit, child, scope, found)
        elif kind in _RECORDS:
            _record(unit, child, scope, found)
        elif kind == "enum_specifier":
            _enumeration(unit, child, scope, found)
        elif kind == "namespace_definition":
            name = child.child_by_field_name("name")
            inner = tuple(unit.text(name).split("::")) if name is not None else ()
            _visit(unit, child, (*scope, *inner), found)
        elif kind in _TRANSPARENT:
            _visit(unit, child, scope, found)


def _qualified(scope: tuple[str, ...], name: str) -> str:
    return "::".join((*scope, name))


def _target(unit: Unit, node: Syntax, scope: tuple[str, ...], found: Found) -> None:
    """The type that a declaration defines on the way."""
    target = node.child_by_field_name("type")
    if target is None:
        return
    if target.type in _RECORDS:
        _record(unit, target, scope, found)
    elif target.type == "enum_specifier":
        _enumeration(unit, target, scope, found)


def _declaration(unit: Unit, node: Syntax, scope: tuple[str, ...], found: Found) -> None:
    _target(unit, node, scope, found)
    base = read_base(unit, node)
    for declarator in node.children_by_field_name("declarator"):
        declared = read_declarator(unit, declarator, base)
        if declared.function is not None and declared.name is not None:
            _function(unit, base, declared, scope, found, "")
    for variable in declared_variables(unit, node, local=False):
        if variable.name:
            name = _qualified(scope, variable.name)
            known = found.variables.get(name)
            found.variables[name] = variable if known is None else _either(known, variable)


_UNTOLD = re.compile(r"\b(?:static|extern|thread_local|_Thread_local|inline)\b|(?<=\[)[^\]]+")
"""What of a type only one of two declarations of a variable may say."""


def _either(known: Variable, other: Variable) -> Variable:
    """What two declarations of one name say: nothing of the type, if `#if` chooses between two."""
    types = {"".join(_UNTOLD.sub("", item.type).split()) for item in (known, other)}
    return other if len(types) == 1 else replace(other, type="", initial=None)


def _definition(unit: Unit, node: Syntax, scope: tuple[str, ...], found: Found) -> None:
    base = read_base(unit, node)
    declared = read_declarator(unit, node.child_by_field_name("declarator"), base)
    if declared.name is not None and declared.function is not None:
        _function(unit, base, declared, scope, found, "")


def _function(
    unit: Unit,
    base: Base,
    declared: Declared,
    scope: tuple[str, ...],
    found: Found,
    owner: str,
) -> None:
    if declared.name is None:
        return
    text = spelled(unit, declared.name)[0]
    name = _qualified(scope, text)
    if "::" in text and not owner:
        owner = name.rpartition("::")[0]
    signature = Signature(
        name, read_parameters(unit, declared.function), declared.result, owner, base.static
    )
    found.functions[name] = with_overload(found.functions.get(name, ()), signature)


def with_overload(known: tuple[Signature, ...], signature: Signature) -> tuple[Signature, ...]:
    """Overloads with one more; of a declaration and a definition, the one with defaults."""
    shape = tuple(parameter.type for parameter in signature.parameters)
    for index, other in enumerate(known):
        if tuple(parameter.type for parameter in other.parameters) == shape:
            if any(parameter.initial is not None for parameter in other.parameters):
                return known
            return (*known[:index], signature, *known[index + 1 :])
    return (*known, signature)


def _typedef(unit: Unit, node: Syntax, scope: tuple[str, ...], found: Found) -> None:
    _target(unit, node, scope, found)
    base = read_base(unit, node)
    for declarator in node.children_by_field_name("declarator"):
        declared = read_declarator(unit, declarator, base)
        if declared.name is None:
            continue
        name = _qualified(scope, unit.text(declared.name))
        found.types.add(unit.text(declared.name))
        target = base.node
        if target is not None and _is_unnamed(target) and not declared.pointer:
            _named_later(unit, target, name, scope, found)
            continue
        if declared.function is not None:
            found.aliases[name] = declared.type + " ()"
        elif declared.type not in (name, unit.text(declared.name)):
            found.aliases[name] = declared.type


def _is_unnamed(node: Syntax) -> bool:
    defines = node.type in _RECORDS or node.type == "enum_specifier"
    return defines and node.child_by_field_name("name") is None


def _named_later(unit: Unit, node: Syntax, name: str, scope: tuple[str, ...], found: Found) -> None:
    """`typedef struct { … } name;`: the typedef names the record."""
    if node.type == "enum_specifier":
        found.enumerations.add(name.rpartition("::")[2])
        return
    body = node.child_by_field_name("body")
    if body is not None:
        found.records[name] = _read_record(unit, node, body, name, scope, found)


def _alias(unit: Unit, node: Syntax, scope: tuple[str, ...], found: Found) -> None:
    name, target = node.child_by_field_name("name"), node.child_by_field_name("type")
    if name is None or target is None:
        return
    found.types.add(unit.text(name))
    base = read_base(unit, target) if target.type == "type_descriptor" else None
    text = type_of(unit, target)
    if base is not None:
        text = read_declarator(unit, target.child_by_field_name("declarator"), base).type
    found.aliases[_qualified(scope, unit.text(name))] = text


def _record(unit: Unit, node: Syntax, scope: tuple[str, ...], found: Found) -> None:
    name = node.child_by_field_name("name")
    body = node.child_by_field_name("body")
    text = spelled(unit, name)[0] if name is not None else ""
    if text:
        found.types.add(text.rpartition("::")[2])
    if body is None or not text:
        return
    qualified = _qualified(scope, text)
    found.records[qualified] = _read_record(unit, node, body, qualified, scope, found)


def _read_record(
    unit: Unit,
    node: Syntax,
    body: Syntax,
    name: str,
    scope: tuple[str, ...],
    found: Found,
) -> Record:
    inner = (*scope, *name.split("::")[len(scope) :]) if name else scope
    fields: dict[str, Variable] = {}
    methods: dict[str, tuple[Signature, ...]] = {}
    _members(unit, body, inner, name, fields, methods, found)
    bases: tuple[str, ...] = ()
    for child in node.named_children:
        if child.type == "base_class_clause":
            bases = tuple(
                spelled(unit, item)[0]
                for item in child.named_children
                if item.type in ("type_identifier", "qualified_identifier", "template_type")
            )
    return Record(name, fields, methods, bases)


def _members(
    unit: Unit,
    body: Syntax,
    scope: tuple[str, ...],
    owner: str,
    fields: dict[str, Variable],
    methods: dict[str, tuple[Signature, ...]],
    found: Found,
) -> None:
    for child in body.named_children:
        kind = child.type
        if kind in ("field_declaration", "declaration"):
            _member(unit, child, scope, owner, fields, methods, found)
        elif kind == "function_definition":
            base = read_base(unit, child)
            declared = read_declarator(unit, child.child_by_field_name("declarator"), base)
            _method(unit, base, declared, scope, owner, methods, found)
        elif kind in ("template_declaration", "ERROR"):
            _members(unit, child, scope, owner, fields, methods, found)
        elif kind == "type_definition":
            _typedef(unit, child, scope, found)
        elif kind == "alias_declaration":
            _alias(unit, child, scope, found)
        elif kind in _RECORDS:
            _record(unit, child, scope, found)
        elif kind == "enum_specifier":
            _enumeration(unit, child, scope, found)


def _member(
    unit: Unit,
    node: Syntax,
    scope: tuple[str, ...],
    owner: str,
    fields: dict[str, Variable],
    methods: dict[str, tuple[Signature, ...]],
    found: Found,
) -> None:
    declarators = node.children_by_field_name("declarator")
    target = node.child_by_field_name("type")
    if target is not None and target.type in _RECORDS and not declarators:
        inner = target.child_by_field_name("body")
        if target.child_by_field_name("name") is None and inner is not None:
            _members(unit, inner, scope, owner, fields, methods, found)
            return
    _target(unit, node, scope, found)
    base = read_base(unit, node)
    for declarator in declarators:
        declared = read_declarator(unit, declarator, base)
        if declared.function is not None:
            _method(unit, base, declared, scope, owner, methods, found)
    for variable in declared_variables(unit, node, local=False):
        if variable.initial is not None and variable.initial.span == variable.name_span:
            variable = _uninitialised(variable)
        fields[variable.name] = variable
        if base.static:
            found.variables[_qualified(scope, variable.name)] = variable


def _uninitialised(variable: Variable) -> Variable:
    return Variable(
        variable.name,
        variable.type,
        variable.span,
        variable.name_span,
        None,
        variable.constant,
        variable.static,
    )


def _method(
    unit: Unit,
    base: Base,
    declared: Declared,
    scope: tuple[str, ...],
    owner: str,
    methods: dict[str, tuple[Signature, ...]],
    found: Found,
) -> None:
    if declared.name is None or declared.function is None:
        return
    name = spelled(unit, declared.name)[0]
    signature = Signature(
        _qualified(scope, name),
        read_parameters(unit, declared.function),
        declared.result,
        owner,
        base.static,
    )
    methods[name] = with_overload(methods.get(name, ()), signature)
    full = signature.name
    found.functions[full] = with_overload(found.functions.get(full, ()), signature)


def _enumeration(unit: Unit, node: Syntax, scope: tuple[str, ...], found: Found) -> None:
    name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
    text = spelled(unit, name)[0] if name is not None else ""
    if text:
        found.types.add(text.rpartition("::")[2])
        found.enumerations.add(text.rpartition("::")[2])
    if body is None:
        return
    scoped = len(node.children) > 1 and node.children[1].type in ("class", "struct")
    inner = (*scope, text) if scoped and text else scope
    value: int | None = 0
    for child in body.named_children:
        if child.type != "enumerator":
            continue
        item = child.child_by_field_name("name")
        given = child.child_by_field_name("value")
        if item is None:
            continue
        if given is not None:
            value = folded(expression(unit, given), inner, found)
        key = _qualified(inner, unit.text(item))
        found.enumerators[key] = value
        if text and not scoped:
            found.enumerators[_qualified((*scope, text), unit.text(item))] = value
        value = value + 1 if value is not None else None


def folded(expr: Expr, scope: tuple[str, ...], found: Found) -> int | None:
    """The value of a constant expression over numbers and enumerators known so far."""
    if isinstance(expr, Literal):
        return expr.value if isinstance(expr.value, int) else None
    if isinstance(expr, Name):
        for depth in range(len(scope), -1, -1):
            key = _qualified(scope[:depth], expr.text)
            if key in found.enumerators:
                return found.enumerators[key]
        return None
    if isinstance(expr, Cast):
        return folded(expr.operand, scope, found)
    if isinstance(expr, Unary):
        value = folded(expr.operand, scope, found)
        if value is None:
            return None
        return {"-": -value, "+": value, "~": ~value, "!": int(not value)}.get(expr.operator)
    if isinstance(expr, Binary):
        left, right = folded(expr.left, scope, found), folded(expr.right, scope, found)
        return _arithmetic(expr.operator, left, right)
    return None


def _arithmetic(operator: str, left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return None
    if operator in ("<<", ">>"):
        if not 0 <= right <= 64:
            return None
        return left << right if operator == "<<" else left >> right
    if operator in ("/", "%"):
        if right == 0:
            return None
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operator == "/" else left - quotient * right
    return {
        "+": left + right,
        "-": left - right,
        "*": left * right,
        "|": left | right,
        "&": left & right,
        "^": left ^ right,
    }.get(operator)
