"""A review as one JSON document for programs; nothing of it is left out.

Lines and columns count from one, columns in characters. A key that has nothing to say is there and
empty, so that a reader need not ask for it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tlsight.views.review import (
    Absent,
    Aspect,
    Group,
    Place,
    Repair,
    Review,
    Silenced,
    Step,
    Task,
    Unread,
    Wrong,
)

VERSION = 1
"""Grows when a key changes its meaning or goes away; new keys do not change it."""


def render(review: Review) -> str:
    """The whole document."""
    document = {
        "version": VERSION,
        "tool": {"name": "tlsight", "version": review.tool_version},
        "policy": review.policy,
        "files": list(review.files),
        "verdict": {"tone": review.tone.value, "text": review.verdict},
        "rules": {"inForce": review.rules, "judging": review.rules_judging},
        "summary": asdict(review.summary),
        "aspects": [_aspect(item) for item in review.aspects],
        "unanalysed": [_unread(item) for item in review.unread],
        "missingHeaders": list(review.missing_headers),
        "byHand": [_task(item) for item in review.tasks],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _aspect(aspect: Aspect) -> dict[str, Any]:
    return {
        "id": aspect.id,
        "name": aspect.name,
        "wrong": [_wrong(item) for item in aspect.wrong],
        "holds": [_group(item) for item in aspect.holds],
        "undecided": [_group(item) for item in aspect.undecided],
        "doesNotApply": [_absent(item) for item in aspect.absent],
        "silenced": [_silenced(item) for item in aspect.silenced],
        "turnedOff": list(aspect.off),
    }


def _wrong(item: Wrong) -> dict[str, Any]:
    return {
        "id": item.id,
        "rule": item.rule,
        "severity": item.severity.value,
        "message": item.message,
        **_place(item.place),
        "quote": item.quote,
        "live": item.live,
        "way": _steps(item.way),
        "fixes": [_repair(repair) for repair in item.repairs],
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "rule": group.rule,
        "title": group.title,
        "onlyEvidence": group.silent,
        "subjects": [
            {
                "message": item.message,
                **_place(item.place),
                "quote": item.quote,
                "shownBy": _steps(item.steps),
            }
            for item in group.items
        ],
    }


def _absent(item: Absent) -> dict[str, Any]:
    return {
        "rule": item.rule,
        "title": item.title,
        "looksFor": list(item.names),
        "looksForMore": item.more,
        "named": _steps([item.named] if item.named else []),
    }


def _silenced(item: Silenced) -> dict[str, Any]:
    return {
        "rule": item.rule,
        "message": item.message,
        "reason": item.reason,
        **_place(item.place),
        "quote": item.quote,
    }


def _unread(item: Unread) -> dict[str, Any]:
    places = [_place(place) for place in item.places]
    return {"path": item.path, "reason": item.reason, "places": places}


def _task(item: Task) -> dict[str, Any]:
    return {
        "text": item.text,
        "rule": item.rule,
        "reasons": list(item.reasons),
        "places": [_place(place) for place in item.places],
    }


def _repair(item: Repair) -> dict[str, Any]:
    return {
        "title": item.title,
        "safety": "safe" if item.safe else "unsafe",
        "withheld": item.withheld,
    }


def _steps(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [{"message": item.message, **_place(item.place), "quote": item.quote} for item in steps]


def _place(place: Place) -> dict[str, Any]:
    return {
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "function": place.function,
    }
