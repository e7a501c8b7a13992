"""How a result that is dropped, or tested wrongly, is put right in the text."""

from __future__ import annotations

import re
from collections import Counter

from tlsight.engine.match import Match
from tlsight.engine.relational import NEGATED
from tlsight.engine.roles import Stage
from tlsight.engine.unit import strip
from tlsight.finding import Fix, Safety
from tlsight.ir import Act, Assign, Expr, Function, Literal, Node, Unary
from tlsight.text import Edit, Span

COMPARISON = re.compile(r"(==|!=|<=|>=|<|>)\s*(-?\d+|null)")
"""What a binding says of a result: an operator, and a number or null."""


def negated(comparison: str) -> str:
    """The opposite of what a binding says of a result; '' where that is no one comparison."""
    found = COMPARISON.fullmatch(comparison)
    return f"{NEGATED[found[1]]} {found[2]}" if found else ""


def tested(
    stage: Stage, match: Match, node: Node, expr: Expr, subject: Expr, positive: bool
) -> tuple[Fix, ...]:
    """Replace a wrong test by the one that the binding's `ok` states, which way it was meant."""
    comparison = _comparison(match, positive)
    if comparison is None:
        return ()
    title = f"Test for {comparison}"
    if node.expanded:
        return (Fix(title, (), Safety.SAFE, "the code stands in the body of a macro"),)
    data = stage.unit.data
    span = expr.span
    before = data[: span.start].rstrip()
    if before.endswith(b"!") and not isinstance(strip(expr), Unary):
        negated = _comparison(match, not positive)
        assert negated is not None
        comparison = negated
        title = f"Test for {comparison}"
        span = Span(len(before) - 1, span.end)
    text = data[subject.span.start : subject.span.end].decode(errors="replace")
    if isinstance(strip(subject), Assign) and not text.startswith("("):
        text = f"({text})"
    return (Fix(title, (Edit(span, f"{text} {comparison}"),), Safety.SAFE),)


def checked(stage: Stage, match: Match, function: Function) -> tuple[Fix, ...]:
    """Put a dropped call into a test that leaves the function the way it leaves on failure."""
    comparison = _comparison(match, positive=False)
    node = function.nodes[match.node]
    if comparison is None or node.expr is None or strip(node.expr).span != match.span:
        return ()
    title = "Leave the function if the call fails"
    mend = match.binding.mend
    safety = mend.safety or Safety.UNSAFE if mend is not None else Safety.UNSAFE
    if node.expanded:
        return (Fix(title, (), safety, "the code stands in the body of a macro"),)
    leave = f"return {mend.leave}" if mend is not None and mend.leave else _leaving(stage, match)
    if leave is None:
        reason = f"how {function.name} reports a failure cannot be told from its text"
        return (Fix(title, (), safety, reason),)
    data = stage.unit.data
    semicolon = re.compile(rb"\s*;").match(data, match.span.end)
    if semicolon is None:
        return ()
    indent = _indent(data, match.span.start)
    if indent is None:
        return ()
    call = data[match.span.start : match.span.end].decode(errors="replace")
    subject = f"!{call}" if comparison == "== 0" else f"{call} {comparison}"
    step = "\t" if "\t" in indent else "    "
    text = f"if ({subject})\n{indent}{step}{leave};"
    return (Fix(title, (Edit(Span(match.span.start, semicolon.end()), text),), safety),)


def guarded(stage: Stage, match: Match, function: Function, name: str) -> tuple[Fix, ...]:
    """Leave the function where a pointer that was just set is null."""
    return asked(stage, match, function, f"!{name}", f"Leave the function if {name} is null")


def asked(
    stage: Stage,
    match: Match,
    function: Function,
    condition: str,
    title: str,
    again: bool = False,
) -> tuple[Fix, ...]:
    """Leave the function where a condition holds after a step; in a loop, go on with the next."""
    node = function.nodes[match.node]
    data = stage.unit.data
    semicolon = re.compile(rb"[ \t]*;").match(data, node.span.end)
    start = data.rfind(b"\n", 0, node.span.start) + 1
    blanks = re.compile(rb"[ \t]*").match(data, start)
    if node.expanded:
        return (Fix(title, (), Safety.UNSAFE, "the code stands in the body of a macro"),)
    if semicolon is None or blanks is None or _indent(data, blanks.end()) is None:
        return ()
    leave = "continue" if again else _leaving(stage, match)
    if leave is None:
        reason = f"how {function.name} reports a failure cannot be told from its text"
        return (Fix(title, (), Safety.UNSAFE, reason),)
    indent = blanks[0].decode()
    step = "\t" if "\t" in indent else "    "
    ending = "\r\n" if b"\r\n" in data else "\n"
    text = f"{ending}{indent}if ({condition}){ending}{indent}{step}{leave};"
    return (Fix(title, (Edit(Span(semicolon.end(), semicolon.end()), text),), Safety.UNSAFE),)


def _comparison(match: Match, positive: bool) -> str | None:
    """The binding's own words for success or failure, as a comparison with a number."""
    text = match.binding.ok
    if not text:
        text = negated(match.binding.fail)
    if text in ("true", "false"):
        text = "!= 0" if text == "true" else "== 0"
    found = COMPARISON.fullmatch(text)
    if found is None:
        return None
    operator = found[1] if positive else NEGATED[found[1]]
    number = "0" if found[2] == "null" else found[2]
    return f"{operator} {number}"


def _leaving(stage: Stage, match: Match) -> str | None:
    """The statement that leaves a function after a failure, as its result type tells."""
    key, kept = ("leaves", match.function), stage.unit.kept
    if key not in kept:
        kept[key] = _last_statement(stage.unit.module.functions[match.function])
    known = kept[key]
    assert known is None or isinstance(known, str)
    return known


def _last_statement(function: Function) -> str | None:
    result = function.result.replace("static ", "").replace("inline ", "").strip()
    if function.kind in ("constructor", "destructor", "lambda", "initialiser"):
        return None
    if result == "void":
        return "return"
    if re.fullmatch(r"_?[bB]ool", result):
        return "return false"
    returned = Counter(
        found
        for node in function.nodes
        if node.act is Act.RETURN and node.expr is not None
        for found in (_plain(node.expr),)
        if found is not None
    )
    if result.endswith("*"):
        words = [word for word in returned if word in ("NULL", "nullptr")]
        return f"return {words[0]}" if words else None
    negative = [word for word in returned if word.startswith("-")]
    if negative:
        return f"return {negative[0]}"
    if set(returned) == {"0", "1"} and re.fullmatch(r"(?:unsigned )?int", result):
        return "return 0"
    return None


def _plain(expr: Expr) -> str | None:
    expr = strip(expr)
    if isinstance(expr, Literal):
        return "NULL" if expr.kind == "null" else str(expr.value)
    if isinstance(expr, Unary) and expr.operator == "-":
        inner = _plain(expr.operand)
        return f"-{inner}" if inner is not None else None
    return None


def _indent(data: bytes, offset: int) -> str | None:
    """The blanks before a statement that begins its line and is no branch of its own."""
    line = data.rfind(b"\n", 0, offset) + 1
    blanks = data[line:offset]
    if blanks.strip():
        return None
    previous = data[:line].rstrip()
    if previous[-1:] in (b")", b":") or previous.endswith((b"else", b"do")):
        return None
    return blanks.decode()
