"""What an edit leaves standing of an answer: what was found in functions that it cannot reach.

A first answer judges some kinds of rules only in the functions that an edit changed, in those that
call them and in those that they call. What such rules found elsewhere stands until the final
answer, which judges everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tlsight.carry import changed_region
from tlsight.engine import Standing, Unit, neighbours
from tlsight.finding import Finding
from tlsight.syntax import unchanged
from tlsight.text import Span


def standing(before: Unit, findings: Sequence[Finding], after: Unit) -> Standing | None:
    """What of the findings of a unit stands in the next one; None if all must be judged anew."""
    same = unchanged(before.module, after.module)
    if same is None or before.language != after.language or before.libraries != after.libraries:
        return None
    edit = _Edit(before.data, after.data)
    changed = set(range(len(after.module.functions))) - same
    focus = changed | neighbours(after, changed)
    moved = [(edit.moved(item), edit.place(item.span)) for item in findings]
    for item, place in moved:
        if item is None:
            focus |= _around(after, edit.start if place is None else place.start)
    stay = [
        item
        for item, place in moved
        if item is not None and place is not None
        for around in (_around(after, place.start),)
        if not focus & around and (around or not edit.is_on_line_of(after.data, place))
    ]
    return Standing(tuple(stay), frozenset(focus))


class _Edit:
    """The one place where two texts differ."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._region, self._by = changed_region(old, new) if old != new else (Span(0, 0), 0)
        self.start = self._region.start

    def is_on_line_of(self, data: bytes, span: Span) -> bool:
        """Whether the edit is on a line of a span of the new text."""
        end = data.find(b"\n", span.end)
        start = data.rfind(b"\n", 0, span.start) + 1
        return start <= self.start <= (end if end >= 0 else len(data))

    def place(self, span: Span) -> Span | None:
        """Where a span of the old text stands in the new one; None if the edit is in it."""
        if span.end <= self._region.start:
            return span
        if span.start < self._region.end:
            return None
        return Span(span.start + self._by, span.end + self._by)

    def moved(self, finding: Finding) -> Finding | None:
        """A finding with all of its places moved; None if the edit is in one of them."""
        spans = [
            finding.span,
            *(step.span for step in finding.related),
            *(edit.span for fix in finding.fixes for edit in fix.edits),
        ]
        places = {span: place for span in spans if (place := self.place(span)) is not None}
        if len(places) < len(set(spans)):
            return None
        return replace(
            finding,
            span=places[finding.span],
            related=tuple(replace(step, span=places[step.span]) for step in finding.related),
            fixes=tuple(
                replace(
                    fix,
                    edits=tuple(edit._replace(span=places[edit.span]) for edit in fix.edits),
                )
                for fix in finding.fixes
            ),
        )


def _around(unit: Unit, offset: int) -> set[int]:
    """The functions in which a place stands."""
    return {
        number
        for number, function in enumerate(unit.module.functions)
        if function.span.start <= offset < function.span.end
    }
