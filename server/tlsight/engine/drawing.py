"""How a number that can be guessed is mended: by one that the library draws.

A loop that does nothing but fill an array, element by element, becomes one call for the whole of it
(`insert` of the page, `{out}` and `{size}`). Where the library yields numbers one by one, the
call is put in the place of the other one. Anything else has no fix.
"""

from __future__ import annotations

import re

from tlsight.engine.bringing import brought
from tlsight.engine.leaving import writer
from tlsight.engine.origin import Source, root
from tlsight.engine.roles import Stage
from tlsight.engine.unit import strip
from tlsight.finding import Fix, Safety
from tlsight.ir import Assign, Call, CallKind, Expr, Index, Member, Name, walk
from tlsight.rule import Binding, Check, Property
from tlsight.text import Edit, Span

_LOOP = re.compile(
    r"for\s*\(\s*(?:[\w: ]+?\s)?\s*(?P<by>\w+)\s*=\s*0\s*;"
    r"\s*(?P=by)\s*(?:<|!=)\s*(?P<size>[^;]+?)\s*;\s*(?:\+\+\s*(?P=by)|(?P=by)\s*\+\+|(?P=by)\s*\+=\s*1)\s*\)"
    r"\s*(?P<brace>\{?)\s*$"
)
_BYTE = re.compile(r"^(?:unsigned |signed )?\w*(?:char|byte|int8|u8)(?:_t)?\s*[*\[]", re.IGNORECASE)


def drawn(
    stage: Stage,
    rule: Property,
    check: Check,
    source: Source,
    value: Expr | None = None,
) -> tuple[Fix, ...]:
    """Let the library draw what comes from a call; `value` is what is set to it in a step."""
    binding = writer(stage, check.insert) if check.insert else None
    if binding is None:
        return ()
    node = stage.unit.module.functions[source.function].nodes[source.node]
    safety = rule.safety or Safety.UNSAFE
    title = f"Draw it with {_name(binding)}"
    if node.expanded:
        return (Fix(title, (), safety, "the code stands in the body of a macro"),)
    if "{out}" in binding.insert:
        edit = _for_loop(stage, source, binding)
    elif source.call.kind in (CallKind.CONSTRUCT, CallKind.NEW):
        edit = _from_generator(source, binding, value)
    else:
        edit = _in_place(source, binding)
    if edit is None:
        return (Fix(title, (), safety, "it is not made in a way that one call could replace"),)
    more = brought(stage, binding, source.function)
    if isinstance(more, str):
        return (Fix(title, (), safety, more),)
    return (Fix(title, (*more, edit), safety),)


def _name(binding: Binding) -> str:
    found = re.search(r"[A-Za-z_][\w:]*(?=\()", binding.insert.removeprefix("if "))
    return found[0] if found else binding.insert


def _in_place(source: Source, binding: Binding) -> Edit | None:
    """The library's call for one number, in the place of another that is a plain function."""
    call = source.call
    if not isinstance(call.callee, Name) or call.arguments or call.target:
        return None
    return Edit(call.span, binding.insert)


def _from_generator(source: Source, binding: Binding, value: Expr | None) -> Edit | None:
    """The library's own generator in the place of one that was made for this."""
    head, arrow, _ = binding.insert.rpartition("->")
    library = {match.binding.library for match in source.matches}
    if not arrow or value is None or library != {binding.library}:
        return None
    for call in walk(value):
        if isinstance(call, Call) and isinstance(call.callee, Member):
            base = strip(call.callee.base)
            if isinstance(base, Name) and base.text == source.call.target:
                return Edit(Span(base.span.start, call.callee.anchor), head + arrow)
    return None


def _text(stage: Stage, span: Span) -> str:
    return stage.unit.data[span.start : span.end].decode(errors="replace")


def _for_loop(stage: Stage, source: Source, binding: Binding) -> Edit | None:
    """One call for a loop that sets every element of an array of bytes, and nothing else."""
    unit = stage.unit
    node = unit.module.functions[source.function].nodes[source.node]
    whole = strip(node.evaluates) if node.evaluates is not None else None
    if not isinstance(whole, Assign) or whole.operator != "=":
        return None
    target = strip(whole.target)
    if not isinstance(target, Index) or not isinstance(strip(target.index), Name):
        return None
    by = strip(target.index)
    kind = unit.type_of(source.function, strip(target.base)) or ""
    if not _BYTE.match(kind.removeprefix("static ").removeprefix("const ")):
        return None
    others = [item for item in walk(whole) if isinstance(item, Call)]
    if others != [source.call] or root(target.base) is None:
        return None
    data = unit.data
    start = data.rfind(b"for", 0, whole.span.start)
    end = data.find(b";", whole.span.end)
    loop = (
        _LOOP.match(data[start : whole.span.start].decode(errors="replace")) if start >= 0 else None
    )
    if loop is None or end < 0 or loop["by"] != getattr(by, "text", ""):
        return None
    if data[whole.span.end : end].strip():
        return None
    end += 1
    if loop["brace"]:
        close = re.compile(rb"\s*\}").match(data, end)
        if close is None:
            return None
        end = close.end()
    out = _text(stage, target.base.span)
    text = binding.insert.replace("{out}", out).replace("{size}", loop["size"])
    line = data.rfind(b"\n", 0, start) + 1
    indent = data[line:start].decode(errors="replace")
    if indent.strip():
        return None
    return Edit(Span(start, end), f"\n{indent}".join(text.splitlines()) + ";")
