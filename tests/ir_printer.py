"""The IR as short text, so that a test can state a whole graph."""

from __future__ import annotations

from tlsight import ir
from tlsight.syntax import Hints, parse, read


def module(text: str | bytes, language: str = "c", hints: Hints | None = None) -> ir.Module:
    """What syntax reads in a text."""
    data = text if isinstance(text, bytes) else text.encode()
    hints = hints or Hints()
    return read(parse(data, language, hints), hints)


def graph(body: str, language: str = "c", hints: Hints | None = None) -> list[str]:
    """The graph of a function with this body, one line a node, without entry and exit."""
    read_text = module(f"void f(void) {{\n{body}\n}}", language, hints)
    (function,) = (item for item in read_text.functions if item.name == "f")
    return nodes(function)


def nodes(function: ir.Function) -> list[str]:
    """The nodes of a function: number, act, expression, ways out; `x` is the exit."""
    return [_node(number, node) for number, node in enumerate(function.nodes) if number > 1]


def statement(body: str, language: str = "c", hints: Hints | None = None) -> str:
    """The one node that a statement makes, without its number and ways out."""
    (line,) = graph(body, language, hints)
    return line.partition(" ")[2].rpartition(" -> ")[0]


def expr(item: ir.Expr | None) -> str:
    """An expression, fully bracketed; `~` marks what was evaluated before."""
    if item is None:
        return ""
    return _PRINTERS[type(item)](item)


def _node(number: int, node: ir.Node) -> str:
    variable = node.variable
    if variable is not None:
        text = f"{variable.type} {variable.name}"
        if variable.initial is not None:
            text += f" = {expr(variable.initial)}"
    else:
        text = expr(node.expr)
    ways = " ".join(_edge(edge) for edge in node.next)
    marks = "".join(
        (" loop" if node.loop else "", " expanded" if node.expanded else "", _tags(node.tags))
    )
    return f"{number} {node.act.value} {text}".rstrip() + marks + f" -> {ways}"


def _edge(edge: ir.Edge) -> str:
    target = "x" if edge.target == 1 else str(edge.target)
    if edge.when is None:
        return target
    if isinstance(edge.when, tuple):
        return f"[{', '.join(expr(case.value) or 'default' for case in edge.when)}]{target}"
    return f"{'T' if edge.when else 'F'}{target}"


def _tags(tags: tuple[ir.Tag, ...]) -> str:
    if not tags:
        return ""
    return " {" + ", ".join(("" if tag.holds else "!") + tag.condition for tag in tags) + "}"


def _call(item: ir.Call) -> str:
    kind = "" if item.kind is ir.CallKind.CALL else f"{item.kind.value} "
    target = f"@{item.target}" if item.target else ""
    return f"{kind}{expr(item.callee)}{target}({', '.join(map(expr, item.arguments))})"


def _literal(item: ir.Literal) -> str:
    return "null" if item.kind == "null" else f"{item.value!r}"


def _sizeof(item: ir.SizeOf) -> str:
    return f"sizeof({expr(item.operand) if item.operand is not None else item.type})"


_PRINTERS = {
    ir.Name: lambda item: item.text,
    ir.Literal: _literal,
    ir.Member: lambda item: f"{expr(item.base)}{'->' if item.arrow else '.'}{item.name}",
    ir.Call: _call,
    ir.Unary: lambda item: f"({item.operator} {expr(item.operand)})",
    ir.Binary: lambda item: f"({expr(item.left)} {item.operator} {expr(item.right)})",
    ir.Assign: lambda item: f"({expr(item.target)} {item.operator} {expr(item.value)})",
    ir.Conditional: lambda item: (
        f"({expr(item.condition)} ? {expr(item.then)} : {expr(item.otherwise)})"
    ),
    ir.Cast: lambda item: f"<{item.type}>{expr(item.operand)}",
    ir.Index: lambda item: f"{expr(item.base)}[{expr(item.index)}]",
    ir.Braces: lambda item: "{" + ", ".join(map(expr, item.items)) + "}",
    ir.SizeOf: _sizeof,
    ir.LambdaExpr: lambda item: f"lambda {item.function}",
    ir.Evaluated: lambda item: f"~{expr(item.expr)}",
    ir.Opaque: lambda item: f"?[{', '.join(map(expr, item.parts))}]",
}
