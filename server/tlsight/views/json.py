"""Everything that a run found, as one JSON document for programs.

Lines and columns count from one, columns in characters; `offset` counts bytes from zero.
What is not known is not in the document: a key is left out, never guessed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from tlsight.finding import Finding, Fix
from tlsight.rule import Library, Property, Rulebook
from tlsight.text import Lines, Span
from tlsight.views.answer import Answer, clamped, place, summarised

VERSION = 1
"""Grows when a key changes its meaning or goes away; new keys do not change it."""


def render(answers: Sequence[Answer], rulebook: Rulebook, *, tool_version: str) -> str:
    """The document of a whole run."""
    document = {
        "version": VERSION,
        "tool": {"name": "tlsight", "version": tool_version},
        "policy": rulebook.policy.id,
        "files": [_file(answer, rulebook) for answer in answers],
        "summary": dataclasses.asdict(summarised(answers)),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def rules(rulebook: Rulebook) -> str:
    """The rules in force as a document of their own."""
    document = {
        "version": VERSION,
        "policy": rulebook.policy.id,
        "rules": [_rule(item, rulebook) for item in rulebook.properties.values()],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def libraries_of(rule: Property, rulebook: Rulebook) -> tuple[Library, ...]:
    """The libraries that play a role which the rule judges."""
    roles = {role for check in rule.checks for role in check.roles}
    return tuple(
        library
        for library in rulebook.libraries.values()
        if any(roles.intersection(binding.roles) for binding in library.bindings)
    )


def _rule(rule: Property, rulebook: Rulebook) -> dict[str, Any]:
    return {
        "id": rule.id,
        "aspect": rule.aspect,
        "title": rule.title,
        "kind": rule.kind,
        "severity": rule.severity.value,
        "cwe": list(rule.cwe),
        "fix": rule.safety.value if rule.safety else None,
        "enabled": rule.enabled,
        "libraries": [library.id for library in libraries_of(rule, rulebook)],
    }


def _file(answer: Answer, rulebook: Rulebook) -> dict[str, Any]:
    lines = Lines.of(answer.data)
    report = answer.report
    return {
        "path": answer.path,
        "uri": answer.uri,
        "final": report.final,
        "findings": [_finding(lines, item, rulebook) for item in answer.findings],
        "suppressed": [
            {"reason": item.reason, **_finding(lines, item.finding, rulebook)}
            for item in report.suppressions
        ],
        "evidence": [
            {
                "rule": item.rule,
                "verdict": "holds" if item.holds else "open",
                "message": item.message,
                **({"function": item.function} if item.function else {}),
                **_range(lines, item.span),
                "related": [
                    {"message": step.message, **_range(lines, step.span)} for step in item.related
                ],
            }
            for item in report.evidence
        ],
        "unanalysed": [
            {
                "reason": item.reason,
                **({"function": item.function} if item.function else {}),
                **(_range(lines, item.span) if item.span else {}),
            }
            for item in report.unanalysed
        ],
        "missingHeaders": list(report.missing_headers),
    }


def _finding(lines: Lines, finding: Finding, rulebook: Rulebook) -> dict[str, Any]:
    rule = rulebook.properties.get(finding.rule)
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        **_range(lines, finding.span),
        **({"function": finding.function} if finding.function else {}),
        "live": finding.live,
        "cwe": list(rule.cwe) if rule else [],
        "related": [
            {"message": item.message, **_range(lines, item.span)} for item in finding.related
        ],
        "fixes": [_fix(lines, fix) for fix in finding.fixes],
    }


def _fix(lines: Lines, fix: Fix) -> dict[str, Any]:
    return {
        "title": fix.title,
        "safety": fix.safety.value,
        **({"withheld": fix.withheld} if fix.withheld is not None else {}),
        "edits": [{**_range(lines, edit.span), "text": edit.text} for edit in fix.edits],
    }


def _range(lines: Lines, span: Span) -> dict[str, Any]:
    span = clamped(lines.data, span)
    return {"start": _point(lines, span.start), "end": _point(lines, span.end)}


def _point(lines: Lines, offset: int) -> dict[str, int]:
    line, column = place(lines, offset)
    return {"line": line, "column": column, "offset": offset}
