"""Numbers in words, as every view for people tells them."""

from __future__ import annotations

from tlsight.views.answer import Summary


def count(number: int, name: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {name}" if number == 1 or name == "information" else f"{number} {name}s"


def by_severity(summary: Summary) -> list[str]:
    """How many findings there are of each severity that there are any of."""
    return [
        count(number, name)
        for number, name in (
            (summary.errors, "error"),
            (summary.warnings, "warning"),
            (summary.information, "information"),
        )
        if number
    ]


def counted(summary: Summary) -> str:
    """What a review of this many findings and subjects comes to, in one line."""
    found = by_severity(summary)
    parts = [", ".join(found) or "No findings", f"{summary.holding} judged and right"]
    parts += [f"{summary.undecided} undecided"] if summary.undecided else []
    parts += [f"{summary.suppressed} silenced by comments"] if summary.suppressed else []
    parts += [f"{count(summary.unanalysed, 'place')} not analysed"] if summary.unanalysed else []
    return "; ".join(parts)
