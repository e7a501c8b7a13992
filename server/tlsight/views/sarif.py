"""Findings as SARIF 2.1.0, for tools that collect, compare and show the results of many analysers.

Columns are UTF-16 code units, and lines end where LSP ends them; the log says both.
The fingerprint of a result stays while code moves about the finding (see `answer.fingerprints`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tlsight.finding import Evidence, Finding, Fix, Related, Severity, Suppression
from tlsight.rule import Property, Rulebook
from tlsight.text import Encoding, Lines, Span
from tlsight.views.answer import Answer, clamped, fingerprints
from tlsight.views.page import documentation

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
BASE = "SRCROOT"
"""The name of the folder that relative URIs are relative to."""
FINGERPRINT = "lineText/v1"

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "note"}
_SCORES = {Severity.ERROR: "8.0", Severity.WARNING: "5.0", Severity.INFORMATION: "2.0"}
"""Values of the property `security-severity`, by which code scanning services sort."""
_CWE = "https://cwe.mitre.org/data/definitions/{}.html"


@dataclass(frozen=True)
class Run:
    """What a log says of the run itself: none of it can be told from the answers."""

    tool_version: str
    root_uri: str
    """The absolute URI of the folder that the answers' URIs are relative to; ends with `/`."""
    exit_code: int
    help_uri: Callable[[Property], str | None]
    """Where the page of a rule can be read."""


def render(answers: Sequence[Answer], rulebook: Rulebook, run: Run) -> str:
    """The log of one run."""
    cwes = sorted({number for item in rulebook.properties.values() for number in item.cwe})
    rules = list(rulebook.properties.values())
    numbers = {item.id: number for number, item in enumerate(rules)}
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "tlsight",
                        "version": run.tool_version,
                        "semanticVersion": run.tool_version,
                        "rules": [_rule(item, cwes, run) for item in rules],
                        "supportedTaxonomies": [{"name": "CWE", "index": 0}],
                    }
                },
                "taxonomies": [_taxonomy(cwes)],
                "originalUriBaseIds": {BASE: {"uri": run.root_uri}},
                "columnKind": "utf16CodeUnits",
                "newlineSequences": ["\r\n", "\n", "\r"],
                "invocations": [_invocation(answers, run)],
                "artifacts": [
                    {"location": _location(answer), "length": len(answer.data)}
                    for answer in answers
                ],
                "results": [
                    result
                    for index, answer in enumerate(answers)
                    for result in _results(answer, index, numbers)
                ],
                "properties": {"policy": rulebook.policy.id},
            }
        ],
    }
    return json.dumps(log, ensure_ascii=False, indent=2) + "\n"


def _rule(rule: Property, cwes: Sequence[int], run: Run) -> dict[str, Any]:
    page = documentation(rule)
    uri = run.help_uri(rule)
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title or rule.id},
        "fullDescription": {"text": rule.title or rule.id, "markdown": rule.title or rule.id},
        "help": {"text": page, "markdown": page},
        **({"helpUri": uri} if uri else {}),
        "defaultConfiguration": {"level": _LEVELS[rule.severity], "enabled": rule.enabled},
        "relationships": [
            {
                "target": {
                    "id": str(number),
                    "index": cwes.index(number),
                    "toolComponent": {"name": "CWE", "index": 0},
                },
                "kinds": ["superset"],
            }
            for number in rule.cwe
        ],
        "properties": {
            "tags": [
                "security",
                rule.aspect,
                *(f"external/cwe/cwe-{number:03}" for number in rule.cwe),
                *rule.tags,
            ],
            "security-severity": _SCORES[rule.severity],
        },
    }


def _taxonomy(cwes: Sequence[int]) -> dict[str, Any]:
    return {
        "name": "CWE",
        "organization": "MITRE",
        "shortDescription": {"text": "Common Weakness Enumeration"},
        "informationUri": "https://cwe.mitre.org/",
        "isComprehensive": False,
        "taxa": [{"id": str(number), "helpUri": _CWE.format(number)} for number in cwes],
    }


def _invocation(answers: Sequence[Answer], run: Run) -> dict[str, Any]:
    notifications = [item for answer in answers for item in _notifications(answer)]
    return {
        "executionSuccessful": True,
        "exitCode": run.exit_code,
        "toolExecutionNotifications": notifications,
    }


def _notifications(answer: Answer) -> Iterator[dict[str, Any]]:
    lines = Lines.of(answer.data)
    for item in answer.report.unanalysed:
        subject = f"{item.function}: " if item.function else ""
        place: dict[str, Any] = {"physicalLocation": {"artifactLocation": _location(answer)}}
        if item.span is not None:
            place["physicalLocation"]["region"] = _region(lines, item.span)
        yield {
            "level": "warning",
            "message": {"text": f"Not analysed: {subject}{item.reason}"},
            "locations": [place],
        }
    for name in answer.report.missing_headers:
        yield {
            "level": "note",
            "message": {"text": f"Header not found, read without it: {name}"},
            "locations": [{"physicalLocation": {"artifactLocation": _location(answer)}}],
        }


def _results(answer: Answer, index: int, numbers: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """The results of one file, the suppressed ones last."""
    lines = Lines.of(answer.data)
    names = fingerprints(answer, lines)
    reported: list[tuple[Finding, Suppression | None]] = [
        *((finding, None) for finding in answer.findings),
        *((item.finding, item) for item in answer.report.suppressions),
    ]
    for finding, suppression in sorted(reported, key=lambda item: item[0].span):
        result = _result(answer, lines, index, finding)
        if finding.rule in numbers:
            result["ruleIndex"] = numbers[finding.rule]
        result["partialFingerprints"] = {FINGERPRINT: names[finding.key]}
        if suppression is not None:
            result["suppressions"] = [
                {
                    "kind": "inSource",
                    "status": "accepted",
                    **({"justification": suppression.reason} if suppression.reason else {}),
                }
            ]
        yield result
    for item in answer.report.evidence:
        yield {
            "ruleId": item.rule,
            **({"ruleIndex": numbers[item.rule]} if item.rule in numbers else {}),
            "kind": "pass" if item.holds else "open",
            "level": "none",
            **_subject(answer, lines, index, item),
        }


def _subject(answer: Answer, lines: Lines, index: int, item: Finding | Evidence) -> dict[str, Any]:
    """What is said of a place, and the places on the way to it."""
    location: dict[str, Any] = {"physicalLocation": _physical(answer, lines, index, item.span)}
    if item.function:
        location["logicalLocations"] = [{"fullyQualifiedName": item.function, "kind": "function"}]
    subject: dict[str, Any] = {"message": {"text": item.message}, "locations": [location]}
    if item.related:
        subject["relatedLocations"] = [
            _related(answer, lines, index, number, step)
            for number, step in enumerate(item.related, start=1)
        ]
    return subject


def _related(
    answer: Answer, lines: Lines, index: int, number: int, step: Related
) -> dict[str, Any]:
    return {
        "id": number,
        "message": {"text": step.message},
        "physicalLocation": _physical(answer, lines, index, step.span),
    }


def _physical(answer: Answer, lines: Lines, index: int, span: Span) -> dict[str, Any]:
    return {
        "artifactLocation": _location(answer, index),
        "region": _region(lines, span, snippet=True),
    }


def _result(answer: Answer, lines: Lines, index: int, finding: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        **_subject(answer, lines, index, finding),
    }
    fixes = [_fix(answer, lines, index, fix) for fix in finding.fixes if fix.edits]
    if fixes:
        result["fixes"] = fixes
    return result


def _fix(answer: Answer, lines: Lines, index: int, fix: Fix) -> dict[str, Any]:
    return {
        "description": {"text": fix.title},
        "artifactChanges": [
            {
                "artifactLocation": _location(answer, index),
                "replacements": [
                    {
                        "deletedRegion": _region(lines, edit.span),
                        "insertedContent": {"text": edit.text},
                    }
                    for edit in fix.edits
                ],
            }
        ],
        "properties": {"safety": fix.safety.value},
    }


def _location(answer: Answer, index: int | None = None) -> dict[str, Any]:
    location: dict[str, Any] = {"uri": answer.uri}
    if ":" not in answer.uri.partition("/")[0]:
        location["uriBaseId"] = BASE
    if index is not None:
        location["index"] = index
    return location


def _region(lines: Lines, span: Span, *, snippet: bool = False) -> dict[str, Any]:
    span = clamped(lines.data, span)
    start = lines.position(span.start, Encoding.UTF16)
    end = lines.position(span.end, Encoding.UTF16)
    region: dict[str, Any] = {
        "startLine": start.line + 1,
        "startColumn": start.character + 1,
        "endLine": end.line + 1,
        "endColumn": end.character + 1,
    }
    if snippet:
        region["snippet"] = {"text": lines.data[span.start : span.end].decode(errors="replace")}
    return region
