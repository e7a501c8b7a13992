"""Findings for people, in the manner of a good compiler: place, message, source line, carets.

Columns count characters from one. Carets stand under what they mean whatever the line holds:
tabs, wide and astral characters, control characters (spelled out, never sent to a terminal).
The outcome is styled text; whoever prints it decides whether the styles are seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from tlsight.finding import Finding, Fix, Safety, Severity, Unanalysed
from tlsight.text import Lines, Span
from tlsight.views.answer import Answer, Summary, clamped, place, visible
from tlsight.views.excerpt import changed_lines, expanded
from tlsight.views.words import by_severity, count

_STYLES = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.INFORMATION: "bold cyan",
}
_WIDTH = 160
"""A line that is wider than this is shown as a window around the carets."""
_NAMES = 8
"""More names than this are counted."""


def findings(answer: Answer) -> Iterator[Text]:
    """Each finding of a file as one block."""
    lines = Lines.of(answer.data)
    for finding in answer.findings:
        yield _block(answer, lines, finding)


def evidence(answer: Answer) -> Iterator[Text]:
    """What was judged and is no finding: one line for each subject."""
    lines = Lines.of(answer.data)
    for item in answer.report.evidence:
        word, style = ("holds", "bold green") if item.holds else ("open", "bold magenta")
        line = _head(answer, lines, clamped(answer.data, item.span).start, word, style)
        line.append(visible(item.message), style="not bold")
        numbers = sorted({place(lines, step.span.start).line for step in item.related})
        if numbers:
            word = "line" if len(numbers) == 1 else "lines"
            line.append(f" ({word} {', '.join(map(str, numbers))})", style="not bold")
        yield line.append(f" [{item.rule}]", style="not bold dim")


def unanalysed(answers: Iterable[Answer]) -> Iterator[Text]:
    """What could not be judged: one line for each file and reason, at the first such place."""
    for answer in answers:
        lines = Lines.of(answer.data)
        by_reason: dict[str, list[Unanalysed]] = {}
        for item in answer.report.unanalysed:
            by_reason.setdefault(item.reason, []).append(item)
        for items in by_reason.values():
            yield _unanalysed_line(answer, lines, items)


def missing_headers(answers: Iterable[Answer]) -> Text | None:
    """One line that names the headers that clang did not find, if there are any.

    Where no page declares a header, an empty one replaces it.
    """
    names = sorted({name for answer in answers for name in answer.report.missing_headers})
    if not names:
        return None
    shown = _some([visible(name) for name in names])
    line = Text("note: ", style="bold")
    return line.append(
        f"headers not found, and replaced by what rule pages declare: {shown}",
        style="not bold",
    )


def closing(summary: Summary, since: str | None = None) -> Text:
    """The last line of a run. `since` names the revision if only changed lines were asked for."""
    if since is not None and not summary.files:
        line = Text("0 files checked: ").append("nothing changed", style="bold green")
        return line.append(f" since {visible(since)}.")
    parts = by_severity(summary)
    where = "" if since is None else f" where changed since {visible(since)}"
    line = Text(f"{count(summary.files, 'file')} checked{where}: ")
    line.append(", ".join(parts) or "nothing found", style="bold" if parts else "bold green")
    if summary.fixable:
        line.append(f"; {summary.fixable} with a fix")
    if summary.suppressed:
        line.append(f"; {summary.suppressed} suppressed")
    if summary.holding or summary.undecided:
        line.append(f"; judged and right: {summary.holding}; undecided: {summary.undecided}")
    if summary.unanalysed:
        line.append(f"; not analysed: {count(summary.unanalysed, 'place')}")
    return line.append(".")


def _block(answer: Answer, lines: Lines, finding: Finding) -> Text:
    span = clamped(answer.data, finding.span)
    block = _head(answer, lines, span.start, finding.severity.value, _STYLES[finding.severity])
    block.append(visible(finding.message), style="bold")
    block.append(f" [{finding.rule}]", style="dim")
    if not finding.live:
        block.append(" (in code that #if leaves out)", style="dim")
    block.append("\n").append_text(_excerpt(lines, span, _STYLES[finding.severity]))
    for related in finding.related:
        where = clamped(answer.data, related.span)
        block.append("\n").append_text(_head(answer, lines, where.start, "note", "bold blue"))
        block.append(visible(related.message))
        block.append("\n").append_text(_excerpt(lines, where, "bold blue"))
    for fix in finding.fixes:
        block.append("\n").append_text(_fix(lines, span, fix))
    return block


def _unanalysed_line(answer: Answer, lines: Lines, items: Sequence[Unanalysed]) -> Text:
    first = items[0]
    if first.span is None:
        line = Text(f"{visible(answer.path)}: ", style="bold")
        line.append("not analysed: ", style="bold magenta")
    else:
        start = clamped(answer.data, first.span).start
        line = _head(answer, lines, start, "not analysed", "bold magenta")
    names = [visible(item.function) for item in items if item.function]
    if names:
        line.append(f"{_some(names)}: ", style="not bold")
    elif len(items) > 1:
        line.append(f"{len(items)} places: ", style="not bold")
    return line.append(visible(first.reason), style="not bold")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _head(answer: Answer, lines: Lines, offset: int, word: str, style: str) -> Text:
    line, column = place(lines, offset)
    head = Text().append(f"{visible(answer.path)}:{line}:{column}: ", style="bold")
    return head.append(f"{word}: ", style=style)


def _excerpt(lines: Lines, span: Span, style: str) -> Text:
    """The line where `span` starts, and carets under what of it stands there."""
    number = place(lines, span.start).line
    line = lines.line(number - 1)
    start = span.start - lines.starts[number - 1]
    end = min(span.end - lines.starts[number - 1], len(line))
    text, left, right = _window(line, start, max(start, end))
    margin = f"{number:>5} | "
    excerpt = Text(margin, style="dim").append(text, style="not dim")
    excerpt.append("\n" + " " * (len(margin) - 2) + "| ", style="dim")
    return excerpt.append(" " * left + "^" * max(1, right - left), style=f"not dim {style}")


def _window(line: bytes, start: int, end: int) -> tuple[str, int, int]:
    """What is shown of a line, and from which to which cell of it the bytes reach."""
    text = expanded(line)
    left, right = (cell_len(expanded(line[:offset])) for offset in (start, end))
    if cell_len(text) <= _WIDTH:
        return text, left, right
    first = max(0, min(left - _WIDTH // 4, cell_len(text) - _WIDTH))
    shown, skipped = _cut(text, first)
    right = min(right, first + _WIDTH)
    before, after = ("…" if skipped else ""), ("…" if first + _WIDTH < cell_len(text) else "")
    return before + shown + after, left - skipped + len(before), right - skipped + len(before)


def _cut(text: str, first: int) -> tuple[str, int]:
    """The characters of `text` in the window that starts at cell `first`, and the cells before."""
    cell, skipped, shown = 0, 0, ""
    for char in text:
        width = cell_len(char)
        if cell < first:
            skipped = cell + width
        elif cell + width <= first + _WIDTH:
            shown += char
        cell += width
    return shown, skipped


def _fix(lines: Lines, span: Span, fix: Fix) -> Text:
    if fix.withheld is not None:
        line = Text("      = ", style="dim").append("no fix: ", style="not dim bold")
        return line.append(visible(fix.withheld), style="not dim")
    word = "fix: " if fix.safety is Safety.SAFE else "fix (unsafe): "
    line = Text("      = ", style="dim").append(word, style="not dim bold green")
    line.append(visible(fix.title), style="not dim")
    for old, number, text in changed_lines(lines, fix.edits, place(lines, span.start).line):
        sign, style = ("-", "red") if old else ("+", "green")
        line.append(f"\n{number:>5} {sign} ", style=f"not dim {style}")
        line.append(expanded(text), style=f"not dim {style}")
    return line
