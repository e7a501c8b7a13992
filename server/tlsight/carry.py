"""How facts live on over an edit: about unchanged text they stay true until clang has read anew.

So a finding whose own text did not change does not flicker while one types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from tlsight.facts import Facts, MacroFact
from tlsight.text import Span

_V = TypeVar("_V")
_LINK = re.compile(rb"\s*(?:\([^()]*\)\s*)?(?:::|->|\.)\s*~?\w+")


def changed_region(old: bytes, new: bytes) -> tuple[Span, int]:
    """The span of `old` that an edit replaced, and by how many bytes what follows it moved.

    The span is widened to whole identifiers, since a fact is about one, and to what follows them
    in a chain: in `a::b(1).c` all depends on `a`.
    """
    limit = min(len(old), len(new))
    start = _common(old, new, limit)
    rest = limit - start
    end = _common(old[::-1][:rest], new[::-1][:rest], rest) if rest else 0
    stop = len(old) - end
    while start > 0 and _is_word(old[start - 1]):
        start -= 1
    while stop < len(old) and _is_word(old[stop]):
        stop += 1
    while (link := _LINK.match(old, stop)) is not None:
        stop = link.end()
    return Span(start, stop), len(new) - len(old)


def carried(facts: Facts, old: bytes, new: bytes) -> Facts:
    """The facts about `old` that still hold of `new`, at their new places."""
    if old == new:
        return facts
    region, moved = changed_region(old, new)

    def place(offset: int) -> int | None:
        if offset < region.start:
            return offset
        return offset + moved if offset >= region.end else None

    return replace(
        facts,
        names=_placed(facts.names, place),
        calls=_placed(facts.calls, place),
        constants={
            Span(start, end): value
            for span, value in facts.constants.items()
            if not _touches(span, region)
            and (start := place(span.start)) is not None
            and (end := _end(span.end, region, moved)) is not None
        },
        skipped=_spans(facts.skipped, region, moved),
        errors=(),
        read=_spans(facts.read, region, moved),
        broken=_spans(facts.broken, region, moved),
    )


def read_before(facts: Facts, old: bytes, new: bytes) -> frozenset[Span]:
    """The bodies of `new` that clang has read without an error in `old`, to the letter."""
    if old == new:
        return frozenset(facts.read)
    region, moved = changed_region(old, new)
    whole = [span for span in facts.read if span.end <= region.start or span.start >= region.end]
    return frozenset(_spans(whole, region, moved))


def by_body(facts: Facts, bodies: Iterable[Span]) -> Facts:
    """The facts with `read` and `broken` told of these bodies, which syntax found.

    Where braces do not pair up, clang takes one body for many: none of them is read then.
    """
    good, found = set(facts.read), (*facts.read, *facts.broken)
    read: list[Span] = []
    broken: list[Span] = []
    for body in bodies:
        over = [span for span in found if span.overlaps(body)]
        if over:
            whole = all(span in good and body.contains(span) for span in over)
            (read if whole else broken).append(body)
    return replace(facts, read=tuple(read), broken=tuple(broken))


def merged(kept: Facts, new: Facts, asked: Sequence[Span] | None) -> Facts:
    """Facts of a new reading, and the carried ones (`kept`) where it has none to give.

    `asked` are the bodies that clang was asked about; None: about everything, since what stands
    outside of bodies is not as it was: no fact of before holds then. The carried facts stay
    outside of the bodies asked about, where the text is as it was, and inside of those that clang
    cannot read: they have an error, or an error hides them.
    """
    if asked is None:
        return new
    inside, read = _membership(asked), _membership(new.read)

    def holds(offset: int) -> bool:
        return not inside(offset) or not read(offset)

    others = {*kept.read, *kept.broken} - set(asked)
    return replace(
        new,
        names={**_filtered(kept.names, holds), **new.names},
        calls={**_filtered(kept.calls, holds), **new.calls},
        constants={
            **{span: value for span, value in kept.constants.items() if holds(span.start)},
            **new.constants,
        },
        macros={**kept.macros, **_with_values(new.macros, kept.macros)},
        read=_union(new.read, (span for span in kept.read if span in others)),
        broken=_union(new.broken, (span for span in kept.broken if span in others)),
    )


def _with_values(
    macros: Mapping[str, MacroFact], before: Mapping[str, MacroFact]
) -> dict[str, MacroFact]:
    """The macros, with the values that they had as long as their definitions stay."""
    return {
        name: before[name]
        if macro.value is None and name in before and before[name][:2] == macro[:2]
        else macro
        for name, macro in macros.items()
    }


def _common(left: bytes, right: bytes, limit: int) -> int:
    """The length of the longest common prefix of two texts, at most `limit`."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _is_word(byte: int) -> bool:
    return byte == 0x5F or chr(byte).isalnum() or byte >= 0x80


def _touches(span: Span, region: Span) -> bool:
    return span.start < region.end and region.start < span.end


def _end(offset: int, region: Span, moved: int) -> int | None:
    if offset <= region.start:
        return offset
    return offset + moved if offset >= region.end else None


def _placed(table: Mapping[int, _V], place: Callable[[int], int | None]) -> dict[int, _V]:
    return {new: value for old, value in table.items() if (new := place(old)) is not None}


def _spans(spans: Iterable[Span], region: Span, moved: int) -> tuple[Span, ...]:
    """Spans at their new places; one around the edit grows with it, one cut by it is gone."""
    found = []
    for span in spans:
        if span.end <= region.start:
            found.append(span)
        elif span.start >= region.end:
            found.append(Span(span.start + moved, span.end + moved))
        elif span.start <= region.start and region.end <= span.end:
            found.append(Span(span.start, span.end + moved))
    return tuple(found)


def _membership(spans: Sequence[Span]) -> Callable[[int], bool]:
    ordered = sorted(spans)

    def inside(offset: int) -> bool:
        low, high = 0, len(ordered)
        while low < high:
            middle = (low + high) // 2
            if ordered[middle].start <= offset:
                low = middle + 1
            else:
                high = middle
        return low > 0 and offset < ordered[low - 1].end

    return inside


def _filtered(table: Mapping[int, _V], inside: Callable[[int], bool]) -> dict[int, _V]:
    return {offset: value for offset, value in table.items() if inside(offset)}


def _union(left: Iterable[Span], right: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(sorted({*left, *right}))
