"""How the text is mended where an object is not released, or by the wrong function, or wrongly."""

from __future__ import annotations

import re
from typing import NamedTuple

from tlsight.engine.deeds import named
from tlsight.engine.flow import following, reaching
from tlsight.engine.life import Event, Life
from tlsight.engine.roles import Stage
from tlsight.engine.statements import removed
from tlsight.engine.unit import strip
from tlsight.finding import Fix, Safety
from tlsight.ir import Act, Call, Expr, Literal, Member, Name, Unary, parts
from tlsight.rule import Form, Property
from tlsight.text import Edit, Span

_IN_MACRO = "the code stands in the body of a macro"
_SKIPPED = re.compile(
    rb'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|' rb"'(?:\\.|[^'\\\n])*'", re.DOTALL
)


class _No(NamedTuple):
    """Why a place cannot be mended."""

    reason: str


def spelled_like(stage: Stage, name: str, like: str) -> str:
    """A function's name under the prefix that another one of its library is called by."""
    plain = stage.index.of_deeds.plain(like)
    return like[: len(like) - len(plain)] + name


def renamed(
    stage: Stage, rule: Property, function: int, span: Span, release: Form
) -> tuple[Fix, ...]:
    """Call what releases such an object, in the place of what is called."""
    safety = rule.safety or Safety.SAFE
    for node in stage.unit.module.functions[function].nodes:
        for expr in node.expressions:
            if expr.span != span or not isinstance(expr, (Call, Unary)):
                continue
            target = expr.arguments[0] if isinstance(expr, Call) else expr.operand
            title = f"Release it with {release.name}"
            if node.expanded:
                return (Fix(title, (), safety, _IN_MACRO),)
            text = _text(stage, strip(target).span)
            return (Fix(title, (Edit(span, f"{release.name}({text})"),), safety),)
    return ()


def without(stage: Stage, rule: Property, function: int, event: Event) -> tuple[Fix, ...]:
    """Take a call out that releases what belongs to somebody else."""
    if event.deed is None:
        return ()
    match = event.deed.match
    title = f"Remove the call of {match.spelled}"
    safety = rule.safety or Safety.SAFE
    if stage.unit.module.functions[function].nodes[event.node].expanded:
        return (Fix(title, (), safety, _IN_MACRO),)
    edit = removed(stage, match)
    if edit is None:
        return (Fix(title, (), safety, "the call is no statement of its own"),)
    return (Fix(title, (edit,), safety),)


def released_before_leaving(stage: Stage, rule: Property, life: Life) -> tuple[Fix, ...]:
    """Release the object wherever the function is left with it."""
    subject, resource = life.subject, life.subject.resource
    if resource is None or resource.release is None or life.of("lost"):
        return ()
    leaving = life.of("left")
    name = leaving[0].holder
    if not name or any(event.holder != name for event in leaving):
        return ()
    title = f"Release {name} before the function is left"
    release = spelled_like(stage, resource.release.name, subject.spelled)
    if not all(_is_surely(stage, life, event) for event in leaving):
        reason = f"on some way {name} may hold something else where the function is left"
        return (Fix(title, (), rule.safety or Safety.UNSAFE, reason),)
    return leave_with(stage, rule, life, title, f"{release}({name});")


def leave_with(stage: Stage, rule: Property, life: Life, title: str, text: str) -> tuple[Fix, ...]:
    """Put a statement wherever the function is left with what is neither released nor closed."""
    safety = rule.safety or Safety.UNSAFE
    edits: list[Edit] = []
    for event in life.of("left"):
        edit = _left_at(stage, life, event, text)
        if isinstance(edit, _No):
            return (Fix(title, (), safety, edit.reason),)
        edits += edit
    return (Fix(title, tuple(dict.fromkeys(edits)), safety),)


def _left_at(stage: Stage, life: Life, event: Event, text: str) -> list[Edit] | _No:
    unit, function = stage.unit, life.subject.function
    around = unit.module.functions[function]
    node = around.nodes[event.node]
    name = event.holder
    if node.expanded:
        return _No(_IN_MACRO)
    declared = unit.variables[function].get(name.partition(".")[0], ())
    if declared and _leaves_block(unit.data, declared[0].span.end, event.span.start):
        return _No(f"{name} is not in scope where the function is left")
    if node.act is not Act.RETURN:
        return _at_end(unit.data, around.body.end - 1, text)
    if node.expr is not None and _mentions(node.expr, name):
        return _No(f"what is returned is asked of {name}")
    return _before_return(unit.data, event.span, text)


def _is_surely(stage: Stage, life: Life, event: Event) -> bool:
    """Whether the name holds the object, or null, on every way that leaves the function here."""
    function, subject = life.subject.function, life.subject
    others = life.of("released", "taken")
    if any(item.node == event.node for item in others):
        return False
    if any(event.node in following(stage.unit, function, item.node) for item in life.of("escaped")):
        return False
    if len(stage.unit.variables[function].get(event.holder, ())) != 1:
        return False
    reached = reaching(stage.unit, function, event.node, event.holder, touches=False)
    if reached is None or reached[1]:
        return False
    for definition in reached[0]:
        if definition.node == subject.node:
            continue
        value = strip(definition.value) if definition.value is not None else None
        if not isinstance(value, Literal) or value.value not in (None, 0):
            return False
    return True


def _leaves_block(data: bytes, start: int, end: int) -> bool:
    """Whether the block that a place stands in ends before another place."""
    depth = 0
    for byte in _SKIPPED.sub(b" ", data[start:end]):
        depth += {ord("{"): 1, ord("}"): -1}.get(byte, 0)
        if depth < 0:
            return True
    return False


def _at_end(data: bytes, brace: int, text: str) -> list[Edit] | _No:
    """A statement as the last of a function."""
    line = data.rfind(b"\n", 0, brace) + 1
    if data[brace : brace + 1] != b"}" or data[line:brace].strip():
        return _No("the function ends within a line")
    before = data[:line].rstrip()
    last = before.rfind(b"\n") + 1
    blanks = re.compile(rb"[ \t]*").match(data, last)
    indent = blanks[0].decode() if blanks is not None and before[-1:] != b"{" else "    "
    if _SKIPPED.sub(b"", before[last:]).rstrip()[-1:] not in (b";", b"}"):
        return _No("the function ends within a statement")
    if before[-1:] == b"}":
        indent = data[line:brace].decode() + "    "
    return [Edit(Span(line, line), f"{indent}{text}{_ending(data)}")]


def _before_return(data: bytes, span: Span, text: str) -> list[Edit] | _No:
    """A statement before a `return`, which may stand without braces."""
    line = data.rfind(b"\n", 0, span.start) + 1
    head = data[line : span.start]
    before = _SKIPPED.sub(b" ", data[max(0, line - 400) : line]).rstrip()
    whole = before[-1:] in (b";", b"{", b"}") or before.endswith(b"*/")
    if not head.strip() and whole:
        return [Edit(Span(line, line), f"{head.decode()}{text}{_ending(data)}")]
    semicolon = re.compile(rb"\s*;").match(data, span.end)
    end = span.end if data[span.end - 1 : span.end] == b";" else None
    if end is None:
        if semicolon is None:
            return _No("the statement that leaves the function cannot be read")
        end = semicolon.end()
    tail = head.strip() or before
    if tail[-1:] not in (b")", b"e", b"{", b";", b"}"):
        return _No("the statement that leaves the function cannot be read")
    statement = data[span.start : end].decode(errors="replace")
    above = data[:line].rstrip()
    if not head.strip() and above[-1:] == b")":
        outer = re.compile(rb"[ \t]*").match(data, data.rfind(b"\n", 0, len(above)) + 1)
        assert outer is not None
        lines = (" {", f"{head.decode()}{text}", f"{head.decode()}{statement}")
        block = _ending(data).join((*lines, f"{outer[0].decode()}}}"))
        return [Edit(Span(len(above), end), block)]
    if tail[-1:] in (b"{", b";", b"}"):
        return [Edit(Span(span.start, span.start), f"{text} ")]
    return [Edit(Span(span.start, end), f"{{ {text} {statement} }}")]


def _mentions(expr: Expr, name: str) -> bool:
    return any(isinstance(item, (Name, Member)) and named(item) == name for item in parts(expr))


def _ending(data: bytes) -> str:
    return "\r\n" if b"\r\n" in data else "\n"


def _text(stage: Stage, span: Span) -> str:
    return stage.unit.data[span.start : span.end].decode(errors="replace")
