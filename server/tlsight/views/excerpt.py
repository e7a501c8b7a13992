"""Lines of a text as they are shown: nothing hidden in them, and the meant part of each marked.

Marks count characters of the line as shown, since tabs and control characters are spelled out.
What is drawn at a mark, and in which colour, is for the view to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tlsight.text import Edit, Lines, Span, apply_edits
from tlsight.views.answer import clamped, visible

_TAB = 4
_WIDTH = 400
"""Of a line that has more characters, those around the mark are shown."""
_MOST_LINES = 4
"""Of a place that spans more lines than this, the first are shown."""
_FIX_LINES = 6
"""A fix that touches more lines than this is named but not shown."""


@dataclass(frozen=True)
class Line:
    """A line with its number from one; `mark` is the part that is meant, if any of it is."""

    number: int
    text: str
    mark: tuple[int, int] | None = None


@dataclass(frozen=True)
class Changed:
    """A line that a fix takes away (`old`) or brings."""

    old: bool
    number: int
    text: str


def excerpt(lines: Lines, span: Span, around: int = 0) -> tuple[Line, ...]:
    """The lines of a span with `around` more on each side, as far as they are not blank."""
    span = clamped(lines.data, span)
    first = lines.position(span.start).line
    last = max(first, lines.position(max(span.start, span.end - 1)).line)
    shown = range(first, min(last, first + _MOST_LINES - 1) + 1)
    before = [n for n in range(max(0, first - around), first) if lines.line(n).strip()]
    after = range(last + 1, min(len(lines.starts), last + 1 + around))
    after_shown = [n for n in after if len(shown) > last - first and lines.line(n).strip()]
    return (
        *(Line(n + 1, _cut(expanded(lines.line(n)), None)[0]) for n in before),
        *(_marked(lines, n, span) for n in shown),
        *(Line(n + 1, _cut(expanded(lines.line(n)), None)[0]) for n in after_shown),
    )


def quoted(lines: Lines, span: Span) -> str:
    """What a span holds as one line, cut if that is long."""
    span = clamped(lines.data, span)
    text = " ".join(expanded(b" ".join(lines.data[span.start : span.end].split())).split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def expanded(line: bytes) -> str:
    """The line as it is shown: control characters spelled out, tabs as spaces."""
    shown = ""
    for index, part in enumerate(visible(line.decode(errors="replace")).split("\t")):
        if index:
            shown += " " * (_TAB - cell_len(shown) % _TAB)
        shown += part
    return shown


def changed_lines(
    lines: Lines, edits: Sequence[Edit], shown: int | None = None
) -> Iterator[tuple[bool, int, bytes]]:
    """The lines that a fix takes away and the ones it brings.

    `shown` is the number of a line that the reader has seen, so that it is not shown as taken away.
    """
    hunks = _hunks(lines, edits)
    if sum(last - first + 1 for first, last, _ in hunks) > _FIX_LINES:
        return
    for first, last, own in hunks:
        begin = lines.starts[first]
        end = lines.starts[last] + len(lines.line(last))
        old = lines.data[begin:end]
        moved = [Edit(Span(a - begin, b - begin), text) for (a, b), text in own]
        new = Lines.of(apply_edits(old, moved))
        for number in range(first, last + 1):
            if number + 1 != shown or first != last:
                yield True, number + 1, lines.line(number)
        for number in range(len(new.starts)):
            if new.data:
                yield False, first + number + 1, new.line(number)


def changes(lines: Lines, edits: Sequence[Edit]) -> tuple[Changed, ...]:
    """The same, ready to be shown: all of it, but for lines that stay as they are."""
    found = list(changed_lines(lines, edits))
    gone, come = (Counter(text for was, _, text in found if was is old) for old in (True, False))
    stay = gone & come
    left = {True: stay.copy(), False: stay.copy()}
    shown: list[Changed] = []
    for old, number, text in found:
        if left[old][text] > 0:
            left[old][text] -= 1
        else:
            shown.append(Changed(old, number, _cut(expanded(text), None)[0]))
    return tuple(shown)


def _marked(lines: Lines, number: int, span: Span) -> Line:
    line, begin = lines.line(number), lines.starts[number]
    start = max(0, span.start - begin)
    end = max(start, min(span.end - begin, len(line)))
    if number > lines.position(span.start).line:
        start = max(start, len(line) - len(line.lstrip()))
    left, right = len(expanded(line[:start])), len(expanded(line[:end]))
    text, left, right = _cut(expanded(line), (left, right))
    return Line(number + 1, text, (left, max(left, right)))


def _cut(text: str, mark: tuple[int, int] | None) -> tuple[str, int, int]:
    """The part of a long line around its mark, and the mark in it."""
    left, right = mark or (0, 0)
    if len(text) <= _WIDTH:
        return text, left, right
    first = max(0, min(left - _WIDTH // 4, len(text) - _WIDTH))
    before, after = ("…" if first else ""), ("…" if first + _WIDTH < len(text) else "")
    moved = len(before) - first
    shown = before + text[first : first + _WIDTH] + after
    return shown, left + moved, min(right, first + _WIDTH) + moved


def _hunks(lines: Lines, edits: Sequence[Edit]) -> list[tuple[int, int, list[Edit]]]:
    """The edits by the runs of lines (counted from zero) that they touch together."""
    hunks: list[tuple[int, int, list[Edit]]] = []
    for edit in sorted(edits, key=lambda item: item.span):
        span = clamped(lines.data, edit.span)
        first, last = (lines.position(offset).line for offset in span)
        if hunks and hunks[-1][1] >= first:
            start, end, own = hunks[-1]
            hunks[-1] = (start, max(end, last), [*own, Edit(span, edit.text)])
        else:
            hunks.append((first, last, [Edit(span, edit.text)]))
    return hunks
