"""Which cursors of libclang play which part in the reading of facts."""

from __future__ import annotations

from collections.abc import Mapping

from tlsight.clang.lib import Kind

FUNCTIONS = frozenset(
    (
        Kind.FUNCTION,
        Kind.METHOD,
        Kind.CONSTRUCTOR,
        Kind.DESTRUCTOR,
        Kind.CONVERSION,
        Kind.FUNCTION_TEMPLATE,
    )
)
MEMBER_FUNCTIONS = frozenset((Kind.METHOD, Kind.CONSTRUCTOR, Kind.DESTRUCTOR, Kind.CONVERSION))
RECORDS = frozenset((Kind.STRUCT, Kind.UNION, Kind.CLASS))
TEMPLATES = frozenset((Kind.FUNCTION_TEMPLATE, Kind.CLASS_TEMPLATE, Kind.PARTIAL_SPECIALIZATION))
CLASSES = RECORDS | {Kind.CLASS_TEMPLATE, Kind.PARTIAL_SPECIALIZATION}
TYPES = CLASSES | {
    Kind.ENUM,
    Kind.TYPEDEF,
    Kind.TYPE_ALIAS,
    Kind.TYPE_PARAMETER,
}
NAMED_DECLARATIONS = (
    FUNCTIONS | TYPES | {Kind.FIELD, Kind.ENUMERATOR, Kind.VARIABLE, Kind.PARAMETER}
)
REFERENCES = frozenset(
    (
        Kind.TYPE_REF,
        Kind.TEMPLATE_REF,
        Kind.MEMBER_REF,
        Kind.VARIABLE_REF,
        Kind.DECLARATION_REF_EXPRESSION,
        Kind.MEMBER_REF_EXPRESSION,
    )
)
KIND_WORDS: Mapping[int, str] = {
    Kind.VARIABLE: "variable",
    Kind.PARAMETER: "parameter",
    Kind.FIELD: "field",
    Kind.ENUMERATOR: "enumerator",
    Kind.FUNCTION: "function",
    Kind.FUNCTION_TEMPLATE: "function",
    **dict.fromkeys(MEMBER_FUNCTIONS, "method"),
    **dict.fromkeys(TYPES, "type"),
}
FOLDED = frozenset(
    (
        Kind.PARENTHESES,
        Kind.UNARY,
        Kind.BINARY,
        Kind.CONDITIONAL,
        Kind.C_CAST,
        Kind.STATIC_CAST,
        Kind.FUNCTIONAL_CAST,
        Kind.SIZEOF,
    )
)
LITERALS = frozenset((Kind.INTEGER, Kind.FLOATING, Kind.CHARACTER, Kind.BOOLEAN))
CONSTANT_PARTS = (
    FOLDED
    | LITERALS
    | {
        Kind.UNEXPOSED_EXPRESSION,
        Kind.DECLARATION_REF_EXPRESSION,
        Kind.TYPE_REF,
        Kind.TEMPLATE_REF,
        Kind.NAMESPACE_REF,
    }
)
