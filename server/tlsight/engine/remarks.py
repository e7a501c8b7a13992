"""Comments beside a statement: what whoever wrote it says of it."""

from __future__ import annotations

import bisect

from tlsight.engine.unit import Unit
from tlsight.ir import Call, Function
from tlsight.text import Span


def remark(unit: Unit, function: Function, span: Span) -> str:
    """The comments directly above a statement that calls something, and after it.

    Those below belong to it as well if the next statement calls nothing that they could be about.
    A blank line ends them.
    """
    comments = unit.module.comments
    first = last = bisect.bisect_left(comments, span.start, key=lambda item: item.span.start)
    start, end = span.start, span.end
    while first and _is_beside(unit.data[comments[first - 1].span.end : start], lines=1):
        first -= 1
        start = comments[first].span.start
    while last < len(comments):
        gap = unit.data[end : comments[last].span.start]
        if not _is_beside(gap, lines=1):
            break
        if b"\n" in gap and not _calls_nothing(function, comments[last].span.end):
            break
        end = comments[last].span.end
        last += 1
    return "\n".join(comment.text for comment in comments[first:last])


def _is_beside(gap: bytes, lines: int) -> bool:
    return not gap.strip(b"; \t\r\n") and gap.count(b"\n") <= lines


def _calls_nothing(function: Function, offset: int) -> bool:
    """Whether the first step of a function that is written behind an offset has no call in it."""
    later = [node for node in function.nodes if node.span.start >= offset and node.evaluates]
    following = min(later, key=lambda node: node.span.start, default=None)
    if following is None or following.evaluates is None:
        return True
    return not any(isinstance(item, Call) for item in following.expressions)
