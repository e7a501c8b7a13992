"""How a secret is wiped before it goes: the calls that a fix puts before the ends of a function.

A library page says how the wiping is written (`insert`). The one that the text uses already comes
first; of those, one that speaks of connections comes before one that does not.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from tlsight.engine.bringing import brought, writers
from tlsight.engine.match import Match
from tlsight.engine.roles import Stage
from tlsight.engine.statements import included, line_above
from tlsight.finding import Fix, Safety
from tlsight.ir import Call, Expr, Index, Member, Name, Unary, Variable, walk
from tlsight.rule import Binding, Check, Property
from tlsight.text import Edit, Span

_EXIT = 1
_MARKS = re.compile(
    rb"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[{}]", re.DOTALL
)
_SLOT = re.compile(r"\{(\w[\w-]*)\}")


def writer(stage: Stage, role: str) -> Binding | None:
    """How a role is played by a library of which this text includes something."""
    libraries = sorted(
        stage.index.rulebook.libraries.values(), key=lambda library: not library.traits
    )
    for library in libraries:
        for binding in writers(stage, library.id, role) if is_included(stage, library.id) else ():
            return binding
    return None


def is_included(stage: Stage, library: str) -> bool:
    """Whether a text includes a header of a library, so that more of it may be used."""
    there = {item.name for item in stage.unit.module.includes}
    return any(header.name in there for header in stage.index.rulebook.libraries[library].headers)


def written(stage: Stage, match: Match, binding: Binding) -> str | None:
    """What a page writes for a call, with the arguments of another one; None if one is missing."""
    text = binding.insert
    for slot in _SLOT.findall(text):
        expr = match.arguments.get(slot)
        if expr is None:
            return None
        start, end = expr.span
        text = text.replace(f"{{{slot}}}", stage.unit.data[start:end].decode(errors="replace"))
    return text


def replaced(stage: Stage, rule: Property, check: Check, match: Match) -> tuple[Fix, ...]:
    """Put another call, as a library page writes it, in the place of one."""
    binding = writer(stage, check.insert) if check.insert else None
    if binding is None:
        return ()
    title = f"Switch to {binding.insert.partition('(')[0]}"
    safety = rule.safety or Safety.UNSAFE
    if stage.unit.module.functions[match.function].nodes[match.node].expanded:
        return (Fix(title, (), safety, "the code stands in the body of a macro"),)
    text = written(stage, match, binding)
    more = brought(stage, binding, match.function)
    if text is None or isinstance(more, str):
        reason = more if isinstance(more, str) else "what it wipes is not all at hand here"
        return (Fix(title, (), safety, reason),)
    return (Fix(title, (*_headers(stage, binding, more), Edit(match.span, text)), safety),)


def _headers(stage: Stage, binding: Binding, more: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """The lines that include what a binding needs; one block of includes is brought as such."""
    include = binding.mend.include if binding.mend is not None else ""
    return (*more, *(included(stage, include) if include else ()))


def cleansed(
    stage: Stage,
    rule: Property,
    check: Check,
    match: Match,
    variable: Variable,
    ends: Collection[int],
) -> tuple[Fix, ...]:
    """Wipe a local before each of the ends of its function."""
    binding = writer(stage, check.insert) if check.insert else None
    if binding is None:
        return ()
    title = f"Wipe {variable.name} before it goes"
    safety = rule.safety or Safety.UNSAFE
    function = stage.unit.module.functions[match.function]
    if any(function.nodes[at].expanded for at in (*ends, match.node)):
        return (Fix(title, (), safety, "the code stands in the body of a macro"),)
    name = variable.name
    call = _SLOT.sub(
        lambda slot: name if slot[1] == "buffer" else f"sizeof({name})", binding.insert
    )
    more = brought(stage, binding, match.function)
    if isinstance(more, str):
        return (Fix(title, (), safety, more),)
    close = _end_of_block(stage.unit.data, variable.span.end)
    edits: list[Edit] = []
    for at in sorted(ends):
        if at == _EXIT:
            put = _before_brace(stage, close, call)
        elif _uses(function.nodes[at].expr, name):
            put = None
        else:
            put = _before_return(stage, function.nodes[at].span, close, call)
        if put is None:
            reason = "it is still used where the function is left, or that stands in another block"
            return (Fix(title, (), safety, reason),)
        edits += put
    return (Fix(title, (*_headers(stage, binding, more), *edits), safety),)


def _uses(expr: Expr | None, name: str) -> bool:
    """Whether what is returned may depend on a local: it is named, or a call may know it."""
    if expr is None:
        return False
    return any(
        isinstance(item, (Call, Index, Member, Unary))
        or (isinstance(item, Name) and item.text == name)
        for item in walk(expr)
    )


def _end_of_block(data: bytes, start: int) -> int:
    """Where the brace stands that closes the block around a place."""
    depth = 0
    for mark in _MARKS.finditer(data, start):
        if mark[0] == b"{":
            depth += 1
        elif mark[0] == b"}":
            if depth == 0:
                return mark.start()
            depth -= 1
    return len(data)


def _before_return(stage: Stage, span: Span, close: int, call: str) -> tuple[Edit, ...] | None:
    """A call before a statement that returns; in braces where it is the only one of a branch."""
    data = stage.unit.data
    if span.end > close:
        return None
    line = data.rfind(b"\n", 0, span.start) + 1
    above = data[:line].rstrip()
    if not data[line : span.start].strip() and above[-1:] in (b";", b"{", b"}"):
        return (line_above(stage, line, f"{call};"),)
    end = data.find(b";", span.end - 1) + 1
    if end == 0 or b"\n" in data[span.start : end]:
        return None
    rest = data[end : data.find(b"\n", end)].strip()
    if not data[line : span.start].strip() and above[-1:] == b")" and not rest:
        return (*_in_braces(stage, len(above), line, end, call),)
    if rest not in (b"", b"}"):
        return None
    text = data[span.start : end].decode(errors="replace")
    return (Edit(Span(span.start, end), f"{{ {call}; {text} }}"),)


def _in_braces(stage: Stage, above: int, line: int, end: int, call: str) -> tuple[Edit, ...]:
    """A call before the only statement of a branch, which gets braces."""
    data = stage.unit.data
    head = re.search(rb"[ \t]*(?=[^\n]*$)", data[data.rfind(b"\n", 0, above) + 1 : above])
    indent = head[0].decode() if head is not None else ""
    ending = "\r\n" if b"\r\n" in data else "\n"
    return (
        Edit(Span(above, above), " {"),
        line_above(stage, line, f"{call};"),
        Edit(Span(end, end), f"{ending}{indent}}}"),
    )


def _before_brace(stage: Stage, close: int, call: str) -> tuple[Edit, ...] | None:
    """A call as the last statement of a block, whose brace stands in a line of its own."""
    data = stage.unit.data
    line = data.rfind(b"\n", 0, close) + 1
    if data[line:close].strip() or data[:line].rstrip()[-1:] not in (b";", b"{", b"}"):
        return None
    indent = data[line:close].decode()
    step = "\t" if re.search(rb"\n\t", data) else "    "
    ending = "\r\n" if b"\r\n" in data else "\n"
    return (Edit(Span(line, line), f"{indent}{step}{call};{ending}"),)
