"""Findings as a code quality report of GitLab, which shows them in merge requests.

The format is GitLab's own (docs.gitlab.com, "Code Quality", "Code quality report format"): a list
of issues, each with a fingerprint by which the reports of two commits are compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from tlsight.finding import Severity
from tlsight.text import Lines
from tlsight.views.answer import Answer, clamped, fingerprints, place

_SEVERITIES = {
    Severity.ERROR: "critical",
    Severity.WARNING: "major",
    Severity.INFORMATION: "info",
}


def render(answers: Sequence[Answer]) -> str:
    """The report of a whole run, without suppressed findings: the format has no word for them."""
    issues = [issue for answer in answers for issue in _issues(answer)]
    return json.dumps(issues, ensure_ascii=False, indent=2) + "\n"


def _issues(answer: Answer) -> Iterator[dict[str, Any]]:
    lines = Lines.of(answer.data)
    names = fingerprints(answer, lines)
    for finding in answer.findings:
        span = clamped(lines.data, finding.span)
        name = f"{answer.uri}:{names[finding.key]}"
        yield {
            "description": finding.message,
            "check_name": finding.rule,
            "fingerprint": hashlib.sha256(name.encode()).hexdigest(),
            "severity": _SEVERITIES[finding.severity],
            "location": {
                "path": answer.uri,
                "lines": {
                    "begin": place(lines, span.start).line,
                    "end": place(lines, span.end).line,
                },
            },
        }
