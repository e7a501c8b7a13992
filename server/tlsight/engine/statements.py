"""Statements in the text: where they begin, how one is taken out, and what goes above them all."""

from __future__ import annotations

import re

from tlsight.engine.match import Match
from tlsight.engine.roles import Stage
from tlsight.engine.unit import strip
from tlsight.ir import Function
from tlsight.text import Edit, Span

_OPENING = re.compile(
    rb"[ \t]*(?:(?:if|switch)[ \t]*\([ \t(!]*|return\b[ \t(!]*|\(void\)[ \t]*)?"
    rb"(?:(?:[A-Za-z_][\w:<>]*[ \t*&]+)*[A-Za-z_][\w.\[\]]*(?:->[\w.\[\]]+)*[ \t]*=[ \t(]*)?"
    rb"(?:\([\w \t*]+\)[ \t]*)?"
)
"""What may stand in a line before the call: no operand of it is evaluated, or branched, earlier."""
_LABEL = re.compile(rb"[ \t]*(?:case\b[^?]*|default|\w+)[ \t]*:[ \t]*")


def beginning(stage: Stage, function: Function, span: Span) -> int | None:
    """The line that a statement begins with a call; None if another is spelled around it."""
    data = stage.unit.data
    line = data.rfind(b"\n", 0, span.start) + 1
    head = data[line : span.start]
    if not _OPENING.fullmatch(head) or re.match(rb"\s*(?:else|do|goto)\b", head):
        return None
    if _is_closed_before(data[span.end :], head.count(b"(") - head.count(b")")):
        return None
    end = line
    while end > function.body.start:
        before = data.rfind(b"\n", 0, end - 1) + 1
        text = _without_comments(stage, Span(before, end)).strip()
        if text.startswith(b"#"):
            return line  # a condition stands around whole statements
        if text:
            ends = text[-1:] in b";{}" or bool(_LABEL.fullmatch(text))
            return line if ends else None
        end = before
    return None


def removed(stage: Stage, match: Match) -> Edit | None:
    """Delete the statement of a call, its line too if it stands alone there."""
    data = stage.unit.data
    node = stage.unit.module.functions[match.function].nodes[match.node]
    if node.expr is None or strip(node.expr).span != match.span or node.next == ():
        return None
    end = re.compile(rb"[ \t]*;").match(data, match.span.end)
    if end is None:
        return None
    line = data.rfind(b"\n", 0, match.span.start) + 1
    if data[line : match.span.start].strip():
        before = data[: match.span.start].rstrip()[-1:]
        if before not in (b";", b"{", b"}"):
            return Edit(match.span, "(void)0")
        return Edit(Span(match.span.start, end.end()), "")
    previous = data[:line].rstrip()
    if previous and previous[-1:] not in b";{}":
        return Edit(match.span, "(void)0") if previous[-1:] == b")" else None
    rest = re.compile(rb"[ \t]*\r?\n").match(data, end.end())
    if rest is None:
        return Edit(Span(match.span.start, end.end()), "")
    return Edit(Span(line, rest.end()), "")


def included(stage: Stage, header: str) -> list[Edit]:
    """The line that includes a header, below the others; nothing if it is there."""
    includes = stage.unit.module.includes
    if any(item.name == header for item in includes):
        return []
    data = stage.unit.data
    last = max((item.span.end for item in includes), default=0)
    at = data.find(b"\n", last) + 1 if last else 0
    ending = "\r\n" if b"\r\n" in data else "\n"
    return [Edit(Span(at, at), f"#include <{header}>{ending}")]


def line_above(stage: Stage, start: int, text: str) -> Edit:
    """Lines of the same indent as the line that begins at a byte, above it."""
    data = stage.unit.data
    blanks = re.compile(rb"[ \t]*").match(data, start)
    indent = blanks[0].decode() if blanks is not None else ""
    ending = "\r\n" if b"\r\n" in data else "\n"
    lines = "".join(f"{indent}{line}{ending}" for line in text.splitlines())
    return Edit(Span(start, start), lines)


def _is_closed_before(text: bytes, depth: int) -> bool:
    """Whether a bracket that is closed before the end of a statement was opened before it."""
    for found in re.finditer(rb"[();]", text):
        if found[0] == b";" or depth < 0:
            break
        was, depth = depth, depth + (1 if found[0] == b"(" else -1)
        if was > 0 and depth == 0:
            break  # the condition of an if is whole
    return depth < 0


def _without_comments(stage: Stage, span: Span) -> bytes:
    """The text of a place, with blanks for the comments in it."""
    text = bytearray(stage.unit.data[span.start : span.end])
    for comment in stage.unit.module.comments:
        if comment.span.overlaps(span):
            start = max(comment.span.start, span.start) - span.start
            end = min(comment.span.end, span.end) - span.start
            text[start:end] = b" " * (end - start)
    return bytes(text)
