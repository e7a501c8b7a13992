"""A review as Markdown, which reads as well without being rendered.

Code stands in fences with its carets; everything that comes from a file is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from tlsight.views.excerpt import Line
from tlsight.views.review import (
    Absent,
    Aspect,
    Group,
    Place,
    Repair,
    Review,
    Seen,
    Silenced,
    Step,
    Task,
    Unread,
    Wrong,
)
from tlsight.views.words import count, counted

_MOST = 12
"""Of the subjects of one rule that are right, so many are quoted; of others the place is told."""
_MOST_PLACES = 12


def render(review: Review) -> str:
    """The whole document."""
    return "\n".join(_squeezed(_document(review))).strip() + "\n"


def _document(review: Review) -> Iterator[str]:
    yield from ("# TLS and DTLS review", "")
    yield from (f"**{review.verdict}**", "", _numbers(review), "")
    yield from _overview(review)
    yield from _files(review)
    for number, aspect in enumerate(review.aspects, 1):
        yield from _aspect(number, aspect)
    yield from ("## What could not be analysed", "")
    yield from _unread(review)
    yield from ("## What is left to you", "")
    if not review.tasks:
        yield "Nothing: all that the rules speak of was read and decided."
    for number, task in enumerate(review.tasks, 1):
        yield from _task(number, task)


def _numbers(review: Review) -> str:
    summary = review.summary
    judged = f"{review.rules_judging} of {count(review.rules, 'rule')} had something to judge"
    return f"{counted(summary)}. {judged} in {count(summary.files, 'file')}."


def _overview(review: Review) -> Iterator[str]:
    yield "| | wrong | holds | undecided | rules without a subject |"
    yield "|---|--:|--:|--:|--:|"
    for aspect in review.aspects:
        numbers = (len(aspect.wrong), aspect.holding, aspect.open, len(aspect.absent))
        yield f"| {aspect.name} | " + " | ".join(map(str, numbers)) + " |"
    yield ""


def _files(review: Review) -> Iterator[str]:
    names = ", ".join(map(_code, review.files[:_MOST_PLACES]))
    more = len(review.files) - _MOST_PLACES
    more_told = f" and {more} more" if more > 0 else ""
    yield f"Files: {names}{more_told}  " if review.files else "Files: none  "
    yield f"Policy: {_plain(review.policy_title)} · tlsight {_plain(review.tool_version)}"
    yield ""


def _aspect(number: int, aspect: Aspect) -> Iterator[str]:
    yield from (f"## {number}. {_plain(aspect.name)}", "")
    if aspect.wrong:
        yield from (f"### Wrong ({len(aspect.wrong)})", "")
        for item in aspect.wrong:
            yield from _wrong(item)
    if aspect.silenced:
        yield from (f"### Silenced by comments ({len(aspect.silenced)})", "")
        yield from map(_silenced, aspect.silenced)
        yield ""
    if aspect.holds:
        yield from (f"### Holds ({aspect.holding})", "")
        for group in aspect.holds:
            yield from _group(group, "not so: ")
        yield ""
    if aspect.undecided:
        yield from (f"### Undecided ({aspect.open})", "")
        for group in aspect.undecided:
            yield from _group(group, "open whether: ")
        yield ""
    if aspect.absent:
        yield from (f"### Does not apply ({count(len(aspect.absent), 'rule')})", "")
        yield from map(_absent, aspect.absent)
        yield ""
    if aspect.off:
        yield from (f"Turned off in this project: {', '.join(map(_code, aspect.off))}.", "")


def _wrong(item: Wrong) -> Iterator[str]:
    where = f"{_code(item.place.name)}{_in(item.place)}"
    yield f"#### {item.severity.value}: {_plain(item.message)}"
    left_out = "" if item.live else " (in code that `#if` leaves out)"
    yield from ("", f"{where} · {_code(item.rule)}{left_out}", "")
    yield from _fenced(item.lines)
    yield from (f"- {_step(step)}" for step in item.way)
    yield from (f"- {_repair(repair)}" for repair in item.repairs)
    yield ""


def _group(group: Group, lead: str) -> Iterator[str]:
    off = " (the rule is off: what it finds wrong is not told)" if group.silent else ""
    yield f"- {_code(group.rule)}, {lead}{_prose(group.title)}{off}"
    yield from (f"  - {_seen(item)}" for item in group.items[:_MOST])
    if rest := group.items[_MOST:]:
        yield f"  - and at {_places([item.place for item in rest])}"


def _seen(item: Seen) -> str:
    told = f"{_code(item.place.name)}{_in(item.place)}: {_plain(item.message)}: {_quote(item)}"
    steps = "; ".join(_step(step) for step in item.steps if not _said_already(step, item))
    return f"{told} ({steps})" if steps else told


def _said_already(step: Step, item: Seen) -> bool:
    return step.message == "here" and step.place.name == item.place.name


def _quote(item: Seen | Step) -> str:
    """The line that shows it, or what is meant if that has several."""
    lines = [line.text.strip() for line in item.lines if line.mark]
    return _code(lines[0] if len(lines) == 1 else item.quote)


def _absent(item: Absent) -> str:
    told = f"- {_code(item.rule)}: {_prose(item.title)}"
    if item.named is not None:
        return (
            f"{told} {_plain(item.named.message)}, and not judged: {_code(item.named.place.name)}"
        )
    names = ", ".join(map(_code, item.names))
    more = f" and {item.more} more" if item.more else ""
    return f"{told} Not here: {names or 'a text like that'}{more}"


def _silenced(item: Silenced) -> str:
    reason = f"“{_plain(item.reason)}”" if item.reason else "no reason is given"
    where = f"{_code(item.place.name)}{_in(item.place)}"
    return f"- {where}: {_plain(item.message)} ({_code(item.rule)}; {reason}): {_code(item.quote)}"


def _unread(review: Review) -> Iterator[str]:
    if not review.unread and not review.missing_headers:
        yield from ("Nothing: every function of these files was read.", "")
        return
    yield from map(_gap, review.unread)
    if review.missing_headers:
        names = ", ".join(map(_code, review.missing_headers))
        yield f"- headers that were not found, so that rule pages stand in for them: {names}"
    yield ""


def _gap(gap: Unread) -> str:
    where = _places(gap.places) if gap.places else _code(gap.path)
    return f"- {where}: {_plain(gap.reason)}"


def _task(number: int, task: Task) -> Iterator[str]:
    rule = f" ({_code(task.rule)})" if task.rule else ""
    yield f"{number}. {_prose(task.text)}{rule}"
    yield from (f"   - {_plain(reason)}" for reason in task.reasons[:_MOST_PLACES])
    if task.places:
        yield f"   - at {_places(task.places)}"


def _step(step: Step) -> str:
    said = "" if step.message == "here" else f"{_plain(step.message)}: "
    return f"{_code(step.place.name)}: {said}{_quote(step)}"


def _repair(repair: Repair) -> str:
    if repair.withheld:
        return f"No fix: {_plain(repair.withheld)}"
    return f"{'Fix' if repair.safe else 'Fix (unsafe)'}: {_plain(repair.title)}"


def _places(places: Sequence[Place]) -> str:
    told = list(dict.fromkeys(_code(item.name) + _in(item) for item in places))
    shown, more = ", ".join(told[:_MOST_PLACES]), len(told) - _MOST_PLACES
    return f"{shown} and {more} more" if more > 0 else shown


def _in(place: Place) -> str:
    return f" in {_code(place.function)}" if place.function else ""


def _fenced(lines: Sequence[Line]) -> Iterator[str]:
    text = [line for item in lines for line in _drawn(item)]
    fence = "`" * max(3, 1 + max((_run(line) for line in text), default=0))
    yield f"{fence}text"
    yield from text
    yield from (fence, "")


def _drawn(line: Line) -> Iterator[str]:
    yield f"{line.number:>5} | {line.text}".rstrip()
    if line.mark:
        left, right = (cell_len(line.text[:end]) for end in line.mark)
        yield f"      | {' ' * left}{'^' * max(1, right - left)}"


def _code(text: str) -> str:
    """As code, whatever it holds."""
    fence = "`" * (_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _run(text: str) -> int:
    """How many backticks follow each other at most."""
    return max((len(item) for item in re.findall("`+", text)), default=0)


_SPECIAL = re.compile(r"[\\`*\[\]<&|]|~(?=~)|(?<!\w)_|_(?!\w)|^[#>+-]|(?<=^\d)[.)](?=\s)")


def _plain(text: str) -> str:
    """As nothing but text; an underscore inside a name is one anyway."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _prose(text: str) -> str:
    """Words of a rule page, whose code stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _plain(text)
    return "".join(_code(part) if index % 2 else _plain(part) for index, part in enumerate(parts))


def _squeezed(lines: Iterator[str]) -> Iterator[str]:
    """Without blank lines that follow each other outside of code."""
    before = "x"
    for line in lines:
        if line or before:
            yield line
        before = line
