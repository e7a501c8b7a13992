"""Declarators: which name a declaration declares, and with which type.

Types are given as clang spells them: qualifiers first, single blanks, bounds as spelled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from tlsight.syntax.unit import Syntax, Unit

_NAMES = frozenset(
    (
        "identifier", "field_identifier", "type_identifier", "qualified_identifier",
        "operator_name", "destructor_name", "template_function", "operator_cast",
        "structured_binding_declarator", "namespace_identifier", "template_type", "primitive_type",
    )
)  # fmt: skip
_SPECIFIERS = frozenset(("struct_specifier", "union_specifier", "class_specifier"))
_DROPPED = frozenset(("constexpr", "consteval", "constinit", "mutable", "noreturn", "_Noreturn"))


@dataclass
class Base:
    """The common part of a declaration: its type and its specifiers."""

    type: str = ""
    constant: bool = False
    constexpr: bool = False
    static: bool = False
    extern: bool = False
    node: Syntax | None = None


@dataclass
class Declared:
    """What one declarator declares."""

    type: str
    constant: bool
    name: Syntax | None = None
    function: Syntax | None = None
    """The function declarator, if a function is declared."""
    pointer: bool = False
    """It is a pointer, a reference or an array, hence no object of the class."""
    result: str = ""


@dataclass
class _Parts:
    pointers: str = ""
    arrays: str = ""
    constant: bool | None = None
    functions: list[Syntax] = field(default_factory=list)
    inner: bool = False


def read_base(unit: Unit, node: Syntax) -> Base:
    """The type and the specifiers of a declaration, parameter or definition."""
    base = Base()
    qualifiers: list[str] = []
    spelled = ""
    for child in node.children:
        kind = child.type
        if kind == "type_qualifier":
            word = unit.text(child)
            if word in ("constexpr", "constinit"):
                base.constexpr = True
            elif word not in _DROPPED and word not in qualifiers:
                qualifiers.append(word)
        elif kind == "storage_class_specifier":
            word = unit.text(child)
            base.static = base.static or word == "static"
            base.extern = base.extern or word == "extern"
        elif base.node is None and kind not in _BEFORE_TYPE and child.is_named:
            named = node.child_by_field_name("type")
            if named is None:
                break
            if named.id == child.id:
                base.node = child
                spelled = type_of(unit, child)
        elif base.node is not None and kind.endswith((";", ",", ")", "=", "declarator")):
            break
    base.constant = "const" in qualifiers or base.constexpr
    words = sorted(word for word in qualifiers if word in ("const", "volatile"))
    base.type = " ".join((*words, spelled)) if spelled else " ".join(words)
    return base


_BEFORE_TYPE = frozenset(
    (
        "attribute_specifier", "attribute_declaration", "ms_declspec_modifier", "virtual",
        "explicit_function_specifier", "alignas_qualifier", "ERROR", "comment", "virtual_specifier",
    )
)  # fmt: skip


def type_of(unit: Unit, node: Syntax) -> str:
    """A type specifier as spelled; of a class or enumeration defined here, its name."""
    if node.type in _SPECIFIERS or node.type == "enum_specifier":
        name = node.child_by_field_name("name")
        word = node.children[0].type if node.children else ""
        if name is None:
            return word
        text = normal_type(unit.text(name))
        if node.child_by_field_name("body") is not None and unit.cpp:
            return text
        return f"{word} {text}"
    return normal_type(unit.text(node))


def described_type(unit: Unit, node: Syntax) -> str:
    """The type of a `type_descriptor`, abstract declarator included."""
    if node.type != "type_descriptor":
        return type_of(unit, node)
    base = read_base(unit, node)
    declarator = node.child_by_field_name("declarator")
    if declarator is None:
        return base.type or normal_type(unit.text(node))
    return read_declarator(unit, declarator, base).type


def read_declarator(unit: Unit, node: Syntax | None, base: Base) -> Declared:
    """What a declarator after the type `base` declares."""
    parts = _Parts()
    name = _descend(unit, node, parts)
    last = name
    while last is not None and last.type == "qualified_identifier":
        last = last.child_by_field_name("name")
    if last is not None and last.type == "operator_cast":
        target = last.child_by_field_name("type")
        result = type_of(unit, target) if target is not None else ""
        return Declared(result, False, name, last.child_by_field_name("declarator"), False, result)
    constant = base.constant if parts.constant is None else (parts.constant or base.constexpr)
    text = base.type
    result = ""
    function: Syntax | None = None
    if parts.functions:
        outer = parts.functions[0]
        if parts.inner:
            parameters = outer.child_by_field_name("parameters")
            listed = normal_type(unit.text(parameters)) if parameters is not None else "()"
            text = f"{text} ({parts.pointers.strip() or '*'}{parts.arrays}){listed}"
            return Declared(text, constant, name, None, True)
        function = parts.functions[-1]
        result = _join(text, parts.pointers)
        return Declared(result, constant, name, function, bool(parts.pointers), result)
    text = _join(text, parts.pointers) + parts.arrays
    return Declared(text, constant, name, None, bool(parts.pointers or parts.arrays), "")


def _join(text: str, pointers: str) -> str:
    if not pointers:
        return text
    return f"{text} {pointers}"


def _descend(unit: Unit, node: Syntax | None, parts: _Parts) -> Syntax | None:
    while node is not None:
        kind = node.type
        if kind in _NAMES:
            return node
        if kind in ("pointer_declarator", "abstract_pointer_declarator", "pointer_type_declarator"):
            words = [unit.text(child) for child in node.children if child.type == "type_qualifier"]
            _pointer(parts, "*", words)
            node = node.child_by_field_name("declarator")
        elif kind in ("reference_declarator", "abstract_reference_declarator"):
            mark = node.children[0].type if node.children else "&"
            _pointer(parts, mark, [])
            parts.constant = False
            node = _last_named(node)
        elif kind in ("array_declarator", "abstract_array_declarator"):
            size = node.child_by_field_name("size")
            bound = " ".join(unit.text(size).split()) if size is not None else ""
            parts.arrays = f"[{bound}]{parts.arrays}"
            node = node.child_by_field_name("declarator")
        elif kind in ("function_declarator", "abstract_function_declarator"):
            inner = node.child_by_field_name("declarator")
            bracketed = inner is not None and inner.type.endswith("parenthesized_declarator")
            if bracketed and not parts.functions and _is_pointer(inner):
                parts.inner = True
                parts.pointers = ""
                parts.constant = None
            parts.functions.append(node)
            node = inner
        elif kind == "init_declarator":
            node = node.child_by_field_name("declarator")
        else:
            node = node.child_by_field_name("declarator") or _last_named(node)
    return None


def _is_pointer(node: Syntax | None) -> bool:
    inner = _last_named(node) if node is not None else None
    return inner is not None and inner.type.endswith(
        ("pointer_declarator", "reference_declarator", "pointer_type_declarator", "ERROR")
    )


def _pointer(parts: _Parts, mark: str, qualifiers: list[str]) -> None:
    if parts.pointers[-1:].isalpha():
        parts.pointers += " "
    parts.pointers += mark + " ".join(qualifiers)
    parts.constant = "const" in qualifiers


def _last_named(node: Syntax) -> Syntax | None:
    for child in reversed(node.named_children):
        if child.type not in ("type_qualifier", "attribute_specifier", "ms_based_modifier"):
            return child
    return None


@lru_cache(maxsize=8192)
def normal_type(text: str) -> str:
    """A type with single blanks: none inside names and brackets, one before `*` and `&`."""
    text = " ".join(text.split())
    text = _TIGHT.sub(r"\1", text)
    text = _COMMA.sub(", ", text)
    return _STAR.sub(r"\1 \2", text)


_TIGHT = re.compile(r" ?(::|<|>|\(|\)|\[|\]) ?(?![*&])")
_COMMA = re.compile(r" ?, ?")
_STAR = re.compile(r"([\w>])([*&])")
