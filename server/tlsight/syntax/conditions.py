"""Conditional compilation: which branch a place stands in, and branches that cut statements.

Where every branch of an `#if` is a whole sequence of statements or declarations, all of them are
kept and the place tells its tags. Where one is not, only one branch can be read: the one that
clang did not skip, else the first; the others are blanked, and the place has no tag.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tlsight.ir import Tag
from tlsight.syntax.replace import is_closed
from tlsight.syntax.scan import Directive, blank
from tlsight.syntax.unfinished import breaks_off
from tlsight.text import Span


class Step(NamedTuple):
    """One `#if` around a place, which of its ways the place is on, and the tags of all its ways.

    Where there is no `#else`, the last way is that of taking no branch.
    """

    group: int
    branch: int
    ways: tuple[tuple[Tag, ...], ...]

    @property
    def tags(self) -> tuple[Tag, ...]:
        """What must hold here."""
        return self.ways[self.branch]


Path = tuple[Step, ...]


@dataclass(frozen=True)
class Regions:
    """Where branches begin and end: from `starts[i]` on the path is `paths[i]`."""

    starts: Sequence[int] = (0,)
    paths: Sequence[Path] = ((),)

    def path(self, offset: int) -> Path:
        """The branches around a place, outermost first."""
        return self.paths[bisect.bisect_right(self.starts, offset) - 1]

    def within(self, start: int, end: int) -> Regions:
        """The regions of a part, by offsets from its start."""
        first = bisect.bisect_right(self.starts, start) - 1
        last = bisect.bisect_left(self.starts, end)
        depth = len(self.paths[first])
        return Regions(
            (0, *(place - start for place in self.starts[first + 1 : last])),
            tuple(
                tuple(
                    step if index < depth else step._replace(group=step.group - start)
                    for index, step in enumerate(path)
                )
                for path in self.paths[first:last]
            ),
        )


@dataclass
class _Branch:
    directive: Span
    tags: tuple[Tag, ...]
    start: int
    end: int = 0


@dataclass
class _Group:
    start: int
    branches: list[_Branch] = field(default_factory=list)
    conditions: list[Tag] = field(default_factory=list)
    otherwise: bool = False
    end: int = 0
    after: int = 0


_DEFINED = re.compile(r"(!?)\s*defined\s*(?:\(\s*(\w+)\s*\)|(\w+))\Z")
_BRACE = re.compile(rb"[{}]")
_MIDDLE = re.compile(rb"\s*(?:else|catch)\b")


def tag_of(word: str, condition: str) -> Tag:
    """The tag of a directive's condition, a leading negation moved into its truth."""
    if word in ("ifdef", "elifdef"):
        return Tag(f"defined({condition.split(' ')[0]})", True)
    if word in ("ifndef", "elifndef"):
        return Tag(f"defined({condition.split(' ')[0]})", False)
    match = _DEFINED.match(condition)
    if match is not None:
        return Tag(f"defined({match.group(2) or match.group(3)})", match.group(1) != "!")
    return Tag(condition, True)


def settle(
    clean: bytes,
    plain: bytes,
    directives: Sequence[Directive],
    defines: Sequence[tuple[str, Span]],
    skipped: Sequence[Span],
    language: str,
) -> tuple[bytes, bytes, Regions]:
    """Both texts with unreadable branches blanked, and the regions of the others."""
    if not directives:
        return clean, plain, Regions()
    first, second = bytearray(clean), bytearray(plain)
    kept: list[_Group] = []
    for group in _groups(directives):
        if _is_guard(group, plain, directives, defines):
            continue
        if _is_whole(group, second):
            kept.append(group)
            continue
        chosen = _chosen(group, skipped, language)
        for branch in group.branches:
            if branch is not chosen and not _stands_alone(second, branch):
                gap = blank(bytes(first[branch.start : branch.end]))
                first[branch.start : branch.end] = second[branch.start : branch.end] = gap
    return bytes(first), bytes(second), _regions(kept, first)


def _groups(directives: Sequence[Directive]) -> list[_Group]:
    """The groups, inner before outer, but for one whose end is still to be typed.

    It would take in all the text behind it, and says nothing of that text.
    """
    done: list[_Group] = []
    stack: list[_Group] = []
    for directive in directives:
        if directive.word in ("if", "ifdef", "ifndef"):
            group = _Group(directive.span.start)
            stack.append(group)
            _branch(group, directive)
        elif not stack:
            continue
        elif directive.word == "endif":
            group = stack.pop()
            group.branches[-1].end = group.end = directive.span.start
            group.after = directive.span.end
            done.append(group)
        else:
            stack[-1].branches[-1].end = directive.span.start
            _branch(stack[-1], directive)
    return done


def _branch(group: _Group, directive: Directive) -> None:
    tags = tuple(Tag(tag.condition, not tag.holds) for tag in group.conditions)
    if directive.word == "else":
        group.otherwise = True
    else:
        tag = tag_of(directive.word, directive.condition)
        group.conditions.append(tag)
        tags = (*tags, tag)
    group.branches.append(_Branch(directive.span, tags, directive.span.end))


def _is_guard(
    group: _Group,
    plain: bytes,
    directives: Sequence[Directive],
    defines: Sequence[tuple[str, Span]],
) -> bool:
    """Whether this is an include guard: `#ifndef X`, `#define X`, before anything else."""
    if len(group.branches) != 1 or group.conditions[0].holds:
        return False
    if directives[0].span.start != group.start or plain[: group.start].strip():
        return False
    return any(f"defined({name})" == group.conditions[0].condition for name, _ in defines)


def _is_whole(group: _Group, plain: bytearray) -> bool:
    """Whether all branches are sequences of statements, but for one that is being typed."""
    filled = [item for item in group.branches if plain[item.start : item.end].strip()]
    if _MIDDLE.match(plain, group.after):
        return False
    if not is_closed(plain, group.start) and not (
        filled
        and all(breaks_off(plain, group.start, branch.start, types=True) for branch in filled)
    ):
        return False
    for branch in group.branches:
        if _MIDDLE.match(plain, branch.start, branch.end):
            return False
        if (
            branch in filled
            and not is_closed(plain, branch.end)
            and not breaks_off(plain, branch.end, group.after)
        ):
            return False
        if not _is_balanced(plain[branch.start : branch.end]):
            return False
    return True


def _stands_alone(plain: bytearray, branch: _Branch) -> bool:
    """Whether a branch is functions of its own, whatever has become of the others."""
    text = plain[branch.start : branch.end]
    if text.rfind(b"\n}") < 0 or not is_closed(plain, branch.end):
        return False
    depth = 0
    for match in _BRACE.finditer(text):
        depth += 1 if match.group() == b"{" else -1
        if depth < 0:
            return False
    return depth == 0


def _is_balanced(text: bytearray) -> bool:
    """Whether the braces of a branch pair up, or would, but for a statement that is being typed.

    Where a brace closes one that is indented deeper, or closes nothing at the start of a line,
    the text is unfinished, and does not end in the middle of something.
    """
    stack: list[int] = []
    for match in _BRACE.finditer(text):
        start = match.start()
        if match.group() == b"{":
            stack.append(start)
            continue
        own = _column(text, start)
        if not stack:
            return own == 0 and text[:start].rfind(b"\n}") >= 0
        opening = stack.pop()
        if own is not None and own < _indent(text, opening):
            return True
    return not stack


def _column(text: bytearray, offset: int) -> int | None:
    """The column of a brace that is the first thing on its line."""
    line = text[text.rfind(b"\n", 0, offset) + 1 : offset]
    return None if line.strip() else len(line.expandtabs(8))


def _indent(text: bytearray, offset: int) -> int:
    start = text.rfind(b"\n", 0, offset) + 1
    line = text[start : offset + 1].expandtabs(8)
    return len(line) - len(line.lstrip())


def _chosen(group: _Group, skipped: Sequence[Span], language: str) -> _Branch | None:
    """The branch to read: one that clang did not skip, else by what the language settles."""
    regions = [
        any(span.contains(Span(branch.start, branch.end)) for span in skipped)
        for branch in group.branches
    ]
    if any(regions):
        live = [
            branch for branch, left_out in zip(group.branches, regions, strict=True) if not left_out
        ]
        return live[0] if live else None
    for index, branch in enumerate(group.branches):
        if index >= len(group.conditions):
            return branch
        tag = group.conditions[index]
        known = _known(tag.condition, language)
        if known is None or known == tag.holds:
            return branch
    return None


def _known(condition: str, language: str) -> bool | None:
    if condition in ("0", "1"):
        return condition == "1"
    if condition == "defined(__cplusplus)":
        return language == "cpp"
    return None


def _regions(groups: Sequence[_Group], text: bytearray) -> Regions:
    events: list[tuple[int, int, Step]] = []
    for group in groups:
        ways = tuple(branch.tags for branch in group.branches)
        if not group.otherwise:
            ways += (tuple(Tag(tag.condition, not tag.holds) for tag in group.conditions),)
        for index, branch in enumerate(group.branches):
            if text[branch.start : branch.end].strip():
                step = Step(group.start, index, ways)
                events.append((branch.start, branch.end, step))
    if not events:
        return Regions()
    edges = sorted({0, *(start for start, _, _ in events), *(end for _, end, _ in events)})
    paths: list[Path] = []
    events.sort(key=lambda event: (event[0], -event[1]))
    position = 0
    active: list[tuple[int, int, Step]] = []
    for edge in edges:
        active = [event for event in active if event[1] > edge]
        while position < len(events) and events[position][0] <= edge:
            if events[position][1] > edge:
                active.append(events[position])
            position += 1
        paths.append(tuple(step for _, _, step in active))
    return Regions(tuple(edges), tuple(paths))
