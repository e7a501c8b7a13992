"""Names as spelled: qualified, without template arguments, with their anchors."""

from __future__ import annotations

from tlsight.ir import Name
from tlsight.syntax.declarators import normal_type
from tlsight.syntax.unit import Syntax, Unit

SIMPLE = frozenset(
    (
        "identifier", "type_identifier", "field_identifier", "namespace_identifier",
        "primitive_type", "statement_identifier", "this",
    )
)  # fmt: skip


def name_of(unit: Unit, node: Syntax) -> Name:
    """A node that spells a name, as a use of it."""
    text, anchor = spelled(unit, node)
    return Name(unit.span(node), text, unit.offset(anchor))


def spelled(unit: Unit, node: Syntax) -> tuple[str, int]:
    """The text of a name without template arguments, and where its last identifier starts."""
    kind = node.type
    if kind in SIMPLE:
        return unit.text(node), node.start_byte
    if kind in ("qualified_identifier", "nested_namespace_specifier"):
        scope = node.child_by_field_name("scope")
        name = node.child_by_field_name("name")
        if name is None:
            return normal_type(unit.text(node)), node.start_byte
        text, anchor = spelled(unit, name)
        if scope is None:
            return text, anchor
        return f"{spelled(unit, scope)[0]}::{text}", anchor
    if kind in ("template_function", "template_type", "template_method"):
        name = node.child_by_field_name("name")
        if name is not None:
            return spelled(unit, name)
    if kind in ("dependent_name", "dependent_type"):
        inner = node.named_children
        if inner:
            return spelled(unit, inner[-1])
    if kind == "destructor_name":
        return "~" + unit.text(node).lstrip("~ "), node.start_byte
    if kind == "operator_name":
        return _operator(unit.text(node)), node.start_byte
    if kind == "operator_cast":
        inner_type = node.child_by_field_name("type")
        text = unit.text(inner_type) if inner_type is not None else ""
        return f"operator {normal_type(text)}", node.start_byte
    return normal_type(unit.text(node)), node.start_byte


def _operator(text: str) -> str:
    rest = text.removeprefix("operator").strip()
    word = rest[:1].isalpha() or rest[:1] == "_"
    return f"operator {normal_type(rest)}" if word else "operator" + "".join(rest.split())
