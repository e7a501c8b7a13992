"""Macros: which ones are lowered in place, and what their uses expand to.

A use is parsed as the text that the preprocessor would put there; every range in it is the
range of the use. A macro is not expanded inside itself, and not without bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tlsight.facts import MacroFact
from tlsight.ir import Expr
from tlsight.syntax.tree import fragment
from tlsight.syntax.unit import Source, Syntax, Unit
from tlsight.text import Span

_DEPTH = 8
_LENGTH = 20_000
_MOST = 400
_ACTIVE = re.compile(
    r"([A-Za-z_]\w*)\s*\(|(?<![=!<>])=(?!=)|\+\+|--|&&|\|\||\?"
    r"|\b(?:goto|return|break|continue|if|while|for|do|switch|throw|co_return)\b"
)
_NOT_CALLED = re.compile(
    r"\b(?:sizeof|defined|alignof|_Alignof|__alignof__|offsetof|decltype|typeof|__typeof__)\s*\("
)
_TOKEN = re.compile(
    r"""\#\#|\#\s*[A-Za-z_]\w*|[A-Za-z_]\w*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\s+|\d[\w.']*|."""
    r"""|\n""",
    re.DOTALL,
)


def active(
    macros: Mapping[str, MacroFact],
    roles: frozenset[str],
    others: Mapping[str, MacroFact] | None = None,
) -> dict[str, MacroFact]:
    """The macros to lower in place: no page names them, and their bodies do something.

    A use of a macro, one of `others` too, does what that one does: `FLAG(3)` may be a number.
    """
    known = {**(others or {}), **macros}
    return {
        name: macro
        for name, macro in macros.items()
        if name not in roles and _acts(macro, known, roles, (name,))
    }


def _acts(
    macro: MacroFact, known: Mapping[str, MacroFact], roles: frozenset[str], above: tuple[str, ...]
) -> bool:
    """Whether a macro's body has a call, an assignment, a branch or a jump in it."""
    if macro.value is not None or not macro.body or len(macro.body) > _LENGTH:
        return False
    for match in _ACTIVE.finditer(_NOT_CALLED.sub("", macro.body)):
        name = match.group(1)
        used = known.get(name) if name and name not in roles else None
        if used is None or used.parameters is None or name in above or len(above) > _DEPTH:
            return True
        if _acts(used, known, roles, (*above, name)):
            return True
    return False


Reader = Callable[[Unit, Syntax], Expr]


def expand_object(unit: Unit, node: Syntax, name: str, read: Reader) -> Expr | None:
    """The expression that an object-like macro stands for; None if it is to stay a name."""
    macro = unit.environment.active[name]
    if macro.parameters is not None or not _may_expand(unit, name):
        return None
    return _as_expression(unit, node, name, macro.body, read)


def expand_call(unit: Unit, node: Syntax, name: str, brackets: Syntax, read: Reader) -> Expr | None:
    """The expression that the use of a function-like macro stands for, if it is one."""
    text = _substituted(unit, name, brackets)
    return _as_expression(unit, node, name, text, read) if text is not None else None


@contextmanager
def expanded_statements(unit: Unit, node: Syntax) -> Iterator[list[Syntax] | None]:
    """The statements that the use of a macro as a statement stands for, or None.

    While the context is open, the unit reads from the expansion.
    """
    found = _use(unit, node)
    if found is None:
        yield None
        return
    name, text = found
    source = f"void f(void) {{ {text}\n;}}".encode()
    root = fragment(source, unit.environment.language)
    body = root.named_children[0].child_by_field_name("body") if root.named_children else None
    if root.has_error or body is None or len(root.named_children) != 1:
        yield None
        return
    with _reading(unit, unit.span(node), name, source):
        yield body.named_children


def _use(unit: Unit, node: Syntax) -> tuple[str, str] | None:
    """The name of the macro that a node uses, and the text that it stands for."""
    environment = unit.environment
    if node.type == "identifier":
        name = unit.text(node)
        macro = environment.active.get(name)
        if macro is None or macro.parameters is not None or not _may_expand(unit, name):
            return None
        return name, macro.body
    function = node.child_by_field_name("function")
    brackets = node.child_by_field_name("arguments")
    if function is None or brackets is None or function.type != "identifier":
        return None
    name = unit.text(function)
    if name not in environment.active:
        return None
    text = _substituted(unit, name, brackets)
    return (name, text) if text is not None else None


def _may_expand(unit: Unit, name: str) -> bool:
    return name not in unit.expanding and len(unit.expanding) < _DEPTH and unit.expansions < _MOST


def _substituted(unit: Unit, name: str, brackets: Syntax) -> str | None:
    macro = unit.environment.active[name]
    if macro.parameters is None or not _may_expand(unit, name):
        return None
    text = unit.text(brackets).strip()
    given = split_arguments(text[1:-1] if text.endswith(")") else text[1:])
    expanded = substitute(macro, given)
    return expanded if expanded is not None and len(expanded) <= _LENGTH else None


def _as_expression(unit: Unit, node: Syntax, name: str, text: str, read: Reader) -> Expr | None:
    source = f"v=(({text}\n));".encode()
    root = fragment(source, unit.environment.language)
    if root.has_error or len(root.named_children) != 1:
        return None
    statement = root.named_children[0]
    inner = statement.named_children
    if statement.type != "expression_statement" or len(inner) != 1:
        return None
    value = inner[0].child_by_field_name("right")
    if value is None or value.type != "parenthesized_expression":
        return None
    with _reading(unit, unit.span(node), name, source):
        return read(unit, value)


@contextmanager
def _reading(unit: Unit, use: Span, name: str, source: bytes) -> Iterator[None]:
    before, names = unit.source, unit.expanding
    unit.source = Source(source, 0, len(source), before.fixed or use)
    unit.expanding = (*names, name)
    unit.expansions += 1
    try:
        yield
    finally:
        unit.source, unit.expanding = before, names


def split_arguments(text: str) -> list[str]:
    """The arguments of a macro's use, cut at the commas outside of brackets and literals."""
    arguments: list[str] = []
    depth = 0
    begin = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in ("(", "[", "{"):
            depth += 1
        elif token in (")", "]", "}"):
            depth -= 1
        elif token == "," and depth <= 0:
            arguments.append(text[begin : match.start()].strip())
            begin = match.end()
    arguments.append(text[begin:].strip())
    return arguments


def substitute(macro: MacroFact, arguments: Sequence[str]) -> str | None:
    """The body with the arguments put in; None if their number does not fit."""
    parameters = macro.parameters or ()
    values = _bind(parameters, arguments)
    if values is None:
        return None
    tokens = _TOKEN.findall(macro.body)
    out: list[str] = []
    paste = False
    for token in tokens:
        if token == "##":
            while out and out[-1].isspace():
                out.pop()
            paste = True
            continue
        if paste and token.isspace():
            continue
        paste = False
        if token[0] == "#" and len(token) > 1:
            name = token[1:].strip()
            if name in values:
                escaped = values[name].replace("\\", "\\\\").replace('"', '\\"')
                out.append(f'"{escaped}"')
                continue
        out.append(values.get(token, token))
    return "".join(out)


def _bind(parameters: Sequence[str], arguments: Sequence[str]) -> dict[str, str] | None:
    given = list(arguments)
    if not parameters:
        return {} if given == [""] else None
    last = parameters[-1]
    if last.endswith("..."):
        name = last.removesuffix("...").strip() or "__VA_ARGS__"
        fixed = len(parameters) - 1
        if len(given) < fixed:
            return None
        values = dict(zip(parameters[:-1], given, strict=False))
        values[name] = ", ".join(given[fixed:])
        return values
    if len(given) != len(parameters):
        return None
    return dict(zip(parameters, given, strict=True))
